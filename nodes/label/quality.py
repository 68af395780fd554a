"""`label.quality`: how far the boxes of a track can be trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Param, node
from nodes.evaluate.track_iou import box_iou
from nodes.label.agreement import check_same_objects, filled
from nodes.label.steadiness import area_change, aspect_change, drift
from nodes.types import BoxTrack, MaskTrack

if TYPE_CHECKING:
    import numpy as np


class TrackQuality(NamedTuple):
    """The track with its quality for scores, and means of it for reports.

    Attributes:
        out: the track as it came, its scores replaced by the quality of each box, 0 to 1.
        clip: mean quality of all boxes; 1 where there is none.
        per_object: mean quality of each object, None where it is never present.
        per_frame: mean quality in each frame, None where nothing is present.
    """

    out: BoxTrack
    clip: float
    per_object: list[float | None]
    per_frame: list[float | None]


@node("label.quality", version=1)
def track_quality(
    boxes: BoxTrack,
    masks: MaskTrack | None = None,
    backward: BoxTrack | None = None,
    *,
    half_drift: Annotated[
        float, Param(gt=0, help="distance off the path, in box diagonals, that halves the quality")
    ] = 0.5,
    half_change: Annotated[
        float, Param(gt=1, help="factor of area or aspect off the path that halves the quality")
    ] = 2.0,
) -> TrackQuality:
    """Score every box of a track by the tracker's confidence and by how steady it is.

    The paper names better tracking as what lowers label errors (arXiv 2512.12508) and gives no measure; this
    one is ours. The quality of a box, 0 to 1, is the product of

    - the tracker's score;
    - `0.5 ^ (drift / half_drift)`, drift as in label.filter: how far the centre is off its path;
    - `0.5 ^ (log change / log half_change)` for the change of area, and the same for that of the aspect:
      factors off their paths, as in label.filter;
    - with `masks`: the share of the mask that lies in the box, times how near the share of the box that the
      mask fills is to the object's median: the smaller through the larger. 0 without a mask;
    - with `backward`: the intersection over union with the box that tracking from the last frame back to
      the first gave. 0 where that is absent.

    Where too few neighbours in time tell the path, its factors are 1. Scores of ignore regions stay. Link
    `out` to label.filter: its `min_score` is then the least quality. The scores of track.flow tell by
    themselves which boxes are good; steadiness finds the jumps of trackers that take another object for
    theirs.

    Raises:
        ValueError: if masks or backward are of other objects or frames.
    """
    import numpy as np

    quality = boxes.scores.astype(np.float64)
    quality *= 0.5 ** (drift(boxes) / half_drift)
    for change in (area_change(boxes), aspect_change(boxes)):
        quality *= 0.5 ** (np.log(change) / np.log(half_change))
    if masks is not None:
        check_same_objects(boxes, masks)
        quality *= _steadily_filled(boxes, masks)
    if backward is not None:
        quality *= _agrees(boxes, backward)
    quality = np.where(boxes.ignore[:, None], boxes.scores, quality).astype(np.float32)
    counted = boxes.present & ~boxes.ignore[:, None]
    return TrackQuality(
        replace(boxes, scores=np.where(boxes.present, quality, 0).astype(np.float32)),
        float(quality[counted].mean()) if counted.any() else 1.0,
        _means(quality, counted),
        _means(quality.T, counted.T),
    )


def _steadily_filled(boxes: BoxTrack, masks: MaskTrack) -> np.ndarray[Any, Any]:
    """Share of the mask inside the box, times the steadiness of the share filled: float64 `[N, T]`."""
    import numpy as np

    fill, held = filled(boxes, masks)
    steady = np.zeros_like(fill)
    for n, row in enumerate(fill):
        here = row > 0
        if here.any():
            usual = np.median(row[here])
            steady[n, here] = np.minimum(row[here], usual) / np.maximum(row[here], usual)
    return held * steady


def _agrees(boxes: BoxTrack, backward: BoxTrack) -> np.ndarray[Any, Any]:
    import numpy as np

    if backward.present.shape != boxes.present.shape:
        (n, t), (m, u) = boxes.present.shape, backward.present.shape
        raise ValueError(
            f"boxes has {n} objects over {t} frames, backward {m} over {u}: link the same objects and frames"
        )
    return np.where(boxes.present & backward.present, box_iou(boxes.xyxy, backward.xyxy), 0.0)


def _means(values: np.ndarray[Any, Any], counted: np.ndarray[Any, Any]) -> list[float | None]:
    return [
        float(row[count].mean()) if count.any() else None for row, count in zip(values, counted, strict=True)
    ]

"""`evaluate.track_iou`: how well tracked boxes lie on the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Drop, Param, node
from nodes.types import Boxes, BoxTrack

if TYPE_CHECKING:
    import numpy as np


class TrackIou(NamedTuple):
    """Intersection over union of a clip's boxes with the truth.

    Attributes:
        mean_iou: mean over all counted boxes, 0 to 1.
        static_iou: the same for boxes left where they were in the first frame.
        per_frame: mean per frame, None where no box counts.
        per_object: mean per object, None where no box counts.
        counted: how many boxes (object × frame) counted.
    """

    mean_iou: float
    static_iou: float
    per_frame: list[float | None]
    per_object: list[float | None]
    counted: int


@node("evaluate.track_iou", version=2)
def track_iou(
    tracked: BoxTrack,
    truth: BoxTrack,
    source: Boxes | None = None,
    *,
    min_visibility: Annotated[
        float, Param(ge=0, le=1, help="true boxes of which a smaller share is visible do not count")
    ] = 0.1,
    skip_first: Annotated[int, Param(ge=0, help="frames at the start that do not count")] = 1,
) -> TrackIou:
    """Compare tracked boxes with the truth, and with boxes left where they were.

    Objects are compared by their place in the track. What counts is every object in every frame from
    `skip_first` on, in which the truth is present and visible to at least `min_visibility`. There an
    absent tracked box has IoU 0. Where the truth is absent or less visible, nothing counts, whatever
    the tracker says.

    Args:
        tracked: the boxes to be judged.
        truth: the true boxes of the same objects and frames.
        source: the boxes that are left where they were; by default those of the truth's first frame.

    Raises:
        Drop: if nothing counts: a clip without objects, or of one frame.
        ValueError: if the tracks differ in objects or frames.
    """
    import numpy as np

    check_shapes(tracked, truth, source)
    counts = truth.present & ~truth.ignore[:, None] & (truth.visibility >= np.float32(min_visibility))
    counts[:, :skip_first] = False
    if not counts.any():
        raise Drop("no true box to compare with")
    overlaps = np.where(tracked.present, box_iou(tracked.xyxy, truth.xyxy), 0.0)
    stay = truth.xyxy[:, 0] if source is None else source.xyxy
    static = box_iou(np.broadcast_to(stay[:, None], truth.xyxy.shape), truth.xyxy)
    return TrackIou(
        float(overlaps[counts].mean()),
        float(static[counts].mean()),
        _means(overlaps.T, counts.T),
        _means(overlaps, counts),
        int(counts.sum()),
    )


def box_iou(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Intersection over union of boxes `[..., 4]`, one by one: float64 `[...]`; 0 where both are empty."""
    import numpy as np

    a, b = first.astype(np.float64), second.astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(min=0).prod(axis=-1)
    whole = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def _means(overlaps: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> list[float | None]:
    return [
        float(row[count].mean()) if count.any() else None for row, count in zip(overlaps, counts, strict=True)
    ]


def check_shapes(tracked: BoxTrack, truth: BoxTrack, source: Boxes | None = None) -> None:
    """Raise ValueError if tracks, or the boxes they start from, are not of the same objects and frames."""
    if tracked.present.shape != truth.present.shape:
        (n, t), (m, u) = tracked.present.shape, truth.present.shape
        raise ValueError(
            f"tracked has {n} objects over {t} frames, truth {m} over {u}: link the same objects and frames"
        )
    if source is not None and len(source) != len(truth.class_ids):
        raise ValueError(f"source has {len(source)} boxes but truth {len(truth.class_ids)} objects")

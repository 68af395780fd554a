"""`label.filter`: which boxes of a track are good enough to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Param, node
from nodes.label.tracks import box_objects, check_frames, only_present
from nodes.types import BoxTrack, Video

if TYPE_CHECKING:
    import numpy as np

Edge = Literal["keep", "drop"]


@node("label.filter", version=1)
def filter_tracks(
    boxes: BoxTrack,
    video: Video | None = None,
    reference: BoxTrack | None = None,
    *,
    min_area: Annotated[float, Param(ge=0, unit="px²", help="smallest area of a box")] = 0.0,
    min_visibility: Annotated[float, Param(ge=0, le=1, help="smallest visible share of an object")] = 0.0,
    min_score: Annotated[float, Param(ge=0, le=1, help="smallest confidence of the tracker")] = 0.0,
    max_drift: Annotated[
        float | None, Param(ge=0, help="largest distance off the path, in box diagonals; null = any")
    ] = None,
    edge: Annotated[
        Edge, Param(help="whether boxes that touch the frame's edge stay; drop needs video")
    ] = "keep",
    edge_margin: Annotated[float, Param(ge=0, unit="px", help="how near the edge counts as touching")] = 1.0,
    min_frames: Annotated[int, Param(ge=0, help="objects left in fewer frames are removed")] = 0,
) -> BoxTrack:
    """Mark objects as absent in the frames where their boxes are not good enough to train on.

    A box stays if it satisfies every rule; bounds belong to what stays. All rules look at the track as it
    came in. Then objects that are left in fewer than `min_frames` frames are removed from the track.

    Drift is the distance between the centre of a box and where it should be, in diagonals of the box:
    with `reference` (N and T alike, such as ground truth) the reference's centre in that frame; without,
    half-way between its neighbours' centres in time, in a first or last frame straight on from the two
    next to it. So it finds boxes that jump. Where too few neighbours are present, or the reference is
    absent, it is 0.

    Raises:
        ValueError: if `edge` is "drop" without video, or video or reference do not fit the track.
    """
    import numpy as np

    sides = boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]
    good = (sides.prod(axis=-1) >= min_area) & (boxes.visibility >= np.float32(min_visibility))
    good &= boxes.scores >= np.float32(min_score)
    if video is not None:
        check_frames(len(video.frames), boxes=boxes)
    if edge == "drop":
        if video is None:
            raise ValueError('edge is "drop": link video, whose frame size tells where the edges are')
        good &= ~_touches_edge(boxes.xyxy, video.size, edge_margin)
    if max_drift is not None:
        good &= _drift(boxes, reference) <= max_drift
    kept = only_present(boxes, good)
    return box_objects(kept, np.flatnonzero(kept.present.sum(axis=1) >= min_frames))


def _touches_edge(xyxy: np.ndarray[Any, Any], size: tuple[int, int], margin: float) -> np.ndarray[Any, Any]:
    """Which boxes come nearer to the frame's edge than a margin: bool `[N, T]`."""
    low = (xyxy[..., :2] < margin).any(axis=-1)
    return low | (xyxy[..., 2] > size[0] - margin) | (xyxy[..., 3] > size[1] - margin)


def _drift(boxes: BoxTrack, reference: BoxTrack | None) -> np.ndarray[Any, Any]:
    """How far each box is off its path, in its diagonals: float `[N, T]`."""
    import numpy as np

    centres = _centres(boxes)
    if reference is None:
        expected, known = _smooth_path(centres, boxes.present)
    else:
        if reference.present.shape != boxes.present.shape:
            (n, t), (m, u) = boxes.present.shape, reference.present.shape
            raise ValueError(
                f"boxes has {n} objects over {t} frames, reference {m} over {u}: "
                "link the same objects and frames"
            )
        expected, known = _centres(reference), reference.present
    diagonals = np.linalg.norm(boxes.xyxy[..., 2:] - boxes.xyxy[..., :2], axis=-1)
    distance = np.linalg.norm(centres - expected, axis=-1)
    return np.where(known & boxes.present, distance / np.maximum(diagonals, 1e-6), 0.0)


def _centres(boxes: BoxTrack) -> np.ndarray[Any, Any]:
    return (boxes.xyxy[..., :2].astype("float64") + boxes.xyxy[..., 2:]) / 2


def _smooth_path(
    centres: np.ndarray[Any, Any], present: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where neighbours in time put each centre `[N, T, 2]`, and where there are enough of them `[N, T]`."""
    import numpy as np

    expected, known = np.zeros_like(centres), np.zeros_like(present)
    if centres.shape[1] < 3:
        return expected, known
    expected[:, 1:-1] = (centres[:, :-2] + centres[:, 2:]) / 2
    known[:, 1:-1] = present[:, :-2] & present[:, 2:]
    for end, near, far in ((0, 1, 2), (-1, -2, -3)):
        expected[:, end] = 2 * centres[:, near] - centres[:, far]
        known[:, end] = present[:, near] & present[:, far]
    return expected, known

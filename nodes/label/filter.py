"""`label.filter`: which boxes of a track are good enough to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Param, node
from nodes.label.agreement import box_mask_iou, check_same_objects
from nodes.label.steadiness import area_change, aspect_change, drift
from nodes.label.tracks import box_objects, check_frames, only_present, with_ignore_regions
from nodes.types import BoxTrack, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np

Edge = Literal["keep", "drop"]
Rejected = Literal["absent", "ignore"]


@node("label.filter", version=2)
def filter_tracks(
    boxes: BoxTrack,
    video: Video | None = None,
    reference: BoxTrack | None = None,
    masks: MaskTrack | None = None,
    *,
    min_area: Annotated[float, Param(ge=0, unit="px²", help="smallest area of a box")] = 0.0,
    min_visibility: Annotated[float, Param(ge=0, le=1, help="smallest visible share of an object")] = 0.0,
    min_score: Annotated[
        float, Param(ge=0, le=1, help="smallest score: the tracker's, or label.quality's after that node")
    ] = 0.0,
    max_drift: Annotated[
        float | None, Param(ge=0, help="largest distance off the path, in box diagonals; null = any")
    ] = None,
    max_area_change: Annotated[
        float | None, Param(ge=1, help="largest factor that the area is off its path; null = any")
    ] = None,
    max_aspect_change: Annotated[
        float | None, Param(ge=1, help="largest factor that width over height is off its path; null = any")
    ] = None,
    min_mask_iou: Annotated[
        float, Param(ge=0, le=1, help="smallest overlap of a box with its mask's tight box; needs masks")
    ] = 0.0,
    edge: Annotated[
        Edge, Param(help="whether boxes that touch the frame's edge stay; drop needs video")
    ] = "keep",
    edge_margin: Annotated[float, Param(ge=0, unit="px", help="how near the edge counts as touching")] = 1.0,
    min_frames: Annotated[int, Param(ge=0, help="objects left in fewer frames are removed")] = 0,
    rejected: Annotated[
        Rejected, Param(help="what becomes of boxes that do not stay: absent, or regions to ignore")
    ] = "absent",
) -> BoxTrack:
    """Mark objects as absent in the frames where their boxes are not good enough to train on.

    A box stays if it satisfies every rule; bounds belong to what stays. All rules look at the track as it
    came in. Then objects that are left in fewer than `min_frames` frames are removed from the track.
    Ignore regions always stay. With `rejected` "ignore" what does not stay becomes an ignore region, as an
    object of its own after the others: it is still to be seen there, only not where exactly.

    Drift is the distance between the centre of a box and where it should be, in diagonals of the box:
    with `reference` (N and T alike, such as ground truth) the reference's centre in that frame; without,
    half-way between its neighbours' centres in time, in a first or last frame straight on from the two
    next to it. So it finds boxes that jump. Where too few neighbours are present, or the reference is
    absent, it is 0. The changes of area and aspect are factors off a path found in the same way, in their
    logarithms, and 1 where it cannot be found: a box that is twice or half as large as it should be has 2.

    Args:
        boxes: N objects over T frames.
        video: the clip, for the rule of the edges.
        reference: the same objects where they should be.
        masks: of the same objects. Boxes are compared with them inside the frame; one without a mask has 0.

    Raises:
        ValueError: if `edge` is "drop" without video, `min_mask_iou` above 0 without masks, or video,
            reference or masks do not fit the track.
    """
    import numpy as np

    if video is not None:
        check_frames(len(video.frames), boxes=boxes)
    sides = boxes.xyxy[..., 2:] - boxes.xyxy[..., :2]
    good = (sides.prod(axis=-1) >= min_area) & (boxes.visibility >= np.float32(min_visibility))
    good &= boxes.scores >= np.float32(min_score)
    if edge == "drop":
        if video is None:
            raise ValueError('edge is "drop": link video, whose frame size tells where the edges are')
        good &= ~_touches_edge(boxes.xyxy, video.size, edge_margin)
    if min_mask_iou:
        if masks is None:
            raise ValueError("min_mask_iou is above 0: link masks of the same objects")
        check_same_objects(boxes, masks)
        good &= box_mask_iou(boxes, masks) >= min_mask_iou
    for measure, most in (
        (drift, max_drift),
        (area_change, max_area_change),
        (aspect_change, max_aspect_change),
    ):
        if most is not None:
            good &= measure(boxes, reference) <= most
    return _kept(boxes, good | boxes.ignore[:, None], min_frames, rejected)


def _kept(boxes: BoxTrack, good: np.ndarray[Any, Any], min_frames: int, rejected: Rejected) -> BoxTrack:
    """The track with the good boxes `[N, T]` of objects that have enough of them."""
    import numpy as np

    enough = (boxes.present & good).sum(axis=1) >= min_frames
    enough |= boxes.ignore
    kept = box_objects(only_present(boxes, good), np.flatnonzero(enough))
    if rejected == "absent":
        return kept
    others = only_present(boxes, ~(good & enough[:, None]))
    some = np.flatnonzero(others.present.any(axis=1))
    return with_ignore_regions(kept, box_objects(others, some))


def _touches_edge(xyxy: np.ndarray[Any, Any], size: tuple[int, int], margin: float) -> np.ndarray[Any, Any]:
    """Which boxes come nearer to the frame's edge than a margin: bool `[N, T]`."""
    low = (xyxy[..., :2] < margin).any(axis=-1)
    return low | (xyxy[..., 2] > size[0] - margin) | (xyxy[..., 3] > size[1] - margin)

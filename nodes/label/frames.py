"""`label.select_frames`: some frames of a clip, with the labels that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Drop, Param, node
from nodes.label.tracks import box_frames, check_frames, mask_frames, no_objects, video_frames
from nodes.types import BoxTrack, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np


class SelectedFrames(NamedTuple):
    """The selected frames and their labels; without boxes or masks linked, tracks of no objects."""

    out: Video
    boxes: BoxTrack
    masks: MaskTrack


@node("label.select_frames", version=2)
def select_frames(
    video: Video,
    boxes: BoxTrack | None = None,
    masks: MaskTrack | None = None,
    *,
    skip_first: Annotated[int, Param(ge=0, help="frames left out at the start; 1 leaves out the photo")] = 0,
    every: Annotated[int, Param(ge=1, help="take every n-th of the others")] = 1,
    count: Annotated[
        int | None, Param(ge=1, help="take at most so many of these, evenly spread; null = all")
    ] = None,
    empty: Annotated[bool, Param(help="also take frames in which no object is present")] = True,
) -> SelectedFrames:
    """Select frames of a clip, and their boxes and masks with them.

    The rules apply in this order: `skip_first`, `every`, `empty` (counted by `boxes`, ignore regions aside),
    `count`. With a count above 1 the first and the last frame left are among those taken. The frame rate
    stays.

    Raises:
        Drop: if no frame is left.
        ValueError: if boxes or masks have another number of frames, or `empty` is false without boxes.
    """
    import numpy as np

    total = len(video.frames)
    check_frames(total, boxes=boxes, masks=masks)
    kept = np.arange(skip_first, total, every)
    if not empty:
        if boxes is None:
            raise ValueError("empty is false: link boxes, by which it is known whether a frame has objects")
        kept = kept[boxes.present[~boxes.ignore][:, kept].any(axis=0)]
    if count is not None:
        kept = _spread(kept, count)
    if not len(kept):
        raise Drop(f"no frame of {total} is left to select")
    none = MaskTrack(
        np.zeros((0, total, *video.frames.shape[1:3]), dtype=bool), np.zeros((0, total), np.float32)
    )
    return SelectedFrames(
        video_frames(video, kept),
        box_frames(no_objects(total) if boxes is None else boxes, kept),
        mask_frames(none if masks is None else masks, kept),
    )


def _spread(indices: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """At most `count` of the indices, evenly spread, both ends included."""
    import numpy as np

    if len(indices) <= count:
        return indices
    return indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]

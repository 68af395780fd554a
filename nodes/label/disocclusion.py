"""`label.disocclusion`: revealed area is blanked, or its frames dropped, since nothing in it has a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from nodegraph import Drop, Param, node
from nodes.label.cover import covering_boxes
from nodes.label.tracks import box_frames, check_frames, mask_frames, no_objects, with_ignore_regions
from nodes.types import BoxTrack, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["fill", "blur", "mean", "keep"]

_MIN_FILL = 0.8
"""Least share of an ignore region that is revealed, so that hardly anything seen before is ignored."""

_CELLS = 48
"""Blurring works on pictures whose longer side has so many cells: what is smaller leaves no trace."""


class Disoccluded(NamedTuple):
    """The clip, its boxes and its revealed area, of the frames that are left."""

    out: Video
    boxes: BoxTrack
    revealed: MaskTrack


@node("label.disocclusion", version=2)
def disocclusion(
    video: Video,
    revealed: MaskTrack,
    boxes: BoxTrack | None = None,
    *,
    mode: Annotated[Mode, Param(help="what takes the place of revealed area")] = "fill",
    colour: Annotated[int, Param(ge=0, le=255, help="grey value for mode fill")] = 114,
    max_revealed: Annotated[
        float, Param(ge=0, le=1, help="frames of which a larger share is revealed are dropped")
    ] = 1.0,
    as_ignore: Annotated[
        bool, Param(help="add ignore regions over revealed area to the boxes, in which nothing counts")
    ] = False,
    min_ignore_area: Annotated[
        int, Param(ge=1, unit="px²", help="smaller parts of revealed area get no ignore region")
    ] = 64,
) -> Disoccluded:
    """Blank the area that came into view, mark it as to be ignored, or drop frames that show too much of it.

    What appears there may be an object that no box tells of, and would teach a detector to miss it. Modes:

    - `fill`: one grey value.
    - `blur`: the colours of the seen surroundings, blurred into it; nothing of what was there remains.
    - `mean`: the frame's mean colour outside the area.
    - `keep`: it stays as it is; only `max_revealed` counts.

    Of several objects in `revealed` the union counts. Without `boxes` the track has no objects.

    The paper (arXiv 2512.12508) masks revealed area by tracking; its fill, and whether the area is ignored,
    are unknown, so both are options here. With `as_ignore`, boxes cover the revealed area of each frame, cut
    so that it fills most of each, as ignore regions after the other objects. They are no
    tracks: the n-th is the n-th largest of its frame. Their class is the first one and means nothing, since
    an ignore region is one for all classes; formats that tie regions to a class (COCO) lose that.

    Raises:
        Drop: if every frame is over `max_revealed`.
        ValueError: if boxes or revealed do not fit the clip, or `as_ignore` is set without boxes that list
            classes.
    """
    import numpy as np

    check_frames(len(video.frames), boxes=boxes, revealed=revealed)
    height, width = revealed.masks.shape[2:]
    if (width, height) != video.size:
        raise ValueError(
            f"revealed is {width}×{height} but the clip {video.size[0]}×{video.size[1]}: "
            "link what was revealed in this very clip"
        )
    area: np.ndarray[Any, Any] = np.any(revealed.masks, axis=0)
    share = area.mean(axis=(1, 2))
    kept = np.flatnonzero(share <= max_revealed)
    if not len(kept):
        raise Drop(f"every frame has more than {max_revealed:.0%} revealed area")
    frames = video.frames[kept]
    if mode != "keep":
        frames = np.stack(
            [_blank(frame, area[t], mode, colour) for frame, t in zip(frames, kept, strict=True)]
        )
    track = no_objects(len(video.frames)) if boxes is None else boxes
    if as_ignore:
        track = with_ignore_regions(track, _regions(area, track, min_ignore_area))
    return Disoccluded(Video(frames, video.fps), box_frames(track, kept), mask_frames(revealed, kept))


def _regions(area: np.ndarray[Any, Any], track: BoxTrack, min_area: int) -> BoxTrack:
    """Boxes over an area bool `[T, H, W]`, as many objects as the frame with the most has boxes."""
    import numpy as np

    if not track.categories.names:
        raise ValueError("as_ignore is set: link boxes that list classes, as an ignore region needs one")
    frames = [covering_boxes(each, min_fill=_MIN_FILL, min_area=min_area) for each in area]
    shape = (max(map(len, frames)), len(frames))
    xyxy, present = np.zeros((*shape, 4), np.float32), np.zeros(shape, dtype=bool)
    for t, boxes in enumerate(frames):
        for n, box in enumerate(boxes):
            xyxy[n, t], present[n, t] = box, True
    ones = present.astype(np.float32)
    return BoxTrack(xyxy, present, ones, ones, np.zeros(shape[0], np.int64), track.categories)


def _blank(
    frame: np.ndarray[Any, Any], area: np.ndarray[Any, Any], mode: Mode, colour: int
) -> np.ndarray[Any, Any]:
    import numpy as np

    if not area.any():
        return frame
    if mode == "fill" or area.all():
        place: Any = np.uint8(colour)
    elif mode == "mean":
        place = frame[~area].mean(axis=0).round().astype(np.uint8)
    else:
        place = _surroundings(frame, ~area)
    return np.where(area[..., None], place, frame)


def _surroundings(frame: np.ndarray[Any, Any], seen: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Weighted mean of the seen pixels around each pixel, uint8 `[H, W, 3]`.

    Weights fall off with distance as a Gaussian of 1/16 of the longer side; far from any seen pixel the
    frame's mean colour takes over.
    """
    import cv2
    import numpy as np

    height, width = seen.shape
    scale = min(1.0, _CELLS / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    weight = seen.astype(np.float32)[..., None]
    packed = np.concatenate([frame * weight, weight], axis=2)
    coarse = cv2.resize(packed, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(coarse, (0, 0), max(size) / 16, borderType=cv2.BORDER_REPLICATE)
    mean = np.append(frame[seen].mean(axis=0), 1.0).astype(np.float32)
    blurred = blurred + np.float32(1e-3) * mean
    colours = np.ascontiguousarray(blurred[..., :3] / blurred[..., 3:])
    return (
        cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)
        .round()
        .clip(0, 255)
        .astype(np.uint8)
    )

"""`track.flow`: boxes and masks of the first frame carried through a clip by dense optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Param, node
from nodes.track.dense_flow import Preset
from nodes.track.follow_clip import Motion, follow_clip
from nodes.track.motion_model import at_scale
from nodes.types import Boxes, BoxTrack, MaskTrack, Video
from nodes.video.outline import carry_box, fill_outline

if TYPE_CHECKING:
    import numpy as np


class Tracked(NamedTuple):
    """The boxes of all frames, and the masks they come with."""

    boxes: BoxTrack
    masks: MaskTrack


@node("track.flow", version=1)
def track_flow(
    video: Video,
    boxes: Boxes,
    masks: MaskTrack | None = None,
    *,
    preset: Annotated[Preset, Param(help="accuracy of the optical flow against its speed")] = "medium",
    flow_side: Annotated[
        int, Param(ge=64, le=4096, unit="px", help="longest side of the pictures that flow is computed on")
    ] = 640,
) -> Tracked:
    """Carry the boxes of a clip's first frame through the clip by optical flow; needs no weights.

    The flow (dense inverse search, forward and backward) gives matches; a homography that most of
    the picture agrees on, or an object's own affine motion where it differs, carries the box's outline.
    Each frame is checked against the first one, so errors do not add up. The outline is kept whole
    outside the frame, so an object that leaves and returns keeps its extent. Steps between frames that are
    longer than about a tenth of the picture's width are too long for the flow: scores then fall.

    `boxes`: bounds of the carried outline, cut at the frame's edges. `scores`: share of the object's
    points inside the frame that forward and backward flow confirm, times the box's own score.
    `visibility`: share of the outline inside the frame, times the share of the points there that nothing
    hides. An object outside the frame is absent.
    `masks`: those of the first frame (`masks`, of which only that frame is read; by default the boxes,
    filled), carried the same way. With `masks`, only points inside them are followed.

    Raises:
        ValueError: if `masks` has another number of objects, or another size than the clip.
    """
    import numpy as np

    _check_masks(masks, len(boxes), video.size)
    regions = _regions(boxes, masks, video.size)
    greys = _greys(video, flow_side)
    small = (greys[0].shape[1], greys[0].shape[0])
    motions = follow_clip(greys, [_resized(region, small) for region in regions], preset)
    scale = (video.size[0] / small[0], video.size[1] / small[1])
    frames = [[Motion(np.eye(3), 1.0, 1.0, own=False) for _ in regions]]
    frames += [
        [replace(motion, model=at_scale(motion.model, scale)) for motion in frame] for frame in motions
    ]
    return Tracked(_box_track(boxes, frames, video.size), _mask_track(boxes, masks, frames, video.size))


def _check_masks(masks: MaskTrack | None, objects: int, size: tuple[int, int]) -> None:
    if masks is None:
        return
    count, frames, height, width = masks.masks.shape
    if count != objects:
        raise ValueError(f"masks has {count} objects but boxes has {objects}: link masks of the same objects")
    if not frames or (width, height) != size:
        raise ValueError(
            f"masks has {frames} frames of {width}×{height}, the clip is {size[0]}×{size[1]}: "
            "link masks of the clip's first frame"
        )


def _regions(boxes: Boxes, masks: MaskTrack | None, size: tuple[int, int]) -> list[np.ndarray[Any, Any]]:
    """The pixels of the first frame that belong to each object, bool `[H, W]`: its mask or else its box."""
    import numpy as np

    given = [None] * len(boxes) if masks is None else list(masks.masks[:, 0])
    return [
        fill_outline(box, np.eye(3), size) if mask is None or not mask.any() else mask
        for box, mask in zip(boxes.xyxy, given, strict=True)
    ]


def _greys(video: Video, longest: int) -> list[np.ndarray[Any, Any]]:
    """The frames in grey, uint8 `[H, W]`, made smaller so that no side is longer than `longest`."""
    import cv2

    scale = min(1.0, longest / max(video.size))
    size = (max(1, round(video.size[0] * scale)), max(1, round(video.size[1] * scale)))
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video.frames]
    return (
        greys
        if size == video.size
        else [cv2.resize(grey, size, interpolation=cv2.INTER_AREA) for grey in greys]
    )


def _resized(region: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    if region.shape == size[::-1]:
        return region
    return cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def _box_track(boxes: Boxes, frames: Sequence[Sequence[Motion]], size: tuple[int, int]) -> BoxTrack:
    import numpy as np

    shape = (len(boxes), len(frames))
    xyxy = np.zeros((*shape, 4), np.float32)
    scores, visibility = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for t, motions in enumerate(frames):
        for n, motion in enumerate(motions):
            seen = carry_box(boxes.xyxy[n], motion.model, size)
            xyxy[n, t] = seen.xyxy
            scores[n, t] = boxes.scores[n] * motion.score
            visibility[n, t] = seen.share * motion.unhidden
    present = np.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
    xyxy[~present], scores[~present], visibility[~present] = 0, 0, 0
    return BoxTrack(xyxy, present, scores, visibility, boxes.class_ids, boxes.categories)


def _mask_track(
    boxes: Boxes, given: MaskTrack | None, frames: Sequence[Sequence[Motion]], size: tuple[int, int]
) -> MaskTrack:
    import numpy as np

    width, height = size
    shape = (len(boxes), len(frames))
    masks, scores = np.zeros((*shape, height, width), dtype=bool), np.zeros(shape, np.float32)
    for t, motions in enumerate(frames):
        for n, motion in enumerate(motions):
            if given is None:
                masks[n, t] = fill_outline(boxes.xyxy[n], motion.model, size)
            else:
                masks[n, t] = _carried(given.masks[n, 0], motion.model)
            scores[n, t] = boxes.scores[n] * motion.score
    scores[~masks.any(axis=(2, 3))] = 0
    return MaskTrack(masks, scores)


def _carried(mask: np.ndarray[Any, Any], model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A mask of the first frame in another frame: bool `[H, W]`, nearest pixel."""
    import cv2
    import numpy as np

    to_centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    indices = np.linalg.inv(to_centres) @ model @ to_centres
    moved = cv2.warpPerspective(
        mask.astype(np.uint8), indices, mask.shape[::-1], flags=cv2.INTER_NEAREST, borderValue=0
    )
    return moved.astype(bool)

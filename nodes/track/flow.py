"""`track.flow`: boxes and masks of the first frame carried through a clip by dense optical flow.

`follow_clip` finds the motions: frame by frame, that of the scene (`scene_motion`), then that of each object
(`follow_object`): where it may be (`placement`), and whether it is there (`presence`). `patches` compares an
object with a frame, aligns it and searches it; `motion_model` fits motions to the matches of `dense_flow`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Context, Param, node
from nodes.first_masks import check_first_masks
from nodes.track.dense_flow import Preset
from nodes.track.follow_clip import follow_clip
from nodes.track.follow_object import Motion
from nodes.track.motion_model import at_scale
from nodes.types import Boxes, BoxTrack, MaskTrack, Video
from nodes.video.outline import (
    SeenOutline,
    carry_box,
    carry_outline,
    fill_outline,
    outline_of,
    rounded_outline,
)

if TYPE_CHECKING:
    import numpy as np


class Tracked(NamedTuple):
    """The boxes of all frames, and the masks they come with."""

    boxes: BoxTrack
    masks: MaskTrack


@node("track.flow", version=3)
def track_flow(
    video: Video,
    boxes: Boxes,
    masks: MaskTrack | None = None,
    *,
    preset: Annotated[Preset, Param(help="accuracy of the optical flow against its speed")] = "medium",
    flow_side: Annotated[
        int, Param(ge=64, le=4096, unit="px", help="longest side of the pictures that flow is computed on")
    ] = 640,
    ctx: Context,
) -> Tracked:
    """Carry the boxes of a clip's first frame through the clip; needs no weights.

    Dense optical flow (inverse search, forward and backward) gives the motion of the scene, a homography
    that most of the picture agrees on. Each object is looked for where the scene, its own last motion and
    the flow put it, and around there by its looks; the best place is aligned with the first frame (Baker
    and Matthews 2004), with weights that leave out what hides it. An object that does not move with the
    scene has an affine motion of its own. Each frame is compared with the first one, so errors do not add
    up, and an object that left or was hidden is found again when it looks as it did, and then also in the
    frames just before. Where it is not found, it goes on as it last moved. Steps between frames longer than
    about a twentieth of the picture, and objects that come to look quite different, are not followed: they
    are absent until found, or, where the picture has little but soft texture, a place in it that happens to
    look alike is taken for them.

    `boxes`: bounds of the whole object, hidden parts included, cut at the frame's edges: of its carried
    outline, which is the hull of its mask, else the box; of an object known only by its box that moves by
    itself, a rounded form in the box. `visibility`: share of the outline inside the frame, times the share
    of the object's pixels there that show what they did in the first frame. `scores`: the latter share,
    times the box's own score. An object is absent outside the frame, and where too few pixels show it.
    `masks`: those of the first frame (`masks`, of which only that frame is read; by default the boxes,
    filled), carried the same way. With `masks`, only pixels inside them are compared.

    Raises:
        ValueError: if `masks` has another number of objects, or another size than the clip.
        InterruptedError: if the run is being stopped.
    """
    import numpy as np

    if masks is not None:
        check_first_masks(masks, len(boxes), video.size)
    regions = _regions(boxes, masks, video.size)
    greys = _greys(video, flow_side)
    small = (greys[0].shape[1], greys[0].shape[0])
    motions = follow_clip(greys, [_resized(region, small) for region in regions], preset, ctx)
    scale = (video.size[0] / small[0], video.size[1] / small[1])
    frames = [[Motion(np.eye(3), 1.0, found=True, own=False) for _ in regions]]
    frames += [
        [replace(motion, model=at_scale(motion.model, scale)) for motion in frame] for frame in motions
    ]
    return Tracked(
        _box_track(boxes, masks, frames, video.size), _mask_track(boxes, masks, frames, video.size)
    )


def _regions(boxes: Boxes, masks: MaskTrack | None, size: tuple[int, int]) -> list[np.ndarray[Any, Any]]:
    """The pixels of the first frame that each object has, bool `[H, W]`: its mask, else a rounded form."""
    given = [None] * len(boxes) if masks is None else list(masks.masks[:, 0])
    return [
        _rounded(box, size) if mask is None or not mask.any() else mask
        for box, mask in zip(boxes.xyxy, given, strict=True)
    ]


def _rounded(box: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The pixels of a rounded form in a box, as its corners mostly show what is behind; if none, all."""
    import cv2
    import numpy as np

    whole = fill_outline(box, np.eye(3), size)
    points = np.rint((rounded_outline(box) - 0.5) * 16).clip(-(2**30), 2**30).astype(np.int32)
    rounded = cv2.fillConvexPoly(np.zeros(whole.shape, np.uint8), points, 1, shift=4).astype(bool) & whole
    return rounded if rounded.any() else whole


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


def _box_track(
    boxes: Boxes, masks: MaskTrack | None, frames: Sequence[Sequence[Motion]], size: tuple[int, int]
) -> BoxTrack:
    import numpy as np

    shape = (len(boxes), len(frames))
    xyxy, found = np.zeros((*shape, 4), np.float32), np.zeros(shape, dtype=bool)
    scores, visibility = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    outlines = [
        _Outline(box, None if masks is None else masks.masks[n, 0]) for n, box in enumerate(boxes.xyxy)
    ]
    for t, motions in enumerate(frames):
        for n, motion in enumerate(motions):
            seen = outlines[n].carry(motion, size)
            xyxy[n, t], found[n, t] = seen.xyxy, motion.found
            scores[n, t] = boxes.scores[n] * motion.score
            visibility[n, t] = seen.share * motion.score
    present = found & np.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1)
    xyxy[~present], scores[~present], visibility[~present] = 0, 0, 0
    return BoxTrack(xyxy, present, scores, visibility, boxes.class_ids, boxes.categories, boxes.ignore)


class _Outline:
    """What is carried of an object: the hull of its mask, else its box, or a rounded form in it."""

    def __init__(self, box: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None) -> None:
        self._box = box
        self._hull = None if mask is None or not mask.any() else outline_of(mask, box)
        self._rounded = rounded_outline(box)

    def carry(self, motion: Motion, size: tuple[int, int]) -> SeenOutline:
        """What of it is seen in a frame of (width, height)."""
        if self._hull is not None:
            return carry_outline(self._hull, motion.model, size)
        if motion.own:
            return carry_outline(self._rounded, motion.model, size)
        return carry_box(self._box, motion.model, size)


def _mask_track(
    boxes: Boxes, given: MaskTrack | None, frames: Sequence[Sequence[Motion]], size: tuple[int, int]
) -> MaskTrack:
    import numpy as np

    width, height = size
    shape = (len(boxes), len(frames))
    masks, scores = np.zeros((*shape, height, width), dtype=bool), np.zeros(shape, np.float32)
    for t, motions in enumerate(frames):
        for n, motion in enumerate(motions):
            if not motion.found:
                continue
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

"""`track.grabcut`: boxes of the first frame segmented in every frame on its own, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Context, Param, node
from nodes.label.agreement import tight_bounds
from nodes.track.flow import Tracked
from nodes.track.segments import boxes_inside, first_masks, tracked_from_masks
from nodes.types import Boxes, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np

_SMALLEST = 5
"""Boxes with a side below this many pixels are taken whole: too few pixels for five colours each."""


@node("track.grabcut", version=1)
def track_grabcut(
    video: Video,
    boxes: Boxes,
    masks: MaskTrack | None = None,
    *,
    iterations: Annotated[int, Param(ge=1, le=20, help="rounds of colour model and cut")] = 3,
    side: Annotated[
        int, Param(ge=16, le=2048, unit="px", help="longest side of the part that is cut; bounds the time")
    ] = 192,
    margin: Annotated[
        float, Param(ge=0.05, le=2, help="background around the box to learn from, as a share of its sides")
    ] = 0.25,
    ctx: Context,
) -> Tracked:
    """Segment the boxes of a clip's first frame in every frame anew, by colours alone; needs no weights.

    GrabCut (Rother et al. 2004) cuts the object out of the box where the box lies in the first frame: nothing
    is followed and nothing remembered. So it stands in for a segmenter without tracking, to be compared with
    `track.flow` and `track.sam2`; objects that move out of their box are lost. Boxes are cut at the picture's
    edge; without background around it, or with a side below 5 pixels, a box is taken whole. With
    `masks`, the first frame has these masks instead. The result is the same at every run.

    `boxes`: the tight boxes of the masks. `scores`: how well the mask fills the prompt (overlap of its tight
    box with the prompt, IoU), times the box's own score. `visibility`: the mask's area as a share of the
    largest it had so far. An object is absent where nothing is cut out, and everywhere if its box lies
    outside the first frame.

    Raises:
        ValueError: if `masks` has another number of objects, or another size than the clip.
    """
    import numpy as np

    given = first_masks(video, boxes, masks)
    inside = boxes_inside(boxes.xyxy, given, video.size)
    drawn = np.zeros((len(boxes), len(video.frames), *video.size[::-1]), dtype=bool)
    confidence = np.zeros(drawn.shape[:2], np.float32)
    for index, frame in enumerate(video.frames):
        for n, box in enumerate(inside):
            if ctx.cancelled:
                raise InterruptedError("the run is being stopped")
            if index == 0 and given[n].any():
                drawn[n, 0], confidence[n, 0] = given[n], 1
                continue
            prompt = _pixels(box)
            if prompt is None:
                continue
            part, mask = _cut(frame, prompt, iterations, side, margin)
            drawn[n, index][part] = mask
            confidence[n, index] = _filled(drawn[n, index], prompt)
        ctx.progress(index + 1, len(video.frames))
    return tracked_from_masks(boxes, drawn, confidence)


_Pixels = tuple[int, int, int, int]


def _pixels(box: np.ndarray[Any, Any]) -> _Pixels | None:
    """The pixels that a box touches: left, top, right, bottom, the last two exclusive; None if none."""
    import numpy as np

    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    (left, top), (right, bottom) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _cut(
    frame: np.ndarray[Any, Any], box: _Pixels, iterations: int, side: int, margin: float
) -> tuple[tuple[slice, slice], np.ndarray[Any, Any]]:
    """The part of a frame around a box, and the mask of the object in it, bool."""
    import cv2
    import numpy as np

    left, top, right, bottom = _around(box, margin, (frame.shape[1], frame.shape[0]))
    part = (slice(top, bottom), slice(left, right))
    known = np.full((bottom - top, right - left), cv2.GC_BGD, np.uint8)
    known[box[1] - top : box[3] - top, box[0] - left : box[2] - left] = cv2.GC_PR_FGD
    if min(box[2] - box[0], box[3] - box[1]) < _SMALLEST or not (known == cv2.GC_BGD).any():
        return part, known == cv2.GC_PR_FGD
    scale = min(1.0, side / max(known.shape))
    size = (max(1, round(known.shape[1] * scale)), max(1, round(known.shape[0] * scale)))
    small = cv2.resize(known, size, interpolation=cv2.INTER_NEAREST)
    if set(np.unique(small)) != {cv2.GC_BGD, cv2.GC_PR_FGD}:
        return part, known == cv2.GC_PR_FGD
    picture = cv2.resize(np.ascontiguousarray(frame[part]), size, interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(0)  # GrabCut's clusters begin at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, small, (0, 0, 1, 1), *models, iterations, cv2.GC_INIT_WITH_MASK)
    cut = np.isin(small, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    mask = cv2.resize(cut, known.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    return part, mask & (known == cv2.GC_PR_FGD)


def _around(box: _Pixels, margin: float, size: tuple[int, int]) -> _Pixels:
    """A box with some background around it, within the picture."""
    left, top, right, bottom = box
    x, y = max(4, round((right - left) * margin)), max(4, round((bottom - top) * margin))
    return max(0, left - x), max(0, top - y), min(size[0], right + x), min(size[1], bottom + y)


def _filled(mask: np.ndarray[Any, Any], box: _Pixels) -> float:
    """How much of a box the tight box of a mask inside of it takes, 0 to 1."""
    if not mask.any():
        return 0.0
    left, top, right, bottom = tight_bounds(mask)
    return float((right - left) * (bottom - top) / ((box[2] - box[0]) * (box[3] - box[1])))

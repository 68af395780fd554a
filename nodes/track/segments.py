"""From the masks that a segmenter draws in every frame to tracks; what segmenters share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nodes.first_masks import check_first_masks
from nodes.label.agreement import tight_bounds
from nodes.label.masks import boxes_from_masks
from nodes.track.flow import Tracked
from nodes.types import Boxes, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np


def tracked_from_masks(
    boxes: Boxes, masks: np.ndarray[Any, Any], confidence: np.ndarray[Any, Any]
) -> Tracked:
    """Tracks of the objects of a first frame, from their masks in all frames.

    A box is the tight one of its mask; an object without a pixel is absent. Scores are the confidence times
    the box's own score. Visibility is the mask's area as a share of the largest it had so far: an object
    that goes away from the camera counts as partly hidden, too.

    Args:
        boxes: N objects.
        masks: bool `[N, T, H, W]`.
        confidence: float `[N, T]`, 0 to 1.
    """
    import numpy as np

    areas = masks.sum(axis=(2, 3))
    scores = np.where(areas > 0, confidence * boxes.scores[:, None], 0).astype(np.float32)
    track = MaskTrack(masks, scores)
    largest = np.maximum.accumulate(np.maximum(areas, 1), axis=1)
    visibility = (areas / largest).astype(np.float32)
    return Tracked(replace(boxes_from_masks(track, boxes), visibility=visibility), track)


def first_masks(video: Video, boxes: Boxes, masks: MaskTrack | None) -> np.ndarray[Any, Any]:
    """The masks of the first frame that objects are given by: bool `[N, H, W]`, empty without `masks`.

    Raises:
        ValueError: if `masks` has another number of objects, or another size than the clip.
    """
    import numpy as np

    width, height = video.size
    if masks is None:
        return np.zeros((len(boxes), height, width), dtype=bool)
    check_first_masks(masks, len(boxes), video.size)
    return masks.masks[:, 0]


def boxes_inside(
    boxes: np.ndarray[Any, Any], masks: np.ndarray[Any, Any], size: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """What is left of boxes within a picture: float32 `[N, 4]`; of zero area for those outside of it.

    Args:
        boxes: float32 `[N, 4]`.
        masks: bool `[N, H, W]`; a box without area inside is replaced by the bounds of the object's mask.
        size: (width, height).
    """
    import numpy as np

    inside = boxes.clip(0, [*size, *size]).astype(np.float32)
    for n in np.flatnonzero(~_has_area(inside) & masks.any(axis=(1, 2))):
        inside[n] = tight_bounds(masks[n])
    return inside


def _has_area(boxes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])

"""How well boxes and masks of the same objects agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.evaluate.track_iou import box_iou
from nodes.types import BoxTrack, MaskTrack

if TYPE_CHECKING:
    import numpy as np


def check_same_objects(boxes: BoxTrack, masks: MaskTrack) -> None:
    """Check that boxes and masks are of as many objects and frames.

    Raises:
        ValueError: if they are not.
    """
    (n, t), (m, u) = boxes.present.shape, masks.scores.shape
    if (n, t) != (m, u):
        raise ValueError(
            f"boxes has {n} objects over {t} frames, masks {m} over {u}: link the same objects and frames"
        )


def tight_bounds(mask: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a mask bool `[H, W]` that is not empty, along its pixels' outer edges."""
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def box_mask_iou(boxes: BoxTrack, masks: MaskTrack) -> np.ndarray[Any, Any]:
    """Intersection over union of each box and the tight box of its mask.

    The box is cut at the frame's edges first, beyond which there is no mask.

    Returns:
        float64 `[N, T]`; 0 where the box is absent or the mask is empty.
    """
    import numpy as np

    height, width = masks.masks.shape[2:]
    tight = np.zeros_like(boxes.xyxy)
    for n, t in np.argwhere(boxes.present & masks.masks.any(axis=(2, 3))):
        tight[n, t] = tight_bounds(masks.masks[n, t])
    inside = boxes.xyxy.clip(0, np.array((width, height) * 2, np.float32))
    return np.where(boxes.present, box_iou(inside, tight), 0.0)


def filled(boxes: BoxTrack, masks: MaskTrack) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """How much of each box its mask fills, and how much of the mask lies in the box.

    A pixel is in a box if its centre is.

    Returns:
        two float64 `[N, T]`, 0 to 1; 0 where the box is absent, has no pixel in it, or the mask is empty.
    """
    import numpy as np

    fill, held = np.zeros(boxes.present.shape), np.zeros(boxes.present.shape)
    for n, t in np.argwhere(boxes.present):
        mask = masks.masks[n, t]
        left, top, right, bottom = np.ceil(boxes.xyxy[n, t] - 0.5).astype(int).clip(0)
        window = mask[top:bottom, left:right]
        if window.size and window.any():
            fill[n, t] = window.mean()
            held[n, t] = window.sum() / mask.sum()
    return fill, held

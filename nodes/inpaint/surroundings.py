"""Filling a hole in a picture with the colours around it, in a time that large holes do not blow up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Method = Literal["telea", "navier_stokes"]

COARSE_SIDE = 512
"""Longest side of the picture in which the inner part of large holes is filled."""

_RIM = 4
"""Pixels from the edge of a hole that are filled at full size: more cost time, fewer leave a seam."""


def fill_hole(
    pixels: np.ndarray[Any, Any], hole: np.ndarray[Any, Any], method: Method, radius: int
) -> np.ndarray[Any, Any]:
    """Fill a hole with the colours around it.

    In a picture with a longer side than `COARSE_SIDE`, what lies deep in the hole is filled in a smaller
    copy, where pixels are the mean of those that are known; the rim is filled at full size, towards both.

    Args:
        pixels: uint8 `[H, W, 3]`; those in the hole do not count.
        hole: bool `[H, W]`.
        method: "telea" (Telea 2004) or "navier_stokes" (Bertalmio and others 2001).
        radius: of the neighbourhood that a pixel is made from, in pixels.

    Returns:
        uint8 `[H, W, 3]`, in which nothing but the hole has changed. A picture that is all hole is given
        back as it is.
    """
    if hole.all() or not hole.any():
        return pixels
    scale = max(pixels.shape[:2]) / COARSE_SIDE
    if scale <= 1:
        return _filled(pixels, hole, method, radius)
    inner = _depth_in(hole) > _RIM
    if not inner.any():
        return _filled(pixels, hole, method, radius)
    whole = pixels.copy()
    # All of the hole, since OpenCV reads a little of what it replaces.
    whole[hole] = _coarsely_filled(pixels, hole, method, radius, scale)[hole]
    return _filled(whole, hole & ~inner, method, radius)


def _filled(
    pixels: np.ndarray[Any, Any], hole: np.ndarray[Any, Any], method: Method, radius: int
) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    flag = cv2.INPAINT_TELEA if method == "telea" else cv2.INPAINT_NS
    filled = cv2.inpaint(np.ascontiguousarray(pixels), hole.astype(np.uint8), radius, flag)
    return np.where(hole[..., None], filled, pixels)


def _coarsely_filled(
    pixels: np.ndarray[Any, Any], hole: np.ndarray[Any, Any], method: Method, radius: int, scale: float
) -> np.ndarray[Any, Any]:
    """The picture, smooth, at its own size: filled in a smaller copy."""
    import cv2
    import numpy as np

    height, width = hole.shape
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    known = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    masked = np.where(hole[..., None], np.uint8(0), pixels)
    # A mean over known pixels alone: the hole's own colour must not come in.
    small = cv2.resize(masked, size, interpolation=cv2.INTER_AREA) / np.maximum(known, 1e-6)[..., None]
    filled = _filled(small.clip(0, 255).round().astype(np.uint8), known < 0.5, method, radius)
    return cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)


def _depth_in(hole: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How far each pixel of a hole is from the nearest known one, in pixels: float32 `[H, W]`."""
    import cv2
    import numpy as np

    return cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)

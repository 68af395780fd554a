"""From what a depth network gives to nearness: 0 farthest, 1 nearest, linear in 1 / distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Quantity = Literal["inverse_depth", "distance"]
"""What a network's numbers stand for: up to scale and offset, 1 / distance; or distance."""

_NEAREST = 1e-3
"""Distances are at least this share of the farthest one, so that 0 is no infinity."""


def nearness_of(values: np.ndarray[Any, Any], quantity: Quantity, cut: float) -> np.ndarray[Any, Any]:
    """Scale a network's map to nearness from 0 to 1.

    Args:
        values: float `[H, W]`, as the network gives them.
        quantity: what they stand for.
        cut: percent of the pixels at each end that become 0 or 1, below 50: outliers then do not flatten
            the rest.

    Returns:
        float32 `[H, W]`; 0.5 everywhere where the map is flat, as a surface whose distance is not known.

    Raises:
        ValueError: if values are not finite.
    """
    import numpy as np

    if not np.isfinite(values).all():
        raise ValueError(
            "the depth network gave values that are not finite; use dtype float32, or bfloat16 for float16"
        )
    inverse = values.astype(np.float32)
    if quantity == "distance":
        farthest = max(float(inverse.max()), np.finfo(np.float32).tiny)
        inverse = farthest / np.maximum(inverse, _NEAREST * farthest)
    low, high = np.percentile(inverse, (cut, 100 - cut))
    if not high > low:
        return np.full_like(inverse, 0.5)
    return ((inverse - low) / (high - low)).clip(0, 1).astype(np.float32)


def resized(nearness: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Bring nearness to another (width, height) by cubic interpolation; values stay within 0 and 1."""
    import cv2

    if nearness.shape == size[::-1]:
        return nearness
    larger = cv2.resize(nearness, size, interpolation=cv2.INTER_CUBIC)
    return larger.clip(0, 1, out=larger)

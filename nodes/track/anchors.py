"""Anchors: the points of the first frame by which a scene is followed."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def corner_strength(grey: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How well each pixel can be located (Shi and Tomasi 1994, smaller eigenvalue): float32 `[H, W]`."""
    import cv2

    return cv2.cornerMinEigenVal(grey, 5)


def scene_anchors(strength: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """About `count` points float32 `[K, 2]` spread over a frame: the strongest pixel of each cell of a grid.

    Cells without texture give none, unless no cell has any.
    """
    found, points = _strongest(strength, count)
    textured = found > 1e-3 * found.max(initial=0.0)
    return points[textured] if textured.any() else points


def _strongest(
    strength: np.ndarray[Any, Any], count: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The strength `[K]` of the strongest pixel in each of about `count` cells, and its centre `[K, 2]`."""
    import numpy as np

    height, width = strength.shape
    cell = max(2, round(sqrt(height * width / count)))
    padded = np.full((-(-height // cell) * cell, -(-width // cell) * cell), -1.0, dtype=np.float32)
    padded[:height, :width] = strength
    cells = padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell).swapaxes(1, 2)
    flat = cells.reshape(*cells.shape[:2], cell * cell)
    best = flat.argmax(axis=2)
    found = flat.max(axis=2)
    row, column = np.nonzero(found >= 0)
    place = best[row, column]
    x, y = column * cell + place % cell + 0.5, row * cell + place // cell + 0.5
    return found[row, column], np.stack([x, y], axis=1).astype(np.float32)

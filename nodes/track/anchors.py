"""Anchors: the points of the first frame by which a scene or an object is followed."""

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
    import numpy as np

    height, width = strength.shape
    points, found = _strongest(strength, np.ones((height, width), dtype=bool), count)
    textured = found > 1e-3 * found.max(initial=0.0)
    return points[textured] if textured.any() else points


def object_anchors(
    strength: np.ndarray[Any, Any], region: np.ndarray[Any, Any], count: int
) -> np.ndarray[Any, Any]:
    """About `count` points float32 `[K, 2]` spread over a region bool `[H, W]` of a frame."""
    import numpy as np

    rows, columns = np.nonzero(region.any(axis=1))[0], np.nonzero(region.any(axis=0))[0]
    if not len(rows):
        return np.zeros((0, 2), dtype=np.float32)
    top, left = rows[0], columns[0]
    part = (slice(top, rows[-1] + 1), slice(left, columns[-1] + 1))
    points, _ = _strongest(strength[part], region[part], count)
    return points + np.array([left, top], dtype=np.float32)


def _strongest(
    strength: np.ndarray[Any, Any], region: np.ndarray[Any, Any], count: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The centre of the strongest pixel of the region in each cell `[K, 2]`, and its strength `[K]`."""
    import numpy as np

    height, width = strength.shape
    cell = max(2, round(sqrt(height * width / count)))
    padded = np.full((-(-height // cell) * cell, -(-width // cell) * cell), -1.0, dtype=np.float32)
    padded[:height, :width] = np.where(region, strength, -1.0)
    cells = padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell).swapaxes(1, 2)
    flat = cells.reshape(*cells.shape[:2], cell * cell)
    best = flat.argmax(axis=2)
    found = flat.max(axis=2)
    row, column = np.nonzero(found >= 0)
    place = best[row, column]
    x, y = column * cell + place % cell + 0.5, row * cell + place // cell + 0.5
    return np.stack([x, y], axis=1).astype(np.float32), found[row, column]

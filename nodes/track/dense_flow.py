"""Dense optical flow between grey pictures, sampled at points and checked forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Preset = Literal["ultrafast", "fast", "medium"]

_LEAST_SIDE = 48
"""Smaller pictures are padded: the flow's image pyramid needs a few patches on each side."""


@dataclass(frozen=True)
class FlowPair:
    """The flow from a picture to another and back: float32 `[H, W, 2]` each, (dx, dy) in pixels."""

    forward: np.ndarray[Any, Any]
    backward: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Followed:
    """Points of one picture found in another.

    Attributes:
        points: float32 `[K, 2]`, (x, y), continuous pixels of the second picture.
        closed: bool `[K]`, whether the flow back from there returns to the start, and both ends lie inside.
    """

    points: np.ndarray[Any, Any]
    closed: np.ndarray[Any, Any]


def flow_both_ways(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any], preset: Preset) -> FlowPair:
    """Dense inverse search flow (Kroeger et al., ECCV 2016) in both directions.

    The result does not depend on OpenCV's number of threads.

    Args:
        first, second: uint8 `[H, W]`, of one size.
        preset: OpenCV's preset of that name; slower ones are more accurate.
    """
    import cv2

    height, width = first.shape
    below, right = max(0, _LEAST_SIDE - height), max(0, _LEAST_SIDE - width)
    if below or right:
        first, second = (
            cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
            for picture in (first, second)
        )
    presets = {
        "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
        "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    }
    search: Any = cv2.DISOpticalFlow.create(presets[preset])
    forward, backward = search.calc(first, second, None), search.calc(second, first, None)
    return FlowPair(forward[:height, :width], backward[:height, :width])


def follow(pair: FlowPair, points: np.ndarray[Any, Any]) -> Followed:
    """Carry points along the flow and check them by the way back.

    A point is closed if it returns within 1 pixel plus 5 % of the distance gone (the form of the test is
    that of Sundaram, Brox and Keutzer, ECCV 2010).

    Args:
        pair: flow between two pictures.
        points: float32 `[K, 2]`, continuous pixels of the first picture; may lie outside.
    """
    import numpy as np

    there = sample(pair.forward, points)
    moved = points + there
    back = sample(pair.backward, moved)
    gone = np.linalg.norm(there, axis=1)
    missed = np.linalg.norm(there + back, axis=1)
    size = pair.forward.shape[1::-1]
    return Followed(moved, inside(points, size) & inside(moved, size) & (missed <= 1 + 0.05 * gone))


def inside(points: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Which points `[K, 2]` lie inside a picture of (width, height): bool `[K]`."""
    import numpy as np

    return np.all((points >= 0) & (points <= size), axis=1)


def sample(field: np.ndarray[Any, Any], points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bilinear samples float32 `[K, C]` of a field `[H, W, C]` at points `[K, 2]`, its edges extended."""
    import numpy as np

    height, width, _ = field.shape
    at = np.clip(points - 0.5, 0, (width - 1, height - 1))
    low = np.minimum(at.astype(np.int64), np.maximum((width - 2, height - 2), 0))
    across, down = (at - low).T[..., None].astype(np.float32)
    x, y = low.T
    right, below = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    upper = field[y, x] * (1 - across) + field[y, right] * across
    lower = field[below, x] * (1 - across) + field[below, right] * across
    return (upper * (1 - down) + lower * down).astype(np.float32)

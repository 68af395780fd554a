"""Motion models: 3×3 matrices that carry points of one frame to another, fitted robustly to matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_FEWEST_HOMOGRAPHY, _FEWEST_AFFINE, _FEWEST_SIMILARITY = 24, 16, 6
"""Matches that a model needs, three per degree of freedom or more: with fewer it follows their noise."""
_TOLERANCE = 1.5
"""Pixels by which a match may miss a model and still agree with it."""

Fit = Callable[["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", float], "np.ndarray[Any, Any] | None"]
"""Fits a model to start points, end points and a tolerance; None if they determine none."""


@dataclass(frozen=True)
class Matches:
    """Points of the first frame, where they are in another, and which of them the flow confirms.

    Attributes:
        start, end: float32 `[K, 2]`.
        closed: bool `[K]`.
    """

    start: np.ndarray[Any, Any]
    end: np.ndarray[Any, Any]
    closed: np.ndarray[Any, Any]

    def fit(self, fit: Fit, otherwise: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The model of the confirmed ones, or another where they determine none."""
        model = fit(self.start[self.closed], self.end[self.closed], _TOLERANCE)
        return otherwise if model is None else model


def carry(model: np.ndarray[Any, Any], points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Carry points float `[K, 2]` by a model; points that end up behind the camera go far outside."""
    import numpy as np

    moved = points.astype(np.float64) @ model[:, :2].T + model[:, 2]
    third = np.where(moved[:, 2:] > 1e-6, moved[:, 2:], 1e-6)
    return (moved[:, :2] / third).astype(np.float32)


def translation(by: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The model that moves every point by (x, y)."""
    import numpy as np

    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1]], dtype=np.float64)


def fit_scene(
    start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], tolerance: float
) -> np.ndarray[Any, Any] | None:
    """The homography that most matches of a whole frame agree on, or None if they are too few or contradict.

    Args:
        start, end: matched points float32 `[K, 2]`.
        tolerance: distance in pixels up to which a match agrees.
    """
    import cv2

    if len(start) < _FEWEST_HOMOGRAPHY:
        return fit_object(start, end, tolerance)
    # The starting guess comes from samples; the refit over all that agree is what gives subpixel accuracy.
    model, _ = cv2.findHomography(start, end, cv2.RANSAC, tolerance, maxIters=2000, confidence=0.999)
    for _ in range(2):
        if model is None:
            return None
        close = agrees(model, start, end, tolerance)
        if close.sum() < _FEWEST_HOMOGRAPHY:
            return None
        model, _ = cv2.findHomography(start[close], end[close], 0)
    return model if model is not None and _plausible(model) else None


def fit_object(
    start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], tolerance: float
) -> np.ndarray[Any, Any] | None:
    """The motion of one object: affine, similarity or translation, as its matches support; None for no match.

    Args:
        start, end: matched points float32 `[K, 2]`.
        tolerance: distance in pixels up to which a match agrees.
    """
    import cv2
    import numpy as np

    model = None
    if len(start) >= _FEWEST_AFFINE:
        model, _ = cv2.estimateAffine2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=tolerance)
    elif len(start) >= _FEWEST_SIMILARITY:
        model, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=tolerance)
    if model is not None:
        full = np.vstack([model, (0.0, 0.0, 1.0)])
        if _plausible(full):
            return full
    if not len(start):
        return None
    return translation(np.median(end - start, axis=0))


def agrees(
    model: np.ndarray[Any, Any], start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], tolerance: float
) -> np.ndarray[Any, Any]:
    """Which matches lie within the tolerance of a model: bool `[K]`."""
    import numpy as np

    return np.linalg.norm(carry(model, start) - end, axis=1) <= tolerance


def at_scale(model: np.ndarray[Any, Any], scale: tuple[float, float]) -> np.ndarray[Any, Any]:
    """The same motion in pixels of pictures whose (width, height) are `scale` times as large."""
    import numpy as np

    larger = np.diag([*scale, 1.0])
    return larger @ model @ np.linalg.inv(larger)


def _plausible(model: np.ndarray[Any, Any]) -> bool:
    """Whether a model neither mirrors nor collapses: its linear part keeps orientation and some size."""
    turned = float(model[0, 0] * model[1, 1] - model[0, 1] * model[1, 0])
    return turned > 1e-3 and hypot(float(model[2, 0]), float(model[2, 1])) < 0.1

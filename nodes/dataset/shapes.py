"""Flat shapes with patterns of their own, posed at random: the objects of synthetic scenes."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log, pi, sin
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Shape = Literal["disc", "square", "triangle", "star", "cross", "heart"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

_STRETCH, _SHEAR = 0.35, 0.3
"""Largest logarithm of the stretch along one axis, and largest shear, of a pose."""


@dataclass(frozen=True)
class Pose:
    """How a shape lies in a picture.

    Attributes:
        matrix: float64 `[2, 2]`, takes the shape's own coordinates to pixels around its centre.
        centre: float64 `[2]`, x and y in pixels.
    """

    matrix: np.ndarray[Any, Any]
    centre: np.ndarray[Any, Any]

    def place(self, points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Points of the shape `[N, 2]` in pixels of the picture."""
        return points @ self.matrix.T + self.centre


def random_pose(
    shape: Shape, rng: np.random.Generator, sides: tuple[float, float], size: tuple[int, int]
) -> Pose:
    """A shape turned, stretched and sheared, with its centre anywhere in the picture.

    Args:
        shape: which.
        rng: source of what is random.
        sides: between which its longer side lies, in px; drawn evenly in the logarithm.
        size: width and height of the picture in px.
    """
    import numpy as np

    stretch = exp(rng.uniform(-_STRETCH, _STRETCH))
    shear = np.array([[1, rng.uniform(-_SHEAR, _SHEAR)], [0, 1]]) @ np.diag([stretch, 1 / stretch])
    angle = rng.uniform(0, 2 * pi)
    matrix = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ shear
    posed = outline(shape) @ matrix.T
    longest = (posed.max(axis=0) - posed.min(axis=0)).max()
    side = exp(rng.uniform(log(sides[0]), log(sides[1])))
    return Pose(matrix * (side / longest), rng.uniform((0, 0), size))


def outline(shape: Shape) -> np.ndarray[Any, Any]:
    """The corners of a shape, float64 `[N, 2]`, around 0 and about 1 in radius."""
    import numpy as np

    match shape:
        case "disc":
            return _ray(np.arange(48) / 48, 1.0)
        case "square":
            return _ray(np.arange(4) / 4 + 1 / 8, 1.0)
        case "triangle":
            return _ray(np.arange(3) / 3 - 1 / 4, 1.0)
        case "star":
            return _ray(np.arange(10) / 10 - 1 / 4, np.tile([1.0, 0.42], 5))
        case "cross":
            arm = np.array([[0.3, -1], [0.3, -0.3], [1, -0.3]])
            turns = ([[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]])
            return np.concatenate([arm @ np.array(turn, float) for turn in turns])
        case "heart":
            t = np.arange(48) / 48 * 2 * pi
            down = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
            return np.stack([np.sin(t) ** 3, -down / 16], axis=1)


def pattern(
    shape: Shape, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """The shape's pattern at points in its own coordinates, 0 to 1, of a random fineness and phase.

    Discs have rings, squares checks, triangles stripes, stars dots, crosses waves, hearts spokes.
    """
    import numpy as np

    finer, phase = rng.uniform(0.8, 1.3), rng.uniform(0, 2 * pi)
    waves = {
        "disc": lambda: np.sin(9 * finer * np.hypot(x, y) + phase),
        "square": lambda: np.sin(7 * finer * x + phase) * np.sin(7 * finer * y + phase) * 2,
        "triangle": lambda: np.sin(10 * finer * x + phase),
        "star": lambda: np.cos(9 * finer * x + phase) + np.cos(9 * finer * y + phase) - 0.9,
        "cross": lambda: np.sin(9 * finer * y + 2 * np.sin(5 * finer * x + phase)),
        "heart": lambda: np.sin(round(8 * finer) * np.arctan2(y, x) + phase),
    }
    return (0.5 + waves[shape]() * 1.5).clip(0, 1)


def _ray(turns: np.ndarray[Any, Any], radius: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    angles = turns * 2 * pi
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)

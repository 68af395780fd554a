"""Scenes with known boxes: textured shapes pasted on part of a photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Shape = Literal["disc", "square", "triangle", "star", "cross", "heart"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

_SHIFT = 4
"""Bits behind the point of the coordinates that OpenCV fills outlines by."""

_MIN_VISIBLE = 0.5
"""An object of which less is left inside the frame and not covered is taken out of the scene."""

_TRIES = 20


@dataclass(frozen=True)
class Scene:
    """A picture uint8 `[H, W, 3]`, the boxes float32 `[N, 4]` and class ids int64 `[N]` of its objects."""

    pixels: np.ndarray[Any, Any]
    xyxy: np.ndarray[Any, Any]
    class_ids: np.ndarray[Any, Any]


def render_scene(
    photo: np.ndarray[Any, Any],
    texture: np.ndarray[Any, Any],
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    shapes: Sequence[Shape],
    objects: int,
    sides: tuple[float, float],
) -> Scene:
    """Paste shapes on a random part of a photo.

    Each object is one of `shapes`, which is its class, turned, stretched and sheared at random, filled with a
    part of `texture` in a random colour, and lit from one side. Its longest side is drawn evenly
    in its logarithm between `sides` in px. Later objects cover earlier ones; boxes are the bounds of what
    is seen.

    Args:
        photo: uint8 `[H, W, 3]` RGB.
        texture: a picture like `photo`, of which the brightness is taken.
        rng: source of all that is random.
        size: width and height of the scene in px.
        shapes: the classes; class id 0 is `shapes[0]`.
        objects: how many objects are placed; those that would hide too much of others are left out.
        sides: shortest and longest extent of an object in px.
    """
    import numpy as np

    pixels = _background(photo, rng, size).astype(np.float32)
    layers: list[tuple[int, np.ndarray[Any, Any]]] = []
    for _ in range(objects):
        placed = _place(rng, size, shapes, sides, [alpha for _, alpha in layers])
        if placed is None:
            continue
        class_id, alpha = placed
        paint = _paint(texture, rng, alpha)
        pixels += alpha[..., None] * (paint - pixels)
        layers = [(other, np.minimum(below, 1 - alpha)) for other, below in layers] + [(class_id, alpha)]
    pixels += rng.normal(0, rng.uniform(0, 5), pixels.shape).astype(np.float32)
    return Scene(
        pixels.clip(0, 255).round().astype(np.uint8),
        np.array([_bounds(alpha) for _, alpha in layers], np.float32).reshape(-1, 4),
        np.array([class_id for class_id, _ in layers], np.int64),
    )


def _background(
    photo: np.ndarray[Any, Any], rng: np.random.Generator, size: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """A random part of a photo in another light, of the scene's aspect: `[height, width, 3]`."""
    import cv2
    import numpy as np

    part = _random_part(photo, rng, size[0] / size[1], (0.4, 1.0))
    if rng.random() < 0.5:
        part = part[:, ::-1]
    part = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
    return (part * rng.uniform(0.6, 1.2)).clip(0, 255)


def _random_part(
    photo: np.ndarray[Any, Any], rng: np.random.Generator, aspect: float, shares: tuple[float, float]
) -> np.ndarray[Any, Any]:
    """A crop of the given aspect; its share of the largest such crop's sides is drawn from `shares`."""
    height, width = photo.shape[:2]
    largest = min(width, height * aspect)
    across = max(1, int(largest * rng.uniform(*shares)))
    down = max(1, min(height, int(across / aspect)))
    left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    return photo[top : top + down, left : left + across]


def _place(
    rng: np.random.Generator,
    size: tuple[int, int],
    shapes: Sequence[Shape],
    sides: tuple[float, float],
    below: Sequence[np.ndarray[Any, Any]],
) -> tuple[int, np.ndarray[Any, Any]] | None:
    """Class id and coverage 0 to 1, float32 `[H, W]`, of one more object; None if no place was found."""
    import numpy as np

    for _ in range(_TRIES):
        class_id = int(rng.integers(len(shapes)))
        outline = _posed(_outline(shapes[class_id]), rng, sides)
        centre = rng.uniform((0, 0), size)
        alpha, whole = _fill(outline + centre, size), _polygon_area(outline)
        seen = float(alpha.sum())
        if seen < _MIN_VISIBLE * whole:
            continue
        if all(float(np.minimum(other, 1 - alpha).sum()) >= _MIN_VISIBLE * other.sum() for other in below):
            return class_id, alpha
    return None


def _outline(shape: Shape) -> np.ndarray[Any, Any]:
    """The corners of a shape around 0, float64 `[N, 2]`, about 1 in radius."""
    import numpy as np

    if shape == "disc":
        return _ray(np.arange(48) / 48, 1.0)
    if shape == "square":
        return _ray(np.arange(4) / 4 + 1 / 8, 1.0)
    if shape == "triangle":
        return _ray(np.arange(3) / 3 - 1 / 4, 1.0)
    if shape == "star":
        return _ray(np.arange(10) / 10 - 1 / 4, np.tile([1.0, 0.42], 5))
    if shape == "cross":
        arm = np.array([[0.3, -1], [0.3, -0.3], [1, -0.3], [1, 0.3]])
        turns = ([[1, 0], [0, 1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]], [[0, -1], [1, 0]])
        return np.concatenate([arm[:3] @ np.array(turn, float) for turn in turns])
    t = np.arange(48) / 48 * 2 * math.pi
    heart = np.stack(
        [16 * np.sin(t) ** 3, -13 * np.cos(t) + 5 * np.cos(2 * t) + 2 * np.cos(3 * t) + np.cos(4 * t)]
    )
    return heart.T / 16


def _ray(turns: np.ndarray[Any, Any], radius: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    angles = turns * 2 * math.pi
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _posed(
    outline: np.ndarray[Any, Any], rng: np.random.Generator, sides: tuple[float, float]
) -> np.ndarray[Any, Any]:
    """The outline turned, stretched and sheared, its longer side drawn from `sides` in px."""
    import numpy as np

    stretch = math.exp(rng.uniform(-0.35, 0.35))
    shear = np.array([[1, rng.uniform(-0.3, 0.3)], [0, 1]]) @ np.diag([stretch, 1 / stretch])
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    posed = outline @ (turn @ shear).T
    longest = (posed.max(axis=0) - posed.min(axis=0)).max()
    side = math.exp(rng.uniform(math.log(sides[0]), math.log(sides[1])))
    return posed * (side / longest)


def _fill(outline: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Coverage of each pixel by an outline in px, float32 `[H, W]`, 0 to 1."""
    import cv2
    import numpy as np

    canvas = np.zeros(size[::-1], np.uint8)
    corners = np.round((outline - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, _SHIFT)
    return canvas.astype(np.float32) / 255


def _polygon_area(outline: np.ndarray[Any, Any]) -> float:
    import numpy as np

    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _paint(
    texture: np.ndarray[Any, Any], rng: np.random.Generator, alpha: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """What fills an object: part of a texture in a random colour, lit from one side; float32 `[H, W, 3]`."""
    import cv2
    import numpy as np

    left, top, right, bottom = (int(edge) for edge in _bounds(alpha))
    across, down = right - left, bottom - top
    part = np.ascontiguousarray(_random_part(texture, rng, across / down, (0.1, 0.5)))
    grey = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (across, down), interpolation=cv2.INTER_AREA)
    relief = (grey.astype(np.float32) - grey.mean()) / (grey.std() + 8)
    colour = rng.uniform(30, 225, 3)
    filled = colour + relief[..., None] * rng.uniform(10, 35)
    direction = rng.uniform(0, 2 * math.pi)
    x, y = np.linspace(-1, 1, across)[None, :], np.linspace(-1, 1, down)[:, None]
    light = 1 + rng.uniform(0, 0.35) * (x * math.cos(direction) + y * math.sin(direction))
    canvas = np.zeros((*alpha.shape, 3), np.float32)
    canvas[top:bottom, left:right] = filled * light[..., None]
    return canvas


def _bounds(alpha: np.ndarray[Any, Any]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the pixels that an object covers by half or more."""
    import numpy as np

    covered = alpha >= 0.5
    if not covered.any():
        covered = alpha >= alpha.max()
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

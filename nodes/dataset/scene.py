"""Scenes with known boxes: patterned shapes pasted on part of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

from nodes.dataset.shapes import Pose, Shape, outline, pattern, random_pose

if TYPE_CHECKING:
    import numpy as np

_SHIFT = 4
"""Bits behind the point of the coordinates that OpenCV fills outlines by."""

_MIN_VISIBLE = 0.5
"""An object of which less is left inside the frame and not covered is not placed."""

_MIN_CONTRAST = 90.0
"""Least distance of the two colours of an object's pattern, in grey values, over all channels."""

_TRIES = 20


@dataclass(frozen=True)
class Scene:
    """A picture uint8 `[H, W, 3]`, the boxes float32 `[N, 4]` and class ids int64 `[N]` of its objects."""

    pixels: np.ndarray[Any, Any]
    xyxy: np.ndarray[Any, Any]
    class_ids: np.ndarray[Any, Any]


@dataclass(frozen=True)
class _Placed:
    """An object: its class, its pose, and its coverage of each pixel, float32 `[H, W]`, 0 to 1."""

    class_id: int
    pose: Pose
    alpha: np.ndarray[Any, Any]


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

    Each object is one of `shapes`, which is its class, turned, stretched and sheared at random. It carries
    its shape's pattern in two random colours, shaded by a part of `texture` and lit from one side. Its
    longest side is drawn evenly in its logarithm between `sides` in px. Later objects cover earlier ones;
    boxes are the bounds of what is seen.

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
        paint = _paint(placed, shapes[placed.class_id], texture, rng)
        pixels += placed.alpha[..., None] * (paint - pixels)
        layers = [(other, np.minimum(below, 1 - placed.alpha)) for other, below in layers]
        layers.append((placed.class_id, placed.alpha))
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
) -> _Placed | None:
    """One more object over those whose visible coverage is `below`; None if no place was found."""
    import numpy as np

    for _ in range(_TRIES):
        class_id = int(rng.integers(len(shapes)))
        pose = random_pose(shapes[class_id], rng, sides, size)
        corners = pose.place(outline(shapes[class_id]))
        alpha = _fill(corners, size)
        if alpha.sum() < max(1.0, _MIN_VISIBLE * _polygon_area(corners)):
            continue
        if all(np.minimum(other, 1 - alpha).sum() >= _MIN_VISIBLE * other.sum() for other in below):
            return _Placed(class_id, pose, alpha)
    return None


def _fill(corners: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Coverage of each pixel by an outline in px, float32 `[H, W]`, 0 to 1."""
    import cv2
    import numpy as np

    canvas = np.zeros(size[::-1], np.uint8)
    indices = np.round((corners - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [indices], 255, cv2.LINE_AA, _SHIFT)
    return canvas.astype(np.float32) / 255


def _polygon_area(corners: np.ndarray[Any, Any]) -> float:
    import numpy as np

    x, y = corners.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _paint(
    placed: _Placed, shape: Shape, texture: np.ndarray[Any, Any], rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """What fills an object: its pattern, shaded and lit; float32 `[H, W, 3]`, 0 outside its bounds."""
    import cv2
    import numpy as np

    left, top, right, bottom = (int(edge) for edge in _bounds(placed.alpha))
    across, down = right - left, bottom - top
    points = np.stack(np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5), axis=-1)
    own = (points - placed.pose.centre) @ np.linalg.inv(placed.pose.matrix).T
    share = pattern(shape, own[..., 0], own[..., 1], rng)[..., None]
    first, second = _colours(rng)
    part = np.ascontiguousarray(_random_part(texture, rng, across / down, (0.1, 0.5)))
    grey = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (across, down), interpolation=cv2.INTER_AREA)
    relief = (grey.astype(np.float32) - grey.mean()) / (grey.std() + 8) * rng.uniform(5, 20)
    direction = rng.uniform(0, 2 * pi)
    light = 1 + rng.uniform(0, 0.35) * (own[..., 0] * cos(direction) + own[..., 1] * sin(direction))
    canvas = np.zeros((*placed.alpha.shape, 3), np.float32)
    filled = first + share * (second - first) + relief[..., None]
    canvas[top:bottom, left:right] = filled * light[..., None]
    return canvas


def _colours(rng: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Two random colours that differ."""
    import numpy as np

    while True:
        first, second = rng.uniform(20, 235, (2, 3))
        if np.abs(first - second).sum() >= _MIN_CONTRAST:
            return first, second


def _bounds(alpha: np.ndarray[Any, Any]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the pixels that an object covers by half or more."""
    import numpy as np

    covered = alpha >= 0.5
    if not covered.any():
        covered = alpha >= alpha.max()
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

"""Layers: objects cut out of a photo, the photo filled in behind them, and the two put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_FILLED_AT = 256
"""Longest side of the pictures on which holes are filled: what is made up has no detail to lose."""

_MARGIN = 2
"""Pixels around a layer's matte that come with it, for the colours that its soft edge blends with."""


@dataclass(frozen=True)
class Matte:
    """The pixels of an object in a photo.

    Attributes:
        pixels: bool `[h, w]`, with at least one True.
        corner: (left, top) of this part in the photo.
        group: objects of one group move together; they do not count as hiding each other.
    """

    pixels: np.ndarray[Any, Any]
    corner: tuple[int, int]
    group: int

    @property
    def where(self) -> tuple[slice, slice]:
        """The part of the photo that it covers."""
        (left, top), (height, width) = self.corner, self.pixels.shape
        return slice(top, top + height), slice(left, left + width)


@dataclass(frozen=True)
class Layer:
    """A part of a photo that moves by itself.

    Attributes:
        pixels: uint8 `[h, w, 3]`; what nearer layers cover in the photo is filled in.
        alpha: float32 `[h, w]`, opacity 0 to 1.
        made_up: float32 `[h, w]`, 1 where the pixels are filled in, else 0.
        corner: (left, top) of the part in the photo.
        group: as of the matte; that of the background is -1.
    """

    pixels: np.ndarray[Any, Any]
    alpha: np.ndarray[Any, Any]
    made_up: np.ndarray[Any, Any]
    corner: tuple[int, int]
    group: int = -1


@dataclass(frozen=True)
class Scene:
    """A photo taken apart.

    Attributes:
        background: the photo with all objects filled in, as an opaque layer of the photo's size.
        layers: of the objects, far to near; None for one that has no pixels.
    """

    background: Layer
    layers: tuple[Layer | None, ...]


@dataclass(frozen=True)
class Drawn:
    """One frame put together from layers.

    Attributes:
        pixels: uint8 `[H, W, 3]`.
        revealed: bool `[H, W]`, where more than half of the colour is filled in or lies outside the photo.
        visible: bool `[N, H, W]`, where at least half of the colour is the object's, or its group's before
            it; None unless asked for.
        shares: float64 `[N]`, visible share of each object's opacity: inside the frame, not behind others.
    """

    pixels: np.ndarray[Any, Any]
    revealed: np.ndarray[Any, Any]
    visible: np.ndarray[Any, Any] | None
    shares: np.ndarray[Any, Any]


def take_apart(pixels: np.ndarray[Any, Any], mattes: Sequence[Matte | None]) -> Scene:
    """Cut objects out of a photo and fill in what is behind each.

    Filled in is what nearer objects of other groups cover: Telea's inpainting (2004) on a copy of at most 256
    pixels.

    Args:
        pixels: the photo, uint8 `[H, W, 3]`.
        mattes: per object, far to near, with those of one group next to each other; None for no pixels.
    """
    import numpy as np

    nearer, with_group = (np.zeros(pixels.shape[:2], dtype=bool) for _ in range(2))
    layers: list[Layer | None] = []
    group = -1
    for matte in reversed(mattes):
        if matte is None:
            layers.append(None)
            continue
        if matte.group != group:
            np.copyto(nearer, with_group)
            group = matte.group
        layers.append(_cut_out(pixels, matte, nearer))
        with_group[matte.where] |= matte.pixels
    hole = _grown(with_group, _MARGIN)
    opaque = np.ones(pixels.shape[:2], np.float32)
    background = Layer(fill_in(pixels, hole), opaque, hole.astype(np.float32), (0, 0))
    return Scene(background, tuple(reversed(layers)))


def draw(
    scene: Scene, camera: np.ndarray[Any, Any], models: Sequence[np.ndarray[Any, Any]], *, masks: bool
) -> Drawn:
    """Put a scene together with every object moved.

    Drawn from near to far, so that each layer's share of every pixel is known exactly.

    Args:
        scene: the photo taken apart.
        camera: `[3, 3]`, the motion of the background, affine; outside the photo its edge is extended.
        models: per object `[3, 3]`, its motion from the photo to the frame, affine.
        masks: whether to give the visible pixels of each object.
    """
    import numpy as np

    shape = scene.background.alpha.shape
    colours, clear = np.zeros((*shape, 3), np.float32), np.ones(shape, np.float32)
    made_up, shares = np.zeros(shape, np.float32), np.zeros(len(models))
    visible = np.zeros((len(models), *shape), dtype=bool) if masks else None
    unhidden, group = clear, -1
    for n in reversed(range(len(models))):
        layer = scene.layers[n]
        placed = None if layer is None else _place(layer, models[n], shape)
        if layer is None or placed is None:
            continue
        if layer.group != group:
            unhidden, group = clear.copy(), layer.group
        here = placed.where
        weight = placed.alpha * clear[here]
        colours[here] += weight[..., None] * placed.pixels
        made_up[here] += weight * placed.made_up
        clear[here] -= weight
        own = placed.alpha * unhidden[here]
        shares[n] = min(1.0, float(own.sum()) / placed.mass)
        if visible is not None:
            visible[n][here] = own >= 0.5
    behind, unknown = _draw_background(scene.background, camera)
    colours += clear[..., None] * behind
    made_up += clear * unknown
    return Drawn(np.rint(colours).clip(0, 255).astype(np.uint8), made_up > 0.5, visible, shares)


def fill_in(pixels: np.ndarray[Any, Any], hole: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A picture uint8 `[H, W, 3]` with the colours around a hole bool `[H, W]` continued into it.

    If the hole leaves nothing to continue, it takes the picture's mean colour.
    """
    import cv2
    import numpy as np

    if not hole.any():
        return pixels
    filled = pixels.copy()
    if hole.all():
        filled[:] = pixels.reshape(-1, 3).mean(axis=0)
        return filled
    height, width = hole.shape
    scale = min(1.0, _FILLED_AT / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    lost = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    if lost.all():
        lost = cv2.resize(hole.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    continued = cv2.inpaint(small, lost.astype(np.uint8), 4, cv2.INPAINT_TELEA)
    filled[hole] = cv2.resize(continued, (width, height), interpolation=cv2.INTER_LINEAR)[hole]
    return filled


@dataclass(frozen=True)
class _Placed:
    """The part of a moved layer that lies inside the frame, and the sum of its opacity inside and outside."""

    where: tuple[slice, slice]
    pixels: np.ndarray[Any, Any]
    alpha: np.ndarray[Any, Any]
    made_up: np.ndarray[Any, Any]
    mass: float


def _cut_out(pixels: np.ndarray[Any, Any], matte: Matte, nearer: np.ndarray[Any, Any]) -> Layer:
    import cv2
    import numpy as np

    rows, columns = matte.where
    top, left = max(0, rows.start - _MARGIN), max(0, columns.start - _MARGIN)
    part = (slice(top, rows.stop + _MARGIN), slice(left, columns.stop + _MARGIN))
    covered = nearer[part]
    own = np.zeros_like(covered)
    down, right = rows.start - top, columns.start - left
    own[down : down + matte.pixels.shape[0], right : right + matte.pixels.shape[1]] = matte.pixels
    alpha = own.astype(np.float32)
    # Softened inwards only: an edge outside the matte would carry the old background along.
    alpha *= cv2.GaussianBlur(alpha, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    covered = _grown(covered, 1) if (covered & own).any() else np.zeros_like(covered)
    return Layer(fill_in(pixels[part], covered), alpha, covered.astype(np.float32), (left, top), matte.group)


def _grown(region: np.ndarray[Any, Any], pixels: int) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    side = 2 * pixels + 1
    return cv2.dilate(region.astype(np.uint8), np.ones((side, side), np.uint8)).astype(bool)


def _place(layer: Layer, model: np.ndarray[Any, Any], shape: tuple[int, ...]) -> _Placed | None:
    """Resample a layer where it comes to lie in a frame of `shape`; None if that is nowhere inside."""
    import cv2
    import numpy as np

    height, width = layer.alpha.shape
    corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)], dtype=np.float64)
    shift = np.array([[1, 0, layer.corner[0]], [0, 1, layer.corner[1]], [0, 0, 1]], dtype=np.float64)
    onto = model @ shift
    reached = corners @ onto[:2].T
    left, top = np.floor(reached.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(reached.max(axis=0)).astype(int).tolist()
    x0, y0, x1, y1 = max(0, left), max(0, top), min(shape[1], right), min(shape[0], bottom)
    if x0 >= x1 or y0 >= y1:
        return None
    whole = _resample(layer.alpha, onto, (left, top), (right - left, bottom - top), cv2.BORDER_CONSTANT)
    alpha = whole[y0 - top : y1 - top, x0 - left : x1 - left]
    mass = float(whole.sum())
    if not mass > 0:
        return None
    size = (x1 - x0, y1 - y0)
    return _Placed(
        (slice(y0, y1), slice(x0, x1)),
        _resample(layer.pixels, onto, (x0, y0), size, cv2.BORDER_REPLICATE),
        alpha,
        _resample(layer.made_up, onto, (x0, y0), size, cv2.BORDER_REPLICATE),
        mass,
    )


def _draw_background(background: Layer, camera: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """The background as the camera sees it, and how far each pixel is filled in or outside the photo."""
    import cv2
    import numpy as np

    if np.array_equal(camera, np.eye(3)):
        return background.pixels, background.made_up
    size = background.alpha.shape[::-1]
    pixels = _resample(background.pixels, camera, (0, 0), size, cv2.BORDER_REPLICATE)
    known = _resample(background.alpha - background.made_up, camera, (0, 0), size, cv2.BORDER_CONSTANT)
    return pixels, 1 - known


def _resample(
    part: np.ndarray[Any, Any],
    model: np.ndarray[Any, Any],
    corner: tuple[int, int],
    size: tuple[int, int],
    border: int,
) -> np.ndarray[Any, Any]:
    """A picture moved by an affine model, in the window of (width, height) at `corner`; bilinear."""
    import cv2
    import numpy as np

    to_centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    window = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]], [0, 0, 1]], dtype=np.float64)
    indices = np.linalg.inv(to_centres) @ window @ model @ to_centres
    return cv2.warpAffine(part, indices[:2], size, flags=cv2.INTER_LINEAR, borderMode=border)

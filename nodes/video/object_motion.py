"""`video.object_motion`: the objects of a photo move by themselves: a clip with exact ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, exp, radians, sin
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Context, Param, node
from nodes.first_masks import check_first_masks
from nodes.types import Boxes, BoxTrack, Image, MaskTrack, Video
from nodes.video.layers import Matte, Scene, draw, take_apart
from nodes.video.outline import carry_outline, outline_of, rounded_outline

if TYPE_CHECKING:
    import numpy as np

_RIDES = 0.8
"""Share of a box inside another from which on it moves with it, as a face does with its person."""
_TURN, _GROW = 4.0, 0.12
"""Degrees of rotation, and logarithm of the scale, that go with a length of translation."""
_MOST_TURN, _MOST_GROW = 25.0, 0.7
_LONGEST = 0.25
"""Share of the picture's longer side that the length of an object, by which it moves, is at most."""


class ObjectMotion(NamedTuple):
    """A clip, the boxes of its first frame, and its ground truth.

    Attributes:
        out: the clip.
        first: the photo's boxes as they lie in the first frame.
        boxes: the true boxes of every frame.
        masks: the visible pixels of every object.
        revealed: the area that came into view (N = 1).
    """

    out: Video
    first: Boxes
    boxes: BoxTrack
    masks: MaskTrack
    revealed: MaskTrack


@node("video.object_motion", version=1, seeded=True)
def object_motion(
    image: Image,
    boxes: Boxes,
    masks: MaskTrack | None = None,
    *,
    frames: Annotated[int, Param(ge=1, le=1024, help="frames of the clip, the photo included")] = 8,
    fps: Annotated[float, Param(gt=0, le=240, unit="1/s", help="frames per second")] = 8.0,
    amplitude: Annotated[
        float, Param(ge=0, le=20, help="how far objects go in the clip, in about their own lengths")
    ] = 1.0,
    camera: Annotated[
        float,
        Param(ge=0, le=0.5, help="how far the camera sways, as a share of the picture's longer side"),
    ] = 0.02,
    max_side: Annotated[
        int, Param(ge=16, le=16384, unit="px", help="larger photos are made smaller, to this longest side")
    ] = 1024,
    visible_masks: Annotated[
        bool, Param(help="whether to give `masks`; takes objects × frames × pixels bytes")
    ] = True,
    ctx: Context,
) -> ObjectMotion:
    """Let the objects of a photo move over it: a clip whose first frame is the photo, with exact labels.

    A stand-in, without a model, for the scene dynamics of a video generator. Every object is cut out as a
    layer (by its mask, else by a rounded form in its box), what is behind it is filled in with the colours
    around it (Telea 2004), and it moves along a smooth random path of its own: it translates, turns and
    changes size; it may leave the frame, return, hide others or be hidden. Of two that overlap, the one
    whose box reaches lower is the nearer. A box that lies within another by 80 % moves with it. Regions to
    ignore move with the camera only. All of this is our choice.

    A path is the sum of a drift (normal, standard deviation 0.8 lengths in x and in y) and of one and two
    half waves over the clip (0.4 and 0.15), times the amplitude; a length is the square root of the box's
    area, at most a quarter of the picture's longer side. Rotation and scale follow paths of the same form,
    with 4 degrees and a factor of 1.13 in place of the length. So does the camera, with `camera`.

    `boxes` (ground truth): the bounds of the whole object, hidden parts included, cut at the frame's edges:
    of the carried outline, which is the convex hull of its mask, else the rounded form. An object is
    present while its outline reaches into the frame; `visibility` is the share of its opacity that lies
    inside the frame and behind no other, so a present object of visibility 0 is hidden. Scores are 1.
    `masks`: pixels of which half or more is the object's; the score is the visibility. `revealed`: pixels
    whose colour is by more than half filled in, or from beyond the photo's edge. `first` and all else is in
    pixels of the clip; of a box that reaches outside the photo, the part inside is the object.

    Args:
        image: the photo.
        boxes: its objects.
        masks: their masks, of which the first frame is read.

    Raises:
        ValueError: if `masks` has another number of objects than `boxes`, or another size than the photo.
        InterruptedError: if the run is being stopped.
    """
    import numpy as np

    if masks is not None:
        check_first_masks(masks, len(boxes), image.size, "this very photo")
    photo, first, regions = _at_size(image, boxes, masks, max_side)
    cut = cut_scene(photo, first, regions)
    rng = ctx.rng()
    sway = _camera_path(cut.size, frames, camera, rng)
    paths = random_paths(cut, frames, amplitude, rng)
    paths[np.flatnonzero(first.ignore)] = np.eye(3)
    return move_scene(cut, sway @ paths, sway, fps=fps, masks=visible_masks, ctx=ctx)


@dataclass(frozen=True)
class CutScene:
    """A photo taken apart into its objects.

    Attributes:
        photo: uint8 `[H, W, 3]`.
        first: its objects.
        carriers: per object, the one that it moves with; itself where it moves by itself.
        order: which object each layer of the scene is.
        scene: the layers, far to near.
        outlines: per object its convex outline, float64 `[K, 2]`.
    """

    photo: np.ndarray[Any, Any]
    first: Boxes
    carriers: Sequence[int]
    order: Sequence[int]
    scene: Scene
    outlines: Sequence[np.ndarray[Any, Any]]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.photo.shape[1], self.photo.shape[0]


def cut_scene(
    photo: np.ndarray[Any, Any], first: Boxes, masks: Sequence[np.ndarray[Any, Any] | None]
) -> CutScene:
    """Take a photo apart along its boxes; regions to ignore stay in the background.

    Args:
        photo: uint8 `[H, W, 3]`.
        first: its objects, inside the photo.
        masks: per object its pixels bool `[H, W]`; None, or one without pixels: a rounded form in its box.
    """
    carriers = _carriers(first)
    order = _far_to_near(first, carriers)
    mattes: list[Matte | None] = [None] * len(first)
    outlines: list[np.ndarray[Any, Any]] = []
    for n, (box, mask) in enumerate(zip(first.xyxy, masks, strict=True)):
        own = mask if mask is not None and mask.any() else None
        outlines.append(rounded_outline(box) if own is None else outline_of(own, box))
        if first.ignore[n]:
            continue
        mattes[n] = _rounded(box, photo.shape[:2], carriers[n]) if own is None else _cropped(own, carriers[n])
    scene = take_apart(photo, [mattes[n] for n in order])
    return CutScene(photo, first, carriers, order, scene, outlines)


def move_scene(
    cut: CutScene,
    models: np.ndarray[Any, Any],
    camera: np.ndarray[Any, Any],
    *,
    fps: float = 8.0,
    masks: bool = True,
    ctx: Context | None = None,
) -> ObjectMotion:
    """Draw the clip of a scene whose objects move in given ways, with its ground truth.

    Args:
        cut: the scene.
        models: float64 `[N, T, 3, 3]`, affine, the motion of each object from the photo to each frame.
        camera: float64 `[T, 3, 3]`, that of the background. Frame 0 is the photo itself.
        fps: frames per second.
        masks: whether to give the visible masks; otherwise that track has no objects.
        ctx: hears of progress, and tells when to stop.

    Raises:
        InterruptedError: if the run is being stopped.
    """
    import numpy as np

    objects, frames = models.shape[:2]
    shape = (frames, *cut.photo.shape[:2])
    pixels, revealed = np.empty((*shape, 3), np.uint8), np.zeros((1, *shape), dtype=bool)
    visible, shares = np.zeros((objects if masks else 0, *shape), dtype=bool), np.zeros((objects, frames))
    order = list(cut.order)
    for t in range(frames):
        if ctx is not None and ctx.cancelled:
            raise InterruptedError("the run is being stopped")
        drawn = draw(cut.scene, camera[t], models[order, t], masks=masks)
        pixels[t], revealed[0, t] = (drawn.pixels, drawn.revealed) if t else (cut.photo, False)
        shares[order, t] = drawn.shares
        if drawn.visible is not None:
            visible[order, t] = drawn.visible
        if ctx is not None:
            ctx.progress(t + 1, frames)
    boxes = _truth(cut, models, shares)
    return ObjectMotion(
        Video(pixels, float(fps)),
        cut.first,
        boxes,
        MaskTrack(visible, boxes.visibility[: len(visible)]),
        MaskTrack(revealed, np.ones((1, frames), np.float32)),
    )


def similarity(
    centre: tuple[float, float],
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    degrees: float = 0.0,
    scale: float = 1.0,
) -> np.ndarray[Any, Any]:
    """The motion float64 `[3, 3]` that turns and scales about a centre and then shifts."""
    import numpy as np

    a, b = scale * cos(radians(degrees)), scale * sin(radians(degrees))
    x, y = centre
    return np.array(
        [[a, -b, x - a * x + b * y + shift[0]], [b, a, y - b * x - a * y + shift[1]], [0.0, 0.0, 1.0]]
    )


def random_paths(
    cut: CutScene, frames: int, amplitude: float, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Smooth random motions of a scene's objects, as `video.object_motion` describes: `[N, T, 3, 3]`."""
    import numpy as np

    # Drawn for every object, so that one that moves with another leaves the paths of the rest as they are.
    waves = [amplitude * _waves(frames, rng) for _ in cut.carriers]
    paths = np.empty((len(waves), frames, 3, 3))
    for n, carrier in enumerate(cut.carriers):
        left, top, right, bottom = cut.first.xyxy[carrier].tolist()
        length = min(((right - left) * (bottom - top)) ** 0.5, _LONGEST * max(cut.size))
        centre = ((left + right) / 2, (top + bottom) / 2)
        paths[n] = _path(centre, waves[carrier], length, _TURN, _GROW)
    return paths


def _camera_path(
    size: tuple[int, int], frames: int, amplitude: float, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """The motion of the background `[T, 3, 3]`."""
    return _path((size[0] / 2, size[1] / 2), amplitude * _waves(frames, rng), max(size), 30.0, 1.0)


def _path(
    centre: tuple[float, float], waves: np.ndarray[Any, Any], length: float, turn: float, grow: float
) -> np.ndarray[Any, Any]:
    """Motions `[T, 3, 3]` from waves `[T, 4]`, of x, y, angle and size."""
    import numpy as np

    turns = np.clip(turn * waves[:, 2], -_MOST_TURN, _MOST_TURN)
    scales = np.clip(grow * waves[:, 3], -_MOST_GROW, _MOST_GROW)
    return np.stack(
        [
            similarity(centre, shift=(length * x, length * y), degrees=float(angle), scale=exp(scale))
            for (x, y), angle, scale in zip(waves[:, :2], turns, scales, strict=True)
        ]
    )


def _waves(frames: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Four random smooth curves, 0 in frame 0: float64 `[T, 4]`."""
    import numpy as np

    time = np.linspace(0, 1, frames)
    basis = np.stack([0.8 * time, 0.4 * np.sin(np.pi * time), 0.15 * np.sin(2 * np.pi * time)], axis=1)
    return basis @ rng.standard_normal((3, 4))


def _truth(cut: CutScene, models: np.ndarray[Any, Any], shares: np.ndarray[Any, Any]) -> BoxTrack:
    import numpy as np

    shape = shares.shape
    xyxy, visibility = np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32)
    for n, t in np.ndindex(shape):
        seen = carry_outline(cut.outlines[n], models[n, t], cut.size)
        xyxy[n, t] = seen.xyxy
        visibility[n, t] = seen.share if cut.first.ignore[n] else shares[n, t]
    first = cut.first
    # A turned line has bounds, but what has no area has no pixels.
    solid = np.all(first.xyxy[:, 2:] > first.xyxy[:, :2], axis=-1)
    present = np.all(xyxy[..., 2:] > xyxy[..., :2], axis=-1) & solid[:, None]
    xyxy[~present], visibility[~present] = 0, 0
    scores = np.ones(shape, np.float32)
    return BoxTrack(xyxy, present, scores, visibility, first.class_ids, first.categories, first.ignore)


def _carriers(boxes: Boxes) -> list[int]:
    """Per box, the largest one that it lies in by `_RIDES`, else itself; regions to ignore carry nothing."""
    import numpy as np

    areas = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(axis=1)
    carriers = list(range(len(boxes)))
    # Largest first, so that what carries a box has found its own carrier before.
    ranked = sorted(np.flatnonzero(~boxes.ignore & (areas > 0)).tolist(), key=lambda n: (-areas[n], n))
    for place, n in enumerate(ranked):
        larger = boxes.xyxy[ranked[:place]]
        shared = np.minimum(larger[:, 2:], boxes.xyxy[n, 2:]) - np.maximum(larger[:, :2], boxes.xyxy[n, :2])
        inside = np.flatnonzero(shared.clip(0).prod(axis=1) >= _RIDES * areas[n])
        if len(inside):
            carriers[n] = carriers[ranked[inside[0]]]
    return carriers


def _far_to_near(boxes: Boxes, carriers: Sequence[int]) -> list[int]:
    """The order of drawing: groups by how low they reach, in a group the smaller nearer."""
    areas = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(axis=1)
    bottoms = boxes.xyxy[:, 3]
    return sorted(range(len(boxes)), key=lambda n: (bottoms[carriers[n]], carriers[n], -areas[n], n))


def _rounded(box: np.ndarray[Any, Any], shape: tuple[int, ...], group: int) -> Matte | None:
    """The pixels of a rounded form in a box, at least the middle one; None for a box without area.

    A superellipse of exponent 3: rounder, it would leave parts of objects behind; squarer, it would take
    more of the background along.
    """
    import numpy as np

    (left, top), (right, bottom) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    right, bottom = min(int(right), shape[1]), min(int(bottom), shape[0])
    if not (box[2:] > box[:2]).all() or left >= right or top >= bottom:
        return None
    x, y = np.arange(left, right) + 0.5, np.arange(top, bottom)[:, None] + 0.5
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    inside = np.abs((x - middle[0]) / half[0]) ** 3 + np.abs((y - middle[1]) / half[1]) ** 3 <= 1
    if not inside.any():
        inside[inside.shape[0] // 2, inside.shape[1] // 2] = True
    return Matte(inside, (int(left), int(top)), group)


def _cropped(mask: np.ndarray[Any, Any], group: int) -> Matte:
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return Matte(mask[top : rows[-1] + 1, left : columns[-1] + 1], (left, top), group)


def _at_size(
    image: Image, boxes: Boxes, masks: MaskTrack | None, longest: int
) -> tuple[np.ndarray[Any, Any], Boxes, list[np.ndarray[Any, Any] | None]]:
    """The photo, boxes cut at its edges and masks, made smaller so that no side is longer than `longest`."""
    import cv2
    import numpy as np

    scale = min(1.0, longest / max(image.size))
    size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    pixels = image.pixels
    regions: list[np.ndarray[Any, Any] | None] = (
        [None] * len(boxes) if masks is None else list(masks.masks[:, 0])
    )
    if size != image.size:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        regions = [None if region is None else _smaller(region, size) for region in regions]
    factors = np.array([size[0] / image.size[0], size[1] / image.size[1]] * 2, np.float32)
    xyxy = (boxes.xyxy * factors).clip(0, np.array(size * 2, np.float32)).astype(np.float32)
    first = Boxes(xyxy, boxes.class_ids, boxes.scores, boxes.categories, boxes.ignore)
    return pixels, first, regions


def _smaller(region: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    return cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)

"""`dataset.synthetic`: annotated pictures for trying out a detector: patterned shapes over photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from nodegraph import Collected, Context, Item, Param, Stream, node
from nodes.dataset.scene import render_scene
from nodes.dataset.shapes import SHAPES, Shape
from nodes.load.annotated import AnnotatedImage
from nodes.types import Boxes, Categories, Image


@node("dataset.synthetic", version=1, seeded=True)
def synthetic(
    photos: Collected[Image],
    *,
    pictures: Annotated[int, Param(ge=1, le=1_000_000, help="how many pictures")] = 100,
    shapes: Annotated[
        list[Shape] | None,
        Param(min_length=1, help="the classes, in the order of their ids; a class is a shape; null = all"),
    ] = None,
    width: Annotated[int, Param(ge=16, le=4096, unit="px", help="width of the pictures")] = 192,
    height: Annotated[int, Param(ge=16, le=4096, unit="px", help="height of the pictures")] = 160,
    max_objects: Annotated[int, Param(ge=1, le=300, help="1 to so many objects are placed in each")] = 4,
    min_side: Annotated[float, Param(ge=4, le=4096, unit="px", help="least longer side of an object")] = 24.0,
    max_side: Annotated[float, Param(ge=4, le=4096, unit="px", help="largest longer side")] = 72.0,
    ctx: Context,
) -> Stream[AnnotatedImage]:
    """Make annotated pictures: patterned shapes of random pose, colour and light over parts of photos.

    Detection data that needs no download: small enough to train on without a GPU, hard enough that little
    data does not suffice. The class of an object is its shape, which comes with a pattern; colour, fineness,
    pose and light tell nothing about it. Photos give the backgrounds in turn, and the shading. Boxes are the
    bounds of what is seen of an object; one of which less than half would be seen is not placed. Item keys
    are `0000`, `0001`, ... The recipe is our own.

    For training and test data that share nothing, link the two parts of `dataset.split`, and give the nodes
    different seeds.

    Raises:
        ValueError: if there is no photo, a shape occurs twice, or `min_side` is over `max_side`.
    """
    if not len(photos):
        raise ValueError("there are no photos: link at least one")
    names = SHAPES if shapes is None else tuple(shapes)
    if len(set(names)) < len(names):
        raise ValueError(f"a shape occurs twice in {', '.join(names)}")
    if min_side > max_side:
        raise ValueError(f"min_side is {min_side:g}, over max_side {max_side:g}")
    sides = (min_side, max_side)
    for index in range(pictures):
        make = _maker(photos, (ctx.seed, index), (width, height), names, max_objects, sides)
        yield Item(f"{index:04d}", make, uses=[ctx.seed, index])


def _maker(
    photos: Collected[Image],
    seed: tuple[int, int],
    size: tuple[int, int],
    shapes: Sequence[Shape],
    max_objects: int,
    sides: tuple[float, float],
) -> Callable[[], AnnotatedImage]:
    def make() -> AnnotatedImage:
        import numpy as np

        rng = np.random.default_rng(seed)
        keys = photos.keys()
        texture = photos[keys[int(rng.integers(len(keys)))]]
        scene = render_scene(
            photos[keys[seed[1] % len(keys)]].value.pixels,
            texture.value.pixels,
            rng,
            size=size,
            shapes=shapes,
            objects=int(rng.integers(1, max_objects + 1)),
            sides=sides,
        )
        scores = np.ones(len(scene.xyxy), np.float32)
        boxes = Boxes(scene.xyxy, scene.class_ids, scores, Categories.of(*shapes))
        return AnnotatedImage(Image(scene.pixels), boxes)

    return make

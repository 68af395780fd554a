"""`augment.flip` and `augment.crop`: classic changes of a picture's geometry, with its boxes."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Context, Param, node
from nodes.load.annotated import AnnotatedImage
from nodes.types import Boxes, Image

if TYPE_CHECKING:
    import numpy as np

Axis = Literal["horizontal", "vertical"]
Partial = Literal["ignore", "drop"]


@node("augment.flip", version=1, seeded=True)
def flip(
    image: Image,
    boxes: Boxes,
    *,
    axis: Annotated[Axis, Param(help="horizontal: left and right change places")] = "horizontal",
    probability: Annotated[float, Param(ge=0, le=1, help="share of the pictures that are flipped")] = 0.5,
    ctx: Context,
) -> AnnotatedImage:
    """Mirror a picture and its boxes, or leave them as they are, by chance."""
    import numpy as np

    if ctx.rng().random() >= probability:
        return AnnotatedImage(image, boxes)
    across = axis == "horizontal"
    pixels = np.ascontiguousarray(image.pixels[:, ::-1] if across else image.pixels[::-1])
    low, high = (0, 2) if across else (1, 3)
    length = np.float32(image.size[0 if across else 1])
    xyxy = boxes.xyxy.copy()
    xyxy[:, low], xyxy[:, high] = length - boxes.xyxy[:, high], length - boxes.xyxy[:, low]
    return AnnotatedImage(Image(pixels), replace(boxes, xyxy=xyxy))


@node("augment.crop", version=1, seeded=True)
def crop(
    image: Image,
    boxes: Boxes,
    *,
    min_share: Annotated[
        float, Param(gt=0, le=1, help="least share of the picture's area that is left")
    ] = 0.4,
    max_stretch: Annotated[
        float, Param(ge=1, le=4, help="by what factor the aspect may differ from the picture's")
    ] = 1.33,
    min_visible: Annotated[
        float, Param(ge=0, le=1, help="boxes of which less lies inside count as cut off")
    ] = 0.3,
    cut_off: Annotated[
        Partial, Param(help="what becomes of boxes cut off: regions to ignore, or left out")
    ] = "ignore",
    probability: Annotated[float, Param(ge=0, le=1, help="share of the pictures that are cropped")] = 1.0,
    ctx: Context,
) -> AnnotatedImage:
    """Cut a random part out of a picture, with its boxes.

    Area and aspect are drawn at random, the area evenly, the aspect evenly in its logarithm, then the place.
    The part is not resampled: training brings pictures to its size anyhow. Boxes are cut at the edge; of
    an object of which too little is left one cannot tell what it is, so by default nothing counts there.
    """
    rng = ctx.rng()
    if rng.random() >= probability:
        return AnnotatedImage(image, boxes)
    window = _window(image.size, min_share, max_stretch, rng)
    left, top, right, bottom = window
    pixels = image.pixels[top:bottom, left:right].copy()
    return AnnotatedImage(Image(pixels), _cropped(boxes, window, min_visible, cut_off))


def _window(
    size: tuple[int, int], min_share: float, max_stretch: float, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a random part, in whole pixels, at least one by one."""
    width, height = size
    share = rng.uniform(min_share, 1)
    stretch = exp(rng.uniform(-log(max_stretch), log(max_stretch)) / 2)
    across = min(width, max(1, round(width * share**0.5 * stretch)))
    down = min(height, max(1, round(height * share**0.5 / stretch)))
    left, top = int(rng.integers(width - across + 1)), int(rng.integers(height - down + 1))
    return left, top, left + across, top + down


def _cropped(boxes: Boxes, window: tuple[int, int, int, int], min_visible: float, cut_off: Partial) -> Boxes:
    import numpy as np

    left, top, right, bottom = window
    shift = np.array([left, top, left, top], np.float32)
    edge = np.array([right - left, bottom - top] * 2, np.float32)
    xyxy = (boxes.xyxy - shift).clip(0, edge)
    visible = _areas(xyxy) / np.maximum(_areas(boxes.xyxy), 1e-6)
    kept = visible > 0
    ignore = boxes.ignore.copy()
    too_little = visible < min_visible
    if cut_off == "ignore":
        ignore |= too_little
    else:
        kept &= ~too_little | boxes.ignore
    return Boxes(xyxy[kept], boxes.class_ids[kept], boxes.scores[kept], boxes.categories, ignore[kept])


def _areas(xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])

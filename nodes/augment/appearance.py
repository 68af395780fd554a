"""`augment.appearance`: the classic changes of light, colour and sharpness, which leave boxes as they are."""

from __future__ import annotations

from typing import Annotated

from nodegraph import Context, Param, node
from nodes.augment.photometry import OPERATIONS, Operation, change
from nodes.types import Image


@node("augment.appearance", version=1, seeded=True)
def appearance(
    image: Image,
    *,
    count: Annotated[int, Param(ge=0, le=9, help="how many operations each picture gets")] = 2,
    strength: Annotated[float, Param(ge=0, le=1, help="how far each may go; 0 changes nothing")] = 0.5,
    operations: Annotated[
        list[Operation] | None, Param(min_length=1, help="those to draw from; null = all")
    ] = None,
    probability: Annotated[float, Param(ge=0, le=1, help="share of the pictures that are changed")] = 1.0,
    ctx: Context,
) -> Image:
    """Change how a picture looks, not where things are: light, colour, sharpness, noise, compression.

    `count` different operations are drawn and applied in random order, each to a random extent: the scheme
    of RandAugment (Cubuk et al. 2020), with the extent drawn up to `strength` in place of one fixed for all.
    Boxes stay true. It can stand before a generator, whose clips then start from changed photos, behind it,
    or both; to have several versions of a photo, fan it out with `stream.repeat` first.

    At strength 1, factors of brightness and contrast are 0.4 to 1.6, that of saturation 0.2 to 1.8, hue turns
    by up to 45 degrees, gamma is 0.5 to 2, the blur's standard deviation reaches 1 % of the longer side,
    that of the noise 30 grey values, JPEG quality goes down to 10, and greyscale takes all colour away (with
    the probability `strength`). These ranges are our choice.
    """
    rng = ctx.rng()
    if rng.random() >= probability:
        return image
    given = OPERATIONS if operations is None else tuple(dict.fromkeys(operations))
    pixels = image.pixels
    for index in rng.permutation(len(given))[:count]:
        pixels = change(pixels, given[int(index)], strength, rng)
    return Image(pixels)

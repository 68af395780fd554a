"""`depth.anything`: how near each pixel of a photo is, estimated by a network."""

from __future__ import annotations

from typing import Annotated, Literal

from nodegraph import Batch, Context, ModelRef, Param, node
from nodes.depth.estimator import KIND, DepthEstimator
from nodes.depth.nearness import nearness_of, resized
from nodes.linked_models import use_linked
from nodes.types import Depth, Image

Gives = Literal["auto", "inverse_depth", "distance"]

_OWN_SIDE = 518
_BYTES_A_PIXEL = 1400
"""Activations of a Depth Anything network per pixel that it sees, in float32: measured on a CPU were 880 of
the small one, and 1140 to 1350 of the base one, at 518 × 518 to 518 × 784."""


def depth_bytes(
    batch: int, image: Image | None = None, side: int | None = None, model: ModelRef | None = None
) -> int:
    """Bytes that `depth.anything` works in: the network's activations, and 11 for each pixel of a photo.

    And 4 a pixel for each map of a batch, since maps are held until it is done.
    """
    seen = (side or _OWN_SIDE) ** 2 * 4 // 3
    share = 0.5 if model is not None and model.dtype in ("float16", "bfloat16") else 1
    pixels = 0 if image is None else image.size[0] * image.size[1]
    return int(batch * seen * _BYTES_A_PIXEL * share) + pixels * (11 + 4 * batch)


@node("depth.anything", version=1, memory=depth_bytes)
def depth_anything(
    image: Batch[Image],
    model: ModelRef,
    *,
    side: Annotated[
        int | None,
        Param(
            ge=56,
            le=4096,
            unit="px",
            help="of the square near which the network sees a photo; null = its own, mostly 518",
        ),
    ] = None,
    cut: Annotated[
        float,
        Param(ge=0, lt=50, unit="%", help="pixels at each end that count as farthest or nearest"),
    ] = 0.5,
    gives: Annotated[
        Gives,
        Param(
            help="what the network's numbers are; auto: by its architecture, wrong for DPTs of metric depth"
        ),
    ] = "auto",
    ctx: Context,
) -> Batch[Depth]:
    """Estimate how near each pixel of a photo is, by Depth Anything or another depth network of transformers.

    Nearness is linear in 1 / distance; 0 is the farthest pixel of the photo and 1 the nearest, whatever the
    network's scale: `cut` percent of the pixels at each end are clipped. Networks that give distances
    (metric ones) are inverted. A photo in which all is equally near has nearness 0.5.

    The network sees the photo near `side` × `side`, in the photo's aspect if its image processor keeps it (if
    one side is more than 4 times the other, as a square), and its map is brought to the photo's size by cubic
    interpolation: borders of objects are soft over about a hundredth of the width, which `depth.sharpen`
    undoes.

    On a CPU a depth map is the same to the bit whatever shares its batch; on other devices photos that the
    network sees at one size pass together, which changes rounding. Working memory: about `1870 side²` bytes
    for each photo that passes (half in 16 bits), 11 bytes a pixel of the photo, and 4 a pixel for each map.

    Raises:
        ModelError: if the model cannot be loaded, or is no depth network.
        ValueError: if the network gives values that are not finite.
    """
    with use_linked(ctx, model, KIND, named_by="load.depth") as estimator:
        return _depths(estimator, image, side, cut, gives)


def _depths(
    estimator: DepthEstimator, images: Batch[Image], side: int | None, cut: float, gives: Gives
) -> list[Depth]:
    quantity = estimator.quantity if gives == "auto" else gives
    maps = estimator.estimate(images, side)
    return [
        Depth(resized(nearness_of(values, quantity, cut), image.size))
        for image, values in zip(images, maps, strict=True)
    ]

"""`tiny.restyle`: repaints pictures by a tiny pipeline."""

from __future__ import annotations

from typing import Annotated

from nodegraph import Batch, Context, ModelRef, Param, node
from nodes.tiny.canvas import (
    activation_bytes,
    empty_canvas,
    painted_over,
    put_noise,
    put_picture,
    take_painting,
)
from nodes.types import Image

_DEFAULT_SIDE = 128
_FLOAT32 = 4


def restyle_bytes(batch: int, side: int | None = None, model: ModelRef | None = None) -> int:
    """Bytes that `tiny.restyle` works in: `batch × 3 A + 12 side²`, where A is `3 side² × bytes of a number`.

    Three stacks hold all pictures of the batch: states, guide and scratch. The noise of one picture is
    there in float32. Pictures in 8 bits are not counted.
    """
    side = side or _DEFAULT_SIDE
    return batch * 3 * activation_bytes(side, model) + 3 * side * side * _FLOAT32


@node("tiny.restyle", version=1, seeded=True, memory=restyle_bytes)
def restyle(
    image: Batch[Image],
    model: ModelRef,
    *,
    steps: Annotated[int, Param(ge=1, le=1000, help="passes through the denoiser")] = 2,
    strength: Annotated[
        float, Param(ge=0, le=1, help="amount of noise, and share of the painting in the result")
    ] = 0.3,
    side: Annotated[
        int, Param(ge=16, le=4096, unit="px", help="the canvas is side × side; memory grows with its square")
    ] = _DEFAULT_SIDE,
    ctx: Context,
) -> Batch[Image]:
    """Repaint pictures by a tiny pipeline with random weights, at their own size: for tests and demos.

    A picture is resampled to the canvas, encoded, mixed with noise, denoised, decoded, resampled back and
    blended with what it was.

    Noise comes from each picture's own seed. On a CPU a picture comes out the same to the bit whatever
    shares its batch, and in every mode of holding the model; on other devices, with float32, within 1 of 255.
    Working memory, beside the weights: three stacks of `3 side²` numbers for each picture of a batch, and the
    noise of one in float32. With float32 that is `36 side² × batch + 12 side²` bytes: 590 kB a picture at a
    side of 128.

    Raises:
        ModelError: if the model cannot be loaded.
    """
    import torch

    with ctx.use(model) as pipeline, torch.no_grad():
        states = empty_canvas(pipeline, len(image), side)
        scratch = torch.empty_like(states)
        for picture, cell in zip(image, states, strict=True):
            put_picture(picture, side, cell)
        pipeline.encode(states, scratch)
        guide = states.clone()
        scratch.zero_()
        for rng, cell, room in zip(ctx.rngs(), states, scratch, strict=True):
            put_noise(rng, side, room)
            cell.add_(room, alpha=strength)
        pipeline.denoise(states, guide, scratch, steps=steps, progress=ctx.progress)
        pipeline.decode(states, scratch)
        return [
            painted_over(picture, take_painting(cell, side), strength)
            for picture, cell in zip(image, states, strict=True)
        ]

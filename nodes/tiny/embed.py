"""`tiny.embed`: a picture as a few numbers, by the encoder of a tiny pipeline."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from nodegraph import Context, ModelRef, Param, node
from nodes.tiny.canvas import activation_bytes, empty_canvas, put_picture
from nodes.types import Image

_DEFAULT_SIDE = 64
_FLOAT32 = 4


class Embedding(NamedTuple):
    """What the encoder makes of a picture.

    Attributes:
        out: as many numbers as the model is wide: its latents, averaged over the tokens.
        norm: their root mean square.
    """

    out: list[float]
    norm: float


def embed_bytes(side: int | None = None, model: ModelRef | None = None) -> int:
    """Bytes that `tiny.embed` works in: `2 A + 12 side²` where A is `3 side² × bytes of a number`."""
    side = side or _DEFAULT_SIDE
    return 2 * activation_bytes(side, model) + 3 * side * side * _FLOAT32


@node("tiny.embed", version=1, memory=embed_bytes)
def embed(
    image: Image,
    model: ModelRef,
    *,
    side: Annotated[
        int, Param(ge=16, le=4096, unit="px", help="the canvas is side × side; memory grows with its square")
    ] = _DEFAULT_SIDE,
    ctx: Context,
) -> Embedding:
    """Describe a picture by a few numbers, with the random encoder of a tiny pipeline: for tests and demos.

    Equal in every mode of holding the model, to the bit on a CPU. Working memory, beside the weights: two
    stacks of `3 side²` numbers, and one in float32; with float32 that is `36 side²` bytes.

    Raises:
        ModelError: if the model cannot be loaded.
    """
    import numpy as np
    import torch

    with ctx.use(model) as pipeline, torch.no_grad():
        states = empty_canvas(pipeline, 1, side)
        put_picture(image, side, states[0])
        pipeline.encode(states, torch.empty_like(states))
        latents = states[0].float().cpu().numpy()
    mean = latents.mean(axis=0, dtype=np.float64)
    return Embedding([float(number) for number in mean], float(np.sqrt(np.square(mean).mean())))

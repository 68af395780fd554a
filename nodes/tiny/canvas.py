"""Between pictures and the tokens that a tiny pipeline works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodegraph import ModelRef
from nodes.types import Image

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from nodes.tiny.pipeline import TinyPipeline

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2}


def activation_bytes(side: int, model: ModelRef | None) -> int:
    """Bytes of one picture on the canvas: `3 side²` numbers, of 4 bytes where the model is not known."""
    return 3 * side * side * (4 if model is None else _DTYPE_BYTES.get(model.dtype, 4))


def empty_canvas(pipeline: TinyPipeline, pictures: int, side: int) -> Tensor:
    """Zeros `[pictures, T, width]`: a picture's `3 side²` numbers in T tokens, the last filled up."""
    import torch

    tokens = -(-3 * side * side // pipeline.width)
    return torch.zeros((pictures, tokens, pipeline.width), dtype=pipeline.dtype, device=pipeline.device)


def put_picture(image: Image, side: int, cell: Tensor) -> None:
    """Write a picture, resampled to `side × side`, into tokens `[T, width]`: numbers from -1 to 1."""
    import numpy as np
    import torch
    from PIL import Image as Pillow

    small = Pillow.fromarray(image.pixels).resize((side, side), Pillow.Resampling.BILINEAR)
    numbers = _numbers(cell, side)
    numbers.copy_(torch.from_numpy(np.array(small).reshape(-1)))
    numbers.div_(127.5).sub_(1)


def put_noise(rng: np.random.Generator, side: int, cell: Tensor) -> None:
    """Write normal noise into the tokens `[T, width]` of one picture."""
    import numpy as np
    import torch

    numbers = _numbers(cell, side)
    numbers.copy_(torch.from_numpy(rng.standard_normal(len(numbers), dtype=np.float32)))


def take_painting(cell: Tensor, side: int) -> np.ndarray[Any, Any]:
    """What is painted in tokens `[T, width]`, numbers from -1 to 1: uint8 `[side, side, 3]`.

    The tokens are used up. With a copy of them for each picture, what pictures leave behind would lie between
    the copies and keep the C library from using their memory again.
    """
    import torch

    scaled = _numbers(cell, side).add_(1).mul_(127.5).round_().clamp_(0, 255)
    return scaled.to("cpu", torch.uint8).numpy().reshape(side, side, 3)


def painted_over(image: Image, painting: np.ndarray[Any, Any], share: float) -> Image:
    """A picture mixed with a painting that is resampled to the picture's size.

    Args:
        image: the picture below.
        painting: the picture above, uint8 `[side, side, 3]`.
        share: of the painting in the mixture, 0 to 1.
    """
    import numpy as np
    from PIL import Image as Pillow

    above = Pillow.fromarray(painting).resize(image.size, Pillow.Resampling.BILINEAR)
    return Image(np.array(Pillow.blend(Pillow.fromarray(image.pixels), above, share)))


def _numbers(cell: Tensor, side: int) -> Tensor:
    """The `3 side²` numbers of a picture: a view of its tokens."""
    return cell.view(-1)[: 3 * side * side]

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


def put(values: np.ndarray[Any, Any], cell: Tensor) -> None:
    """Write values, in C order, into the tokens `[T, width]` of one picture; what follows them stays."""
    import torch

    cell.view(-1)[: values.size].copy_(torch.from_numpy(values.reshape(-1)))


def painting_in(cell: Tensor, side: int) -> np.ndarray[Any, Any]:
    """What is painted in tokens `[T, width]`, numbers from -1 to 1: uint8 `[side, side, 3]`."""
    import numpy as np
    import torch

    numbers = cell.view(-1)[: 3 * side * side].to("cpu", torch.float32, copy=True)
    eight_bits = numbers.add_(1).mul_(127.5).round_().clamp_(0, 255).numpy().astype(np.uint8)
    return eight_bits.reshape(side, side, 3)


def shrunk(image: Image, side: int) -> np.ndarray[Any, Any]:
    """A picture resampled to `side × side` pixels: float32 `[side, side, 3]`, -1 to 1."""
    import numpy as np
    from PIL import Image as Pillow

    small = Pillow.fromarray(image.pixels).resize((side, side), Pillow.Resampling.BILINEAR)
    numbers = np.array(small, np.float32)
    numbers /= 127.5
    numbers -= 1
    return numbers


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

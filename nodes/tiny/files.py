"""The files of a tiny pipeline, in the layout of diffusers: what they say, and reading layers out of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph.models import ModelError

if TYPE_CHECKING:
    from torch import Tensor

COMPONENTS = ("encoder", "denoiser", "decoder")
"""The components of a pipeline, each a folder, in the order in which they work."""

CONFIGURATION = "config.json"
WEIGHTS = "model.safetensors"

WIDTH_STEP = 32
"""Widths are multiples of it, so that every picture of a batch begins at a multiple of 64 bytes."""

_PIECE = 1 << 20
"""Bytes read at a time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a pipeline.

    Attributes:
        width: how many numbers a token has; a layer is a matrix `[width, width]`.
        depth: how many layers a component has.
    """

    width: int
    depth: int


def layer_name(index: int) -> str:
    """The name of a layer's matrix in the weight file of its component."""
    return f"layers.{index}.weight"


def read_shape(folder: Path) -> Shape:
    """The shape of a pipeline, on which its configurations and weight files must agree.

    Raises:
        ModelError: if a file is missing or damaged, or contradicts another; says which.
    """
    shapes = {name: _configured(folder / name / CONFIGURATION) for name in COMPONENTS}
    first = shapes[COMPONENTS[0]]
    for name, shape in shapes.items():
        if shape != first:
            raise ModelError(
                f"{folder / name / CONFIGURATION}: it says {_told(shape)} but that of {COMPONENTS[0]} "
                f"{_told(first)}; make the model again"
            )
        _require_layers(folder / name / WEIGHTS, shape)
    return first


def copy_layer(file: Path, index: int, target: Tensor) -> None:
    """Copy a layer out of a weight file into a tensor `[width, width]` of any dtype and device.

    Pages of a file that is mapped count as memory of the process. So the file is mapped anew for each
    MiB: beside the target, no more than that is held.

    Raises:
        ModelError: if the file cannot be read or lacks the layer.
    """
    from safetensors import SafetensorError, safe_open

    rows = max(1, _PIECE // (target.shape[1] * 4))
    try:
        for start in range(0, len(target), rows):
            with safe_open(file, framework="pt") as opened:
                piece = opened.get_slice(layer_name(index))[start : start + rows]
                target[start : start + rows].copy_(piece)
                del piece
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: layer {index} cannot be read: {error}; make the model again") from None


def _configured(file: Path) -> Shape:
    try:
        content: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}; make the model again") from None
    except ValueError:
        raise ModelError(f"{file}: it is not valid JSON; make the model again") from None
    fields: dict[str, Any] = content if isinstance(content, dict) else {}
    width: Any = fields.get("width")
    depth: Any = fields.get("depth")
    are_sizes = type(width) is int and type(depth) is int and width > 0 and depth > 0
    if not are_sizes or width % WIDTH_STEP:
        raise ModelError(
            f"{file}: it must give width, a multiple of {WIDTH_STEP}, and depth, 1 or more; "
            f"make the model again"
        )
    return Shape(width, depth)


def _require_layers(file: Path, shape: Shape) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            found = {name: list(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: cannot be read: {error}; make the model again") from None
    if found != {layer_name(index): [shape.width, shape.width] for index in range(shape.depth)}:
        raise ModelError(
            f"{file}: its tensors are not those of {_told(shape)}, which {CONFIGURATION} says; "
            f"make the model again"
        )


def _told(shape: Shape) -> str:
    return f"width {shape.width} and depth {shape.depth}"

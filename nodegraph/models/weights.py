"""How many bytes a model's weights take at run time, from what its weight files say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import StoredTensor
from nodegraph.models.modes import MODES, Mode

DTYPES: Mapping[str, int] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}
"""The dtypes that a model can have at run time, with the bytes of one weight."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a model by component; that of a model without components is called "".

    Components are the sub-folders of a pipeline, such as `unet` and `vae`.
    """

    components: Mapping[str, tuple[StoredTensor, ...]]

    def component_bytes(self, dtype: str) -> dict[str, int]:
        """Bytes of every component at a run-time dtype."""
        return {
            name: sum(runtime_bytes(tensor, dtype) for tensor in tensors)
            for name, tensors in self.components.items()
        }

    def layer_bytes(self, dtype: str) -> dict[str, int]:
        """Bytes of every layer at a run-time dtype.

        A layer is what shares a component and a tensor name up to its first number
        (`encoder.layers.3`); without a number, up to the first dot.
        """
        layers: dict[str, int] = {}
        for component, tensors in self.components.items():
            for tensor in tensors:
                layer = f"{component}/{_layer(tensor.name)}"
                layers[layer] = layers.get(layer, 0) + runtime_bytes(tensor, dtype)
        return layers

    def nbytes(self, dtype: str) -> int:
        """Bytes of all weights at a run-time dtype."""
        return sum(self.component_bytes(dtype).values())


def runtime_bytes(tensor: StoredTensor, dtype: str) -> int:
    """Bytes of a tensor at a run-time dtype: floating-point ones are converted, others stay as stored.

    Raises:
        ModelError: if the dtype is none of `DTYPES`.
    """
    width = DTYPES.get(dtype)
    if width is None:
        raise ModelError(f"dtype {dtype!r} is not known; there are {', '.join(DTYPES)}")
    is_float = tensor.dtype.startswith(("F", "BF"))
    return prod(tensor.shape) * width if is_float else tensor.nbytes


def default_sizes(weights: Weights, dtype: str, modes: Iterable[Mode] = MODES) -> dict[Mode, int]:
    """Bytes on the device per mode: all weights, the largest component, the same, the largest layer."""
    by_mode: Mapping[Mode, Iterable[int]] = {
        "resident": (weights.nbytes(dtype),),
        "swap": weights.component_bytes(dtype).values(),
        "chunked": weights.component_bytes(dtype).values(),
        "offload": weights.layer_bytes(dtype).values(),
    }
    return {mode: max(by_mode[mode], default=0) for mode in modes}


def _layer(name: str) -> str:
    parts = name.split(".")
    numbered = next((index for index, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: numbered + 1])

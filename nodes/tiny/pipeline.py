"""`tiny.pipeline`: a kind of model built like a diffusion pipeline, small enough for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nodegraph import ModelRef, model
from nodegraph.models import Mode, ModelError
from nodes.tiny.files import read_shape
from nodes.tiny.weights import OneByOne, Resident, Weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Linear

_GAIN = 0.5
"""How much of a layer's output is added to its input."""

_PULL = 0.5
"""How far each denoising step goes back to the guide."""


class TinyPipeline:
    """Encoder, denoiser and decoder: residual layers `x + tanh(x Wᵀ) / 2` over tokens of `width` numbers.

    States and scratch are tensors `[B, T, width]` of the pipeline's dtype on its device; each method
    changes the states in place and leaves anything in the scratch. The pictures of a batch pass a layer one
    by one, by operations of the same shape and alignment: on a CPU each comes out bit-equal whatever it
    shares the batch with, and in every mode.

    Attributes:
        width: numbers of a token.
    """

    def __init__(self, width: int, weights: Weights) -> None:
        self.width = width
        self._weights = weights

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and states."""
        return self._weights.dtype

    @property
    def device(self) -> str:
        """Where states have to be."""
        return self._weights.device

    def parameters(self) -> Iterator[Tensor]:
        """The weights that are held at this moment: all of them where the mode is "resident"."""
        return self._weights.parameters()

    def buffers(self) -> Iterator[Tensor]:
        """None: all tensors are parameters."""
        return iter(())

    def to(self, device: str) -> TinyPipeline:
        """Move to another device, in place; not while in use."""
        self._weights.move(device)
        return self

    def encode(self, states: Tensor, scratch: Tensor) -> None:
        """Turn pictures, -1 to 1, into latents."""
        self._pass_through("encoder", states, scratch)

    def denoise(
        self,
        states: Tensor,
        guide: Tensor,
        scratch: Tensor,
        *,
        steps: int,
        progress: Callable[[float, float | None], None],
    ) -> None:
        """Let noisy latents pass the denoiser `steps` times, each time pulled back half-way to the guide."""
        with self._weights.layers("denoiser") as layers:
            for step in range(steps):
                _apply(layers, states, scratch)
                for state, clean in zip(states, guide, strict=True):
                    state.lerp_(clean, _PULL)
                progress(step + 1, steps)

    def decode(self, states: Tensor, scratch: Tensor) -> None:
        """Turn latents into pictures, -1 to 1."""
        self._pass_through("decoder", states, scratch)
        for state in states:
            state.tanh_()

    def _pass_through(self, component: str, states: Tensor, scratch: Tensor) -> None:
        with self._weights.layers(component) as layers:
            _apply(layers, states, scratch)


@model("tiny.pipeline", modes=("resident", "swap", "offload"))
def load_tiny_pipeline(ref: ModelRef, folder: Path, device: str, mode: Mode) -> TinyPipeline:
    """Load a tiny pipeline, as `python -m nodes.tiny.make` leaves it.

    In mode "swap" a component, in mode "offload" a layer is read from disk whenever it is due.

    Raises:
        ModelError: if it is a single file, or files of it are missing or contradict each other.
    """
    import torch

    if not folder.is_dir():
        raise ModelError(f"{folder}: a tiny pipeline is a folder with model_index.json; name the folder")
    shape = read_shape(folder)
    dtype = getattr(torch, ref.dtype)
    if mode == "resident":
        return TinyPipeline(shape.width, Resident(folder, shape, dtype, device))
    weights = OneByOne(folder, shape, dtype, device, whole_components=mode == "swap")
    return TinyPipeline(shape.width, weights)


def _apply(layers: Iterable[Linear], states: Tensor, scratch: Tensor) -> None:
    import torch

    for layer in layers:
        for state, room in zip(states, scratch, strict=True):
            torch.mm(state, layer.weight.T, out=room)
            state.add_(room.tanh_(), alpha=_GAIN)

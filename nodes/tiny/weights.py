"""Three ways to hold the layers of a tiny pipeline: all of them, a component at a time, a layer at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from nodes.tiny.files import COMPONENTS, WEIGHTS, Shape, copy_layer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Linear


class Weights(Protocol):
    """The layers of a pipeline on a device.

    Attributes:
        device: where layers are when they are used.
        dtype: of their weights.
    """

    device: str
    dtype: torch.dtype

    def layers(self, component: str) -> AbstractContextManager[Iterable[Linear]]:
        """The layers of a component in their order, on the device; any number of times while entered."""
        ...

    def parameters(self) -> Iterator[Tensor]:
        """The weights that are held at this moment."""
        ...

    def move(self, device: str) -> None:
        """Take another device. Not while a component is entered."""
        ...


class Resident:
    """All layers, from the beginning to the end."""

    def __init__(self, folder: Path, shape: Shape, dtype: torch.dtype, device: str) -> None:
        self.device, self.dtype = device, dtype
        self._components = {
            name: _component(folder / name / WEIGHTS, shape, dtype, device) for name in COMPONENTS
        }

    def layers(self, component: str) -> AbstractContextManager[Iterable[Linear]]:
        """The layers of a component."""
        return nullcontext(self._components[component])

    def parameters(self) -> Iterator[Tensor]:
        """All weights."""
        return (layer.weight for layers in self._components.values() for layer in layers)

    def move(self, device: str) -> None:
        """Move all layers."""
        for layers in self._components.values():
            for layer in layers:
                layer.to(device)
        self.device = device


class OneByOne:
    """The layers of one component, or one layer, read from disk when they are due and dropped after use.

    Calls in several threads wait for each other: together they would hold more.
    """

    def __init__(
        self, folder: Path, shape: Shape, dtype: torch.dtype, device: str, *, whole_components: bool
    ) -> None:
        self.device, self.dtype = device, dtype
        self._folder, self._shape, self._whole_components = folder, shape, whole_components
        self._held: list[Linear] = []
        self._lock = threading.Lock()

    @contextmanager
    def layers(self, component: str) -> Generator[Iterable[Linear]]:
        """The layers of a component; without whole components, each holds until the next is taken."""
        file = self._folder / component / WEIGHTS
        with self._lock:
            try:
                if self._whole_components:
                    self._held += _component(file, self._shape, self.dtype, self.device)
                    yield self._held
                else:
                    self._held.append(_empty_layer(self._shape, self.dtype, self.device))
                    yield _Refilled(file, self._shape.depth, self._held)
            finally:
                # In place: whoever entered still has the list, and the next one must not find both in memory.
                self._held.clear()

    def parameters(self) -> Iterator[Tensor]:
        """The weights in use."""
        return (layer.weight for layer in tuple(self._held))

    def move(self, device: str) -> None:
        """Read layers onto another device from now on; between uses nothing is held."""
        self.device = device


class _Refilled:
    """The layers of a component, one after the other in the same memory."""

    def __init__(self, file: Path, depth: int, held: Sequence[Linear]) -> None:
        self._file, self._depth, self._held = file, depth, held

    def __iter__(self) -> Iterator[Linear]:
        for index in range(self._depth):
            copy_layer(self._file, index, self._held[0].weight)
            yield self._held[0]


def _component(file: Path, shape: Shape, dtype: torch.dtype, device: str) -> list[Linear]:
    layers = [_empty_layer(shape, dtype, device) for _ in range(shape.depth)]
    for index, layer in enumerate(layers):
        copy_layer(file, index, layer.weight)
    return layers


def _empty_layer(shape: Shape, dtype: torch.dtype, device: str) -> Linear:
    """A layer whose weights are not set; drawing them would also draw from torch's global generator."""
    from torch.nn import Linear
    from torch.nn.utils import skip_init

    layer = skip_init(Linear, shape.width, shape.width, bias=False, device=device, dtype=dtype)
    return cast("Linear", layer.requires_grad_(requires_grad=False))

"""Weights that come when their part or layer runs and go when another one does: less memory, more reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodegraph.models import ModelError
from nodes.diffusion.stored import StoredWeights

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True)
class _Slot:
    """Where a parameter stands in a module: modules that share it have a slot each.

    Attributes:
        owner, name: the module that has it, and its name there.
        stored: its name in the weight files.
        dtype: in which the model is loaded.
    """

    owner: Module
    name: str
    stored: str
    dtype: torch.dtype


@dataclass(frozen=True, eq=False)
class _Unit:
    """Parameters that come and go together, and where they are read from."""

    slots: tuple[_Slot, ...]
    weights: StoredWeights


class Turns:
    """The weights of one pipeline: at any moment no more than those of one part, or of one layer.

    Args:
        device: where parts run.
        by_layer: whether weights come layer by layer, not part by part. A layer is a module with parameters
            of its own, and its weights go as soon as it has run.
    """

    def __init__(self, device: str, *, by_layer: bool) -> None:
        self.device = device
        self._by_layer = by_layer
        self._held: list[_Unit] = []
        self._weights: list[StoredWeights] = []
        self.channels_last = False

    def take_on(self, module: Module, weights: StoredWeights, *, where: str) -> None:
        """Let a part's weights come by turns from now on; its buffers, which are small, come at once.

        Raises:
            ModelError: if its weights are not in its files; `where` says which part it is.
        """
        from accelerate.hooks import add_hook_to_module

        self._weights.append(weights)
        slots = _slots(module, weights, where)
        _fill_buffers(module, weights, self.device)
        whole = _Unit(() if self._by_layer else tuple(slots), weights)
        # Also where it brings nothing: it tells the pipeline on which device the part runs.
        add_hook_to_module(module, _hook(self, whole, goes_at_once=False))
        if not self._by_layer:
            # Pipelines run a module inside some parts alone, such as the vision tower of a language model.
            for inner in [each for each in module.modules() if each is not module]:
                inner.register_forward_pre_hook(lambda *_: self.bring(whole))
            return
        for layer, owners in _layers(module):
            if own := tuple(slot for slot in slots if slot.owner in owners):
                add_hook_to_module(layer, _hook(self, _Unit(own, weights), goes_at_once=True))

    def bring(self, unit: _Unit) -> None:
        """Read weights onto the device, unless they are there."""
        if unit in self._held:
            return
        if not self._by_layer:
            self.clear()
        self._held.append(unit)
        read: dict[str, Any] = {}
        for slot in unit.slots:
            if slot.stored not in read:
                read[slot.stored] = self._parameter(slot, unit.weights)
            _parameters(slot.owner)[slot.name] = read[slot.stored]

    def drop(self, unit: _Unit) -> None:
        """Let go of weights."""
        import torch

        self._held.remove(unit)
        for slot in unit.slots:
            there = _parameters(slot.owner)[slot.name]
            empty = torch.empty_like(there, device="meta")
            _parameters(slot.owner)[slot.name] = torch.nn.Parameter(empty, requires_grad=False)

    def clear(self) -> None:
        """Let go of all weights."""
        for unit in tuple(self._held):
            self.drop(unit)

    def forget(self) -> None:
        """Let go of what is kept in host memory; nothing is brought after that."""
        for weights in self._weights:
            weights.forget()

    def _parameter(self, slot: _Slot, weights: StoredWeights) -> Any:
        """A weight on the device; in the dtype that the module has been given meanwhile, if it was."""
        import torch

        wanted = _parameters(slot.owner)[slot.name].dtype
        tensor = weights.read(slot.stored, slot.dtype).to(self.device, non_blocking=True).to(wanted)
        return torch.nn.Parameter(in_layout(tensor, channels_last=self.channels_last), requires_grad=False)


def in_layout(tensor: Tensor, *, channels_last: bool) -> Tensor:
    """A weight with its channels last in memory if that is wanted; those of 2-D convolutions have them."""
    import torch

    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def _hook(turns: Turns, unit: _Unit, *, goes_at_once: bool) -> Any:
    """A hook that brings weights before a module runs, or before `encode` and `decode` of a VAE."""
    from accelerate.hooks import ModelHook
    from accelerate.utils import send_to_device

    class Turn(ModelHook):
        execution_device = turns.device

        def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            del module
            turns.bring(unit)
            return send_to_device(args, turns.device), send_to_device(kwargs, turns.device)

        def post_forward(self, module: Any, output: Any) -> Any:
            del module
            if goes_at_once:
                turns.drop(unit)
            return output

    return Turn()


def _layers(module: Module) -> Iterator[tuple[Module, frozenset[Module]]]:
    """The modules of a part whose weights come and go together, and whose weights these are.

    They are each module's own; attention and other layers of torch that consist of modules also read weights
    of these without running them.
    """
    within: set[Module] = set()
    for layer in module.modules():
        if layer in within:
            continue
        owners = frozenset(layer.modules()) if _reads_inside(layer) else frozenset({layer})
        within |= owners
        yield layer, owners


def _reads_inside(layer: Module) -> bool:
    from torch import nn

    containers = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)
    bases = [base for base in type(layer).__mro__ if base.__module__.startswith("torch.nn.modules.")]
    return any(base not in containers for base in bases) and any(True for _ in layer.children())


def _slots(module: Module, weights: StoredWeights, where: str) -> list[_Slot]:
    """All parameters of a part; of names for the same one, that in the files counts."""
    owners = dict(module.named_modules())
    stored_as: dict[int, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name in weights:
            stored_as.setdefault(id(parameter), name)
    slots: list[_Slot] = []
    for name, parameter in module.named_parameters(remove_duplicate=False):
        stored = stored_as.get(id(parameter))
        if stored is None or weights.shape(stored) != tuple(parameter.shape):
            raise ModelError(
                f"{where}: it lacks the weight {name} of shape {list(parameter.shape)} of a "
                f"{type(module).__name__}; fetch or copy the model again"
            )
        owner, _, own_name = name.rpartition(".")
        slots.append(_Slot(owners[owner], own_name, stored, parameter.dtype))
    return slots


def _fill_buffers(module: Module, weights: StoredWeights, device: str) -> None:
    """Set the buffers that are stored, and move all to the device."""
    for name, buffer in module.named_buffers():
        if name in weights:
            buffer.copy_(weights.read(name, buffer.dtype))
    for owner in module.modules():
        for name, buffer in list(owner.named_buffers(recurse=False, remove_duplicate=False)):
            setattr(owner, name, buffer.to(device))


def _parameters(module: Module) -> dict[str, Any]:
    """The parameters of a module itself, to be set one by one.

    By setattr they would pass `register_parameter`, which accelerate exchanges, for the whole process, while
    it builds a model without weights.
    """
    return module._parameters  # noqa: SLF001

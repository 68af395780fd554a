"""What a declared kind does with a model: its sizes, loading it, moving it between device and host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nodegraph.models.errors import ModelError
from nodegraph.models.kinds import ModelKind, model_kind
from nodegraph.models.layout import model_files, read_weights
from nodegraph.models.modes import Mode
from nodegraph.models.sources import described, locate
from nodegraph.models.tensors import modules_in, pin
from nodegraph.models.weights import default_sizes
from nodegraph.types.builtin import ModelRef


def load_model(ref: ModelRef, device: str, mode: Mode) -> Any:
    """Load a model from disk onto a device.

    Raises:
        ModelError: if its kind is unknown or does not offer the mode, or its files are not where they were.
        Exception: whatever the kind's own function raises.
    """
    kind = model_kind(ref.kind)
    if mode not in kind.modes:
        raise ModelError(
            f"model {described(ref)}: it is not offered in mode {mode!r}, only {', '.join(kind.modes)}"
        )
    return kind.load(ref, locate(ref), device, mode)


def model_sizes(ref: ModelRef) -> Mapping[Mode, int]:
    """Bytes of weights that a model takes on its device, for each mode that its kind offers; loads nothing.

    Raises:
        ModelError: if its kind is unknown or names other sizes, or its files are missing or damaged.
    """
    kind = model_kind(ref.kind)
    weights = read_weights(locate(ref), ref.variant)
    if kind.size is None:
        return default_sizes(weights, ref.dtype, kind.modes)
    sizes = kind.size(ref, weights)
    if set(sizes) != set(kind.modes) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ModelError(
            f"model {described(ref)}: size= of {kind.place} gave {dict(sizes)!r}; "
            f"it must give bytes for {', '.join(kind.modes)}"
        )
    return {mode: sizes[mode] for mode in kind.modes}


def to_host(ref: ModelRef, loaded: Any) -> Any:
    """Move a resident model into host memory, pinned where there is CUDA; None if it cannot be moved."""
    kind = model_kind(ref.kind)
    if kind.to_host is not None:
        return kind.to_host(loaded)
    moved = _moved(kind, loaded, "cpu")
    for module in modules_in(moved):
        pin(module)
    return moved


def to_device(ref: ModelRef, loaded: Any, device: str) -> Any:
    """Move a model from host memory onto a device; None if it cannot be moved."""
    kind = model_kind(ref.kind)
    return _moved(kind, loaded, device) if kind.to_device is None else kind.to_device(loaded, device)


def weight_paths(ref: ModelRef) -> Iterable[Path]:
    """The files that loading a model reads."""
    return model_files(locate(ref), ref.variant).values()


def _moved(kind: ModelKind, loaded: Any, device: str) -> Any:
    """What `.to` gives; None where there is no `.to`, or only one of the two directions is declared."""
    is_one_way = (kind.to_host is None) != (kind.to_device is None)
    if is_one_way or not callable(getattr(loaded, "to", None)):
        return None
    return loaded.to(device)

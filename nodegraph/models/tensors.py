"""The memory of a loaded model: how many bytes its tensors take, pinning it on the host, freeing it."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 16 << 20


def modules_in(loaded: Any) -> Iterator[Any]:
    """What offers `parameters()` in a loaded model: itself, its `components`, or a container's entries."""
    if callable(getattr(loaded, "parameters", None)):
        yield loaded
        return
    parts = getattr(loaded, "components", loaded)
    if isinstance(parts, Mapping):
        parts = list(cast("Mapping[Any, Any]", parts).values())
    if isinstance(parts, (list, tuple)):
        yield from (part for part in cast("list[Any]", parts) if callable(getattr(part, "parameters", None)))


def tensor_bytes(loaded: Any) -> int | None:
    """Bytes of the parameters and buffers of a loaded model, shared ones once; None if it offers none."""
    found: dict[Any, int] = {}
    for module in modules_in(loaded):
        for tensor in _tensors(module):
            storage = _storage(tensor)
            found[storage] = max(found.get(storage, 0), int(tensor.nbytes))
    return sum(found.values()) if found else None


def pin(module: Any) -> None:
    """Put a module's tensors into page-locked host memory, from which a GPU reads faster.

    Nothing is done without CUDA; what cannot be locked stays as it is.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return
    for tensor in _tensors(module):
        if not tensor.is_pinned():
            try:
                tensor.data = tensor.data.pin_memory()
            except RuntimeError:
                return


def keep_within(device: str, nbytes: int) -> None:
    """Make a budget hold for memory that is taken on a device from now on.

    On a GPU torch raises its error for want of memory where this process would take more; that counts what
    torch keeps for later, not what the driver takes for itself. On the CPU nothing is enforced, but large
    blocks that are freed go back to the system at once.
    """
    if device == "cpu":
        _return_large_blocks()
    if not device.startswith("cuda"):
        return
    import torch as untyped

    torch = cast("Any", untyped)
    total = int(torch.cuda.get_device_properties(device).total_memory)
    torch.cuda.set_per_process_memory_fraction(min(1.0, nbytes / total), device)


def release_cached(device: str) -> None:
    """Give back to the system what is kept of a device's memory after tensors were freed."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if device.startswith("cuda") and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device.startswith("mps") and torch.backends.mps.is_available():
        torch.mps.empty_cache()
    elif device.startswith("cpu"):
        _trim_heap()


def _return_large_blocks() -> None:
    """Have the C library give tensors pages of their own, which it returns when they are freed.

    By itself it raises the size from which it does so with every large block that is freed, to 32 MiB, and
    keeps what lies below in heaps that other threads cannot use (glibc, mallopt(3): M_MMAP_THRESHOLD).
    """
    import ctypes

    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _trim_heap() -> None:
    """The heap of the C library does not shrink by itself when a model of many small tensors is freed."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def watch(loaded: Any) -> Callable[[], Any]:
    """Gives an object as long as it is alive; None at once for one of which that cannot be told."""
    try:
        return weakref.ref(loaded)
    except TypeError:
        return lambda: None


def collect(watched: Iterable[Callable[[], Any]]) -> None:
    """Free objects that were let go of but hold themselves in a cycle, as modules with hooks do."""
    if any(alive() is not None for alive in watched):
        gc.collect()


def _tensors(module: Any) -> Iterator[Any]:
    yield from cast("Iterable[Any]", module.parameters())
    if callable(getattr(module, "buffers", None)):
        yield from cast("Iterable[Any]", module.buffers())


def _storage(tensor: Any) -> Any:
    """What tells one tensor's memory from another's."""
    pointer = getattr(tensor, "data_ptr", None)
    address = pointer() if callable(pointer) else 0
    return address or id(tensor)

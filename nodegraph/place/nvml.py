"""What the NVIDIA driver tells about its cards, through NVML, without loading CUDA or torch."""

# ruff: noqa: D102, N802, N815 - the names are those of NVML

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from nodegraph.place.found import Process

_DRIVER_FILES = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvmap", "/proc/driver/nvidia")
"""What a driver leaves on Linux, on Linux inside Windows, and on boards where the GPU shares the memory."""


class NvmlError(Exception):
    """The driver could not be asked; the message is NVML's own."""


class NvmlLibrary(Protocol):
    """The functions of the module `pynvml` that are used; handles are opaque."""

    NVMLError: type[Exception]
    nvmlMemory_v2: int

    def nvmlInit(self) -> object: ...
    def nvmlShutdown(self) -> object: ...
    def nvmlSystemGetDriverVersion(self) -> str: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetUUID(self, handle: Any) -> str: ...
    def nvmlDeviceGetName(self, handle: Any) -> str: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any: ...
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> Sequence[Any]: ...
    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: Any) -> Sequence[Any]: ...
    def nvmlDeviceGetMigMode(self, handle: Any) -> Sequence[int]: ...
    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int: ...
    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any: ...


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the driver sees it, or an instance of a card that is divided (MIG).

    Attributes:
        uuid: such as `GPU-8f1a…`, or `MIG-…` for an instance.
        total: bytes that programs can use; what the driver keeps for itself is left out where it tells.
        free: bytes that are free now.
        processes: all that use it, this one included; empty where the driver does not tell.
        instances: of a divided card.
    """

    uuid: str
    product: str
    total: int
    free: int
    processes: tuple[Process, ...] = ()
    instances: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver's version, and its cards in the order of their PCI addresses, as `nvidia-smi` lists them."""

    version: str
    cards: tuple[Card, ...]


def driver_may_be_there() -> bool:
    """Whether there is a trace of an NVIDIA driver, so that machines without one load nothing to ask it."""
    return any(Path(file).exists() for file in _DRIVER_FILES)


def load_nvml() -> NvmlLibrary | None:
    """The library, or None if it is not installed."""
    try:
        return cast("NvmlLibrary", importlib.import_module("pynvml"))
    except ModuleNotFoundError:
        return None


def ask_driver(nvml: NvmlLibrary) -> Driver:
    """What the driver tells.

    Raises:
        NvmlError: if there is no driver, or it does not answer.
    """
    with _errors(nvml):
        nvml.nvmlInit()
        try:
            cards = tuple(_card(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
            return Driver(nvml.nvmlSystemGetDriverVersion(), cards)
        finally:
            nvml.nvmlShutdown()


@contextmanager
def _errors(nvml: NvmlLibrary) -> Generator[None]:
    try:
        yield
    except nvml.NVMLError as error:
        raise NvmlError(str(error)) from None


def _card(nvml: NvmlLibrary, index: int) -> Card:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    return _described(nvml, handle, instances=tuple(_instances(nvml, handle)))


def _described(nvml: NvmlLibrary, handle: Any, instances: tuple[Card, ...] = ()) -> Card:
    total, free = (0, 0) if instances else _memory(nvml, handle)
    return Card(
        nvml.nvmlDeviceGetUUID(handle),
        nvml.nvmlDeviceGetName(handle),
        total,
        free,
        () if instances else _processes(nvml, handle),
        instances,
    )


def _memory(nvml: NvmlLibrary, handle: Any) -> tuple[int, int]:
    """Total and free; only the newer form of the question tells apart what the driver keeps for itself."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        return int(memory.total) - int(memory.reserved), int(memory.free)
    except nvml.NVMLError:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return int(memory.total), int(memory.free)


def _processes(nvml: NvmlLibrary, handle: Any) -> tuple[Process, ...]:
    """Who uses a card: computing, drawing, or both; what each takes is told once for both."""
    takes: dict[int, int | None] = {}
    for ask in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
        for process in _unless_refused(nvml, ask, handle):
            nbytes = process.usedGpuMemory
            known = takes.get(process.pid)
            takes[process.pid] = known if nbytes is None else max(int(nbytes), known or 0)
    return tuple(Process(pid, nbytes) for pid, nbytes in sorted(takes.items()))


def _unless_refused(nvml: NvmlLibrary, ask: Callable[[Any], Sequence[Any]], handle: Any) -> Sequence[Any]:
    try:
        return ask(handle)
    except nvml.NVMLError:
        return ()


def _instances(nvml: NvmlLibrary, handle: Any) -> Iterator[Card]:
    """The instances of a divided card; none for a whole one, and for cards that cannot be divided."""
    try:
        divided = nvml.nvmlDeviceGetMigMode(handle)[0] == 1
        places = nvml.nvmlDeviceGetMaxMigDeviceCount(handle) if divided else 0
    except nvml.NVMLError:
        return
    for place in range(places):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
        except nvml.NVMLError:
            continue
        yield _described(nvml, instance)

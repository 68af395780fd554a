"""A driver, a torch and a host that answer what they are given, in the forms of NVML, torch and Linux."""

# ruff: noqa: N802, N815 - the names are those of NVML

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nodegraph.place.discovery import Machine
from nodegraph.place.host import Host
from nodegraph.place.torch_devices import TorchBuild, TorchCard

MIB, GIB = 1 << 20, 1 << 30
WITH_CUDA = TorchBuild("2.13.0", "CUDA 13.0")
WITHOUT_CUDA = TorchBuild("2.13.0+cpu", "")
OWN_PID = 4711


class RecordedError(Exception):
    """What stands for `pynvml.NVMLError`."""


@dataclass(frozen=True)
class RecordedCard:
    uuid: str
    name: str
    total: int
    reserved: int
    used: int
    """Without what is reserved."""
    compute: tuple[tuple[int, int | None], ...] = ()
    graphics: tuple[tuple[int, int | None], ...] = ()
    instances: tuple[RecordedCard, ...] | None = None
    tells_processes: bool = True


H100 = RecordedCard(
    "GPU-11111111-aaaa", "NVIDIA H100 80GB HBM3", 81559 * MIB, 551 * MIB, 9000 * MIB, ((100, 8000 * MIB),)
)
RTX = RecordedCard("GPU-22222222-bbbb", "NVIDIA GeForce RTX 4090", 24564 * MIB, 400 * MIB, 4 * MIB)


class RecordedNvml:
    """NVML's answers; `trouble` is what beginning fails with, `old` a driver without the newer question."""

    NVMLError = RecordedError
    nvmlMemory_v2 = 0x2000028

    def __init__(self, cards: Sequence[RecordedCard] = (), *, trouble: str = "", old: bool = False) -> None:
        self._cards, self._trouble, self._old = cards, trouble, old
        self.begun = 0

    def nvmlInit(self) -> None:
        if self._trouble:
            raise RecordedError(self._trouble)
        self.begun += 1

    def nvmlShutdown(self) -> None:
        self.begun -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.82.07"

    def nvmlDeviceGetCount(self) -> int:
        return len(self._cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> RecordedCard:
        return self._cards[index]

    def nvmlDeviceGetUUID(self, handle: RecordedCard) -> str:
        return handle.uuid

    def nvmlDeviceGetName(self, handle: RecordedCard) -> str:
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: RecordedCard, version: int | None = None) -> Any:
        free = handle.total - handle.reserved - handle.used
        if version is None:
            return SimpleNamespace(total=handle.total, free=free, used=handle.total - free)
        if self._old:
            raise RecordedError("Function Not Found")
        return SimpleNamespace(total=handle.total, free=free, used=handle.used, reserved=handle.reserved)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: RecordedCard) -> list[Any]:
        return _processes(handle, handle.compute)

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: RecordedCard) -> list[Any]:
        return _processes(handle, handle.graphics)

    def nvmlDeviceGetMigMode(self, handle: RecordedCard) -> list[int]:
        if handle.name == RTX.name:
            raise RecordedError("Not Supported")
        mode = int(handle.instances is not None)
        return [mode, mode]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: RecordedCard) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: RecordedCard, index: int) -> RecordedCard:
        try:
            return (handle.instances or ())[index]
        except IndexError:
            raise RecordedError("Not Found") from None


def _processes(card: RecordedCard, told: Sequence[tuple[int, int | None]]) -> list[Any]:
    if not card.tells_processes:
        raise RecordedError("Not Supported")
    return [SimpleNamespace(pid=pid, usedGpuMemory=nbytes) for pid, nbytes in told]


@dataclass(frozen=True)
class RecordedTorch:
    """What torch says."""

    cards: tuple[TorchCard, ...] = ()
    begun: bool = False
    apple: TorchCard | None = None

    def cuda_begun(self) -> bool:
        return self.begun

    def cuda(self) -> tuple[TorchCard, ...]:
        return self.cards

    def mps(self) -> TorchCard | None:
        return self.apple


def recorded_host(folder: Path, files: dict[str, str] | None = None, *, memory: int = 16 * GIB) -> Host:
    """A host with these files below `proc/` and `cgroup/` of a folder."""
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Host(folder / "proc", folder / "cgroup", memory, 8, "x86_64")


def recorded_machine(
    folder: Path,
    nvml: RecordedNvml | None = None,
    *,
    driver: bool | None = None,
    torch: RecordedTorch | None = None,
    build: TorchBuild | None = WITH_CUDA,
    **environ: str,
) -> Machine:
    """A machine with 16 GiB of memory and what is given."""
    there = nvml is not None if driver is None else driver
    return Machine(recorded_host(folder), there, nvml, torch, build, environ, OWN_PID)

"""What torch tells about devices: how it was built, without importing it, and what it sees once it is."""

from __future__ import annotations

import ast
import importlib
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

_LABELS = {"cuda": "CUDA", "hip": "ROCm"}


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """An installed torch.

    Attributes:
        version: such as `2.13.0+cpu`.
        accelerator: what it was built for besides the cpu, such as `CUDA 13.0` or `ROCm 6.4`, or "".
    """

    version: str
    accelerator: str


@dataclass(frozen=True, slots=True)
class TorchCard:
    """A device as torch sees it; `held` are bytes that this process holds and that torch would use again."""

    uuid: str
    product: str
    total: int
    free: int
    held: int


class TorchDevices(Protocol):
    """What is asked of an imported torch."""

    def cuda_begun(self) -> bool:
        """Whether this process uses CUDA already, so that the numbers of its devices are settled."""
        ...

    def cuda(self) -> tuple[TorchCard, ...]:
        """The CUDA devices in torch's order; begins to use CUDA."""
        ...

    def mps(self) -> TorchCard | None:
        """Apple's GPU."""
        ...


class ImportedTorch:
    """The torch of this process."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def cuda_begun(self) -> bool:
        """Whether this process uses CUDA already."""
        return bool(self._torch.cuda.is_initialized())

    def cuda(self) -> tuple[TorchCard, ...]:
        """The CUDA devices in torch's order."""
        cuda = self._torch.cuda
        return tuple(map(self._cuda_card, range(cuda.device_count() if cuda.is_available() else 0)))

    def mps(self) -> TorchCard | None:
        """Apple's GPU, where there is one."""
        if not self._torch.backends.mps.is_available():
            return None
        total = int(self._torch.mps.recommended_max_memory())
        held = int(self._torch.mps.driver_allocated_memory())
        return TorchCard("", "Apple GPU", total, max(0, total - held), held)

    def _cuda_card(self, index: int) -> TorchCard:
        cuda = self._torch.cuda
        properties = cuda.get_device_properties(index)
        free, total = cuda.mem_get_info(index)
        uuid = f"GPU-{properties.uuid}" if hasattr(properties, "uuid") else ""
        return TorchCard(uuid, str(properties.name), int(total), int(free), int(cuda.memory_reserved(index)))


def loaded_torch() -> ImportedTorch | None:
    """The torch that this process has imported already; None if it has not."""
    torch = sys.modules.get("torch")
    return None if torch is None else ImportedTorch(torch)


def import_torch() -> ImportedTorch:
    """Import torch, which takes seconds.

    Raises:
        ImportError: if it is not installed or does not load.
        OSError: if a library that it needs does not load.
    """
    return ImportedTorch(importlib.import_module("torch"))


def torch_build() -> TorchBuild | None:
    """How the installed torch was built, read from its files and not imported; None if there is none."""
    spec = find_spec("torch")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (file := Path(folder) / "version.py").is_file():
            return read_build(file.read_text(encoding="utf-8"))
    return None


def read_build(source: str) -> TorchBuild:
    """How torch was built, from the text of its `version.py`; it is parsed, not run."""
    told: dict[str, str] = {}
    for statement in ast.parse(source).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text)))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text)))
            ):
                told[name] = text
            case _:
                pass
    built_for = [f"{_LABELS[name]} {told[name]}" for name in _LABELS if name in told]
    return TorchBuild(told.get("__version__", ""), ", ".join(built_for))

"""A device that was found on this machine, and how much of it there is to use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GIB = 1 << 30
CONTEXT_BYTES = GIB // 2
"""Kept free on a CUDA device: what its context and the kernels of the libraries take beside all tensors."""

FoundKind = Literal["cuda", "mps", "cpu"]


@dataclass(frozen=True, slots=True)
class Process:
    """Another process that uses a device; `nbytes` is None where the driver does not tell what it takes."""

    pid: int
    nbytes: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A device of this machine; all sizes in bytes.

    Attributes:
        name: as `--devices` names it, such as `cuda:0` or `cpu`.
        product: what its maker calls it, or "" if that is not known.
        total: memory that programs can use in all; for the cpu within the limits of its control groups.
        free: memory that is free now.
        own: memory of the device that this process holds already and can use again, such as loaded models.
        others: memory that is neither free nor held by this process.
        processes: the others that use it, where the driver tells them.
        lanes: how many calls run on it at the same time.
        unusable: why no call can run on it although it is there, or "".
    """

    name: str
    kind: FoundKind
    product: str
    total: int
    free: int
    own: int = 0
    others: int = 0
    processes: tuple[Process, ...] = ()
    lanes: int = 1
    unusable: str = ""

    @property
    def reserve(self) -> int:
        """Bytes that no budget takes unless it is written out.

        Half a GiB on CUDA, for its context. On the cpu and on mps, which share their memory with everything
        else that runs, a tenth of the memory and at least 1 GiB, but never more than half of what is free.
        """
        if self.kind == "cuda":
            return CONTEXT_BYTES
        return min(max(self.total // 10, GIB), (self.free + self.own) // 2)

    @property
    def auto_budget(self) -> int:
        """The budget where none is written out: what is free or held, less the reserve; 0 at least."""
        return max(0, min(self.total, self.free + self.own) - self.reserve)

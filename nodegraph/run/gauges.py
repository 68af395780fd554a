"""Reading how much memory of a device this process uses: of the CPU, of CUDA, of MPS."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = b"5"
"""What sets VmHWM back to VmRSS when it is written to clear_refs (Linux, proc(5))."""

_WORTH_TRIMMING = 4 << 20
# Of all time, giving memory back to the system takes this share at most.
_TRIMMING_SHARE = 0.01
_SAMPLED_EVERY_S = 0.005


class Gauge(Protocol):
    """Reads the memory of one device, as far as this process uses it; all figures are bytes."""

    @property
    def hides_some(self) -> bool:
        """Whether memory kept from before `begin` may serve again, so that the peak does not tell of it."""
        ...

    def begin(self) -> int:
        """Forget the peak so far; what is in use now."""
        ...

    def in_use(self) -> int:
        """What is in use now."""
        ...

    def peak(self) -> int:
        """The most that was in use since `begin`."""
        ...

    def reserved(self) -> int:
        """The most that was held of the device since `begin`, used or not; 0 if that is not told apart."""
        ...

    def end(self) -> None:
        """Stop watching."""
        ...


class ProcessGauge:
    """The resident memory of this process, from Linux's /proc.

    It is that of the process as a whole, in steps of some pages per thread. The C library keeps what was
    freed and uses it again, which would hide what a second call takes; so what it keeps is given back first
    where it is more than 4 MiB, as far as that takes no more than 1 % of the time, and else `hides_some`.
    Up to 64 MiB that it keeps for each thread but the first cannot be given back (glibc, malloc_trim(3)): of
    equal calls of one thread the first tells all.
    """

    def __init__(self) -> None:
        self.hides_some = False
        self._next_trim = 0.0

    @staticmethod
    def is_there() -> bool:
        """Whether this system can reset the peak of a process."""
        try:
            _CLEAR_REFS.write_bytes(_RESET_PEAK)
            return b"VmHWM:" in _STATUS.read_bytes()
        except OSError:
            return False

    def begin(self) -> int:
        """Forget the peak so far; what is in use now."""
        self._trim()
        with _CLEAR_REFS.open("wb", buffering=0) as file:
            file.write(_RESET_PEAK)
        return self.in_use()

    def in_use(self) -> int:
        """What is in use now."""
        return _status(b"VmRSS:")

    def peak(self) -> int:
        """The most that was in use since `begin`."""
        return _status(b"VmHWM:")

    def reserved(self) -> int:
        """0: pages are held when they are used."""
        return 0

    def end(self) -> None:
        """Nothing to stop."""

    def _trim(self) -> None:
        library = _malloc()
        if library is None or library.mallinfo2().fordblks < _WORTH_TRIMMING:
            self.hides_some = False
            return
        began = time.monotonic()
        self.hides_some = began < self._next_trim
        if not self.hides_some:
            library.malloc_trim(0)
            ended = time.monotonic()
            self._next_trim = ended + (ended - began) / _TRIMMING_SHARE


class CudaGauge:
    """What torch's allocator has given out on a CUDA device; weights and tensors alike.

    Its context, and what libraries take past torch, are not in it.
    """

    hides_some = False

    def __init__(self, device: str) -> None:
        self._device = device

    def begin(self) -> int:
        """Forget the peak so far; what is in use now."""
        import torch

        # Nothing can be reset before the first use of CUDA.
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(self._device)
        return torch.cuda.memory_allocated(self._device)

    def in_use(self) -> int:
        """What is in use now."""
        import torch

        return torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        """The most that was in use since `begin`."""
        import torch

        return torch.cuda.max_memory_allocated(self._device)

    def reserved(self) -> int:
        """The most that the allocator held of the device since `begin`, given out or kept for later."""
        import torch

        return torch.cuda.max_memory_reserved(self._device)

    def end(self) -> None:
        """Nothing to stop."""


class SampledGauge:
    """The memory of a device that keeps no peak, read every 5 ms; shorter peaks may be missed.

    Args:
        read: gives what is in use now.
    """

    hides_some = False

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._peak = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> int:
        """Forget the peak so far and watch; what is in use now."""
        now = self._peak = self._read()
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, daemon=True, name="memory of a device")
            self._thread.start()
        return now

    def in_use(self) -> int:
        """What is in use now."""
        return self._read()

    def peak(self) -> int:
        """The most that was seen in use since `begin`."""
        self._peak = max(self._peak, self._read())
        return self._peak

    def reserved(self) -> int:
        """0: not told apart."""
        return 0

    def end(self) -> None:
        """Stop watching."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLED_EVERY_S):
            self._peak = max(self._peak, self._read())


def gauge_for(device: str, kind: str) -> Gauge | None:
    """The gauge of a device such as `cuda:0`; None if this machine has no way to read its memory."""
    if kind == "cpu":
        return ProcessGauge() if ProcessGauge.is_there() else None
    if kind == "cuda":
        return CudaGauge(device)
    if kind == "mps":
        import torch

        return SampledGauge(torch.mps.current_allocated_memory)
    return None


def _status(name: bytes) -> int:
    """Bytes of an entry of this process's status, which is in kB."""
    with _STATUS.open("rb", buffering=0) as file:
        text = file.read(8192)
    start = text.index(name) + len(name)
    return int(text[start : text.index(b"kB", start)]) * 1024


class _MallocInfo(ctypes.Structure):
    """`struct mallinfo2` of glibc, mallinfo(3): ten sizes, the ninth is what it keeps of what was freed."""

    _fields_ = (
        ("before", ctypes.c_size_t * 8),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    )


@lru_cache(maxsize=1)
def _malloc() -> Any:
    """The C library, if it is one that tells and gives back what it keeps (glibc from 2.33)."""
    library = cast("Any", ctypes.CDLL(None))
    if not hasattr(library, "mallinfo2") or not hasattr(library, "malloc_trim"):
        return None
    library.mallinfo2.restype = _MallocInfo
    return library

"""A device whose memory is only counted: it runs out, and is lost, with the very errors that torch raises."""

from __future__ import annotations

import threading
import weakref

MIB = 1 << 20
GIB = 1 << 30


class Allocation:
    """Bytes of a fake device; given back by `free`, or when nothing holds the allocation any more."""

    def __init__(self, device: FakeDevice, nbytes: int) -> None:
        self.nbytes = nbytes
        self._finalizer = weakref.finalize(self, device.give_back, nbytes)

    def free(self) -> None:
        """Give the bytes back; again does nothing."""
        self._finalizer()


class FakeDevice:
    """Memory of `capacity` bytes; a gauge of itself.

    Args:
        name: `cpu` fails as torch's CPU allocator does, all else as its CUDA allocator.
    """

    hides_some = False

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.lost = False
        self._used = 0
        self._peak = 0
        # Collecting garbage may give bytes back while the guard is held.
        self._guard = threading.RLock()

    def allocate(self, nbytes: int) -> Allocation:
        """Take bytes.

        Raises:
            torch.OutOfMemoryError: if they are not there; RuntimeError on a CPU.
            torch.AcceleratorError: if the device was lost.
        """
        with self._guard:
            if self.lost:
                raise self._lost()
            if self._used + nbytes > self.capacity:
                raise self._out_of_memory(nbytes)
            self._used += nbytes
            self._peak = max(self._peak, self._used)
            return Allocation(self, nbytes)

    def give_back(self, nbytes: int) -> None:
        """Take note that bytes are free again."""
        with self._guard:
            self._used -= nbytes

    def lose(self) -> None:
        """Fail from now on, whatever is done."""
        self.lost = True

    def begin(self) -> int:
        """Forget the peak so far; what is in use now."""
        with self._guard:
            self._peak = self._used
            return self._used

    def in_use(self) -> int:
        """What is in use now."""
        return self._used

    def peak(self) -> int:
        """The most that was in use since `begin`."""
        return self._peak

    def reserved(self) -> int:
        """0: all that is held is in use."""
        return 0

    def end(self) -> None:
        """Nothing to stop."""

    def _out_of_memory(self, nbytes: int) -> RuntimeError:
        import torch

        if self.name == "cpu":
            return RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
                f"you tried to allocate {nbytes} bytes. Error code 12 (Cannot allocate memory)"
            )
        index = self.name.rpartition(":")[2]
        free = self.capacity - self._used
        return torch.OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {nbytes / MIB:.2f} MiB. GPU {index} has a total capacity "
            f"of {self.capacity / GIB:.2f} GiB of which {free / MIB:.2f} MiB is free. "
            f"Including non-PyTorch memory, this process has {self._used / GIB:.2f} GiB memory in use."
        )

    def _lost(self) -> RuntimeError:
        import torch

        return torch.AcceleratorError(
            "CUDA error: unspecified launch failure\nSearch for `cudaErrorLaunchFailure' in "
            "https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more information.\n"
            "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace "
            "below might be incorrect."
        )

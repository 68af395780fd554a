"""Telling errors for want of memory, and lost devices, from all others; letting go of what errors hold.

The texts are those of torch 2.x, CUDA, cuDNN, NumPy and OpenCV. torch itself is not imported: an error that
it raised is told by the name of its class.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator
from typing import Any, cast

_OUT_OF_MEMORY_CLASSES = frozenset({"OutOfMemoryError"})
# torch raises these as RuntimeError or AcceleratorError, OpenCV as cv2.error.
_OUT_OF_MEMORY = re.compile(
    r"(?:CUDA|HIP|XPU|MPS backend) out of memory"
    r"|(?:CUDA|HIP)(?: driver)? error: out of memory"
    r"|DefaultCPUAllocator: (?:can't allocate memory|not enough memory)"
    r"|(?:CUBLAS|CUSOLVER|CUSPARSE|CUFFT|CURAND|HIPBLAS)(?:_STATUS)?_ALLOC(?:ATION)?_FAILED"
    # A handle is made at first use, and needs memory.
    r"|CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate"
    r"|CUDNN_STATUS_(?:INTERNAL_ERROR_(?:HOST|DEVICE)_)?ALLOC(?:ATION)?_FAILED"
    # What torch raises in place of its own error where it cannot ask the driver how much is free.
    r"|NVML_SUCCESS == r INTERNAL ASSERT FAILED"
    r"|Insufficient memory"
)
# After these the context of the device is gone: every later use of it in this process fails (CUDA Runtime
# API, cudaError_t: "any further CUDA work will return the same error").
_DEVICE_LOST = re.compile(
    r"(?:CUDA|HIP)(?: driver)? error: (?:"
    r"device-side assert triggered|an illegal memory access was encountered|unspecified launch failure"
    r"|the launch timed out and was terminated|misaligned address|an illegal instruction was encountered"
    r"|invalid program counter|hardware stack error|uncorrectable (?:ECC|NVLink) error"
    r"|operation not supported on (?:global/shared|shared or local) address space"
    r"|no (?:CUDA|ROCm)-capable device is detected|(?:all )?CUDA-capable device(?:s|\(s\))? (?:is/)?are busy"
    r"|context is destroyed|driver shutting down|invalid device context|unknown error)"
    r"|GPU is lost|GPU_IS_LOST|ERROR_DEVICE_LOST"
)
_RAISED_BY_LIBRARIES = ("torch", "cv2", "pynvml", "cupy")
_TRIED = re.compile(r"(?:[Tt]ried|Unable) to allocate (\d+(?:\.\d+)?)\s*([KMGTP]i?B|bytes)")
_UNITS = {"b": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, is for want of memory on a device or on the host."""
    return any(map(_wants_memory, _chain(error)))


def is_device_lost(error: BaseException) -> bool:
    """Whether after an error, or one that led to it, its device is of no more use to this process."""
    return any(_from_device(each) and bool(_DEVICE_LOST.search(str(each))) for each in _chain(error))


def requested_bytes(error: BaseException) -> int | None:
    """The bytes that the allocation asked for which there was no room for; None if the error does not say."""
    for each in _chain(error):
        match = _TRIED.search(str(each)) if _wants_memory(each) else None
        if match is not None:
            return round(float(match[1]) * _UNITS[match[2][0]])
    return None


def release(error: BaseException) -> None:
    """Clear the frames of an error, and of those that led to it, of their variables.

    A traceback keeps alive what the functions that failed were working on: on a device, the memory that is
    wanted. Where it was raised is still told. To be called where the error is caught, before freeing.
    """
    for each in _chain(error):
        traceback.clear_frames(each.__traceback__)


def _wants_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY_CLASSES:
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return _from_device(error) and bool(_OUT_OF_MEMORY.search(str(error)))


def _from_device(error: BaseException) -> bool:
    """Whether an error may be one that a library raised, and not a text of someone's own."""
    return isinstance(error, RuntimeError) or type(error).__module__.split(".")[0] in _RAISED_BY_LIBRARIES


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, its members if it is a group, and what led to them; each once."""
    waiting, seen = [error], {id(error)}
    while waiting:
        each = waiting.pop()
        yield each
        group = cast("BaseExceptionGroup[Any]", each) if isinstance(each, BaseExceptionGroup) else None
        members: tuple[BaseException, ...] = () if group is None else group.exceptions
        context = None if each.__suppress_context__ else each.__context__
        for other in (*members, each.__cause__, context):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)

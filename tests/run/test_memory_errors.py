"""Errors for want of memory and lost devices are told from all others, and let go of what they hold."""

from __future__ import annotations

import errno
import subprocess
import sys

import numpy as np
import pytest

from nodegraph.run.memory_errors import is_device_lost, is_out_of_memory, release, requested_bytes
from tests.run.fake_allocator import MIB, FakeDevice


def raised_by(function) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def too_large_a_tensor() -> object:
    import torch

    return torch.empty(10**15)


REAL_OUT_OF_MEMORY = [
    too_large_a_tensor,
    lambda: np.empty(10**15),
    lambda: bytearray(1 << 62),
    lambda: FakeDevice("cuda:0", MIB).allocate(20 * MIB),
    lambda: FakeDevice("cpu", MIB).allocate(20 * MIB),
]

OUT_OF_MEMORY_TEXTS = [
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "CUDA driver error: out of memory",
    "HIP out of memory. Tried to allocate 20.00 MiB",
    "MPS backend out of memory (MPS allocated: 9.57 GiB, max allowed: 27.20 GiB). Tried to allocate 2.50 MiB",
    "[enforce fail at alloc_cpu.cpp:81] data. DefaultCPUAllocator: not enough memory: you tried to allocate",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":995, please report',
]

LOST_TEXTS = [
    "CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert' in https://docs.nvidia.com",
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: unspecified launch failure",
    "CUDA error: uncorrectable ECC error encountered",
    "CUDA error: the launch timed out and was terminated",
]

OTHER_ERRORS = [
    ValueError("CUDA out of memory"),
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
    RuntimeError("CUDA error: invalid device ordinal"),
    RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    KeyError("out of memory"),
]


@pytest.mark.parametrize("function", REAL_OUT_OF_MEMORY)
def test_real_errors_for_want_of_memory_are_told(function):
    error = raised_by(function)
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


@pytest.mark.parametrize("text", OUT_OF_MEMORY_TEXTS)
def test_texts_for_want_of_memory_are_told(text):
    assert is_out_of_memory(RuntimeError(text))
    assert not is_device_lost(RuntimeError(text))


def test_want_of_memory_of_the_system_and_of_opencv_is_told():
    import cv2

    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert is_out_of_memory(cv2.error("OpenCV(4.10.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed"))


@pytest.mark.parametrize("text", LOST_TEXTS)
def test_texts_of_a_lost_device_are_told(text):
    import torch

    for error in (torch.AcceleratorError(text), RuntimeError(text)):
        assert is_device_lost(error)
        assert not is_out_of_memory(error)


def test_a_device_that_nvml_calls_lost_is_lost():
    import pynvml

    assert is_device_lost(pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST))
    assert not is_device_lost(pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND))


def test_a_fake_device_is_lost_for_good_when_it_is_lost():
    device = FakeDevice("cuda:0", MIB)
    device.lose()
    for _ in range(2):
        assert is_device_lost(raised_by(lambda: device.allocate(1)))


@pytest.mark.parametrize("error", OTHER_ERRORS, ids=str)
def test_all_other_errors_are_neither(error):
    assert not is_out_of_memory(error)
    assert not is_device_lost(error)
    assert requested_bytes(error) is None


def wrapped(how: str) -> BaseException:
    try:
        try:
            FakeDevice("cuda:0", MIB).allocate(3 * MIB)
        except RuntimeError as error:
            if how == "cause":
                raise ValueError("the sampler failed") from error
            if how == "hidden":
                raise ValueError("the sampler failed") from None
            raise ValueError("the sampler failed")  # noqa: B904 -- what it came from is the context
    except ValueError as error:
        return ExceptionGroup("workers", [KeyError("x"), error]) if how == "group" else error


@pytest.mark.parametrize("how", ["cause", "context", "group"])
def test_an_error_that_want_of_memory_led_to_is_one(how):
    assert is_out_of_memory(wrapped(how))
    assert requested_bytes(wrapped(how)) == 3 * MIB


def test_an_error_that_was_declared_unrelated_is_none():
    assert not is_out_of_memory(wrapped("hidden"))


def test_a_chain_that_leads_to_itself_ends():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_out_of_memory(one)


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has", 3 << 29),
        (
            "MPS backend out of memory (MPS allocated: 9.57 GiB). Tried to allocate 256 bytes on shared pool",
            256,
        ),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes. Error code 12", 4000),
        ("CUDA error: out of memory", None),
    ],
)
def test_the_bytes_that_were_asked_for_are_read_from_the_text(text, nbytes):
    assert requested_bytes(RuntimeError(text)) == nbytes


def test_what_a_failed_call_held_on_the_device_is_free_once_its_error_is_released():
    device = FakeDevice("cuda:0", 100 * MIB)

    def sample() -> None:
        latents = device.allocate(60 * MIB)
        try:
            device.allocate(latents.nbytes)
        except RuntimeError as error:
            raise ValueError("the sampler failed") from error

    error = raised_by(sample)
    assert device.in_use() == 60 * MIB
    release(error)
    assert device.in_use() == 0
    assert is_out_of_memory(error)


def test_telling_errors_imports_no_torch():
    code = """
import sys
from nodegraph.run.memory_errors import is_device_lost, is_out_of_memory
assert is_out_of_memory(MemoryError()) and not is_device_lost(RuntimeError("x"))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)

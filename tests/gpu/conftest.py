"""Tests that need a GPU: skipped, with the reason, on machines where torch sees none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from nodegraph.place.torch_devices import torch_build
from tests.gpu import pack


@pytest.fixture(scope="session")
def cuda_devices() -> int:
    """How many CUDA devices torch sees; a torch without CUDA is not imported to be asked."""
    build = torch_build()
    if build is None or not build.accelerator:
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@pytest.fixture(autouse=True)
def on_a_gpu(cuda_devices: int) -> None:
    """Skips a test where there is no CUDA device."""
    if not cuda_devices:
        pytest.skip("needs a CUDA device; torch is not installed, built without CUDA, or sees none")


@pytest.fixture(scope="session")
def svd(cuda_devices: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stable Video Diffusion in full size: 4.5 GB in fp16."""
    return _made(cuda_devices, tmp_path_factory, lambda folder: pack.make_svd(folder, "cuda:0"))


@pytest.fixture(scope="session")
def sdxl(cuda_devices: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The UNet of Stable Diffusion XL: 5.1 GB in fp16."""
    return _made(
        cuda_devices, tmp_path_factory, lambda folder: pack.make_unet(folder, "cuda:0", pack.SDXL_UNET)
    )


@pytest.fixture(scope="session")
def sd(cuda_devices: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The UNet of Stable Diffusion 1.5: 1.7 GB in fp16."""
    return _made(
        cuda_devices, tmp_path_factory, lambda folder: pack.make_unet(folder, "cuda:0", pack.SD_UNET)
    )


def _made(devices: int, folders: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    if not devices:
        pytest.skip("needs a CUDA device; torch is not installed, built without CUDA, or sees none")
    folder = folders.mktemp("model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of diffusers and transformers
        make(folder)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder carries the mark `gpu`."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)

"""Tests that need a GPU: skipped, with the reason, on machines where torch sees none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph.place.torch_devices import torch_build


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder carries the mark `gpu`."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)

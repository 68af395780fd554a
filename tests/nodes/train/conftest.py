"""Small annotated pictures and tiny detectors with random weights, which prove plumbing, not quality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Context
from nodes.load.detector import load_detector
from nodes.tiny.detector import make_tiny_detector
from nodes.train import Trained, train_detector
from tests.nodes.train.scenes import SMALL, Data, data_of, scene


@pytest.fixture
def data() -> Data:
    return data_of({f"{index}.png": scene(index) for index in range(5)})


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`checkpoint(architecture)`: the folder of a tiny detector of the class thing."""
    root = tmp_path_factory.mktemp("checkpoints")

    def make(architecture: str = "rt_detr", classes: tuple[str, ...] = ("thing",)) -> Path:
        folder = root / "-".join((architecture, *classes))
        if not folder.exists():
            make_tiny_detector(
                folder,
                architecture=architecture,
                image_size=64,
                width=32,
                queries=10,
                classes=classes,
            )
        return folder

    return make


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Trained]:
    """`trained(folder, data, seed=..., **params)`: trains a few steps of small pictures."""
    calls = iter(range(100))

    def run(folder: Path, data: Data, *, seed: int = 3, tmp: Path | None = None, **params: Any) -> Trained:
        ctx = Context.for_test(seed=seed, tmp=tmp or tmp_path / f"call-{next(calls)}")
        return train_detector(
            data.images, data.boxes, load_detector(folder, ctx=ctx), ctx=ctx, **(SMALL | params)
        )

    return run

"""A tiny pipeline on disk, and contexts that hold it in a chosen mode."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from nodegraph import Context, ModelRef
from nodegraph.models import Mode
from nodegraph.models.loading import load_model
from nodes.tiny import TinyPipeline, tiny_model
from nodes.tiny.make import make_tiny_pipeline
from nodes.types import Image

MakeContext = Callable[..., Context]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three components of two layers of 16 KiB."""
    make_tiny_pipeline(tmp_path / "model", width=64, depth=2)
    return tmp_path / "model"


@pytest.fixture
def ref(folder: Path) -> ModelRef:
    return tiny_model(folder, ctx=Context.for_test())


@pytest.fixture
def pictures() -> list[Image]:
    """Of several sizes, one smaller than any canvas."""
    rng = np.random.default_rng(5)
    sizes = [(40, 30), (25, 70), (9, 11)]
    return [Image(rng.integers(0, 256, (height, width, 3), np.uint8)) for width, height in sizes]


@pytest.fixture
def context(tmp_path: Path) -> MakeContext:
    """`context(mode, seeds)`: loads models in that mode for each use; `loaded` gets what was loaded."""

    def make(
        mode: Mode = "resident",
        seeds: Sequence[int] = (0,),
        *,
        loaded: list[TinyPipeline] | None = None,
        progress: Callable[[float, float | None], None] = lambda done, total: None,
    ) -> Context:
        @contextmanager
        def use(ref: ModelRef) -> Generator[TinyPipeline]:
            pipeline = load_model(ref, "cpu", mode)
            if loaded is not None:
                loaded.append(pipeline)
            yield pipeline

        return Context(
            seeds=seeds,
            workdir=lambda: tmp_path,
            new_folder=lambda: tmp_path,
            progress=progress,
            cancelled=lambda: False,
            use=use,
        )

    return make

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3

from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import Digest, Wire, digest, encode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store.open(folder) as opened:
        yield opened
        assert opened.warnings == []


@pytest.fixture(scope="session")
def key() -> Callable[[object], Key]:
    return lambda name: Key(blake3(str(name).encode()).digest())


@pytest.fixture(scope="session")
def row() -> Callable[..., Row]:
    def make(*outputs: Digest, dropped: str | None = None, recipe: int = 1) -> Row:
        return Row(outputs, dropped, 0.25, recipe, b"inputs", 1)

    return make


@pytest.fixture
def wired() -> Callable[[object], tuple[Digest, Wire]]:
    def make(value: object) -> tuple[Digest, Wire]:
        wire = encode(value)
        return digest(wire), wire

    return make


@pytest.fixture
def large() -> Callable[[int], np.ndarray]:
    """An array of 64 KiB, another one for each number."""
    return lambda number: np.arange(number, number + 16384, dtype=np.int32)

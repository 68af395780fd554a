from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from nodegraph import Context
from nodes.types import Boxes, Categories, File

PETS = Categories(("cat", "dog"), (17, 18))


def make_file(width: int = 64, height: int = 48, suffix: str = ".jpg", shade: int = 90) -> File:
    sink = BytesIO()
    picture = Pillow.new("RGB", (width, height), (shade, 120, 60))
    picture.save(sink, format="JPEG" if suffix == ".jpg" else "PNG")
    return File(sink.getvalue(), suffix, width, height)


def make_boxes(
    *rows: tuple[float, float, float, float, int],
    categories: Categories = PETS,
    scores: list[float] | None = None,
) -> Boxes:
    return Boxes(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.int64),
        np.array([1.0] * len(rows) if scores is None else scores, np.float32),
        categories,
    )


@pytest.fixture
def picture() -> Callable[..., File]:
    return make_file


@pytest.fixture
def boxes() -> Callable[..., Boxes]:
    return make_boxes


@pytest.fixture
def ctx(tmp_path) -> Context:
    return Context.for_test(tmp=tmp_path)


@pytest.fixture
def contents() -> Callable[..., dict[str, bytes]]:
    """Every file of an artifact by its relative name."""

    def read(artifact) -> dict[str, bytes]:
        files = sorted(path for path in artifact.folder.rglob("*") if path.is_file())
        return {path.relative_to(artifact.folder).as_posix(): path.read_bytes() for path in files}

    return read

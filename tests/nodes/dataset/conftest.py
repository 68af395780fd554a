"""Small annotated pictures for the tests of data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nodegraph import Collected, Stream
from nodes.types import Boxes, Categories, Image


def make_boxes(*class_ids: int, ignore: Sequence[int] = ()) -> Boxes:
    """One box per class id, cat or dog; those at the places in `ignore` are regions to ignore."""
    count = len(class_ids)
    ignored = np.zeros(count, dtype=bool)
    ignored[list(ignore)] = True
    return Boxes(
        np.tile(np.array([[0, 0, 2, 2]], np.float32), (count, 1)),
        np.array(class_ids, np.int64),
        np.ones(count, np.float32),
        Categories.of("cat", "dog"),
        ignored,
    )


@pytest.fixture
def boxes() -> Callable[..., Boxes]:
    """Makes boxes of the given class ids."""
    return make_boxes


@pytest.fixture
def pictures() -> Callable[..., tuple[Collected[Image], Collected[Boxes]]]:
    """Makes streams of plain pictures and of their boxes under the given keys, by default one cat each."""

    def make(
        keys: Sequence[str], of: Callable[[str], Boxes] = lambda key: make_boxes(0)
    ) -> tuple[Collected[Image], Collected[Boxes]]:
        images = {key: Image(np.full((4, 4, 3), index % 256, np.uint8)) for index, key in enumerate(keys)}
        return Stream.of(images), Stream.of({key: of(key) for key in keys})

    return make

"""Values of all sorts for tests of the wire form."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import strategies as st

from nodegraph import value


@value("test.wire_point", version=2)
@dataclass(frozen=True)
class Point:
    x: float
    y: float


@value("test.wire_mask", version=1)
@dataclass(frozen=True)
class Mask:
    pixels: Any
    at: Point | None = None


DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="<"),
    arrays.unsigned_integer_dtypes(endianness="<"),
    arrays.floating_dtypes(endianness="<", sizes=(16, 32, 64)),
    arrays.complex_number_dtypes(endianness="<", sizes=(64, 128)),
)
ARRAYS = arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(),
    st.binary(max_size=20),
    st.sampled_from([b"x" * 4095, b"x" * 4096, b"x" * 9000]),
    st.builds(Point, st.floats(), st.floats()),
)
VALUES = st.recursive(
    st.one_of(SCALARS, ARRAYS, st.builds(Mask, ARRAYS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are alike in type, order and content, NaN and the sign of zero included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, Mask):
        return same(one.pixels, other.pixels) and same(one.at, other.at)
    if isinstance(one, Point):
        return same((one.x, one.y), (other.x, other.y))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)


def nested(depth: int) -> list[Any]:
    outer: list[Any] = []
    for _ in range(depth):
        outer = [outer]
    return outer

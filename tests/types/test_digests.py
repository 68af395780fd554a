"""Digests under attack: values that differ in as little as can be, and values that only look different."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import value
from nodegraph.types.wire import decode, digest, encode


@value("test.digest_one", version=1)
@dataclass(frozen=True)
class One:
    a: Any
    b: Any = None


@value("test.digest_other", version=1)
@dataclass(frozen=True)
class Other:
    a: Any
    b: Any = None


@value("test.digest_renamed", version=1)
@dataclass(frozen=True)
class Renamed:
    c: Any
    d: Any = None


def of(held: Any) -> bytes:
    return digest(encode(held))


def float_of(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


ZEROS = np.zeros((4, 6), np.uint8)
SMALL, LARGE = np.zeros(4096, np.uint8), np.zeros(4097, np.uint8)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (One(1), Other(1)),
        (One(1, 2), Renamed(1, 2)),
        (One(1), One(1, 0)),
        (One([1]), One((1,))),
        (One(One(1)), One(1)),
        (One(ZEROS), [ZEROS]),
        (One(None, ZEROS), One(ZEROS, None)),
        ([[1], [2]], [[1, 2]]),
        ([[], [1]], [[1], []]),
        ([[[]]], [[], []]),
        (((),), ()),
        ([{}, {}], [{}]),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": None}, {}),
        ({"ab": "c"}, {"a": "bc"}),
        (["ab", "c"], ["a", "bc"]),
        ([b"ab", b"c"], [b"a", b"bc"]),
        ([b"x" * 5000, b""], [b"x" * 4999, b"x"]),
        ("\u00e4", "a\u0308"),
        (ZEROS, ZEROS.T),
        (ZEROS, ZEROS.reshape(6, 4)),
        (ZEROS, ZEROS.view(np.int8)),
        (ZEROS, ZEROS.view(bool)),
        (ZEROS, ZEROS[None]),
        (np.float32([1]), np.float32([1]).view(np.int32)),
        (np.zeros((0, 2, 3), bool), np.zeros((2, 0, 3), bool)),
        (np.zeros((1080, 0), bool), np.zeros((720, 0), bool)),
        ([SMALL, LARGE], [LARGE, SMALL]),
        (SMALL, SMALL.tobytes()),
        (LARGE, LARGE.tobytes()),
        (np.array(1.5), 1.5),
        (np.array([1, 2]), [1, 2]),
        (np.array([0.0]), np.array([-0.0])),
        (float("nan"), -float("nan")),
        (float_of(0x7FF8000000000000), float_of(0x7FF8000000000001)),
        (np.array([float_of(0x7FF8000000000000)]), np.array([float_of(0x7FF8000000000001)])),
    ],
    ids=lambda held: repr(held)[:24].encode("ascii", "replace").decode(),
)
def test_values_that_differ_in_little_differ_in_digest(one, other):
    assert of(one) != of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ZEROS, np.asfortranarray(ZEROS)),
        (np.arange(6).reshape(2, 3), np.arange(6)[::-1].reshape(2, 3)[::-1, ::-1]),
        (np.broadcast_to(np.int64(7), (3, 2)), np.full((3, 2), 7)),
        (np.arange(3), np.arange(3, dtype=">i8")),
        ([np.arange(600), 1], [np.arange(600, dtype=">i8"), 1]),
        (np.zeros(3, np.longlong), np.zeros(3, np.int64)),
        (np.zeros((0, 3)), np.zeros((5, 3))[5:]),
        (float("nan"), float_of(0x7FF8000000000000)),
        (np.array([float("nan")]), np.array([np.nan])),
    ],
    ids=[
        "order",
        "strides",
        "broadcast",
        "byte order",
        "byte order, large",
        "name of dtype",
        "empty",
        "nan",
        "nans",
    ],
)
def test_values_that_are_equal_have_one_digest_however_they_lie_in_memory(one, other):
    assert of(one) == of(other)


@pytest.mark.parametrize("length", [4094, 4095, 4096, 4097])
def test_bytes_have_one_digest_of_their_own_at_every_length_around_what_is_kept_in_line(length):
    lengths = range(4090, 4100)
    assert [n for n in lengths if of(b"x" * n) == of(b"x" * length)] == [length]
    assert of(decode(encode([b"x" * length]))) == of([b"x" * length])


def test_bytes_that_look_like_the_record_of_an_array_are_no_array():
    wire = encode(SMALL)
    header = wire.header
    record = len(header).to_bytes(8, "little") + header + bytes(wire.buffers[0])
    digests = {of(held) for held in (SMALL, record, record[8:], header, [header, SMALL.tobytes()])}
    assert len(digests) == 5


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, float("nan")]),
    st.sampled_from(["", "1", "a"]),
    st.sampled_from([b"", b"1", b"x" * 4096]),
    arrays.arrays(
        st.sampled_from([np.dtype("u1"), np.dtype("i2"), np.dtype("f4")]),
        arrays.array_shapes(max_dims=2, min_side=0, max_side=2),
        elements=st.sampled_from([0, 1]),
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        st.builds(One, inner, inner),
        st.builds(Other, inner, inner),
    ),
    max_leaves=6,
)


def neighbours(held: Any) -> list[Any]:
    """Values that are one small step away, each of which is another value."""
    if isinstance(held, np.ndarray):
        other = np.dtype("i1") if held.dtype == np.dtype("u1") else np.dtype("u1")
        return [held[None], held.astype(other), held.tobytes(), held.tolist(), One(held)]
    if isinstance(held, bool):
        return [int(held), float(held), str(held), not held]
    if isinstance(held, int):
        return [float(held), str(held), held + 1, str(held).encode(), held == 1]
    if isinstance(held, float):
        return [repr(held), -held, [held]]
    if isinstance(held, str):
        return [held.encode(), held + "\0", [held]]
    if isinstance(held, bytes):
        return [held + b"\0", [held], np.frombuffer(held, np.uint8), (held,)]
    if isinstance(held, (list, tuple)):
        changed = [
            [*held[:at], new, *held[at + 1 :]] for at in range(len(held)) for new in neighbours(held[at])
        ]
        kind = type(held)
        return [
            (list if kind is tuple else tuple)(held),
            kind([held]),
            *map(kind, changed),
            kind([*held, None]),
        ]
    if isinstance(held, dict):
        changed = [held | {name: new} for name in held for new in neighbours(held[name])]
        return [list(held.items()), {"c": held}, held | {"c": None}, *changed]
    if isinstance(held, (One, Other)):
        kind, another = type(held), Other if isinstance(held, One) else One
        changed = [kind(new, held.b) for new in neighbours(held.a)]
        return [another(held.a, held.b), [held.a, held.b], {"a": held.a, "b": held.b}, *changed]
    return [False, 0, "", [], {}]


@given(VALUES)
def test_no_neighbour_of_a_value_shares_its_digest(held):
    own = of(held)
    assert [near for near in neighbours(held) if of(near) == own] == []


@given(VALUES)
def test_value_that_was_stored_and_loaded_keeps_its_digest(held):
    assert of(decode(encode(held))) == of(held)

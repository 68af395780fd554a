"""The wire form: every value comes back as it went in, and no two different values share a digest."""

from __future__ import annotations

import enum
import itertools
import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from nodegraph import value
from nodegraph.types.wire import NotStorable, UnknownValueType, Wire, buffer_specs, decode, digest, encode


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


@value("test.wire_partial", version=1, fields=("kept",))
@dataclass(frozen=True)
class Partial:
    kept: int
    left_out: int = 0


class Settings(BaseModel):
    rate: float = 1.0
    names: list[str] = []


class Hidden(BaseModel):
    secret: int = Field(default=0, exclude=True)


class Owner(BaseModel):
    _count: int = PrivateAttr(0)
    hidden: list[Hidden] = []

    def counted(self) -> Owner:
        self._count += 1
        return self


class Renamed(BaseModel):
    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    rate: float = Field(default=0, alias="r")


class Mode(enum.Enum):
    FAST = "fast"


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


def stored(wire: Wire) -> Wire:
    """A wire form as it comes back from disk: each buffer cut out by its size."""
    body = b"".join(wire.buffers)
    sizes = [spec.nbytes for spec in buffer_specs(wire.header)]
    ends = list(itertools.accumulate(sizes))
    assert (ends[-1] if ends else 0) == len(body)
    return Wire(wire.header, tuple(body[end - size : end] for size, end in zip(sizes, ends, strict=True)))


@given(VALUES)
def test_value_comes_back_as_it_went_in(original):
    assert same(decode(encode(original)), original)


@given(VALUES)
def test_value_comes_back_from_its_header_and_buffers_on_disk_with_the_same_digest(original):
    wire = stored(encode(original))
    assert same(decode(wire), original)
    assert digest(encode(decode(wire))) == digest(wire) == digest(encode(original))


@given(VALUES, VALUES)
def test_digests_are_equal_exactly_where_values_are(one, other):
    assert (digest(encode(one)) == digest(encode(other))) == same(one, other)


def test_size_is_that_of_header_and_buffers():
    wire = encode([np.zeros((2, 3)), b"x" * 5000])
    assert wire.nbytes == len(wire.header) + 48 + 5000


ALL_DIFFERENT: dict[str, Any] = {
    "one": 1,
    "one as float": 1.0,
    "true": True,
    "one as text": "1",
    "one as bytes": b"1",
    "zero": 0,
    "zero as float": 0.0,
    "minus zero": -0.0,
    "false": False,
    "none": None,
    "none as text": "None",
    "nan": float("nan"),
    "infinity": float("inf"),
    "empty text": "",
    "empty bytes": b"",
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "list": [1, 2],
    "list in another order": [2, 1],
    "tuple": (1, 2),
    "nested list": [[1], 2],
    "nested otherwise": [1, [2]],
    "list of lists": [[1, 2]],
    "dict": {"a": 1, "b": 2},
    "dict in another order": {"b": 2, "a": 1},
    "dict of other values": {"a": 2, "b": 1},
    "pairs": [["a", 1], ["b", 2]],
    "large bytes": b"x" * 5000,
    "large text": "x" * 5000,
    "large bytes in two": [b"x" * 4096, b"x" * 4096],
    "large bytes in one": [b"x" * 8192],
    "large bytes cut elsewhere": [b"x" * 4097, b"x" * 4095],
    "zeros": np.zeros((2, 3)),
    "zeros of other shape": np.zeros((3, 2)),
    "zeros of other rank": np.zeros(6),
    "zeros of other size": np.zeros(7),
    "zeros of other dtype": np.zeros((2, 3), np.int64),
    "zeros of unsigned dtype": np.zeros((2, 3), np.uint64),
    "zeros of smaller dtype": np.zeros((2, 3), np.float32),
    "zeros with minus": -np.zeros((2, 3)),
    "one number": np.zeros(()),
    "one number in a row": np.zeros(1),
    "A": np.arange(6).reshape(2, 3),
    "A.T": np.arange(6).reshape(2, 3).T,
    "square A": np.arange(4).reshape(2, 2),
    "square A.T": np.arange(4).reshape(2, 2).T,
    "empty mask": np.zeros((0, 4), bool),
    "other empty mask": np.zeros((4, 0), bool),
    "empty mask of another size": np.zeros((0, 5), bool),
    "empty array of another dtype": np.zeros((0, 4), np.uint8),
    "array in a list": [np.zeros((2, 3))],
    "array in a value": Mask(np.zeros((2, 3))),
    "two arrays": [np.zeros(1), np.zeros(2)],
    "two arrays cut elsewhere": [np.zeros(2), np.zeros(1)],
    "array as list": np.zeros((2, 3)).tolist(),
    "point": Point(1.0, 2.0),
    "point the other way": Point(2.0, 1.0),
    "point as list": ["test.wire_point", 2, [1.0, 2.0]],
    "point as dict": {"x": 1.0, "y": 2.0},
    "point as tuple": (1.0, 2.0),
}


def test_no_two_of_many_alike_values_share_a_digest():
    digests = {name: digest(encode(held)) for name, held in ALL_DIFFERENT.items()}
    shared = [(a, b) for a, b in itertools.combinations(digests, 2) if digests[a] == digests[b]]
    assert shared == []


@pytest.mark.parametrize(
    "alike",
    [
        np.arange(12).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.array([[0, 2], [4, 6], [8, 10]])),
        np.array([[0, 2], [4, 6], [8, 10]], dtype=">i8"),
    ],
    ids=["strided", "column-major", "big-endian"],
)
def test_layout_of_an_array_in_memory_does_not_count(alike):
    plain = np.array([[0, 2], [4, 6], [8, 10]])
    assert digest(encode(alike)) == digest(encode(plain))
    assert same(decode(encode(alike)), plain)


def test_field_that_is_not_stored_does_not_count():
    assert digest(encode(Partial(1, 2))) == digest(encode(Partial(1, 3)))
    assert decode(encode(Partial(1, 2))) == Partial(1, 0)


def test_version_of_a_value_type_counts_and_another_one_is_not_read():
    wire = encode(Point(1.0, 2.0))
    value("test.wire_point", version=3)(Point)
    try:
        assert digest(encode(Point(1.0, 2.0))) != digest(wire)
        with pytest.raises(UnknownValueType, match=r"test\.wire_point.*version 2"):
            decode(wire)
    finally:
        value("test.wire_point", version=2)(Point)


def test_value_of_a_type_that_is_not_registered_is_not_read():
    wire = encode(Point(1.0, 2.0))
    unknown = Wire(wire.header.replace(b"test.wire_point", b"test.wire_other"))
    with pytest.raises(UnknownValueType, match=r"test\.wire_other"):
        decode(unknown)


def test_decoded_arrays_are_read_only_and_share_the_buffer():
    wire = encode(np.arange(1000))
    array = decode(wire)
    assert not array.flags.writeable
    assert np.shares_memory(array, np.frombuffer(wire.buffers[0], np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_owned_wire_does_not_follow_later_writes():
    array = np.zeros(10)
    owned = encode(array).owned()
    array[:] = 1
    assert decode(owned).sum() == 0


def test_containers_are_fresh_at_every_decode():
    wire = encode({"a": [1]})
    decode(wire)["a"].append(2)
    assert decode(wire) == {"a": [1]}


@pytest.mark.parametrize(
    ("original", "plain"),
    [
        (Mode.FAST, "fast"),
        (Settings(rate=2.0, names=["a"]), {"rate": 2.0, "names": ["a"]}),
        (Settings(rate=nan), {"rate": nan, "names": []}),
        (Renamed(r=3, more=1), {"rate": 3.0, "more": 1}),
        (Path("a/b"), "a/b"),
    ],
    ids=str,
)
def test_json_like_objects_are_stored_as_their_json_form(original, plain):
    assert same(decode(encode(original)), plain)
    assert digest(encode([original])) == digest(encode([plain]))


def nested(depth: int) -> list[Any]:
    outer: list[Any] = []
    for _ in range(depth):
        outer = [outer]
    return outer


def looped() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (object(), r"value is of type builtins\.object, which a link cannot carry"),
        ({1, 2}, "builtins.set"),
        (np.float64(1.5), r"numpy\.float64, which a link cannot carry; convert it with \.item\(\)"),
        (np.bool_(True), r"convert it with \.item\(\)"),
        ({"a": [0, {"b": object()}]}, r"\['a'\]\[1\]\['b'\] is of type"),
        (Mask(object()), r"\.pixels is of type"),
        ((1, (2, object())), r"\[1\]\[1\] is of type"),
        ({1: "a"}, "key 1 of a dict is not a str"),
        (2**63, "9223372036854775808 does not fit in 64 bits"),
        (-(2**63) - 1, "does not fit in 64 bits"),
        ({"a": 2**64}, r"\['a'\]: 18446744073709551616 does not fit in 64 bits"),
        (np.array(["a"]), "dtype <U1"),
        (np.array([None]), "dtype object"),
        (np.array(["2026-01-01"], "datetime64[D]"), "datetime64"),
        (np.zeros(2, np.longdouble), "dtype float128|dtype longdouble"),
        (np.zeros(2, [("a", "i4")]), "cannot be carried"),
        (np.ma.masked_array([1, 2]), "MaskedArray"),
        (Hidden(secret=3), "value: the JSON form of Hidden, .* leaves out or alters 'secret'"),
        ({"a": Owner(hidden=[Hidden(secret=3)])}, r"\['a'\]: the JSON form of Owner, .* 'hidden.0.secret'"),
        (Owner().counted(), "the JSON form of Owner, .* '_count'"),
        (Settings.model_construct(rate="fast"), "a value of type Settings has no JSON form"),
        ("\ud800", "not valid Unicode"),
        ({"\ud800": 1}, "not valid Unicode"),
        (nested(5000), "nested too deeply"),
        (looped(), "nested too deeply, or holds itself"),
    ],
    ids=lambda held: type(held).__name__ if not isinstance(held, str) else None,
)
def test_value_that_a_link_cannot_carry_is_refused_with_its_place(refused, message):
    if isinstance(refused, np.ndarray) and refused.dtype == np.float64:
        pytest.skip("long double is double on this machine")
    with pytest.raises(NotStorable, match=message):
        encode(refused)


PROBE = """
import numpy as np
from dataclasses import dataclass
from nodegraph import value
from nodegraph.types.wire import digest, encode

@value("test.wire_probe", version=1)
@dataclass(frozen=True)
class Probe:
    names: tuple
    pixels: object

pixels = np.arange(6, dtype="uint8").reshape(2, 3)
held = {"a": [1, 2.5, None, True, "text", b"bytes"], "b": Probe(("x", "y"), pixels)}
print(digest(encode(held)).hex())
"""


def test_digest_is_the_same_in_every_process_and_for_every_hash_seed():
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(digests) == 1


def test_digests_do_not_change_from_one_release_to_the_next():
    """Golden digests: changing one loses every stored result, and takes a new number in the tag."""
    golden = {
        "int": (1, "9dedbc025b89c76d"),
        "list": ([1, 2.5, None, True, "text", b"bytes", (1,)], "a42155f38a633214"),
        "array": (np.arange(6, dtype=np.uint8).reshape(2, 3), "7d69953a04d84cc4"),
        "value": (Mask(np.zeros((2, 2), bool), Point(1.0, -0.0)), "c757bce13a6ef8ab"),
    }
    assert {name: digest(encode(held)).hex()[:16] for name, (held, _) in golden.items()} == {
        name: known for name, (_, known) in golden.items()
    }


ARRAY_DTYPES = ["?", "u1", "i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16"]
LAYOUTS = {
    "plain": lambda array: array,
    "column-major": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "reversed": lambda array: np.flip(np.flip(array).copy()),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "unaligned": lambda array: np.frombuffer(b"x" + array.tobytes(), array.dtype, offset=1).reshape(
        array.shape
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3,), (0, 5), (2, 3, 4), (1023,), (1025, 8), (513, 16)], ids=str)
def test_array_of_any_size_dtype_and_layout_is_its_bytes_in_order(shape, layout):
    random = np.random.default_rng(0)
    for name in ARRAY_DTYPES:
        plain = (
            random.integers(0, 2, shape).astype(name) if name == "?" else random.random(shape).astype(name)
        )
        wire = encode(LAYOUTS[layout](plain))
        assert b"".join(map(bytes, wire.buffers)) == plain.tobytes()
        assert digest(wire) == digest(encode(plain))
        assert same(decode(wire), plain)
        assert not decode(wire).flags.writeable


def test_bits_of_nan_and_the_sign_of_zero_are_kept():
    bits = np.array([0x7FC00000, 0x7FC00001, 0xFFC00000, 0x7F800001, 0x80000000, 0], np.uint32)
    array = bits.view(np.float32)
    assert decode(encode(array)).view(np.uint32).tolist() == bits.tolist()
    assert len({digest(encode(array[i : i + 1])) for i in range(len(bits))}) == len(bits)


def test_array_alone_and_in_a_container_is_refused_alike_with_its_place():
    for _ in range(2):
        with pytest.raises(NotStorable, match=r"^value: an array of dtype <U1 cannot"):
            encode(np.array(["a"]))
        with pytest.raises(NotStorable, match=r"^\['a'\]\[0\]: an array of dtype <U1 cannot"):
            encode({"a": [np.array(["a"])]})


def test_size_of_many_buffers_is_their_sum():
    held = [np.arange(n, dtype=np.uint8) for n in (1, 4096, 4097, 0)]
    assert encode(held).nbytes == len(encode(held).header) + 1 + 4096 + 4097


def test_numbers_are_encoded_alike_by_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    numbers = [value for size in range(0, 63, 3) for value in (1 << size, -(1 << size), 1.5 * 2**size)]
    alone = [encode(value).header for value in numbers]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: [encode(value).header for value in numbers], range(50)))
    assert all(headers == alone for headers in together)


FORKED = """
import os, signal
import numpy as np
from nodegraph.types.wire import digest, encode

wire = encode(np.arange(1_000_000))
known = digest(wire)
child = os.fork()
if child == 0:
    signal.alarm(60)
    os._exit(0 if digest(wire) == known else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_large_value_is_hashed_in_a_forked_child_too():
    assert subprocess.run([sys.executable, "-c", FORKED], check=False).returncode == 0

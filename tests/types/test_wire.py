"""Values on the wire: they come back as they went in, and what cannot be carried is refused."""

from __future__ import annotations

import enum
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from nodegraph import value
from nodegraph.types.wire import NotStorable, UnknownValueType, Wire, decode, digest, encode
from tests.types.wire_values import VALUES, Mask, Point, nested, same


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


@given(VALUES)
def test_value_comes_back_as_it_went_in(original):
    assert same(decode(encode(original)), original)


def test_size_is_that_of_header_and_buffers():
    wire = encode([np.zeros((2, 3)), b"x" * 5000])
    assert wire.nbytes == len(wire.header) + 48 + 5000


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


def test_array_alone_and_in_a_container_is_refused_alike_with_its_place():
    for _ in range(2):
        with pytest.raises(NotStorable, match=r"^value: an array of dtype <U1 cannot"):
            encode(np.array(["a"]))
        with pytest.raises(NotStorable, match=r"^\['a'\]\[0\]: an array of dtype <U1 cannot"):
            encode({"a": [np.array(["a"])]})


def test_size_of_many_buffers_is_their_sum():
    held = [np.arange(n, dtype=np.uint8) for n in (1, 4096, 4097, 0)]
    assert encode(held).nbytes == len(encode(held).header) + 1 + 4096 + 4097

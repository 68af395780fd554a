"""Port types: read off annotations, which links fit, which results conform."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar, Union

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from nodegraph import Batch, Collected, DeclarationError, Param, Stream, value
from nodegraph.types.ports import (
    Choice,
    DictOf,
    ListOf,
    Nothing,
    OneOf,
    Record,
    Scalar,
    Type,
    ValueOf,
    Variable,
    accepts,
    as_declared,
    bind,
    conforms,
    is_json,
    is_optional,
    levels_taken,
    parse_type,
    split_arity,
)

T = TypeVar("T")


@value("test.ports_cat", version=1)
@dataclass(frozen=True)
class Cat:
    lives: int


@value("test.ports_dog", version=1)
@dataclass(frozen=True)
class Dog:
    age: int


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = 2


class Settings(BaseModel):
    rate: float


BOOL, INT, FLOAT, STR, PATH, JSON = map(Scalar, ("bool", "int", "float", "str", "path", "json"))  # type: ignore[arg-type]
CAT, DOG, NONE = ValueOf("test.ports_cat"), ValueOf("test.ports_dog"), Nothing()


@pytest.mark.parametrize(
    ("annotation", "expected", "shown"),
    [
        (bool, BOOL, "bool"),
        (int, INT, "int"),
        (float, FLOAT, "float"),
        (str, STR, "str"),
        (Path, PATH, "path"),
        (Any, JSON, "json"),
        (object, JSON, "json"),
        (None, NONE, "None"),
        (type(None), NONE, "None"),
        (Literal["a", 1, None], Choice(("a", 1, None)), "'a' | 1 | None"),
        (Mode, Choice(("fast", 2)), "'fast' | 2"),
        (list, ListOf(JSON), "list[json]"),
        (list[int], ListOf(INT), "list[int]"),
        (list[list[float]], ListOf(ListOf(FLOAT)), "list[list[float]]"),
        (dict, DictOf(JSON), "dict[str, json]"),
        (dict[str, int], DictOf(INT), "dict[str, int]"),
        (Mapping[str, Cat], DictOf(CAT), "dict[str, test.ports_cat]"),
        (Settings, Record(Settings), "Settings"),
        (Cat, CAT, "test.ports_cat"),
        (Cat | None, OneOf((CAT, NONE)), "test.ports_cat | None"),
        (Optional[Cat], OneOf((CAT, NONE)), "test.ports_cat | None"),  # noqa: UP045 -- both spellings
        (Union[Cat, Dog], OneOf((CAT, DOG)), "test.ports_cat | test.ports_dog"),  # noqa: UP007
        (Annotated[int, Param(ge=0)], INT, "int"),
        (T, Variable("T"), "T"),
        (list[T], ListOf(Variable("T")), "list[T]"),
    ],
)
def test_annotation_is_read_as_the_type_it_names(annotation, expected, shown):
    assert parse_type(annotation) == expected
    assert str(expected) == shown


class Plain:
    pass


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Plain, "Plain is neither a JSON type .* nor a registered value type; declare it with @value"),
        (bytes, "bytes is neither"),
        (complex, "complex is neither"),
        (tuple[int, int], "tuple"),
        (set[int], "set"),
        (np.ndarray, "ndarray is neither"),
        (dict[int, str], "a JSON object has keys of type str"),
        (list[Plain], "Plain is neither"),
        (Cat | Plain, "Plain is neither"),
        (Stream[int], "neither"),
        ("int", "int is neither"),
        ([int], "neither"),
    ],
)
def test_annotation_that_is_no_type_of_a_port_is_refused(annotation, message):
    with pytest.raises(DeclarationError, match=message):
        parse_type(annotation)


@pytest.mark.parametrize(
    ("annotation", "arity", "element", "levels"),
    [
        (int, "one", int, 0),
        (list[int], "one", list[int], 0),
        (Batch[int], "batch", int, 0),
        (Batch[Cat], "batch", Cat, 0),
        (Stream[int], "stream", int, 1),
        (Collected[int], "stream", int, 1),
        (Stream[Stream[int]], "stream", int, 2),
        (Collected[Stream[Cat]], "stream", Cat, 2),
        (Stream[Cat] | None, "stream", Cat | None, 1),
        (Annotated[Stream[int], "extra"], "stream", int, 1),
    ],
)
def test_arity_is_split_from_the_element(annotation, arity, element, levels):
    assert split_arity(annotation)[:2] == (arity, element)
    assert levels_taken(annotation) == levels


def test_extras_of_nested_annotations_are_kept_in_order_and_the_batch_mark_is_not():
    assert split_arity(Annotated[Annotated[int, "a"], "b"])[2] == ("a", "b")
    assert split_arity(Annotated[Batch[int], "a"]) == ("batch", int, ("a",))


@pytest.mark.parametrize(
    "annotation",
    [
        Stream,
        Collected,
        Batch[Batch[int]],
        Batch[Stream[int]],
        Stream[Batch[int]],
        Stream[Stream[Stream[int]]],
    ],
)
def test_arity_that_has_no_meaning_is_refused(annotation):
    with pytest.raises(DeclarationError):
        split_arity(annotation)


ACCEPTED = [
    (INT, INT),
    (FLOAT, INT),
    (JSON, INT),
    (JSON, STR),
    (JSON, NONE),
    (JSON, ListOf(INT)),
    (JSON, DictOf(JSON)),
    (JSON, OneOf((INT, STR))),
    (CAT, CAT),
    (OneOf((CAT, NONE)), CAT),
    (OneOf((CAT, NONE)), NONE),
    (OneOf((CAT, DOG)), DOG),
    (OneOf((CAT, DOG, NONE)), OneOf((DOG, CAT))),
    (OneOf((FLOAT, NONE)), INT),
    (OneOf((FLOAT, NONE)), OneOf((INT, NONE))),
    (ListOf(INT), ListOf(INT)),
    (Choice(("a", "b")), Choice(("a", "b"))),
    (Variable("T"), CAT),
    (Variable("T"), OneOf((CAT, NONE))),
    (OneOf((Variable("T"), NONE)), CAT),
]

REFUSED = [
    (INT, FLOAT),
    (INT, BOOL),
    (BOOL, INT),
    (FLOAT, BOOL),
    (STR, INT),
    (INT, STR),
    (STR, PATH),
    (PATH, STR),
    (STR, Choice(("a",))),
    (Choice(("a",)), STR),
    (Choice(("a", "b")), Choice(("a",))),
    (INT, JSON),
    (INT, OneOf((INT, NONE))),
    (CAT, DOG),
    (CAT, OneOf((CAT, NONE))),
    (CAT, NONE),
    (JSON, CAT),
    (OneOf((CAT, NONE)), OneOf((CAT, DOG))),
    (ListOf(FLOAT), ListOf(INT)),
    (ListOf(INT), DictOf(INT)),
    (ListOf(CAT), CAT),
]


@pytest.mark.parametrize(("port", "offered"), ACCEPTED)
def test_link_of_a_type_that_fits_is_accepted(port, offered):
    assert accepts(port, offered)


@pytest.mark.parametrize(("port", "offered"), REFUSED)
def test_link_of_another_type_is_refused(port, offered):
    assert not accepts(port, offered)


TYPES: st.SearchStrategy[Type] = st.recursive(
    st.sampled_from([BOOL, INT, FLOAT, STR, PATH, JSON, CAT, DOG, NONE, Choice(("a", 1))]),
    lambda inner: st.one_of(
        inner.map(ListOf),
        inner.map(DictOf),
        st.lists(inner, min_size=2, max_size=3).map(lambda members: OneOf(tuple(members))),
    ),
    max_leaves=5,
)


@given(TYPES)
def test_every_type_accepts_itself_and_a_variable_accepts_every_type(type_):
    assert accepts(type_, type_)
    assert accepts(Variable("T"), type_)


@given(TYPES, TYPES)
def test_union_accepts_its_members_and_is_accepted_where_all_of_them_are(one, other):
    union = OneOf((one, other))
    assert accepts(union, one)
    assert accepts(union, other)
    assert accepts(one, union) == (accepts(one, one) and accepts(one, other)) or one == union


@given(TYPES)
def test_binding_replaces_the_variable_wherever_it_stands(type_):
    port = OneOf((ListOf(Variable("T")), DictOf(Variable("T")), Variable("T"), Variable("U")))
    assert bind(port, {"T": type_}) == OneOf((ListOf(type_), DictOf(type_), type_, Variable("U")))
    assert bind(type_, {"T": INT}) == type_


@pytest.mark.parametrize(
    ("type_", "json", "optional"),
    [
        (INT, True, False),
        (JSON, True, True),
        (NONE, True, True),
        (PATH, True, False),
        (CAT, False, False),
        (OneOf((CAT, NONE)), False, True),
        (OneOf((INT, NONE)), True, True),
        (OneOf((INT, OneOf((STR, NONE)))), True, True),
        (Variable("T"), False, False),
        (Choice(("a",)), True, False),
    ],
)
def test_type_knows_whether_a_literal_can_give_it_and_whether_it_may_be_none(type_, json, optional):
    assert is_json(type_) == json
    assert is_optional(type_) == optional


CONFORMING: list[tuple[Any, Type]] = [
    (1, INT),
    (-(2**63), INT),
    (1.0, FLOAT),
    (1, FLOAT),
    (2**53, FLOAT),
    (True, BOOL),
    ("a", STR),
    (Path("a"), PATH),
    ("a", Choice(("a", "b"))),
    (Mode.FAST, Choice(("fast", 2))),
    ([1, 2], ListOf(INT)),
    ([], ListOf(INT)),
    ({"a": 1}, DictOf(INT)),
    (None, NONE),
    (None, OneOf((CAT, NONE))),
    (Cat(9), CAT),
    (Cat(9), OneOf((DOG, CAT))),
    ([Cat(9)], ListOf(CAT)),
    (Settings(rate=1.0), Record(Settings)),
    ({"a": [1, None, True, 2.5, "b"]}, JSON),
    (Cat(9), Variable("T")),
]

NOT_CONFORMING: list[tuple[Any, Type]] = [
    (True, INT),
    (1.0, INT),
    ("1", INT),
    (2**63, INT),
    (np.int64(1), INT),
    (np.float64(1.0), FLOAT),
    (np.bool_(True), BOOL),
    (np.str_("a"), STR),
    (True, FLOAT),
    (2**53 + 1, FLOAT),
    (1, BOOL),
    (b"a", STR),
    ("a", PATH),
    ("c", Choice(("a", "b"))),
    (True, Choice((1, 2))),
    (1.0, Choice((1, 2))),
    ((1, 2), ListOf(INT)),
    ([1, True], ListOf(INT)),
    ({1: 1}, DictOf(INT)),
    ({"a": "b"}, DictOf(INT)),
    (Dog(3), CAT),
    (None, CAT),
    (0, NONE),
    ({"rate": 1.0}, Record(Settings)),
    ({1: "a"}, JSON),
    ((1, 2), JSON),
    (Cat(9), JSON),
    ([2**63], JSON),
    (np.zeros(2), JSON),
]


@pytest.mark.parametrize(("result", "type_"), CONFORMING)
def test_result_of_the_declared_type_conforms(result, type_):
    assert conforms(result, type_)


@pytest.mark.parametrize(("result", "type_"), NOT_CONFORMING)
def test_result_of_another_type_does_not_conform(result, type_):
    assert not conforms(result, type_)


@given(st.sampled_from(CONFORMING + NOT_CONFORMING), st.sampled_from(CONFORMING))
def test_result_that_conforms_to_what_is_offered_conforms_to_a_port_that_accepts_it(result, other):
    held, port = result[0], other[1]
    for type_ in [INT, BOOL, STR, CAT, DOG, NONE, JSON, *(entry[1] for entry in CONFORMING)]:
        if conforms(held, type_) and accepts(port, type_) and not changes_on_a_link(held):
            assert conforms(held, port)


def changes_on_a_link(held: Any) -> bool:
    """A path and an Enum travel as text, a model as an object; an int beyond 2**53 has no exact float."""
    return isinstance(held, (Path, enum.Enum, BaseModel)) or (type(held) is int and abs(held) > 2**53)


@pytest.mark.parametrize(
    ("value", "type_", "declared"),
    [
        (1, FLOAT, 1.0),
        (1, INT, 1),
        (True, FLOAT, True),
        (1, OneOf((FLOAT, NONE)), 1.0),
        (1, OneOf((FLOAT, INT)), 1),
        (1, OneOf((Choice((1, "a")), FLOAT)), 1),
        (2, OneOf((Choice((1, "a")), FLOAT)), 2.0),
        ("a", OneOf((FLOAT, STR)), "a"),
        ([1, 2.5], ListOf(FLOAT), [1.0, 2.5]),
        ([1], OneOf((ListOf(FLOAT), NONE)), [1.0]),
        ({"a": [1, None]}, DictOf(ListOf(OneOf((FLOAT, NONE)))), {"a": [1.0, None]}),
        ([1], ListOf(JSON), [1]),
    ],
    ids=str,
)
def test_int_is_a_float_where_only_a_float_is_declared_and_all_else_stays(value, type_, declared):
    assert repr(as_declared(value, type_)) == repr(declared)

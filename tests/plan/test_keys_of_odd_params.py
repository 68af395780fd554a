"""Params of rare kinds: none shares a key with another, and none ends in a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, computed_field

from nodegraph import Item, Stream, node
from nodegraph.check.literals import default_of
from nodegraph.node.declare import node_type_of
from nodegraph.node.signature import BadLiteral, validate_literal
from nodegraph.plan.keys import item_prefix, key_params


class Hidden(BaseModel):
    rate: float = 1
    secret: int = Field(default=0, exclude=True)


class Holder(BaseModel):
    hidden: Hidden


class Rounded(BaseModel):
    rate: Annotated[float, PlainSerializer(round)]


class Masked(BaseModel):
    word: SecretStr


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: int = Field(alias="w")
    height: int = Field(default=1, validation_alias="h")

    @computed_field
    @property
    def area(self) -> int:
        return self.width * self.height


@node("odd.params", version=1)
def odd(
    *,
    hidden: Hidden,
    holder: Holder,
    holders: list[Holder],
    rounded: Rounded,
    masked: Masked,
    named: Named,
    counted: Annotated[list[int], PlainSerializer(len)],
    any: int | float | str | None = None,
    maybe: float | None = 1,
) -> int:
    """A node with odd params."""
    return hidden.secret


TYPE = node_type_of(odd)
PORTS = {port.name: port for port in TYPE.signature.inputs}


def taken(name: str, literal: Any) -> Any:
    return validate_literal(PORTS[name], literal)


def key_of(name: str, literal: Any) -> Any:
    return key_params(TYPE, {name: taken(name, literal)})[name]


@pytest.mark.parametrize(
    ("name", "literal", "lost"),
    [
        ("hidden", {"secret": 2}, "Hidden.*'secret'"),
        ("holder", {"hidden": {"secret": 2}}, "Holder.*'hidden.secret'"),
        ("holders", [{"hidden": {"secret": 2}}], "list.*'0.hidden.secret'"),
        ("rounded", {"rate": 1.4}, "Rounded.*'rate'"),
        ("masked", {"word": "a"}, "Masked.*'word'"),
    ],
)
def test_model_that_does_not_come_back_from_its_json_form_is_refused(name, literal, lost):
    with pytest.raises(BadLiteral, match=f"the JSON form of {lost}"):
        taken(name, literal)


def test_model_whose_hidden_field_has_its_default_is_taken():
    assert taken("hidden", {"rate": 2, "secret": 0}) == Hidden(rate=2)


def test_default_of_a_field_that_no_one_validated_becomes_what_the_same_literal_becomes():
    assert [type(taken("hidden", literal).rate) for literal in ({}, {"rate": 1})] == [float, float]
    assert key_of("hidden", {}) == key_of("hidden", {"rate": 1}) == {"rate": 1.0}


def test_aliases_are_taken_and_the_key_has_the_fields_by_name_without_what_they_compute():
    assert key_of("named", {"w": 2, "h": 3}) == {"width": 2, "height": 3}
    assert taken("named", key_of("named", {"w": 2, "h": 3})) == taken("named", {"w": 2, "h": 3})


def test_list_counts_whole_whatever_serializer_is_declared_for_it():
    assert key_of("counted", [1, 2]) == [1, 2]


@pytest.mark.parametrize("literal", [1, 1.5, "a", None])
def test_union_with_float_takes_each_of_its_members(literal):
    found = taken("any", literal)
    assert (type(found), found) == (type(literal), literal)


def test_int_as_the_default_of_an_optional_float_is_the_float_that_the_literal_becomes():
    assert type(default_of(PORTS["maybe"])) is type(taken("maybe", 1)) is float


@node("odd.source", version=1, pure=False)
def source(*, x: Path | int | list[str], folder: Path | None = None) -> Stream[int]:
    """A source that takes a path or something else."""
    yield Item("a", 1)


def start_of_source(**literals: Any) -> bytes:
    node_type = node_type_of(source)
    ports = node_type.signature.ports
    return item_prefix(
        node_type, {name: validate_literal(ports[name], value) for name, value in literals.items()}, {}, ()
    )


def test_what_an_input_takes_beside_paths_is_in_the_key_and_a_path_is_not():
    keys = [start_of_source(x=literal) for literal in (1, 2, ["a"], ["b"], "a", "b")]
    assert len(set(keys)) == 5
    assert keys[-1] == keys[-2] == start_of_source(x="a", folder="b") == start_of_source(x="a", folder=None)
    assert key_params(node_type_of(source), {"x": Path("a"), "folder": Path("b")}) == {}

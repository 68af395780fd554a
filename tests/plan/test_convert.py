"""Linked values arrive as the function takes them: models whole, sets as sets, paths as paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from nodegraph.node.annotations import read_signature
from nodegraph.plan.convert import converter
from nodegraph.types.wire import decode, encode


class Named(BaseModel):
    rate: int = Field(default=0, alias="r")
    names: set[str] = set()


class Open(BaseModel):
    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    width: float = Field(default=1, serialization_alias="w")


class More(Named):
    depth: int = 2


def arrived(value: Any, annotation: Any) -> Any:
    """What an input gets of a value that a node with a result of the same type returned."""

    def take(x: Any) -> int: ...

    take.__annotations__["x"] = annotation
    port = read_signature(take, "convert.take", pure=False, seeded=False).inputs[0]
    convert = converter(port, port.type)
    assert convert is not None
    return convert(decode(encode(value)))


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Named(r=3, names={"a", "b"}), Named),
        ([Named(r=3)], list[Named]),
        (None, Named | None),
        (Open(width=2, colour="red"), Open),
        (Path("a/b"), Path),
        (Path("a/b"), Path | None),
    ],
    ids=["a model", "models in a list", "no model", "extra fields", "a path", "a path or none"],
)
def test_linked_value_arrives_as_it_was_returned(value, annotation):
    assert arrived(value, annotation) == value


def test_model_of_a_subclass_arrives_with_the_fields_that_are_declared():
    assert arrived(More(r=3), Named) == Named(r=3)

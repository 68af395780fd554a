"""Declaring value types."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nodegraph import DeclarationError, value
from nodegraph.types.values import preview_of, value_type_by_id, value_type_of, value_types


@value("test.values_dot", version=3)
@dataclass(frozen=True)
class Dot:
    x: int
    y: int

    def preview(self) -> bytes:
        return b"png"


def test_declared_class_is_found_by_class_and_by_id():
    declared = value_type_of(Dot)
    assert declared is not None
    assert declared is value_type_by_id("test.values_dot") is value_types()["test.values_dot"]
    assert (declared.id, declared.version, declared.fields) == ("test.values_dot", 3, ("x", "y"))


def test_class_that_was_not_declared_is_not_found():
    assert value_type_of(int) is None
    assert value_type_by_id("test.values_unknown") is None


@pytest.mark.parametrize("bad", ["", "Dot", "a.", ".a", "a b", "1a", "a..b", "a-b", "int", "path", "json"])
def test_malformed_or_reserved_id_is_refused(bad):
    with pytest.raises(DeclarationError, match="lower-case identifiers joined by dots"):
        value(bad)


@dataclass
class Thawed:
    x: int


class Bare:
    x: int


@pytest.mark.parametrize("cls", [Thawed, Bare])
def test_class_that_is_no_frozen_dataclass_is_refused(cls):
    with pytest.raises(DeclarationError, match=f"{cls.__name__} must be a frozen dataclass"):
        value("test.values_bad")(cls)


def test_field_that_the_class_lacks_is_refused():
    with pytest.raises(DeclarationError, match="Dot has no field 'z'"):
        value("test.values_dot_cut", fields=("x", "z"))(Dot)


def test_id_of_another_class_is_refused_and_both_are_named():
    @dataclass(frozen=True)
    class Other:
        x: int

    with pytest.raises(DeclarationError, match=r"declared by both .*Dot and .*Other"):
        value("test.values_dot")(Other)


def test_declaring_the_same_class_anew_replaces_it():
    assert value("test.values_dot", version=3)(Dot) is Dot


def test_preview_is_that_of_a_declared_class_that_has_one():
    assert preview_of(Dot(1, 2)) == b"png"
    assert preview_of(3) is None
    assert preview_of(Thawed(1)) is None

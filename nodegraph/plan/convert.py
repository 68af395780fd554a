"""Between a linked value and the function that takes it: int into float, JSON into its Python form."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from nodegraph.node.signature import InputPort
from nodegraph.types.ports import Choice, OneOf, Record, Scalar, Type, accepts, is_optional


def converter(port: InputPort, offered: Type) -> Callable[[Any], Any] | None:
    """What turns a value of the offered type into what the input's function takes; None if it already is."""
    wanted = port.type
    if _has_python_form(wanted):
        adapter = port.adapter
        return lambda value: (
            None if value is None and is_optional(wanted) else adapter.validate_json(_dumps(value))
        )
    return _into_float if _may_be_int(offered, wanted) else None


def _into_float(value: Any) -> Any:
    return float(value) if type(value) is int else value


@lru_cache(maxsize=1024)
def _may_be_int(offered: Type, wanted: Type) -> bool:
    """Whether an int may come where a float is wanted."""
    return Scalar("int") in _members(offered) and _takes_as_float(wanted)


def as_declared(value: Any, type_: Type) -> Any:
    """A value that conforms to a type, with the ints in it that are declared as float turned into floats."""
    if type(value) is int:
        return float(value) if _takes_as_float(type_) else value
    element = getattr(type_, "element", None)
    if element is None or not _holds_float(element):
        return value
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {key: as_declared(entry, element) for key, entry in entries.items()}
    return [as_declared(entry, element) for entry in value]


def _members(type_: Type) -> tuple[Type, ...]:
    return type_.members if isinstance(type_, OneOf) else (type_,)


@lru_cache(maxsize=1024)
def _takes_as_float(type_: Type) -> bool:
    """Whether an int is taken, and only because floats are."""
    members = _members(type_)
    return Scalar("float") in members and not any(
        member != Scalar("float") and accepts(member, Scalar("int")) for member in members
    )


def _holds_float(type_: Type) -> bool:
    element = getattr(type_, "element", None)
    return _takes_as_float(type_) or (element is not None and _holds_float(element))


@lru_cache(maxsize=1024)
def _has_python_form(type_: Type) -> bool:
    """Whether the function gets something else than the JSON value: an Enum, a model, a path."""
    match type_:
        case Choice() | Record() | Scalar("path"):
            return True
        case _:
            members = getattr(type_, "members", None) or (getattr(type_, "element", None),)
            return any(member is not None and _has_python_form(member) for member in members)


def _dumps(value: Any) -> str:
    import json

    return json.dumps(value.as_posix() if isinstance(value, Path) else value)

"""Between a linked value and the function that takes it: int into float, JSON into its Python form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nodegraph.node.signature import InputPort
from nodegraph.types.json_form import read_json
from nodegraph.types.ports import Scalar, Type, is_optional, members, takes_as_float

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def converter(port: InputPort, offered: Type) -> Callable[[Any], Any] | None:
    """What turns a value of the offered type into what the input's function takes; None if it already is."""
    if port.has_python_form:
        wanted, adapter = port.type, port.adapter
        return lambda value: None if value is None and is_optional(wanted) else _read(adapter, value)
    if port.takes_as_float and Scalar("int") in members(offered):
        return _into_float
    return None


def _into_float(value: Any) -> Any:
    return float(value) if type(value) is int else value


def as_declared(value: Any, type_: Type) -> Any:
    """A value that conforms to a type, with the ints in it that are declared as float turned into floats."""
    if type(value) is int:
        return float(value) if takes_as_float(type_) else value
    element = getattr(type_, "element", None)
    if element is None or not _holds_float(element):
        return value
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {key: as_declared(entry, element) for key, entry in entries.items()}
    return [as_declared(entry, element) for entry in value]


def _holds_float(type_: Type) -> bool:
    element = getattr(type_, "element", None)
    return takes_as_float(type_) or (element is not None and _holds_float(element))


def _read(adapter: TypeAdapter[Any], value: Any) -> Any:
    form = value.as_posix() if isinstance(value, Path) else value
    # A model of a subclass may have been returned, with more fields than the input declares.
    return read_json(adapter, form, extra=None)

"""Between a linked value and the function that takes it: int into float, JSON into its Python form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph.node.signature import InputPort
from nodegraph.types.json_form import read_json
from nodegraph.types.ports import Scalar, Type, as_declared, is_optional, members

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def converter(port: InputPort, offered: Type) -> Callable[[Any], Any] | None:
    """What turns a value of the offered type into what the input's function takes; None if it already is."""
    if port.has_python_form:
        wanted, adapter = port.type, port.adapter
        return lambda value: None if value is None and is_optional(wanted) else _read(adapter, value)
    if port.takes_as_float and Scalar("int") in members(offered):
        return lambda value: as_declared(value, port.type)
    return None


def _read(adapter: TypeAdapter[Any], value: Any) -> Any:
    form = value.as_posix() if isinstance(value, Path) else value
    # A model of a subclass may have been returned, with more fields than the input declares.
    return read_json(adapter, form, extra=None)

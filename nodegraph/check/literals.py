"""Literals: from JSON, or from the text of a command line, to the Python value that a node function gets."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, cast

from nodegraph.graph.document import ABSENT, GraphInput
from nodegraph.graph.nearest import nearest
from nodegraph.graph.paths import absolute_path, begins_as_path
from nodegraph.graph.place import Finding, Place
from nodegraph.graph.shape import shown
from nodegraph.node.signature import BadLiteral, InputPort, Param, validate_literal
from nodegraph.types.json_form import LossyForm, model_form
from nodegraph.types.ports import (
    JSON_SCALARS,
    Choice,
    DictOf,
    ListOf,
    Nothing,
    OneOf,
    Scalar,
    Type,
    ValueOf,
)
from nodegraph.types.ports import as_declared as value_as_declared
from nodegraph.types.values import value_type_by_id, value_types

_ANNOTATIONS: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "path": Path,
    "json": Any,
}


@dataclass(frozen=True, slots=True)
class Given:
    """A literal and where it is written.

    Attributes:
        is_text: whether it is the text of a command line, which the type of its input says how to read.
    """

    value: Any
    place: Place
    is_text: bool = False


def graph_input_port(name: str, declared: GraphInput) -> InputPort | None:
    """A graph input as a port; None if its type is not known."""
    type_ = JSON_SCALARS.get(declared.type)
    annotation = _ANNOTATIONS.get(declared.type)
    if type_ is None:
        value_type = value_type_by_id(declared.type)
        if value_type is None:
            return None
        type_, annotation = ValueOf(declared.type), value_type.cls
    required = declared.default is ABSENT
    return InputPort(
        name=name,
        type=type_,
        arity="one",
        required=required,
        default=None if required else declared.default,
        param=Param(),
        reads_file=False,
        annotation=annotation,
    )


def graph_input_types() -> list[str]:
    """The types a graph input may have."""
    return [*JSON_SCALARS, *sorted(value_types())]


def read_text(given: Given, port: InputPort, findings: list[Finding]) -> Given | None:
    """Read the text of a command line: as it is for a str or path, else as JSON; None if it cannot be."""
    if not given.is_text:
        return given
    text = cast("str", given.value)
    if _takes_text(port.type, text):
        return replace(given, is_text=False)
    try:
        return Given(json.loads(text), given.place)
    except (ValueError, RecursionError):
        # Who has to choose among names need not know that there is JSON.
        found = f"found {text!r}" if _choices(port.type) else f"{text!r} is not JSON"
        message = f"input {port.name!r} takes {port.type}; {found}"
        findings.append(Finding(given.place, "bad-literal", message, _choice_hint(port.type, text)))
        return None


def settle(given: Given, port: InputPort, owner: str, findings: list[Finding]) -> Any:
    """The Python value of a literal for an input, paths absolute; ABSENT if the literal is not accepted.

    Args:
        owner: the node, as messages name it.
    """
    if not port.takes_literal:
        findings.append(Finding(given.place, "not-a-literal", *_only_linked(port, owner)))
        return ABSENT
    if not _is_finite(given.value):
        if given.place.source.text is None:
            message = f"input {port.name!r} of {owner} must be finite; found {shown(given.value)}"
            findings.append(Finding(given.place, "not-finite", message))
        return ABSENT
    try:
        value = validate_literal(port, given.value)
        if not _fits_64_bits(value):
            raise BadLiteral("must fit in 64 bits")
    except BadLiteral as error:
        expected = f" {error}" if str(error).startswith("must ") else f": {error}"
        message = f"input {port.name!r} of {owner}{expected}; found {shown(given.value)}"
        findings.append(Finding(given.place, "bad-literal", message, _choice_hint(port.type, given.value)))
        return ABSENT
    return absolute(value, port.type, given.place.source.folder)


def as_declared(given: Given, declared: Type | None) -> Given:
    """The literal of a graph input as its declared type has it: an int for a float becomes one."""
    if declared == Scalar("float") and type(given.value) is int:
        return replace(given, value=float(given.value))
    return given


def default_of(port: InputPort) -> Any:
    """The default of an input, as a literal would give it: paths absolute, an int for a float becomes one."""
    return absolute(value_as_declared(port.default, port.type), port.type, Path())


def absolute(value: Any, type_: Type, folder: Path) -> Any:
    """Make the paths in a value absolute, against a folder."""
    match type_:
        case Scalar("path"):
            return absolute_path(folder, value) if isinstance(value, Path) else value
        case OneOf(members):
            if isinstance(value, str) and Scalar("path") in members and begins_as_path(value):
                return absolute_path(folder, Path(value))
            for member in members:
                value = absolute(value, member, folder)
            return value
        case ListOf(element) if isinstance(value, list):
            return [absolute(entry, element, folder) for entry in cast("list[Any]", value)]
        case DictOf(element) if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {name: absolute(entry, element, folder) for name, entry in entries.items()}
        case _:
            return value


def plain(value: Any) -> Any:
    """The JSON form of paths, Enums, tuples and pydantic models in a Python literal; all else stays.

    A model whose JSON form leaves something out stays as well.
    """
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, os.PathLike):
        return Path(cast("os.PathLike[str]", value)).as_posix()
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, Any]", value)
        return {name: plain(entry) for name, entry in entries.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in cast("Sequence[Any]", value)]
    if not hasattr(type(cast("object", value)), "model_dump"):
        return value
    try:
        return model_form(value)
    except LossyForm:
        return value


def is_json_value(value: Any) -> bool:
    """Whether a value consists of JSON types only."""
    left = [value]
    while left:
        entry = left.pop()
        if isinstance(entry, list):
            left.extend(cast("list[Any]", entry))
        elif isinstance(entry, dict):
            entries = cast("dict[Any, Any]", entry)
            left.extend(entries.values())
            if not all(type(name) is str for name in entries):
                return False
        elif entry is not None and type(entry) not in (bool, int, float, str):
            return False
    return True


def _takes_text(type_: Type, text: str) -> bool:
    match type_:
        case Scalar("str" | "path"):
            return True
        case Choice(values):
            return text in values
        case OneOf(members):
            is_null = text == "null" and any(isinstance(member, Nothing) for member in members)
            return not is_null and any(_takes_text(member, text) for member in members)
        case _:
            return False


def _only_linked(port: InputPort, owner: str) -> tuple[str, str]:
    kind = {"one": "", "batch": "a batch of ", "stream": "a stream of "}[port.arity]
    return (
        f"input {port.name!r} of {owner} takes {kind}{port.type}: it can only be linked",
        f'write it under links: "{port.name}": "node.output"',
    )


def _choice_hint(type_: Type, value: Any) -> str:
    choices = _choices(type_)
    if not isinstance(value, str) or not choices:
        return ""
    near = nearest(value, [choice for choice in choices if isinstance(choice, str)])
    return f"did you mean {near!r}?" if near else f"one of: {', '.join(map(repr, choices))}"


def _choices(type_: Type) -> list[Any]:
    """The values that a type names one by one."""
    members = type_.members if isinstance(type_, OneOf) else (type_,)
    return [choice for member in members if isinstance(member, Choice) for choice in member.values]


def _scalars(value: Any) -> Iterator[Any]:
    """All that stands in a JSON value, lists and objects themselves left out."""
    left: list[Any] = [value]
    while left:
        entry = left.pop()
        if isinstance(entry, list):
            left.extend(cast("list[Any]", entry))
        elif isinstance(entry, dict):
            left.extend(cast("dict[str, Any]", entry).values())
        else:
            yield entry


def _is_finite(value: Any) -> bool:
    return all(type(entry) is not float or isfinite(entry) for entry in _scalars(value))


def _fits_64_bits(value: Any) -> bool:
    return all(type(entry) is not int or -(2**63) <= entry < 2**63 for entry in _scalars(value))

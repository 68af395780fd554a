"""A node type, its inputs and outputs, and the literals that an input takes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph.types.json_form import LossyForm, dump_json, read_json, through_json
from nodegraph.types.ports import (
    Arity,
    Choice,
    DictOf,
    ListOf,
    Nothing,
    OneOf,
    Record,
    Scalar,
    ScalarName,
    Type,
    conforms,
    has_python_form,
    is_json,
    members,
    takes_as_float,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Kind = Literal["call", "batch", "stream"]

_SCALARS: dict[ScalarName, str] = {
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "path": "a path",
    "json": "any JSON value",
}
"""What stands for a scalar in a graph file, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """Bounds and help of an input, for `Annotated[T, Param(...)]`.

    Args:
        ge, gt, le, lt: bounds of a number.
        multiple_of: a number that the value must be a multiple of.
        min_length, max_length: bounds of the length of a str, list or dict.
        pattern: a regular expression that a str must match.
        unit: the unit of a number, such as `"px"`.
        help: one line for catalog and editor.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    unit: str = ""
    help: str = ""

    def constraints(self) -> dict[str, Any]:
        """The bounds that are set, by pydantic's names."""
        names = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class ReadsFile:
    """Marks a `Path` input of a pure node: the file's content, not its name, enters the memo key."""


class BadLiteral(ValueError):
    """A literal that an input does not accept; `args[0]` says what was expected."""


@dataclass(frozen=True)
class InputPort:
    """One input of a node type.

    Attributes:
        type: the element type; of a stream or batch, that of one item.
        arity: "one", "batch" or "stream".
        required: whether the input has no default.
        levels: how many levels a stream input takes off: 2 for `Stream[Stream[T]]`.
        reads_file: whether it is a path whose content enters the key.
        annotation: the Python type a literal is validated against, bounds included.
    """

    name: str
    type: Type
    arity: Arity
    required: bool
    default: Any
    param: Param
    reads_file: bool
    annotation: Any
    levels: int = 0

    @property
    def takes_literal(self) -> bool:
        """Whether a literal in a graph file may give it."""
        return self.arity == "one" and is_json(self.type)

    @cached_property
    def has_python_form(self) -> bool:
        """Whether the function gets something else than the JSON value: an Enum, a model, a path."""
        return has_python_form(self.type)

    @cached_property
    def takes_as_float(self) -> bool:
        """Whether an int is taken, and only because floats are."""
        return takes_as_float(self.type)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Validates a JSON literal strictly, bounds included."""
        from pydantic import ConfigDict, Field, TypeAdapter

        field = Field(strict=True, allow_inf_nan=False) if _is_float(self.type) else Field()
        annotation: Any = Annotated[self.annotation, field]
        if constraints := self.param.constraints():
            annotation = Annotated[annotation, Field(**constraints)]
        if isinstance(self.type, Record):
            return TypeAdapter(annotation)
        return TypeAdapter(annotation, config=ConfigDict(strict=True, allow_inf_nan=False))


@dataclass(frozen=True, slots=True)
class OutputPort:
    """One output of a node type; of a stream, `type` is that of one item."""

    name: str
    type: Type


@dataclass(frozen=True)
class Signature:
    """What a node function takes and gives.

    Attributes:
        kind: "call", "batch" (a list of items in, a list as long out) or "stream" (a generator of items).
        wants_context: whether the function declares `ctx`.
        output_class: the NamedTuple of several outputs, or None for the one called `out`.
    """

    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    kind: Kind
    wants_context: bool
    output_class: type | None

    @cached_property
    def ports(self) -> Mapping[str, InputPort]:
        """The inputs by name."""
        return {port.name: port for port in self.inputs}

    @cached_property
    def output_places(self) -> Mapping[str, int]:
        """The position of each output by name."""
        return {port.name: place for place, port in enumerate(self.outputs)}

    def input(self, name: str) -> InputPort | None:
        """The input of that name, or None."""
        return self.ports.get(name)


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """A declared node type; see `nodegraph.node` for what each option means."""

    id: str
    version: int | str | None
    function: Callable[..., Any]
    seeded: bool
    pure: bool
    concurrent: bool
    keep: bool
    aliases: tuple[str, ...]
    signature: Signature
    memory: Callable[..., int] | None = None

    @cached_property
    def key_ports(self) -> tuple[InputPort, ...]:
        """The inputs whose literals enter the key, by name: all but paths and the seed.

        Of an input that takes paths and other things, only the other things enter it.
        """
        ports = sorted(self.signature.inputs, key=lambda port: port.name)
        return tuple(
            port for port in ports if not is_path(port.type) and not (self.seeded and port.name == "seed")
        )

    @cached_property
    def record_frames(self) -> dict[Any, tuple[bytes, bytes]]:
        """The parts of key records that all nodes of the type share, as `nodegraph.plan.keys` made them."""
        return {}

    @cached_property
    def file_ports(self) -> tuple[InputPort, ...]:
        """The inputs that are paths whose contents enter the key."""
        return tuple(port for port in self.signature.inputs if port.reads_file)

    @property
    def doc(self) -> str:
        """The function's docstring, cleaned; empty if there is none."""
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.doc.partition("\n")[0]

    @property
    def place(self) -> str:
        """Module and name of the function, for messages."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @property
    def is_source(self) -> bool:
        """Whether it makes streams and no link can reach it."""
        return self.signature.kind == "stream" and all(port.takes_literal for port in self.signature.inputs)


def is_path(type_: Type) -> bool:
    """Whether it is a path, or a path or None."""
    return _but_none(type_) == [Scalar("path")]


def _is_float(type_: Type) -> bool:
    """Whether it is a float, or a float or None: to other unions pydantic cannot apply `strict`."""
    return _but_none(type_) == [Scalar("float")]


def _but_none(type_: Type) -> list[Type]:
    return [member for member in members(type_) if member != Nothing()]


def to_json(port: InputPort, literal: Any) -> Any:
    """The JSON form of a valid literal: an Enum as its value, a path as text, a model as an object."""
    if isinstance(literal, Path):
        return literal.as_posix()
    return literal if _is_json(literal) else dump_json(port.adapter, literal)


def _is_json(literal: Any) -> bool:
    return conforms(literal, Scalar("json"))


def settled(port: InputPort, literal: Any) -> Any:
    """What the JSON form of a literal stands for: the function gets this, so its key tells all of it.

    Raises:
        BadLiteral: if that is not equal to the literal.
    """
    if isinstance(literal, Path) or _is_json(literal):
        return literal
    try:
        return through_json(port.adapter, literal)
    except LossyForm as error:
        raise BadLiteral(*error.args) from None


def validate_literal(port: InputPort, literal: Any) -> Any:
    """Validate a JSON literal for an input and return the Python value the function will get.

    3.0 is not an int, "false" is not a bool, an int literal for a float becomes one. A model has to
    come back from its JSON form as it was.

    Raises:
        BadLiteral: with what was expected and what was found.
    """
    from pydantic import ValidationError

    try:
        validated = read_json(port.adapter, literal)
    except ValidationError as error:
        refused = [(entry["loc"], entry) for entry in error.errors()]
        raise BadLiteral("; ".join(_expectations(refused, port.type))) from None
    if (choices := _missed_choice(literal, port.type)) is not None:
        raise BadLiteral(f"must be {' or '.join(map(repr, choices))}")
    if type(validated) is int and not -(2**63) <= validated < 2**63:
        raise BadLiteral("must fit in 64 bits")
    return settled(port, validated)


def _missed_choice(literal: Any, type_: Type) -> tuple[Any, ...] | None:
    """The choices that a literal only seems to be one of: to Python, and so to pydantic, True equals 1."""
    match type_:
        case Choice(values):
            return None if conforms(literal, type_) else values
        case ListOf(element) | DictOf(element):
            entries = literal.values() if isinstance(type_, DictOf) else literal
            return next(filter(None, (_missed_choice(entry, element) for entry in entries)), None)
        case OneOf((Choice() as choice, Nothing())) if literal is not None:
            return _missed_choice(literal, choice)
        case _:
            return None


_Refused = Sequence[tuple[tuple[int | str, ...], Any]]
"""What pydantic refuses, each with its place in the literal."""


def _expectations(refused: _Refused, type_: Type, place: tuple[int | str, ...] = ()) -> Iterator[str]:
    """What was expected, each at its place: of a union all that it takes, not each of its members by itself.

    Args:
        refused: by its place below `place`.
        type_: what is taken at `place`.
        place: in the literal.
    """
    but_none = _but_none(type_)
    match but_none[0] if len(but_none) == 1 else type_:
        case ListOf(element) | DictOf(element):
            parts: dict[tuple[int | str, ...], list[Any]] = {}
            for inner, entry in refused:
                parts.setdefault(inner[:1], []).append((inner[1:], entry))
            # What is wrong with the whole stands under no part.
            for part, below in parts.items():
                yield from _expectations(below, element if part else Nothing(), (*place, *part))
        case OneOf(taken):
            # The first part of a place below a union is pydantic's name of the member.
            fitting = [(inner[1:], entry) for inner, entry in refused if _fits_otherwise(inner, entry)]
            if not fitting:
                yield _told(place, f"must be {_in_words(taken)}")
            yield from (_expectation((*place, *inner), entry) for inner, entry in fitting)
        case _:
            yield from (_expectation((*place, *inner), entry) for inner, entry in refused)


def _fits_otherwise(inner: tuple[int | str, ...], entry: Any) -> bool:
    """Whether a literal is of the kind of a union's member, and wrong within: too large, or in one entry."""
    kind: str = entry["type"]
    return len(inner) > 1 or not (kind.endswith("_type") or kind in ("literal_error", "enum"))


def _in_words(taken: Sequence[Type]) -> str:
    """What a union takes, such as "a text or a path"."""
    words = list(dict.fromkeys(word for type_ in taken for word in _words(type_)))
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _words(type_: Type) -> Iterator[str]:
    match type_:
        case Scalar(name):
            yield _SCALARS[name]
        case Choice(values):
            yield from map(repr, values)
        case ListOf():
            yield "a list"
        case OneOf(taken):
            yield from (word for member in taken for word in _words(member))
        case Nothing():
            yield "null"
        case _:
            yield "an object"


def _expectation(place: tuple[int | str, ...], entry: Any) -> str:
    message: str = entry["msg"]
    message = re.sub(r"^[A-Z]\w* should ", "must ", message).replace(" after validation", "")
    if entry["type"] == "extra_forbidden":
        message = "there is no such field"
    return _told(place, message)


def _told(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message}" if place else message

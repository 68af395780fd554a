"""A node type's inputs and outputs, read off its function's signature."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

from nodegraph.node.bounds import refuse_unfit_bounds
from nodegraph.node.context import Context
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
    Type,
    conforms,
    has_python_form,
    is_json,
    is_optional,
    levels_taken,
    members,
    parse_type,
    split_arity,
    takes_as_float,
)
from nodegraph.types.values import DeclarationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RESERVED_INPUTS = frozenset({"id", "seed", "ctx", "note"})

Kind = Literal["call", "batch", "stream"]


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
            port for port in ports if not _is_path(port.type) and not (self.seeded and port.name == "seed")
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


def read_signature(
    function: Callable[..., Any],
    type_id: str,
    *,
    pure: bool,
    seeded: bool,
    local_names: Mapping[str, Any] | None = None,
) -> Signature:
    """Read inputs, outputs and arity off a function's annotations.

    Raises:
        DeclarationError: if a parameter or the return type is not something a node can have.
    """
    try:
        hints = typing.get_type_hints(function, localns=dict(local_names or {}), include_extras=True)
    except (NameError, AttributeError) as error:
        raise DeclarationError(f"node {type_id!r}: an annotation names something unknown: {error}") from None
    except (SyntaxError, TypeError) as error:
        raise DeclarationError(f"node {type_id!r}: an annotation is not a type: {error}") from None
    inputs: list[InputPort] = []
    wants_context = False
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "ctx":
            if hints.get("ctx") is not Context:
                raise DeclarationError(f"node {type_id!r}: annotate ctx as Context")
            wants_context = True
            continue
        if name in RESERVED_INPUTS:
            raise DeclarationError(
                f"node {type_id!r}: {name!r} is a reserved name; call the input something else"
            )
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise DeclarationError(f"node {type_id!r}: {name!r} must be an ordinary named parameter")
        if name not in hints:
            raise DeclarationError(f"node {type_id!r}: annotate the parameter {name!r} with its type")
        inputs.append(_read_input(name, hints[name], parameter.default, type_id, pure=pure))
    if seeded:
        if not wants_context:
            raise DeclarationError(f"node {type_id!r}: a seeded node needs a parameter ctx: Context")
        inputs.append(_SEED_INPUT)
    if "return" not in hints:
        raise DeclarationError(f"node {type_id!r}: annotate the return type; it declares the outputs")
    outputs, output_class, arity = _read_outputs(hints["return"], type_id)
    kind = _kind(arity, inputs, type_id, function)
    return Signature(tuple(inputs), outputs, kind, wants_context, output_class)


_SEED_INPUT = InputPort(
    name="seed",
    type=OneOf((Scalar("int"), Nothing())),
    arity="one",
    required=False,
    default=None,
    param=Param(help="in place of the graph's seed"),
    reads_file=False,
    annotation=int | None,
)


def _read_input(name: str, annotation: Any, default: Any, type_id: str, *, pure: bool) -> InputPort:
    where = f"node {type_id!r}, input {name!r}"
    try:
        arity, element, extras = split_arity(annotation)
        type_ = parse_type(element)
        param = next((extra for extra in extras if isinstance(extra, Param)), Param())
        refuse_unfit_bounds(type_, param.constraints())
    except DeclarationError as error:
        raise DeclarationError(f"{where}: {error}") from None
    reads_file = any(isinstance(extra, ReadsFile) for extra in extras)
    if _has_path(type_) and pure and not reads_file:
        raise DeclarationError(
            f"{where}: a pure node takes a path by its content: Annotated[Path, ReadsFile()]; "
            "or declare @node(..., pure=False) for a node that must run every time"
        )
    if reads_file and not _is_path(type_):
        raise DeclarationError(f"{where}: ReadsFile() marks a Path or Path | None, not {type_}")
    required = default is inspect.Parameter.empty
    if not required and not is_json(type_) and default is not None:
        raise DeclarationError(f"{where}: a value can only be linked, so its default can only be None")
    if not required and default is None and not is_optional(type_):
        raise DeclarationError(f"{where}: the default None needs the type {type_} | None")
    others = tuple(extra for extra in extras if not isinstance(extra, Param | ReadsFile))
    port = InputPort(
        name=name,
        type=type_,
        arity=arity,
        required=required,
        default=None if required else default,
        param=param,
        reads_file=reads_file,
        annotation=Annotated[element, *others] if others else element,
        levels=levels_taken(annotation),
    )
    try:
        return replace(port, default=_settled(port, port.default))
    except BadLiteral as error:
        raise DeclarationError(f"{where}, default: {error}") from None


def _read_outputs(annotation: Any, type_id: str) -> tuple[tuple[OutputPort, ...], type | None, Arity]:
    where = f"node {type_id!r}"
    try:
        arity, element, _ = split_arity(annotation)
        if levels_taken(annotation) > 1:
            raise DeclarationError("a generator gives one level of items; nesting follows from the graph")
        if (output_class := _named_tuple(element)) is not None:
            return _read_fields(output_class), output_class, arity
        return (OutputPort("out", parse_type(element)),), None, arity
    except DeclarationError as error:
        raise DeclarationError(f"{where}, return type: {error}") from None


def _named_tuple(element: Any) -> type[NamedTuple] | None:
    cls = typing.get_origin(element) or element
    if not isinstance(cls, type) or "_fields" not in dir(cls):
        return None
    return cast("type[NamedTuple]", cls) if issubclass(cls, tuple) else None


def _read_fields(output_class: type[NamedTuple]) -> tuple[OutputPort, ...]:
    hints = typing.get_type_hints(output_class, include_extras=True)
    ports: list[OutputPort] = []
    for name in output_class._fields:
        arity, element, _ = split_arity(hints[name])
        if arity != "one":
            raise DeclarationError(f"output {name!r} cannot itself be a stream or batch")
        ports.append(OutputPort(name, parse_type(element)))
    return tuple(ports)


def _kind(arity: Arity, inputs: list[InputPort], type_id: str, function: Callable[..., Any]) -> Kind:
    takes_batch = any(port.arity == "batch" for port in inputs)
    if takes_batch != (arity == "batch"):
        raise DeclarationError(
            f"node {type_id!r}: a node with a Batch input returns a Batch as long, and only such a node does"
        )
    if takes_batch and any(port.arity == "stream" for port in inputs):
        raise DeclarationError(f"node {type_id!r}: a node takes either batches or streams, not both")
    if arity == "stream" and not inspect.isgeneratorfunction(function):
        raise DeclarationError(
            f"node {type_id!r}: a node that returns a Stream is a generator: yield Item(key, value)"
        )
    return "call" if arity == "one" else arity


def _has_path(type_: Type) -> bool:
    return type_ == Scalar("path") or (isinstance(type_, OneOf) and any(map(_has_path, type_.members)))


def _is_path(type_: Type) -> bool:
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


def _settled(port: InputPort, literal: Any) -> Any:
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
        raise BadLiteral("; ".join(_expectation(entry) for entry in error.errors())) from None
    if (choices := _missed_choice(literal, port.type)) is not None:
        raise BadLiteral(f"must be {' or '.join(map(repr, choices))}")
    if type(validated) is int and not -(2**63) <= validated < 2**63:
        raise BadLiteral("must fit in 64 bits")
    return _settled(port, validated)


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


def _expectation(entry: Any) -> str:
    place = ".".join(str(part) for part in entry["loc"])
    message: str = entry["msg"]
    message = re.sub(r"^[A-Z]\w* should ", "must ", message).replace(" after validation", "")
    if entry["type"] == "extra_forbidden":
        message = "there is no such field"
    return f"{place}: {message}" if place else message

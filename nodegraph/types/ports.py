"""Port types: what an input or output carries, read off Python annotations, and which links fit."""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from nodegraph.types.stream import BATCH, Collected, Stream
from nodegraph.types.values import DeclarationError, value_type_of

ScalarName = Literal["bool", "int", "float", "str", "path", "json"]
Arity = Literal["one", "batch", "stream"]

_SCALARS: dict[Any, ScalarName] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    Path: "path",
    Any: "json",
    object: "json",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A JSON scalar, a path, or `json`: any JSON value."""

    name: ScalarName

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Choice:
    """A `Literal` or an `Enum`: one of a few JSON scalars."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " | ".join(repr(value) for value in self.values)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A JSON list."""

    element: Type

    def __str__(self) -> str:
        return f"list[{self.element}]"


@dataclass(frozen=True, slots=True)
class DictOf:
    """A JSON object; its keys are str."""

    element: Type

    def __str__(self) -> str:
        return f"dict[str, {self.element}]"


@dataclass(frozen=True, slots=True)
class Record:
    """A pydantic model: a JSON object with named fields."""

    cls: type = field(hash=True)

    def __str__(self) -> str:
        return self.cls.__name__


@dataclass(frozen=True, slots=True)
class ValueOf:
    """A registered value type; it can only be linked."""

    id: str

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Nothing:
    """`None`."""

    def __str__(self) -> str:
        return "None"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A union."""

    members: tuple[Type, ...]

    def __str__(self) -> str:
        return " | ".join(str(member) for member in self.members)


@dataclass(frozen=True, slots=True)
class Variable:
    """A type variable: it takes the linked type."""

    name: str

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = Scalar | Choice | ListOf | DictOf | Record | ValueOf | Nothing | OneOf | Variable

JSON_SCALARS: dict[str, Type] = {
    name: Scalar(name) for name in ("bool", "int", "float", "str", "path", "json")
}


def parse_type(annotation: Any) -> Type:
    """Read the element type of a port off a Python annotation without arity.

    Raises:
        DeclarationError: if the annotation is neither a JSON type nor a registered value type.
    """
    if annotation is None or annotation is types.NoneType:
        return Nothing()
    if isinstance(annotation, TypeVar):
        return Variable(annotation.__name__)
    if scalar := _SCALARS.get(annotation) if _hashable(annotation) else None:
        return Scalar(scalar)
    origin = get_origin(annotation)
    if origin is Annotated:
        return parse_type(get_args(annotation)[0])
    if origin is Literal:
        return Choice(get_args(annotation))
    if origin in (Union, types.UnionType):
        return OneOf(tuple(parse_type(member) for member in get_args(annotation)))
    if origin is list or annotation is list:
        args = get_args(annotation)
        return ListOf(parse_type(args[0]) if args else Scalar("json"))
    if origin in (dict, Mapping) or annotation is dict:
        args = get_args(annotation)
        if args and args[0] is not str:
            raise DeclarationError(f"{annotation}: a JSON object has keys of type str")
        return DictOf(parse_type(args[1]) if args else Scalar("json"))
    if isinstance(annotation, type) and (named := _parse_class(annotation)) is not None:
        return named
    shown = getattr(annotation, "__name__", None) or str(annotation)
    raise DeclarationError(
        f"{shown} is neither a JSON type (bool, int, float, str, Path, Literal, Enum, list, dict, pydantic "
        "model) nor a registered value type; declare it with @value on a frozen dataclass"
    )


def _parse_class(cls: type[Any]) -> Type | None:
    if (declared := value_type_of(cls)) is not None:
        return ValueOf(declared.id)
    if issubclass(cls, enum.Enum):
        return Choice(tuple(member.value for member in cls))
    return Record(cls) if "model_json_schema" in dir(cls) else None


def split_arity(annotation: Any) -> tuple[Arity, Any, tuple[Any, ...]]:
    """Split an annotation into arity, element annotation and `Annotated` extras.

    `Stream[T]` and `Collected[T]` give "stream", `Batch[T]` gives "batch", all else "one". An optional
    stream, `Stream[T] | None`, is a stream of `T | None`: `None` stands for the missing link.
    """
    extras: tuple[Any, ...] = ()
    while get_origin(annotation) is Annotated:
        annotation, *found = get_args(annotation)
        extras = (*found, *extras)
    arity: Arity = "one"
    if (stream := _optional_stream(annotation)) is not None:
        arity, annotation = "stream", get_args(stream)[0] | None
    elif BATCH in extras:
        arity, annotation = "batch", get_args(annotation)[0]
        extras = tuple(extra for extra in extras if extra is not BATCH)
    elif get_origin(annotation) in (Stream, Collected):
        arity, annotation = "stream", get_args(annotation)[0]
    elif annotation in (Stream, Collected):
        raise DeclarationError("write the item type of a stream: Stream[T]")
    if arity != "one":
        inner, element, _ = split_arity(annotation)
        if inner == "stream" == arity and levels_taken(annotation) == 1:
            return arity, element, extras
        if inner != "one":
            raise DeclarationError(
                "a batch cannot hold streams or batches, and a stream only one level of streams; "
                "other nesting follows from the graph"
            )
    return arity, annotation, extras


def levels_taken(annotation: Any) -> int:
    """How many levels an input takes off: 1 for `Stream[T]`, 2 for `Stream[Stream[T]]`, else 0."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    stream = _optional_stream(annotation) or annotation
    if get_origin(stream) not in (Stream, Collected):
        return 0
    return 1 + levels_taken(get_args(stream)[0])


def _optional_stream(annotation: Any) -> Any:
    """The stream in `Stream[T] | None`, else None."""
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    streams = [member for member in members if get_origin(member) in (Stream, Collected)]
    return streams[0] if len(members) == 2 and streams and types.NoneType in members else None


def is_json(type_: Type) -> bool:
    """Whether a literal in a graph file can give this type."""
    match type_:
        case ValueOf() | Variable():
            return False
        case ListOf(element) | DictOf(element):
            return is_json(element)
        case OneOf(members):
            return all(is_json(member) for member in members)
        case _:
            return True


def members(type_: Type) -> tuple[Type, ...]:
    """The types that a union is made of, or the type itself."""
    return type_.members if isinstance(type_, OneOf) else (type_,)


@lru_cache(maxsize=1024)
def takes_as_float(type_: Type) -> bool:
    """Whether an int is taken, and only because floats are."""
    inside = members(type_)
    return Scalar("float") in inside and not any(
        member != Scalar("float") and accepts(member, Scalar("int")) for member in inside
    )


def as_declared(value: Any, type_: Type) -> Any:
    """A value that conforms to a type, its ints as floats where they are taken only because floats are."""
    return _with_floats(value, type_) if _holds_float(type_) else value


def _with_floats(value: Any, type_: Type) -> Any:
    match type_:
        case Scalar("float") if type(value) is int:
            return float(value)
        case OneOf(inside):
            others = (member for member in inside if member not in (Scalar("float"), Scalar("json")))
            taking = next((member for member in others if conforms(value, member)), Scalar("float"))
            return _with_floats(value, taking) if taking in inside else value
        case ListOf(element) if isinstance(value, list):
            return [_with_floats(entry, element) for entry in cast("list[Any]", value)]
        case DictOf(element) if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {name: _with_floats(entry, element) for name, entry in entries.items()}
        case _:
            return value


def _holds_float(type_: Type) -> bool:
    if isinstance(type_, Scalar):
        return type_.name == "float"
    if isinstance(type_, OneOf):
        return any(map(_holds_float, type_.members))
    return isinstance(type_, ListOf | DictOf) and _holds_float(type_.element)


def has_python_form(type_: Type) -> bool:
    """Whether a function gets something else than the JSON value: an Enum, a model, a path."""
    match type_:
        case Choice() | Record() | Scalar("path"):
            return True
        case ListOf(element) | DictOf(element):
            return has_python_form(element)
        case OneOf(inside):
            return any(map(has_python_form, inside))
        case _:
            return False


def is_optional(type_: Type) -> bool:
    """Whether `None` is among the values of the type."""
    return type_ in (Nothing(), Scalar("json")) or (
        isinstance(type_, OneOf) and any(is_optional(member) for member in type_.members)
    )


def accepts(port: Type, offered: Type) -> bool:
    """Whether an input of type `port` takes a link that carries `offered`.

    The same type, `T` into a union with `T`, and int into float; nothing else. Two unions fit if every
    member offered is taken. A type variable takes anything; `bind` then says what it stands for.
    """
    if port == offered or isinstance(port, Variable):
        return True
    if isinstance(offered, OneOf):
        return all(accepts(port, member) for member in offered.members)
    if isinstance(port, OneOf):
        return any(accepts(member, offered) for member in port.members)
    if port == Scalar("json"):
        return is_json(offered)
    return port == Scalar("float") and offered == Scalar("int")


def bind(type_: Type, bindings: Mapping[str, Type]) -> Type:
    """Replace the type variables in `type_` by what they were bound to."""
    match type_:
        case Variable(name):
            return bindings.get(name, type_)
        case ListOf(element):
            return ListOf(bind(element, bindings))
        case DictOf(element):
            return DictOf(bind(element, bindings))
        case OneOf(members):
            return OneOf(tuple(bind(member, bindings) for member in members))
        case _:
            return type_


def conforms(value: object, type_: Type) -> bool:
    """Whether a value a node returned is of the declared type: a bool or a NumPy scalar is not an int."""
    match type_:
        case Scalar(name):
            return _scalar_conforms(value, name)
        case Choice(values):
            plain = value.value if isinstance(value, enum.Enum) else value
            return any(type(plain) is type(choice) and plain == choice for choice in values)
        case ListOf(element):
            return type(value) is list and all(conforms(entry, element) for entry in cast("list[Any]", value))
        case DictOf(element):
            return type(value) is dict and all(
                type(key) is str and conforms(entry, element)
                for key, entry in cast("dict[Any, Any]", value).items()
            )
        case Record(cls):
            return isinstance(value, cls)
        case ValueOf(type_id):
            declared = value_type_of(type(value))
            return declared is not None and declared.id == type_id
        case Nothing():
            return value is None
        case OneOf(members):
            return any(conforms(value, member) for member in members)
        case Variable():
            return True


def _scalar_conforms(value: Any, name: ScalarName) -> bool:
    kind = cast("Any", type(value))
    match name:
        case "bool":
            return kind is bool
        case "int":
            return kind is int and -(2**63) <= value < 2**63
        case "float":
            return kind is float or (kind is int and -(2**53) <= value <= 2**53)
        case "str":
            return kind is str
        case "path":
            return isinstance(value, Path)
        case "json":
            return _json_conforms(value)


def _json_conforms(value: Any) -> bool:
    if isinstance(value, list):
        return all(_json_conforms(entry) for entry in cast("list[Any]", value))
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
        return all(type(key) is str and _json_conforms(entry) for key, entry in entries.items())
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return value is None or type(value) in (bool, float, str)


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True

"""A signature read off the annotations of a function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, NamedTuple, cast

from nodegraph.node.bounds import refuse_unfit_bounds
from nodegraph.node.context import Context
from nodegraph.node.signature import (
    BadLiteral,
    InputPort,
    Kind,
    OutputPort,
    Param,
    ReadsFile,
    Signature,
    is_path,
    settled,
)
from nodegraph.types.ports import (
    Arity,
    Nothing,
    OneOf,
    Scalar,
    Type,
    is_json,
    is_optional,
    levels_taken,
    parse_type,
    split_arity,
)
from nodegraph.types.values import DeclarationError

_RESERVED = frozenset({"id", "seed", "ctx", "note"})


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
        if name in _RESERVED:
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
    if reads_file and not is_path(type_):
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
        return replace(port, default=settled(port, port.default))
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

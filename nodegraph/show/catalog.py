"""The catalog: what a node type takes and gives, as plain data for people, editors and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nodegraph.node.signature import InputPort, NodeType, to_json
from nodegraph.types.ports import Arity, OneOf, Scalar, Type, accepts, is_optional

_EXAMPLE_PARAMS = 4
_SAMPLES: dict[str, Any] = {"bool": True, "int": 1, "float": 0.5, "str": "text", "path": "folder", "json": {}}


def port_text(type_: Type, arity: Arity) -> str:
    """A port's type as it is written in a signature: `image`, `Stream[image]`, `Batch[image]`."""
    return {"one": "{}", "batch": "Batch[{}]", "stream": "Stream[{}]"}[arity].format(type_)


def default_json(port: InputPort) -> Any:
    """The default of an optional input as JSON; None for an optional link."""
    return to_json(port, port.default) if port.takes_literal else None


def bounds_text(port: InputPort) -> str:
    """The bounds of an input, such as `0 ≤ x ≤ 1`; empty if it has none."""
    param = port.param
    low = f"{param.ge:g} ≤ " if param.ge is not None else f"{param.gt:g} < " if param.gt is not None else ""
    high = f" ≤ {param.le:g}" if param.le is not None else f" < {param.lt:g}" if param.lt is not None else ""
    texts = [f"{low}x{high}"] if low or high else []
    if param.multiple_of is not None:
        texts.append(f"multiple of {param.multiple_of:g}")
    if param.min_length is not None or param.max_length is not None:
        most = "" if param.max_length is None else param.max_length
        texts.append(
            f"length {param.min_length or 0} to {most}".rstrip() if most else f"length ≥ {param.min_length}"
        )
    if param.pattern is not None:
        texts.append(f"matches {param.pattern}")
    return ", ".join(texts)


def kind_of(type_id: str) -> str:
    """The group of a type id in the catalog: what stands before its first dot."""
    return type_id.partition(".")[0]


def describe(declared: NodeType, types: Mapping[str, NodeType]) -> dict[str, Any]:
    """All of one node type as JSON; `types` is the catalog that its example links to."""
    signature = declared.signature
    output_arity: Arity = {"call": "one", "batch": "batch", "stream": "stream"}[signature.kind]  # type: ignore[assignment]
    return {
        "type": declared.id,
        "summary": declared.summary,
        "doc": declared.doc,
        "version": declared.version,
        "seeded": declared.seeded,
        "pure": declared.pure,
        "concurrent": declared.concurrent,
        "keep": declared.keep,
        "aliases": list(declared.aliases),
        "source": declared.is_source,
        "inputs": [_describe_input(port) for port in signature.inputs],
        "outputs": [
            {"name": port.name, "type": port_text(port.type, output_arity)} for port in signature.outputs
        ],
        "example": example(declared, types),
    }


def example(declared: NodeType, types: Mapping[str, NodeType]) -> dict[str, Any]:
    """A node of this type as it may stand under `nodes` in a graph file: required links, and a few params."""
    links: dict[str, str] = {}
    params: dict[str, Any] = {}
    for port in declared.signature.inputs:
        if port.required and not port.takes_literal:
            links[port.name] = _some_output(port, declared, types)
        elif port.required:
            params[port.name] = _sample(port)
        elif port.takes_literal and port.default is not None and len(params) < _EXAMPLE_PARAMS:
            params[port.name] = default_json(port)
    node: dict[str, Any] = {"type": declared.id}
    if links:
        node["links"] = links
    if params:
        node["params"] = params
    return {node_name(declared.id): node}


def node_name(type_id: str) -> str:
    """A likely node id for a type: its last part."""
    return type_id.rpartition(".")[2]


def _describe_input(port: InputPort) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": port.name,
        "type": port_text(port.type, port.arity),
        "required": port.required,
        "literal": port.takes_literal,
    }
    if not port.required:
        described["default"] = default_json(port)
    return described | {
        "bounds": port.param.constraints(),
        "unit": port.param.unit,
        "help": port.param.help,
    }


def _some_output(port: InputPort, reader: NodeType, types: Mapping[str, NodeType]) -> str:
    """An output of the catalog that the input takes; else a made-up one.

    Best is one of the same name; then one of a type that the reader's documentation names, or that shares a
    part of its id: of models, `load.svd` for `video.svd`, since any would fit the type of the port.
    """

    def nearness(source: tuple[NodeType, str]) -> tuple[bool, bool, bool]:
        declared, output = source
        shares = set(declared.id.split(".")) & set(reader.id.split("."))
        return output == port.name, _names(reader, port, declared.id), bool(shares)

    best = max(_fitting_outputs(port, reader, types), key=nearness, default=None)
    if best is None:
        return f"{port.name}.out"
    declared, output = best
    name = node_name(declared.id)
    return f"{name if name != node_name(reader.id) else declared.id.replace('.', '_')}.{output}"


def _names(reader: NodeType, port: InputPort, type_id: str) -> bool:
    """Whether the documentation of a node type, or of its input, names another."""
    return (
        re.search(rf"(?<![\w.]){re.escape(type_id)}(?!\w|\.\w)", f"{reader.doc}\n{port.param.help}")
        is not None
    )


def _fitting_outputs(
    port: InputPort, reader: NodeType, types: Mapping[str, NodeType]
) -> Iterator[tuple[NodeType, str]]:
    for declared in types.values():
        if declared.id == reader.id or (port.arity == "stream" and declared.signature.kind == "call"):
            continue
        for output in declared.signature.outputs:
            if accepts(port.type, output.type):
                yield declared, output.name


def _sample(port: InputPort) -> Any:
    """A literal of the right type and, for a number, inside the bounds that are given."""
    if isinstance(port.type, Scalar):
        for bound in (port.param.ge, port.param.le):
            if bound is not None:
                return int(bound) if port.type.name == "int" else bound
        return _SAMPLES[port.type.name]
    if is_optional(port.type):
        return None
    if isinstance(port.type, OneOf):
        scalars = [member for member in port.type.members if isinstance(member, Scalar)]
        if scalars:
            return _SAMPLES[scalars[0].name]
    schema = port.adapter.json_schema()
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", [None]))))
    return [] if schema.get("type") == "array" else {}

"""The JSON Schema of graph files over the known node types, so that an editor completes and checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodegraph.graph.document import FORMAT_VERSION, INPUTS, LINK, NODE_ID, PORT_NAME
from nodegraph.node.signature import InputPort, NodeType, to_json
from nodegraph.types.ports import JSON_SCALARS
from nodegraph.types.values import value_types

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_NOTE: dict[str, Any] = {"type": "string", "description": "a remark"}
_SUBGRAPH = r"^\.\.?/"


def graph_schema(types: Mapping[str, NodeType]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of graph files whose nodes are of the given types or graph files.

    Args:
        types: node types by id.
    """
    definitions: dict[str, Any] = {}
    for type_ in types.values():
        definitions[_name(type_)] = _node_type(type_, definitions)
    return {
        "$schema": DIALECT,
        "title": "nodegraph graph",
        "type": "object",
        "additionalProperties": False,
        "required": ["nodegraph", "nodes"],
        "properties": {
            "nodegraph": {"const": FORMAT_VERSION, "description": "version of the format"},
            "name": {"type": "string"},
            "note": _NOTE,
            "seed": {"type": "integer", "description": "seed of the seeded nodes"},
            "inputs": _named(PORT_NAME.pattern, {"$ref": "#/$defs/graph-input"}),
            "nodes": {
                **_named(NODE_ID.pattern, {"$ref": "#/$defs/node"}),
                "propertyNames": {"pattern": f"^{NODE_ID.pattern}$", "not": {"const": INPUTS}},
            },
            "outputs": _named(PORT_NAME.pattern, {"$ref": "#/$defs/link"}),
            "ui": {"type": "object"},
        },
        "$defs": {
            "link": {
                "type": "string",
                "pattern": f"^{LINK.pattern}$",
                "description": 'what is read: "node.output", "node" for the only output, or "inputs.name"',
            },
            "graph-input": _graph_input(),
            "node": _node(types),
            **definitions,
        },
    }


def literal_schema(port: InputPort, definitions: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The JSON Schema of the literals that an input takes: type, bounds, default, description.

    Args:
        definitions: what the schema refers to is added here, under names that begin with `prefix`.
    """
    schema = dict(port.adapter.json_schema(ref_template=f"#/$defs/{prefix}.{{model}}"))
    for name, inner in schema.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = inner
    if (text := _help(port)) != "":
        schema["description"] = text
    if not port.required:
        schema["default"] = to_json(port, port.default)
    return schema


def _node(types: Mapping[str, NodeType]) -> dict[str, Any]:
    names = [name for type_ in types.values() for name in (type_.id, *type_.aliases)]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {
            "type": {
                "type": "string",
                "anyOf": [{"enum": names}, {"pattern": _SUBGRAPH}] if names else [{"pattern": _SUBGRAPH}],
                "description": "a node type, or a graph file: a path that begins with ./ or ../",
            },
            "note": _NOTE,
            "links": {"type": "object", "additionalProperties": {"$ref": "#/$defs/link"}},
            "params": {"type": "object"},
            "ui": {
                "type": "object",
                "additionalProperties": False,
                "required": ["x", "y"],
                "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
            },
        },
        **_all_of([_by_type(type_) for type_ in types.values()]),
    }


def _by_type(type_: NodeType) -> dict[str, Any]:
    return {
        "if": {"properties": {"type": {"enum": [type_.id, *type_.aliases]}}, "required": ["type"]},
        "then": {"$ref": f"#/$defs/{_name(type_)}"},
    }


def _all_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """The keyword `allOf`, which may not be empty."""
    return {"allOf": schemas} if schemas else {}


def _node_type(type_: NodeType, definitions: dict[str, Any]) -> dict[str, Any]:
    ports = type_.signature.inputs
    literals = [port for port in ports if port.takes_literal]
    params = {
        port.name: literal_schema(port, definitions, f"{_name(type_)}.{port.name}") for port in literals
    }
    links = {port.name: {"$ref": "#/$defs/link", "description": _link_help(port)} for port in ports}
    return {
        "description": type_.doc,
        "properties": {
            "links": {"properties": links, "additionalProperties": False},
            "params": {"properties": params, "additionalProperties": False},
        },
        **_all_of([_required(port) for port in ports if port.required]),
    }


def _required(port: InputPort) -> dict[str, Any]:
    sections = ("links", "params") if port.takes_literal else ("links",)
    given = [
        {"properties": {section: {"required": [port.name]}}, "required": [section]} for section in sections
    ]
    return {"anyOf": given}


def _graph_input() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {
            "type": {"enum": [*JSON_SCALARS, *sorted(value_types())]},
            "default": {"description": "without a default the input must be given to run the graph"},
            "note": _NOTE,
        },
    }


def _named(pattern: str, entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": f"^{pattern}$"}, "additionalProperties": entries}


def _link_help(port: InputPort) -> str:
    kind = {"one": "", "batch": "batch of ", "stream": "stream of "}[port.arity]
    text = _help(port)
    return f"{kind}{port.type}: {text}" if text else f"{kind}{port.type}"


def _help(port: InputPort) -> str:
    unit = f"[{port.param.unit}]" if port.param.unit else ""
    return " ".join(part for part in (port.param.help, unit) if part)


def _name(type_: NodeType) -> str:
    return f"node.{type_.id}"

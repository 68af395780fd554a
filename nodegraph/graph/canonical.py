"""The one canonical form of a graph file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from nodegraph.graph.document import GraphDocument, GraphInput, NodeEntry, graph_data, split_link
from nodegraph.graph.interface import Interface, interfaces, only_output
from nodegraph.types.ports import OneOf, Scalar, Type

WIDTH = 110

V = TypeVar("V")


def canonical(document: GraphDocument) -> GraphDocument:
    """The document with current type ids, short links, inputs in the signature's order, floats as floats.

    Nodes whose type is not known are left as they are.
    """
    known = interfaces(document)
    return replace(
        document,
        inputs={name: _graph_input(declared) for name, declared in document.inputs.items()},
        nodes={node: _node(entry, known.get(node), known) for node, entry in document.nodes.items()},
        outputs={name: _short(link, known) for name, link in document.outputs.items()},
    )


def format_document(document: GraphDocument) -> str:
    """The canonical text of a graph file.

    Two spaces of indentation; one node per line, its members one per line where that would be over 110
    columns; inputs and outputs likewise, a single one on the line of its section if it fits.
    """
    data = graph_data(canonical(document))
    lines = [_member(name, value, 1) for name, value in data.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _member(name: str, value: Any, level: int) -> str:
    head = f"{'  ' * level}{_text(name)}: "
    is_section = level == 1 and name in ("inputs", "nodes", "outputs")
    if is_section and len(value) > (name != "nodes"):
        return head + _spread(value, level)
    return head + _fit(value, level, len(head))


def _fit(value: Any, level: int, used: int) -> str:
    """A value on one line if it fits, with a comma behind it; else spread over several."""
    line = _text(value)
    if used + len(line) + 1 <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    return _spread(cast("dict[str, Any] | list[Any]", value), level)


def _spread(value: dict[str, Any] | list[Any], level: int) -> str:
    """An object or list with one member per line."""
    if isinstance(value, dict):
        lines = [_member(name, entry, level + 1) for name, entry in value.items()]
        opening, closing = "{", "}"
    else:
        indent = "  " * (level + 1)
        lines = [indent + _fit(entry, level + 1, len(indent)) for entry in value]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(lines) + "\n" + "  " * level + closing


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _graph_input(declared: GraphInput) -> GraphInput:
    if declared.type == "float" and type(declared.default) is int:
        return replace(declared, default=float(declared.default))
    return declared


def _node(entry: NodeEntry, interface: Interface | None, known: Mapping[str, Interface]) -> NodeEntry:
    links = {name: _short(link, known) for name, link in entry.links.items()}
    if interface is None:
        return replace(entry, links=links)
    params = {name: _literal(value, interface.inputs.get(name)) for name, value in entry.params.items()}
    return replace(
        entry,
        type=interface.type,
        links=_in_order(links, interface.inputs),
        params=_in_order(params, interface.inputs),
    )


def _in_order(members: Mapping[str, V], names: Iterable[str]) -> dict[str, V]:
    ordered = {name: members[name] for name in names if name in members}
    return {**ordered, **members}


def _literal(value: Any, type_: Type | None) -> Any:
    return float(value) if type(value) is int and _is_float(type_) else value


def _is_float(type_: Type | None) -> bool:
    if isinstance(type_, OneOf):
        return Scalar("float") in type_.members and not {Scalar("int"), Scalar("json")} & set(type_.members)
    return type_ == Scalar("float")


def _short(link: str, known: Mapping[str, Interface]) -> str:
    """The link without the output's name, where the node alone means the same."""
    parts = split_link(link)
    if parts is None or parts[1] is None or parts[0] not in known:
        return link
    node, name = parts
    return node if only_output(known[node].outputs) == name else link

"""What a drawing of a graph says of each node, whatever it is drawn with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nodegraph.check.checked import CheckedGraph, CheckedNode
from nodegraph.node.signature import InputPort, to_json
from nodegraph.types.ports import Type, ValueOf, is_json

_VALUE_CHARS = 28

PALETTE = (
    "#3b82f6",
    "#ef4444",
    "#1f9d55",
    "#eab308",
    "#8b5cf6",
    "#ec4899",
    "#06a7b5",
    "#84a60d",
    "#f97316",
    "#92572b",
)
JSON_COLOUR = "#8593a8"


def type_colours(graph: CheckedGraph) -> dict[Type, str]:
    """A colour for every type that flows in the graph; JSON types share one.

    Value types that the palette has room for never share a colour within one graph, and mostly keep theirs
    from graph to graph.
    """
    types = {type_ for node in graph.nodes.values() for type_ in node.output_types.values()}
    colours: dict[Type, str] = {type_: JSON_COLOUR for type_ in types if is_json(type_)}
    free = set(range(len(PALETTE)))
    for type_ in sorted(types - colours.keys(), key=str):
        slot = sum(_name(type_).encode()) % len(PALETTE)
        if free:
            slot = next(
                index % len(PALETTE)
                for index in range(slot, slot + 2 * len(PALETTE))
                if index % len(PALETTE) in free
            )
            free.discard(slot)
        colours[type_] = PALETTE[slot]
    return colours


def set_params(node: CheckedNode) -> Iterator[tuple[str, str]]:
    """The params that differ from their defaults, as name and short text."""
    for name, literal in node.params.items():
        port = node.type.signature.input(name)
        if port is None or not port.takes_literal or (not port.required and literal == port.default):
            continue
        yield name, short_text(port, literal)


def short_text(port: InputPort, literal: Any) -> str:
    """A param's value in a few characters; of a path, its last two parts."""
    if isinstance(literal, Path):
        text = "/".join(literal.parts[-2:]) if len(literal.parts) > 2 else str(literal)
    else:
        text = json.dumps(to_json(port, literal), ensure_ascii=False)
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= _VALUE_CHARS else text[: _VALUE_CHARS - 1] + "…"


def chain_text(chain: Sequence[str]) -> str:
    """Where a node is called: `each photos › objects`; empty for a node that is called once."""
    return f"each {' › '.join(chain)}" if chain else ""


def _name(type_: Type) -> str:
    return type_.id if isinstance(type_, ValueOf) else str(type_)

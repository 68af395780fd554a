"""The graph document: what a graph file says, as frozen dataclasses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

FORMAT_VERSION = 1

NODE_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
PORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LINK = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?")

INPUTS = "inputs"
"""What a link to an input of the graph names in place of a node."""


class Absent(Enum):
    """Tells "not given" from `null`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of a graph.

    Attributes:
        type: bool, int, float, str, path, json or a value type id.
        default: a JSON literal, or ABSENT for a required input.
    """

    type: str
    default: Any = ABSENT
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """A node as it is written.

    Attributes:
        type: a node type id, or a graph file: a path that begins with `./` or `../`.
        links: for each linked input, `"node.output"`, `"node"` or `"inputs.name"`.
        params: for each other input that is given, a JSON literal.
        ui: where the editor draws the node.
    """

    type: str
    note: str | None = None
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ui: Mapping[str, Any] | None = None

    @property
    def is_subgraph(self) -> bool:
        """Whether the type names a graph file."""
        return self.type.startswith(("./", "../"))


@dataclass(frozen=True, slots=True)
class GraphDocument:
    """A graph as it is written; nodes, inputs and outputs in their authored order.

    Attributes:
        folder: relative paths in the document resolve against it; None for the working directory.
    """

    name: str | None = None
    note: str | None = None
    seed: int | None = None
    inputs: Mapping[str, GraphInput] = field(default_factory=dict[str, GraphInput])
    nodes: Mapping[str, NodeEntry] = field(default_factory=dict[str, NodeEntry])
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    ui: Mapping[str, Any] | None = None
    folder: Path | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OverlayDocument:
    """An overlay as it is written: graph inputs, params by node, and nodes replaced whole."""

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    nodes: Mapping[str, NodeEntry] = field(default_factory=dict[str, NodeEntry])


def split_link(text: str) -> tuple[str, str | None] | None:
    """The node and output that a link names (None for the only output), or None if it is malformed."""
    match = LINK.fullmatch(text)
    return None if match is None else (match[1], match[2])


def graph_data(document: GraphDocument) -> dict[str, Any]:
    """The JSON object of a document; what is empty is left out, except `nodes`."""
    data: dict[str, Any] = {"nodegraph": FORMAT_VERSION}
    data |= _given(name=document.name, note=document.note, seed=document.seed)
    if document.inputs:
        data["inputs"] = {name: input_data(declared) for name, declared in document.inputs.items()}
    data["nodes"] = {name: node_data(entry) for name, entry in document.nodes.items()}
    if document.outputs:
        data["outputs"] = dict(document.outputs)
    return data | _given(ui=document.ui)


def input_data(declared: GraphInput) -> dict[str, Any]:
    """The JSON object of a graph input."""
    default = {} if declared.default is ABSENT else {"default": declared.default}
    return {"type": declared.type, **default, **_given(note=declared.note)}


def node_data(entry: NodeEntry) -> dict[str, Any]:
    """The JSON object of a node."""
    return {
        "type": entry.type,
        **_given(note=entry.note),
        **({"links": dict(entry.links)} if entry.links else {}),
        **({"params": dict(entry.params)} if entry.params else {}),
        **_given(ui=entry.ui),
    }


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

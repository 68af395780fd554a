"""The inputs and outputs of a node as it is written, be it a node type or a graph file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodegraph.graph.document import GraphDocument, NodeEntry
from nodegraph.graph.paths import absolute_path
from nodegraph.graph.shape import read_graph
from nodegraph.node.registry import find
from nodegraph.types.ports import JSON_SCALARS, Type, ValueOf


@dataclass(frozen=True, slots=True)
class Interface:
    """What a node takes and gives.

    Attributes:
        type: the node type's current id, or the graph file as it is written.
        inputs: the type of each input, in the order of the signature or of the file.
        outputs: the names of the outputs.
    """

    type: str
    inputs: Mapping[str, Type]
    outputs: tuple[str, ...]


def only_output(outputs: Sequence[str]) -> str | None:
    """The output that a link names by the node alone: the only one, or the one called `out`; else None."""
    if len(outputs) == 1:
        return outputs[0]
    return "out" if "out" in outputs else None


def interfaces(document: GraphDocument) -> dict[str, Interface]:
    """The interface of each node of a document; a node whose type is not known is left out."""
    by_type: dict[str, Interface | None] = {}
    found: dict[str, Interface] = {}
    for node, entry in document.nodes.items():
        if entry.type not in by_type:
            by_type[entry.type] = _interface(entry, document.folder or Path())
        if (interface := by_type[entry.type]) is not None:
            found[node] = interface
    return found


def _interface(entry: NodeEntry, folder: Path) -> Interface | None:
    if not entry.is_subgraph:
        type_ = find(entry.type)
        if type_ is None:
            return None
        inputs = {port.name: port.type for port in type_.signature.inputs}
        return Interface(type_.id, inputs, tuple(port.name for port in type_.signature.outputs))
    inner = read_graph(absolute_path(folder, entry.type), entry.type).document
    if inner is None:
        return None
    types = {
        name: JSON_SCALARS.get(declared.type, ValueOf(declared.type))
        for name, declared in inner.inputs.items()
    }
    return Interface(entry.type, types, tuple(inner.outputs))

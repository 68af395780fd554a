"""A graph file by itself: the names it declares, its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodegraph.check.literals import Given, graph_input_port, graph_input_types, settle
from nodegraph.graph.document import (
    ABSENT,
    INPUTS,
    NODE_ID,
    PORT_NAME,
    GraphDocument,
)
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.graph.shape import Written
from nodegraph.node.signature import InputPort


@dataclass(frozen=True, eq=False, slots=True)
class Definition:
    """A graph document whose names and inputs were checked.

    Attributes:
        is_readable: whether there is a document at all.
        dented: ids of nodes of which a part could not be read.
        lost: (section, name) of what could not be read at all.
        ports: its inputs as ports; None where the type is not known.
        findings: what is wrong with it by itself.
    """

    source: SourceText
    document: GraphDocument
    is_readable: bool
    dented: frozenset[str]
    lost: frozenset[tuple[str, str]]
    ports: Mapping[str, InputPort | None]
    findings: tuple[Finding, ...]


def define(written: Written[GraphDocument], path: Path | None = None) -> Definition:
    """Check the names and inputs of a document by themselves."""
    document = written.document or GraphDocument(folder=path.parent if path else None)
    findings = list(written.findings)
    if document.seed is not None and not -(2**63) <= document.seed < 2**63:
        place = Place(written.source).child("seed")
        findings.append(Finding(place, "bad-literal", f"the seed must fit in 64 bits; found {document.seed}"))
    ports: dict[str, InputPort | None] = {}
    for name, declared in document.inputs.items():
        ports[name] = graph_input_port(name, declared)
        findings += check_graph_input(name, document, ports[name], written.source)
    for node in document.nodes:
        findings += check_node_id(node, Place(written.source).key("nodes", node))
    for name in document.outputs:
        findings += check_port_name(name, "output", Place(written.source).key("outputs", name))
    return Definition(
        written.source,
        document,
        written.document is not None,
        written.dented,
        written.lost,
        ports,
        tuple(findings),
    )


def check_node_id(node: str, place: Place) -> list[Finding]:
    """Whether a node id is well-formed and not reserved."""
    if node == INPUTS:
        message = f"the node id {node!r} is reserved: links to the graph's own inputs begin with it"
        return [Finding(place, "reserved-name", message, "choose another id")]
    if not NODE_ID.fullmatch(node):
        message = f"node id {node!r} is malformed"
        return [Finding(place, "bad-name", message, "a letter or _, then letters, digits, _ and -")]
    return []


def check_port_name(name: str, kind: str, place: Place) -> list[Finding]:
    """Whether the name of a graph's input or output is well-formed."""
    if PORT_NAME.fullmatch(name):
        return []
    return [
        Finding(
            place,
            "bad-name",
            f"{kind} name {name!r} is malformed",
            "a letter or _, then letters, digits and _",
        )
    ]


def check_graph_input(
    name: str, document: GraphDocument, port: InputPort | None, source: SourceText
) -> list[Finding]:
    """Whether a graph input has a good name, a known type and a default of that type."""
    declared = document.inputs[name]
    place = Place(source).child("inputs", name)
    findings = check_port_name(name, "graph input", Place(source).key("inputs", name))
    if port is None:
        hint = Suggestion(declared.type, graph_input_types(), "types")
        message = f"graph input {name!r} has the unknown type {declared.type!r}"
        findings.append(Finding(place.child("type"), "unknown-type", message, hint))
    elif declared.default is not ABSENT:
        default: Any = Given(declared.default, place.child("default"))
        settle(default, port, "the graph", findings)
    return findings

"""What a link reads: an output, across the borders of subgraphs, or the literal of a graph input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from nodegraph.check.checked import Source
from nodegraph.check.literals import Given, as_declared
from nodegraph.check.scope import Expansion, Scope
from nodegraph.graph.document import ABSENT, INPUTS, split_link
from nodegraph.graph.interface import only_output
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.place import Place
from nodegraph.types.ports import Scalar, Type

_LISTED = 12


class Nothing(Enum):
    """What a link reads where there is nothing to read.

    UNFILLED: a graph input without default that was not given.
    BROKEN: something that is reported elsewhere.
    """

    UNFILLED = "unfilled"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class LinkFault:
    """Why a link reads nothing."""

    code: str
    message: str
    hint: str | Suggestion


@dataclass(frozen=True, slots=True)
class Reading:
    """What a link reads.

    Attributes:
        target: an output, a literal, or nothing.
        declared: for a link to a graph input, its declared type, if that is known and is not json.
        graph_input: for a link to a graph input, its name.
    """

    target: Source | Given | Nothing
    declared: Type | None = None
    graph_input: str | None = None


def resolve(expansion: Expansion, scope: Scope, link: str) -> Reading | LinkFault:
    """What a link written in a scope reads. A fault is for what is wrong with the link as it is written."""
    parts = split_link(link)
    if parts is None:
        hint = 'a link is "node.output", "node" for the only output, or "inputs.name"'
        return LinkFault("bad-link", f"{link!r} is not a link", hint)
    node, name = parts
    if node != INPUTS:
        fault = _output_fault(expansion, scope, node, name)
        return fault if fault is not None else Reading(_follow(expansion, scope, link))
    if name is None:
        return LinkFault("bad-link", "a link to an input of the graph names it", 'write "inputs.name"')
    inputs = scope.definition.document.inputs
    if name not in inputs:
        if ("inputs", name) in scope.definition.lost:
            return Reading(Nothing.BROKEN, graph_input=name)
        hint = Suggestion(name, inputs, "inputs of the graph")
        return LinkFault("unknown-graph-input", f"the graph has no input {name!r}", hint)
    port = scope.definition.ports[name]
    if port is None:
        return Reading(Nothing.BROKEN, graph_input=name)
    declared = None if port.type == Scalar("json") else port.type
    return Reading(_follow(expansion, scope, link), declared, name)


def _output_fault(expansion: Expansion, scope: Scope, node: str, name: str | None) -> LinkFault | None:
    nodes = scope.definition.document.nodes
    if node not in nodes:
        if ("nodes", node) in scope.definition.lost:
            return None
        hint = Suggestion(node, nodes, "nodes")
        return LinkFault("unknown-node", f"the graph has no node {node!r}", hint)
    outputs = _outputs(expansion, scope.prefix + node)
    if outputs is None:
        return None
    if name is None and only_output(outputs) is None:
        if not outputs:
            return LinkFault(
                "unknown-output", f"node {node!r} has no outputs", 'declare "outputs" in its graph file'
            )
        hint = f"name one: {_listed(node, outputs)}"
        return LinkFault("ambiguous-output", f"node {node!r} has several outputs", hint)
    if name is not None and name not in outputs:
        hint = Suggestion(name, outputs, "its outputs")
        return LinkFault("unknown-output", f"node {node!r} has no output {name!r}", hint)
    return None


def _follow(expansion: Expansion, scope: Scope, link: str) -> Source | Given | Nothing:
    """Follow a link outwards through graph inputs and inwards through subgraph outputs."""
    while True:
        parts = split_link(link)
        if parts is None:
            return Nothing.BROKEN
        node, name = parts
        if node == INPUTS:
            found = _fill(scope, name or "")
            if not isinstance(found, tuple):
                return found
            scope, link = found
            continue
        outputs = _outputs(expansion, scope.prefix + node)
        chosen = only_output(outputs) if outputs is not None and name is None else name
        if outputs is None or chosen not in outputs:
            return Nothing.BROKEN
        inner = expansion.scopes.get(scope.prefix + node)
        if inner is None:
            return Source(scope.prefix + node, chosen)
        scope, link = inner, inner.definition.document.outputs[chosen]
        if link.partition(".")[0] == INPUTS:
            return Nothing.BROKEN


def _fill(scope: Scope, name: str) -> tuple[Scope, str] | Given | Nothing:
    """What fills an input of a scope: a link of the outer scope, a literal, or nothing."""
    declared = scope.definition.document.inputs.get(name)
    if declared is None:
        return Nothing.BROKEN
    instance = scope.instance
    if instance is not None and name in instance.entry.links:
        return instance.scope, instance.entry.links[name]
    port = scope.definition.ports.get(name)
    if name in scope.given:
        return as_declared(scope.given[name], port.type if port else None)
    if declared.default is not ABSENT:
        place = Place(scope.definition.source).child("inputs", name, "default")
        return as_declared(Given(declared.default, place), port.type if port else None)
    return Nothing.UNFILLED


def _outputs(expansion: Expansion, full: str) -> tuple[str, ...] | None:
    """The outputs of an expanded node; None if it could not be expanded."""
    if (leaf := expansion.leaves.get(full)) is not None:
        return leaf.outputs
    if (inner := expansion.scopes.get(full)) is not None:
        return tuple(inner.definition.document.outputs)
    return None


def _listed(node: str, outputs: Sequence[str]) -> str:
    shown = [f"{node}.{name}" for name in outputs[:_LISTED]]
    return ", ".join([*shown, "..."] if len(outputs) > _LISTED else shown)

"""The nodes of a graph resolved one after the other: expanded, linked, typed and put in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nodegraph.check.checked import Source
from nodegraph.check.inputs import Inputs, resolve_inputs
from nodegraph.check.links import LinkFault, resolve
from nodegraph.check.order import cycles, topological_order
from nodegraph.check.scope import Expansion, Instance, Scope, expand
from nodegraph.check.typed import Typed, check_link_types, type_node
from nodegraph.graph.document import INPUTS
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.node.signature import NodeType

_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Resolution:
    """An expansion with the links of its nodes resolved and typed; grows as nodes are added.

    Attributes:
        inputs: by node id, also for the nodes that stand for subgraphs.
        typed: what each node gives.
        order: the nodes, each after all it reads.
    """

    expansion: Expansion
    inputs: dict[str, Inputs] = field(default_factory=dict[str, Inputs])
    typed: dict[str, Typed] = field(default_factory=dict[str, Typed])
    order: list[str] = field(default_factory=list[str])


def resolve_nodes(resolution: Resolution, *node_ids: str) -> list[Instance]:
    """Resolve nodes of the outermost graph and all that they contain.

    What they read is among them or was resolved before. What is wrong is added to the findings.
    """
    expansion = resolution.expansion
    instances = expand(expansion, *node_ids)
    for instance in instances:
        resolution.inputs[instance.id] = resolve_inputs(expansion, instance)
    leaves = {instance.id: instance for instance in instances if isinstance(instance.type, NodeType)}
    reads = {
        node: list(dict.fromkeys(bound.source.node for bound in resolution.inputs[node].linked.values()))
        for node in leaves
    }
    order, rest = topological_order(reads)
    if rest:
        circles = cycles(reads, rest)
        expansion.findings.extend(_cycle(leaves, resolution.inputs, circle) for circle in circles)
    resolution.order.extend(order)
    for node in (*order, *rest):
        leaf = leaves[node]
        if isinstance(leaf.type, NodeType):
            inputs = resolution.inputs[node]
            resolution.typed[node] = type_node(leaf, leaf.type, inputs, resolution.typed, expansion.findings)
    for instance in instances:
        if instance.id in expansion.scopes:
            check_link_types(instance, resolution.inputs[instance.id], resolution.typed, expansion.findings)
            check_outputs(expansion, expansion.scopes[instance.id])
    return instances


def check_outputs(expansion: Expansion, scope: Scope) -> dict[str, Source]:
    """Check the outputs of a graph; return what those that are right read."""
    outputs: dict[str, Source] = {}
    for name in scope.definition.document.outputs:
        found = check_output(expansion, scope, name)
        if found is not None:
            outputs[name] = found
    return outputs


def check_output(expansion: Expansion, scope: Scope, name: str) -> Source | None:
    """What an output of a graph reads; None, and a finding, if its link is not right."""
    place = Place(scope.definition.source).child("outputs", name)
    link = scope.definition.document.outputs[name]
    if link.partition(".")[0] == INPUTS:
        message = f"output {name!r} reads {link!r}; an output of a graph reads a node"
        expansion.findings.append(Finding(place, "bad-link", message, 'write "node.output"'))
        return None
    reading = resolve(expansion, scope, link)
    if isinstance(reading, LinkFault):
        message = f"output {name!r}: {reading.message}"
        expansion.findings.append(Finding(place, reading.code, message, reading.hint))
        return None
    return reading.target if isinstance(reading.target, Source) else None


def broken_subgraphs(expansion: Expansion) -> Iterable[Finding]:
    """At every use of a graph file that has errors, or that uses one, say so."""
    wrong: dict[SourceText, list[Finding]] = {}
    for finding in dict.fromkeys(expansion.findings):
        wrong.setdefault(finding.place.source, []).append(finding)
    for place, source in reversed(expansion.includes):
        if source not in wrong:
            continue
        errors = wrong[source]
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        message = f"the graph file {source.name} has {count}: {errors[0].message}"
        finding = Finding(place, "broken-subgraph", message, f"nodegraph check {source.name}")
        wrong.setdefault(place.source, []).append(finding)
        yield finding


def _cycle(leaves: Mapping[str, Instance], inputs: Mapping[str, Inputs], circle: Sequence[str]) -> Finding:
    first, last = circle[0], circle[-1]
    name = next(name for name, bound in inputs[first].linked.items() if bound.source.node == last)
    place = leaves[first].place.child("links", name)
    if len(circle) == 1:
        return Finding(place, "cycle", f"node {first!r} reads its own output", "link another node")
    names = (*circle, first)
    if len(names) > _SHOWN:
        names = (*names[: _SHOWN - 5], f"({len(names) - _SHOWN} more)", *names[-5:])
    path = " → ".join(names)
    return Finding(place, "cycle", f"nodes read each other in a circle: {path}", "remove one of these links")

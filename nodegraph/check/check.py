"""From a graph file or document to a checked graph, or to every problem it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nodegraph.check.checked import CheckedGraph, CheckedNode, Source
from nodegraph.check.definition import Definition, define
from nodegraph.check.inputs import Inputs, resolve_inputs
from nodegraph.check.links import LinkFault, resolve
from nodegraph.check.order import cycles, topological_order
from nodegraph.check.overrides import read_overrides
from nodegraph.check.scope import Expansion, Instance, Scope, begin, expand
from nodegraph.check.typing import Typed, check_link_types, type_node
from nodegraph.graph.document import ABSENT, INPUTS, GraphDocument
from nodegraph.graph.nearest import suggest
from nodegraph.graph.paths import absolute_path
from nodegraph.graph.place import Finding, Place, SourceText, locate
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.graph.shape import Written, read_graph
from nodegraph.node.signature import NodeType


@runtime_checkable
class HasDocument(Protocol):
    """A graph built in Python."""

    @property
    def document(self) -> GraphDocument:
        """The graph as it would be written."""
        ...


GraphLike = Path | str | GraphDocument | HasDocument
"""A graph file, a document, or a graph built in Python."""


def check(
    graph: GraphLike,
    *,
    values: Sequence[Path] = (),
    sets: Sequence[str] = (),
    inputs: Mapping[str, Any] | Sequence[str] = (),
    require_inputs: bool = False,
) -> CheckedGraph:
    """Check a graph and everything laid over it.

    Args:
        values: overlay files, applied in order.
        sets: `node.param=value` texts, as on the command line; applied after the overlays.
        inputs: literals by graph input, or `name=value` texts.
        require_inputs: whether every graph input needs a value, as running does. Without it, params
            that a graph input without value would give are absent from the checked nodes.

    Raises:
        GraphError: with every problem there is, by file, line and column.
    """
    checked, problems = _check(graph, values, sets, inputs, require_inputs)
    if problems or checked is None:
        raise GraphError(problems)
    return checked


def find_problems(
    graph: GraphLike,
    *,
    values: Sequence[Path] = (),
    sets: Sequence[str] = (),
    inputs: Mapping[str, Any] | Sequence[str] = (),
    require_inputs: bool = False,
) -> list[Problem]:
    """Every problem that `check` would raise; empty for a graph without errors."""
    return _check(graph, values, sets, inputs, require_inputs)[1]


@dataclass(frozen=True, slots=True)
class Resolution:
    """An expansion with the links of its nodes resolved and typed."""

    expansion: Expansion
    inputs: Mapping[str, Inputs]
    typed: Mapping[str, Typed]
    order: Sequence[str]


def _check(
    graph: GraphLike,
    values: Sequence[Path],
    sets: Sequence[str],
    inputs: Mapping[str, Any] | Sequence[str],
    require_inputs: bool,
) -> tuple[CheckedGraph | None, list[Problem]]:
    definition = _definition(graph)
    overrides = read_overrides(values, sets, inputs)
    expansion = begin(definition, overrides)
    expansion.findings.extend(definition.findings)
    if not definition.is_readable:
        return None, locate(expansion.findings)
    resolution = _resolve_all(expansion)
    outputs = _check_outputs(expansion)
    expansion.findings.extend(_unknown_overrides(expansion))
    if require_inputs:
        expansion.findings.extend(missing_graph_inputs(expansion.root))
    expansion.findings.extend(_broken_subgraphs(expansion))
    if expansion.findings:
        return None, locate(expansion.findings)
    return _assemble(resolution, outputs, definition), []


def _definition(graph: GraphLike) -> Definition:
    if isinstance(graph, Path | str):
        path = Path(graph)
        return define(read_graph(path, str(graph)), path)
    document = graph if isinstance(graph, GraphDocument) else graph.document
    source = SourceText("", document.folder or Path())
    return define(Written(source, document, frozenset(), frozenset(), ()))


def _resolve_all(expansion: Expansion) -> Resolution:
    instances = expand(expansion, *expansion.root.definition.document.nodes)
    inputs = {instance.id: resolve_inputs(expansion, instance) for instance in instances}
    reads = {
        node: list(dict.fromkeys(bound.source.node for bound in inputs[node].linked.values()))
        for node in expansion.leaves
    }
    order, rest = topological_order(reads)
    if rest:
        expansion.findings.extend(_cycle(expansion, inputs, circle) for circle in cycles(reads, rest))
    typed: dict[str, Typed] = {}
    for node in (*order, *rest):
        type_leaf(expansion, expansion.leaves[node], inputs[node], typed)
    for instance in instances:
        if instance.id in expansion.scopes:
            check_link_types(instance, inputs[instance.id], typed, expansion.findings)
    return Resolution(expansion, inputs, typed, order)


def type_leaf(expansion: Expansion, leaf: Instance, inputs: Inputs, typed: dict[str, Typed]) -> None:
    """Find the types and origins that a node gives, and add them to those that are known."""
    if isinstance(leaf.type, NodeType):
        typed[leaf.id] = type_node(leaf, leaf.type, inputs, typed, expansion.findings)


def _cycle(expansion: Expansion, inputs: Mapping[str, Inputs], circle: Sequence[str]) -> Finding:
    first, last = circle[0], circle[-1]
    name = next(name for name, bound in inputs[first].linked.items() if bound.source.node == last)
    place = expansion.leaves[first].place.child("links", name)
    if len(circle) == 1:
        return Finding(place, "cycle", f"node {first!r} reads its own output", "link another node")
    path = " → ".join((*circle, first))
    return Finding(place, "cycle", f"nodes read each other in a circle: {path}", "remove one of these links")


def _check_outputs(expansion: Expansion) -> dict[str, Source]:
    """Check the outputs of the graph and of every subgraph; return those of the graph."""
    outputs: dict[str, Source] = {}
    for scope in (expansion.root, *expansion.scopes.values()):
        place = Place(scope.definition.source)
        for name, link in scope.definition.document.outputs.items():
            found = check_output(expansion, scope, name, link, place.child("outputs", name))
            if scope is expansion.root and found is not None:
                outputs[name] = found
    return outputs


def check_output(expansion: Expansion, scope: Scope, name: str, link: str, place: Place) -> Source | None:
    """What an output of a graph reads; None, and a finding, if the link is not right."""
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


def _unknown_overrides(expansion: Expansion) -> Iterable[Finding]:
    nodes = [*expansion.leaves, *expansion.scopes]
    known = {*nodes, *expansion.lost, *(name for _, name in expansion.root.definition.lost)}
    for place, node in expansion.overrides.mentioned:
        parts = node.split("/")
        if node in known or any("/".join(parts[:depth]) in expansion.lost for depth in range(1, len(parts))):
            continue
        hint = suggest(node, nodes, called="nodes")
        yield Finding(place, "unknown-node", f"the graph has no node {node!r}", hint)


def missing_graph_inputs(root: Scope) -> Iterable[Finding]:
    """The graph inputs that have neither a default nor a value."""
    for name, declared in root.definition.document.inputs.items():
        if declared.default is not ABSENT or name in root.given:
            continue
        place = Place(root.definition.source).key("inputs", name)
        port = root.definition.ports.get(name)
        message = f"graph input {name!r} ({declared.type}) needs a value"
        hint = f"give it: --input {name}=value"
        if port is not None and not port.takes_literal:
            hint = "it can only be linked: use this graph file as a node of another graph"
        yield Finding(place, "missing-graph-input", message, hint)


def _broken_subgraphs(expansion: Expansion) -> list[Finding]:
    """At every use of a graph file that has errors, or that uses one, say so."""
    wrong: dict[SourceText, list[Finding]] = {}
    for finding in dict.fromkeys(expansion.findings):
        wrong.setdefault(finding.place.source, []).append(finding)
    found: list[Finding] = []
    for place, source in reversed(expansion.includes):
        if source not in wrong:
            continue
        errors = wrong[source]
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        message = f"the graph file {source.name} has {count}: {errors[0].message}"
        finding = Finding(place, "broken-subgraph", message, f"nodegraph check {source.name}")
        found.append(finding)
        wrong.setdefault(place.source, []).append(finding)
    return found


def _assemble(resolution: Resolution, outputs: Mapping[str, Source], definition: Definition) -> CheckedGraph:
    nodes: dict[str, CheckedNode] = {}
    for node in resolution.order:
        leaf, found, typed = (
            resolution.expansion.leaves[node],
            resolution.inputs[node],
            resolution.typed[node],
        )
        if not isinstance(leaf.type, NodeType):
            continue
        nodes[node] = CheckedNode(
            id=node,
            type=leaf.type,
            links={name: found.linked[name].source for name in leaf.ports if name in found.linked},
            params={name: found.params[name] for name in leaf.ports if name in found.params},
            chain=typed.chain or (),
            output_chain=typed.output_chain or (),
            output_types={name: type_ for name, type_ in typed.output_types.items() if type_ is not None},
        )
    document, path = definition.document, definition.source.path
    name = document.name or (path.stem if path is not None else "graph")
    return CheckedGraph(
        name, document.seed or 0, nodes, outputs, absolute_path(Path(), path) if path else None
    )

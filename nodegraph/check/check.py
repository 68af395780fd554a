"""From a graph file or document to a checked graph, or to every problem it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nodegraph.check.checked import CheckedGraph, CheckedNode, Source
from nodegraph.check.definition import Definition, define
from nodegraph.check.overrides import read_overrides
from nodegraph.check.resolution import Resolution, broken_subgraphs, check_outputs, resolve_nodes
from nodegraph.check.scope import Expansion, Scope, begin
from nodegraph.graph.document import ABSENT, GraphDocument
from nodegraph.graph.nearest import Suggestion
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
    checked, problems = _check(_definition(graph), values, sets, inputs, require_inputs=require_inputs)
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
    return _check(_definition(graph), values, sets, inputs, require_inputs=require_inputs)[1]


def sound_document(written: Written[GraphDocument]) -> GraphDocument:
    """The document that was read, if its graph has no errors.

    Raises:
        GraphError: with every problem there is.
    """
    _, problems = _check(define(written), (), (), (), require_inputs=False)
    if problems or written.document is None:
        raise GraphError(problems)
    return written.document


def _check(
    definition: Definition,
    values: Sequence[Path],
    sets: Sequence[str],
    inputs: Mapping[str, Any] | Sequence[str],
    *,
    require_inputs: bool,
) -> tuple[CheckedGraph | None, list[Problem]]:
    overrides = read_overrides(values, sets, inputs)
    expansion = begin(definition, overrides)
    expansion.findings.extend(definition.findings)
    if not definition.is_readable:
        return None, locate(expansion.findings)
    resolution = Resolution(expansion)
    resolve_nodes(resolution, *definition.document.nodes)
    outputs = check_outputs(expansion, expansion.root)
    expansion.findings.extend(_unknown_overrides(expansion))
    if require_inputs:
        expansion.findings.extend(missing_graph_inputs(expansion.root))
    expansion.findings.extend(list(broken_subgraphs(expansion)))
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


def _unknown_overrides(expansion: Expansion) -> Iterable[Finding]:
    nodes = [*expansion.leaves, *expansion.scopes]
    known = {*nodes, *expansion.lost, *(name for _, name in expansion.root.definition.lost)}
    for place, node in expansion.overrides.mentioned:
        parts = node.split("/")
        if node in known or any("/".join(parts[:depth]) in expansion.lost for depth in range(1, len(parts))):
            continue
        hint = Suggestion(node, nodes, "nodes")
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

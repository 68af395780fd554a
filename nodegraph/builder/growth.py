"""A graph that grows node by node, each checked against those before it, as the builder does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nodegraph.builder.refs import InputRef, NodeRef, OutputRef, Ref, graph_of
from nodegraph.check.definition import check_graph_input, check_node_id, check_port_name, define
from nodegraph.check.literals import graph_input_port, is_json_value, plain
from nodegraph.check.overrides import Overrides
from nodegraph.check.resolution import (
    Resolution,
    broken_subgraphs,
    check_output,
    check_outputs,
    resolve_nodes,
)
from nodegraph.check.scope import begin
from nodegraph.graph.document import ABSENT, GraphDocument, GraphInput, NodeEntry, graph_data
from nodegraph.graph.place import Finding, Place, SourceText, locate
from nodegraph.graph.problem import GraphError
from nodegraph.graph.shape import Written, graph_from_data
from nodegraph.types.ports import parse_type
from nodegraph.types.values import DeclarationError


class Growth:
    """The state of a graph under construction; it never has an error in it.

    Attributes:
        document: the graph so far; its inputs, nodes and outputs are added to in place.

    Raises:
        GraphError: if the document it begins with has errors.
    """

    def __init__(self, document: GraphDocument) -> None:
        self._source = SourceText("", document.folder or Path())
        shape = graph_from_data(graph_data(replace(document, nodes={}, outputs={})), self._source)
        _raise_if(shape.findings)
        self._inputs = dict(document.inputs)
        self._nodes = dict(document.nodes)
        self._outputs = dict(document.outputs)
        self.document = replace(document, inputs=self._inputs, nodes=self._nodes, outputs=self._outputs)
        definition = define(Written(self._source, self.document, frozenset(), frozenset(), ()))
        _raise_if(definition.findings)
        self._ports = dict(definition.ports)
        self._resolution = Resolution(begin(replace(definition, ports=self._ports), Overrides()))
        self._expansion = self._resolution.expansion
        resolve_nodes(self._resolution, *self._nodes)
        check_outputs(self._expansion, self._expansion.root)
        self._expansion.findings.extend(list(broken_subgraphs(self._expansion)))
        _raise_if(self._expansion.findings)

    def snapshot(self) -> GraphDocument:
        """The document as it is now, independent of what is added later."""
        return replace(
            self.document, inputs=dict(self._inputs), nodes=dict(self._nodes), outputs=dict(self._outputs)
        )

    def ref(self, node: str) -> NodeRef:
        """A reference to a node."""
        leaf = self._expansion.leaves.get(node)
        outputs = leaf.outputs if leaf else tuple(self._expansion.scopes[node].definition.document.outputs)
        return NodeRef(self, node, outputs)

    def add_node(self, node: str, type_: str, note: str | None, given: Mapping[str, Any]) -> NodeRef:
        """Add a node, or raise GraphError and leave the graph as it was."""
        place = Place(self._source).child("nodes", node)
        _raise_if([*check_node_id(node, place), *_taken(node, self._nodes, "node id", place)])
        if note is not None and type(note) is not str:  # pyright: ignore[reportUnnecessaryComparison]
            message = f"note must be a str, not {type(note).__name__}"
            _raise_if([Finding(place.child("note"), "wrong-json-type", message)])
        links, params, findings = self._sort(node, given, place)
        before = len(self._expansion.includes)
        files = set(self._expansion.definitions)
        self._nodes[node] = NodeEntry(type_, note, links, params)
        made = [instance.id for instance in resolve_nodes(self._resolution, node)]
        findings += self._expansion.findings
        findings += broken_subgraphs(self._expansion)
        if findings:
            self._forget(node, made, before, files)
            raise GraphError(locate(findings))
        return self.ref(node)

    def add_input(self, name: str, type_: str | type[Any], default: Any, note: str | None) -> InputRef:
        """Declare an input of the graph, or raise GraphError and leave the graph as it was."""
        place = Place(self._source).child("inputs", name)
        _raise_if(_taken(name, self._inputs, "graph input", place))
        literal = ABSENT if default is ABSENT else plain(default)
        declared = GraphInput(self._type_id(type_, place), literal, note)
        findings = list(_not_json(default, literal, f"the default of graph input {name!r}", place))
        if not findings:
            port = graph_input_port(name, declared)
            document = replace(self.document, inputs={name: declared})
            shape = graph_from_data(graph_data(replace(document, nodes={}, outputs={})), self._source)
            findings = [*shape.findings, *check_graph_input(name, document, port, self._source)]
            self._ports[name] = port
        if findings:
            self._ports.pop(name, None)
            raise GraphError(locate(findings))
        self._inputs[name] = declared
        return InputRef(self, name)

    def add_output(self, name: str, ref: Ref) -> None:
        """Declare an output of the graph, or raise GraphError and leave the graph as it was."""
        place = Place(self._source).child("outputs", name)
        _raise_if([*check_port_name(name, "output", place), *_taken(name, self._outputs, "output", place)])
        _raise_if(self._misplaced(ref, f"output {name!r}", place))
        self._outputs[name] = str(ref)
        check_output(self._expansion, self._expansion.root, name)
        if self._expansion.findings:
            del self._outputs[name]
            found = list(self._expansion.findings)
            self._expansion.findings.clear()
            raise GraphError(locate(found))

    def _sort(
        self, node: str, given: Mapping[str, Any], place: Place
    ) -> tuple[dict[str, str], dict[str, Any], list[Finding]]:
        links: dict[str, str] = {}
        params: dict[str, Any] = {}
        findings: list[Finding] = []
        for name, value in given.items():
            where = f"input {name!r} of {node!r}"
            if isinstance(value, NodeRef | OutputRef | InputRef):
                findings += self._misplaced(value, where, place.child("links", name))
                links[name] = str(value)
                continue
            params[name] = plain(value)
            findings += _not_json(value, params[name], where, place.child("params", name))
        _raise_if(findings)
        return links, params, findings

    def _misplaced(self, ref: object, where: str, place: Place) -> Iterable[Finding]:
        if not isinstance(ref, NodeRef | OutputRef | InputRef):
            message = f"{where} must be a node or an output of one, not {type(ref).__name__}"
            yield Finding(place, "bad-link", message, "give what Graph.add returned")
        elif graph_of(ref) is not self:
            message = f"{where} reads {str(ref)!r} of another graph"
            yield Finding(place, "foreign-output", message, "add the node to this graph")

    def _forget(self, node: str, made: Iterable[str], includes: int, files: set[str]) -> None:
        expansion = self._expansion
        del self._nodes[node]
        for full in made:
            expansion.leaves.pop(full, None)
            expansion.scopes.pop(full, None)
            self._resolution.inputs.pop(full, None)
            self._resolution.typed.pop(full, None)
        expansion.lost.clear()
        expansion.findings.clear()
        del expansion.includes[includes:]
        for real in set(expansion.definitions) - files:
            del expansion.definitions[real]
        expansion.included.clear()

    def _type_id(self, type_: str | type[Any], place: Place) -> str:
        if isinstance(type_, str):
            return type_
        try:
            return str(parse_type(type_))
        except DeclarationError as error:
            raise GraphError(locate([Finding(place.child("type"), "unknown-type", str(error))])) from None


def _taken(name: str, names: Mapping[str, Any], kind: str, place: Place) -> list[Finding]:
    if name not in names:
        return []
    return [Finding(place, "taken-name", f"{kind} {name!r} is taken", "choose another name")]


def _not_json(value: object, literal: object, where: str, place: Place) -> Iterable[Finding]:
    if literal is ABSENT or is_json_value(literal):
        return
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    hint = "convert it with .item()" if kind.startswith("numpy.") else "link an output of a node"
    yield Finding(place, "not-a-literal", f"{where} takes a link or a JSON value, not {kind}", hint)


def _raise_if(findings: Iterable[Finding]) -> None:
    found = list(findings)
    if found:
        raise GraphError(locate(found))

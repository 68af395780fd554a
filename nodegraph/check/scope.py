"""Graph files expanded in place: a subgraph node becomes the nodes of its file, named `sub/inner`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nodegraph.check.definition import Definition, define
from nodegraph.check.literals import Given, read_text, settle
from nodegraph.check.overrides import Overrides
from nodegraph.graph.document import NodeEntry
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.paths import absolute_path, name_beside, real_path
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.graph.shape import read_graph
from nodegraph.node.registry import find, node_types
from nodegraph.node.signature import InputPort, NodeType
from nodegraph.types.values import TYPE_ID

MAX_NODES = 100_000


@dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """A node of the expanded graph, or the node that stands for a subgraph, before its links are resolved.

    Attributes:
        id: `sub/inner` for a node of a subgraph.
        place: where its entry is written: in the graph file, or in the overlay that replaces it.
        type: its node type, or the definition of its graph file.
        ports: its inputs by name; None for a graph input of unknown type.
        outputs: the names of its outputs.
        params: the literals it is given, overlays and settings laid over.
        is_dented: whether a part of the entry could not be read, so that nothing is said to be missing.
    """

    id: str
    scope: Scope
    entry: NodeEntry
    place: Place
    type: NodeType | Definition
    ports: Mapping[str, InputPort | None]
    outputs: tuple[str, ...]
    params: Mapping[str, Given]
    is_dented: bool

    def __str__(self) -> str:
        return f"{self.id!r} ({self.entry.type})"


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """One use of a graph definition.

    Attributes:
        prefix: what its node ids begin with: "" or `sub/`.
        instance: the node that stands for it in the outer graph; None for the outermost.
        given: literals for its inputs.
        files: the definitions it stands in, outermost first, its own last.
    """

    prefix: str
    definition: Definition
    instance: Instance | None
    given: Mapping[str, Given]
    files: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Expansion:
    """A graph with its subgraphs expanded; grows as nodes are added.

    Attributes:
        root: the outermost scope.
        leaves: the nodes that have a node type, by id, in file order.
        scopes: the subgraphs by the id of their node.
        lost: ids of nodes that could not be expanded; what is wrong with them is among the findings.
        definitions: every graph file that was read, by its real path.
        included: the same, by the folder it is named in and the name.
        includes: for each use of a graph file, the place of the node's type and the text of the file.
    """

    root: Scope
    overrides: Overrides
    findings: list[Finding] = field(default_factory=list[Finding])
    leaves: dict[str, Instance] = field(default_factory=dict[str, Instance])
    scopes: dict[str, Scope] = field(default_factory=dict[str, Scope])
    lost: set[str] = field(default_factory=set[str])
    includes: list[tuple[Place, SourceText]] = field(default_factory=list[tuple[Place, SourceText]])
    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    included: dict[tuple[Path, str], Definition] = field(default_factory=dict[tuple[Path, str], Definition])


def begin(definition: Definition, overrides: Overrides) -> Expansion:
    """An expansion of a graph without any of its nodes yet."""
    findings = list(overrides.findings)
    given: dict[str, Given] = {}
    for name, literal in overrides.inputs.items():
        if name not in definition.document.inputs:
            if ("inputs", name) not in definition.lost:
                hint = Suggestion(name, definition.document.inputs, "inputs of the graph")
                message = f"the graph has no input {name!r}"
                findings.append(Finding(literal.place.of_key, "unknown-graph-input", message, hint))
            continue
        port = definition.ports.get(name)
        read = read_text(literal, port, findings) if port is not None else None
        if read is not None and port is not None:
            given[name] = read
            settle(read, port, "the graph", findings)
    path = definition.source.path
    root = Scope("", definition, None, given, (definition,))
    definitions = {} if path is None else {real_path(path): definition}
    return Expansion(root, overrides, findings, definitions=definitions)


def expand(expansion: Expansion, *node_ids: str) -> list[Instance]:
    """Expand nodes of the outermost graph and all that they contain, in file order.

    Returns:
        every new instance: leaves, and before its nodes the one that stands for a subgraph; none if
        there are too many.
    """
    made: list[Instance] = []
    scope = expansion.root
    stack: list[tuple[Scope, Iterator[str]]] = [(scope, iter(node_ids))]
    while stack:
        scope, remaining = stack[-1]
        node = next(remaining, None)
        if node is None:
            stack.pop()
            continue
        instance = _instantiate(expansion, scope, node)
        if instance is None:
            expansion.lost.add(scope.prefix + node)
            continue
        made.append(instance)
        if isinstance(instance.type, NodeType):
            expansion.leaves[instance.id] = instance
            continue
        inner = _enter(instance, instance.type)
        expansion.scopes[instance.id] = inner
        stack.append((inner, iter(inner.definition.document.nodes)))
        if len(expansion.leaves) + len(expansion.scopes) > MAX_NODES:
            message = f"the subgraphs expand to more than {MAX_NODES:,} nodes"
            expansion.findings.append(Finding(instance.place.child("type"), "too-many-nodes", message))
            return []
    return made


def _enter(instance: Instance, definition: Definition) -> Scope:
    files = (*instance.scope.files, definition)
    return Scope(f"{instance.id}/", definition, instance, instance.params, files)


def _instantiate(expansion: Expansion, scope: Scope, node: str) -> Instance | None:
    full = scope.prefix + node
    entry = scope.definition.document.nodes[node]
    place, is_dented = Place(scope.definition.source).child("nodes", node), node in scope.definition.dented
    if (replacement := expansion.overrides.nodes.get(full)) is not None:
        entry, place, is_dented = replacement.entry, replacement.place, replacement.is_dented
    type_: NodeType | Definition | None
    if entry.is_subgraph:
        type_ = _include(expansion, scope, entry, place.child("type"))
    else:
        type_ = _node_type(entry.type, place.child("type"), expansion.findings)
    if type_ is None:
        return None
    if isinstance(type_, NodeType):
        ports: Mapping[str, InputPort | None] = ports_of(type_)
        outputs = tuple(port.name for port in type_.signature.outputs)
    else:
        ports, outputs = type_.ports, tuple(type_.document.outputs)
    params = _params(expansion, full, entry, place, ports)
    return Instance(full, scope, entry, place, type_, ports, outputs, params, is_dented)


def ports_of(type_: NodeType) -> dict[str, InputPort]:
    """The inputs of a node type by name."""
    return {port.name: port for port in type_.signature.inputs}


def _params(
    expansion: Expansion,
    full: str,
    entry: NodeEntry,
    place: Place,
    ports: Mapping[str, InputPort | None],
) -> dict[str, Given]:
    params = {name: Given(value, place.child("params", name)) for name, value in entry.params.items()}
    for name, laid in expansion.overrides.params.get(full, {}).items():
        port = ports.get(name)
        if name in entry.links:
            message = f"input {name!r} of {full!r} is linked to {entry.links[name]!r}, so it takes no literal"
            expansion.findings.append(
                Finding(laid.place, "linked-input", message, _linked_hint(entry.links[name]))
            )
        elif port is None:
            params[name] = laid
        elif (read := read_text(laid, port, expansion.findings)) is not None:
            params[name] = read
    return params


def _linked_hint(link: str) -> str:
    node, _, name = link.partition(".")
    if node == "inputs" and name:
        return f"give the graph input instead: --input {name}=..."
    return "replace the node by an overlay to link or set it otherwise"


def _node_type(type_id: str, place: Place, findings: list[Finding]) -> NodeType | None:
    type_ = find(type_id)
    if type_ is not None:
        return type_
    if not TYPE_ID.fullmatch(type_id):
        message = f"{type_id!r} is not a node type: lower-case identifiers joined by dots"
        hint = 'such as "load.coco"; a graph file is named by a path that begins with ./ or ../'
        findings.append(Finding(place, "bad-name", message, hint))
        return None
    elsewhere = "if it is in another pack, name it with --nodes FILE_OR_MODULE"
    hint = Suggestion(type_id, node_types(), "known types", elsewhere)
    findings.append(Finding(place, "unknown-node-type", f"unknown node type {type_id!r}", hint))
    return None


def _include(expansion: Expansion, scope: Scope, entry: NodeEntry, place: Place) -> Definition | None:
    written = place.source.folder, entry.type
    definition = expansion.included.get(written)
    if definition is None:
        definition = expansion.included[written] = _read(expansion, entry.type, place.source)
    if definition in scope.files:
        loop = [outer.source.name for outer in scope.files[scope.files.index(definition) :]]
        message = f"a graph file includes itself: {' → '.join([*loop, loop[0]])}"
        expansion.findings.append(Finding(place, "inclusion-cycle", message, "leave out one of these nodes"))
        return None
    expansion.includes.append((place, definition.source))
    return definition if definition.is_readable else None


def _read(expansion: Expansion, written: str, source: SourceText) -> Definition:
    """The definition in a file that is written as a path in a text; each file is read once."""
    path = absolute_path(source.folder, written)
    real = real_path(path)
    definition = expansion.definitions.get(real)
    if definition is None:
        rank = len(expansion.definitions) + 1
        definition = define(read_graph(path, name_beside(source.name, written), rank=rank), path)
        expansion.definitions[real] = definition
        expansion.findings.extend(definition.findings)
    return definition

"""Moving a graph to another folder: relative paths are rewritten, so that they name the same files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from nodegraph.graph.document import INPUTS, GraphDocument, GraphInput, NodeEntry, split_link
from nodegraph.graph.interface import Interface, interfaces
from nodegraph.graph.paths import absolute_path, begins_as_path, path_relative_to
from nodegraph.types.ports import DictOf, ListOf, OneOf, Scalar, Type

Rewrite = Callable[[str], str]


def rebase(document: GraphDocument, folder: Path) -> GraphDocument:
    """The document as it would be written in `folder`; absolute paths stay as they are."""
    origin = absolute_path(Path(), document.folder or Path())
    target = absolute_path(Path(), folder)
    if origin == target:
        return replace(document, folder=folder)

    def rewrite(written: str) -> str:
        if Path(written).is_absolute():
            return written
        return path_relative_to(target, absolute_path(origin, written))

    known = interfaces(document)
    paths = _path_inputs(document, known)
    return replace(
        document,
        inputs={
            name: _graph_input(name, declared, paths, rewrite) for name, declared in document.inputs.items()
        },
        nodes={node: _node(entry, known.get(node), rewrite) for node, entry in document.nodes.items()},
        folder=folder,
    )


def subgraph_type(folder: Path, path: Path) -> str:
    """A graph file as the type of a node that is written in `folder`."""
    return _as_begun(path_relative_to(folder, path))


def _as_begun(written: str) -> str:
    """A path so written that its beginning shows it to be one."""
    return written if begins_as_path(written) else f"./{written}"


def _graph_input(name: str, declared: GraphInput, paths: set[str], rewrite: Rewrite) -> GraphInput:
    if name not in paths or not isinstance(declared.default, str):
        return declared
    return replace(declared, default=rewrite(declared.default))


def _path_inputs(document: GraphDocument, known: Mapping[str, Interface]) -> set[str]:
    """The graph inputs that hold a path: those declared so, and those of type json that a path reads."""
    paths = {name for name, declared in document.inputs.items() if declared.type == "path"}
    for node, interface in known.items():
        for name, link in document.nodes[node].links.items():
            source, output = split_link(link) or ("", None)
            if source == INPUTS and output and _has_path(interface.inputs.get(name)):
                paths.add(output)
    return paths


def _node(entry: NodeEntry, interface: Interface | None, rewrite: Rewrite) -> NodeEntry:
    type_ = entry.type
    if entry.is_subgraph:
        type_ = _as_begun(rewrite(type_))
    if interface is None:
        return replace(entry, type=type_)
    params = {
        name: _rewritten(value, interface.inputs.get(name), rewrite) for name, value in entry.params.items()
    }
    return replace(entry, type=type_, params=params)


def _has_path(type_: Type | None) -> bool:
    if isinstance(type_, OneOf):
        return Scalar("path") in type_.members and Scalar("str") not in type_.members
    return type_ == Scalar("path")


def _rewritten(value: Any, type_: Type | None, rewrite: Rewrite) -> Any:
    """Rewrite the paths in a literal of an input; of a `str | Path` a text that begins as one."""
    match type_:
        case OneOf(members) if isinstance(value, str) and {Scalar("str"), Scalar("path")} <= set(members):
            return _as_begun(rewrite(value)) if begins_as_path(value) else value
        case OneOf(members) if isinstance(value, list | dict):
            kind = ListOf if isinstance(value, list) else DictOf
            container = next((member for member in members if isinstance(member, kind)), None)
            return _rewritten(cast("list[Any] | dict[str, Any]", value), container, rewrite)
        case ListOf(element) if isinstance(value, list):
            return [_rewritten(entry, element, rewrite) for entry in cast("list[Any]", value)]
        case DictOf(element) if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {name: _rewritten(entry, element, rewrite) for name, entry in entries.items()}
        case _:
            return rewrite(value) if isinstance(value, str) and _has_path(type_) else value

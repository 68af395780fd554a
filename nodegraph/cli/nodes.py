"""`nodegraph nodes`: the catalog of node types."""

from __future__ import annotations

import json as json_text
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nodegraph.cli.options import AsJson, NodePacks, Quiet, StoreFolder, UsageError
from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.node.signature import InputPort, NodeType

_TYPE_COLUMN = 32


def nodes(
    type_id: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="Show all of one type, or list one kind.")
    ] = None,
    store: StoreFolder = None,
    packs: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """List the node types, or show all of one."""
    from nodegraph.cli.edge import DONE
    from nodegraph.cli.packs import load
    from nodegraph.node.registry import node_types
    from nodegraph.show.catalog import describe

    terminal = Terminal(json, quiet)
    load(terminal, packs)
    types = node_types()
    listed = types if type_id is None else _of_kind(type_id, types)
    chosen = None if type_id is None or listed else _find(type_id, types)
    if json and chosen is not None:
        terminal.result_json(describe(chosen, types))
    elif json:
        terminal.result_json({"nodes": [describe(declared, types) for declared in listed.values()]})
    else:
        terminal.result("\n".join(_catalog(listed) if chosen is None else _details(chosen, types)))
    return DONE


def _of_kind(kind: str, types: Mapping[str, NodeType]) -> Mapping[str, NodeType]:
    """The node types of a kind such as `load`; none if it is no kind."""
    from nodegraph.show.catalog import kind_of

    return {name: declared for name, declared in types.items() if "." in name and kind_of(name) == kind}


def _find(type_id: str, types: Mapping[str, NodeType]) -> NodeType:
    from nodegraph.graph.nearest import nearest
    from nodegraph.node.registry import find

    declared = find(type_id)
    if declared is None:
        near = nearest(type_id, types)
        hint = f"did you mean {near!r}?" if near else "`nodegraph nodes` lists them all"
        raise UsageError(f"there is no node type {type_id!r}; {hint}")
    return declared


def _catalog(types: Mapping[str, NodeType]) -> Iterator[str]:
    from nodegraph.show.catalog import kind_of

    width = max(map(len, types), default=0)
    kinds: dict[str, list[NodeType]] = {}
    for declared in types.values():
        kinds.setdefault(kind_of(declared.id), []).append(declared)
    for index, (kind, members) in enumerate(kinds.items()):
        if index:
            yield ""
        yield kind
        for declared in members:
            yield f"  {declared.id:<{width}}  {declared.summary}".rstrip()


def _details(declared: NodeType, types: Mapping[str, NodeType]) -> Iterator[str]:
    from nodegraph.show.catalog import describe
    from nodegraph.show.wording import table

    described = describe(declared, types)
    yield declared.id
    yield ""
    yield from (f"  {line}".rstrip() for line in (declared.doc or "No documentation.").splitlines())
    if declared.signature.inputs:
        yield from ("", "inputs", *_inputs(declared.signature.inputs))
    rows = [(port["name"], port["type"]) for port in described["outputs"]]
    yield from ("", "outputs", table(rows, indent="  "))
    yield from ("", "flags", f"  {', '.join(_flags(declared))}")
    yield from ("", "example", *_example(described["example"]))


def _inputs(ports: Sequence[InputPort]) -> Iterator[str]:
    """A line an input; a type too long for its column follows below."""
    from nodegraph.show.wording import table

    rows = table([_input_row(port) for port in ports], indent="  ").splitlines()
    for port, row in zip(ports, rows, strict=True):
        yield row
        if len(type_text := str(port.type)) > _TYPE_COLUMN:
            yield textwrap.fill(type_text, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _input_row(port: InputPort) -> tuple[str, ...]:
    from nodegraph.show.catalog import bounds_text, default_json, port_text

    given = "required" if port.required else "optional link"
    if not port.required and port.takes_literal:
        given = f"= {json_text.dumps(default_json(port), ensure_ascii=False)}"
    bounds = " ".join(text for text in (bounds_text(port), port.param.unit) if text)
    type_text = port_text(port.type, port.arity)
    return (
        port.name,
        type_text if len(type_text) <= _TYPE_COLUMN else "one of",
        given,
        bounds,
        port.param.help,
    )


def _flags(declared: NodeType) -> Iterator[str]:
    yield "version: its code" if declared.version is None else f"version {declared.version}"
    yield "seeded" if declared.seeded else "not seeded"
    yield "pure" if declared.pure else "runs every time"
    if not declared.concurrent:
        yield "one call at a time"
    if not declared.keep:
        yield "results not kept"
    if declared.aliases:
        yield f"formerly {', '.join(declared.aliases)}"


def _example(example: Mapping[str, Any]) -> Iterator[str]:
    for name, node in example.items():
        yield f'  "{name}": {json_text.dumps(node, ensure_ascii=False)}'

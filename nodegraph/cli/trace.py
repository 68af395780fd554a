"""`nodegraph trace`: how an exported file came to be."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nodegraph.cli.options import AsJson, NodePacks, Quiet, StoreFolder
from nodegraph.cli.terminal import Terminal

_SHOWN = 10
_HEX = 16


def trace(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published file.", show_default=False)],
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Tell how an exported file came to be.

    Source items and files, graph, nodes, params, seed, models, versions.
    """
    from nodegraph.api import TraceError
    from nodegraph.api import trace as trace_file
    from nodegraph.cli.edge import DONE
    from nodegraph.show.wording import printable

    terminal = Terminal(json, quiet)
    origin = trace_file(file)
    if json:
        terminal.result_json(origin)
    else:
        try:
            lines = list(origin_lines(origin))
        except (KeyError, TypeError, AttributeError, ValueError):
            raise TraceError(
                f"the provenance of {file} is not as nodegraph wrote it; run the graph again to write it anew"
            ) from None
        terminal.result("\n".join(map(printable, lines)))
    return DONE


def origin_lines(origin: Mapping[str, Any]) -> Iterator[str]:
    """How a file came to be, as text: what it was made from, then the nodes, from the source on."""
    export = origin["export"]
    yield f"file: {origin['file']}"
    state = "unchanged" if origin["unchanged"] else "CHANGED"
    yield f"{state} since run {export['run']} published it"
    yield from _listed("made of items", origin["items"])
    if origin["sources"]:
        yield "from"
    for source in origin["sources"][:_SHOWN]:
        yield from _source_lines(source)
    yield from _more(origin["sources"])
    graph = export["graph"] + (f" ({export['graph_file']})" if export["graph_file"] else "")
    yield f"graph: {graph}, output {export['output']}, seed {export['seed']}"
    yield "nodes"
    for name, node in export["nodes"].items():
        yield from _node_lines(name, node)
    for name, model in export["models"].items():
        yield f"model {name}: {model['kind']}, {model['source']}, fingerprint {model['fingerprint']}"
    packs = (f"{name} {version}" if version else name for name, version in export["packs"].items())
    yield f"made with nodegraph {export['nodegraph']}; packs: {', '.join(packs)}"


def _source_lines(source: Mapping[str, Any]) -> Iterator[str]:
    what = "all items" if source["item"] is None else f"item {source['item']}"
    yield f"  {source['node']}: {what}"
    contents = source.get("blake3") or [None] * len(source["files"])
    for file, content in zip(source["files"], contents, strict=True):
        yield f"    {file}" + (f"  blake3 {content}" if content else "")


def _node_lines(name: str, node: Mapping[str, Any]) -> Iterator[str]:
    behaviour = f"version {node['version']}" if "version" in node else f"code {node['code'][:_HEX]}"
    yield f"  {name}: {node['type']}, {behaviour}"
    told = [
        ("links", {port: str(source) for port, source in node["links"].items()}),
        (
            "params",
            {port: json_text.dumps(value, ensure_ascii=False) for port, value in node["params"].items()},
        ),
        ("files", {port: content[:_HEX] for port, content in node.get("files", {}).items()}),
    ]
    for title, entries in told:
        if entries:
            yield f"    {title}: " + ", ".join(f"{port}={value}" for port, value in entries.items())
    if "seed" in node:
        yield f"    seed: {node['seed']}"


def _listed(title: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        rest = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        yield f"{title}: {', '.join(names[:_SHOWN])}{rest}"


def _more(entries: Sequence[object]) -> Iterator[str]:
    if len(entries) > _SHOWN:
        yield f"  and {len(entries) - _SHOWN:,} more; --json has them all"

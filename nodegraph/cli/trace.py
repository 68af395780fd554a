"""`nodegraph trace`: how an exported file came to be."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from nodegraph.cli.options import AsJson, NodePacks, Quiet, StoreFolder
from nodegraph.cli.terminal import Terminal


def trace(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published file.", show_default=False)],
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Tell how an exported file came to be.

    Graph, nodes, params, seed, source items, versions.
    """
    from nodegraph.api import trace as trace_file
    from nodegraph.cli.edge import DONE

    terminal = Terminal(json, quiet)
    origin = trace_file(file)
    if json:
        terminal.result_json(origin)
    else:
        terminal.result("\n".join(outline(origin)))
    return DONE


def outline(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A JSON object as indented lines: objects open a level, what is short stays on its line.

    The nesting is that of a provenance record, a few levels; it is not the graph's.
    """
    for name, entry in value.items():
        if isinstance(entry, dict) and entry:
            yield f"{indent}{name}"
            yield from outline(cast("dict[str, Any]", entry), indent + "  ")
        elif isinstance(entry, str):
            yield f"{indent}{name}: {entry}"
        else:
            yield f"{indent}{name}: {json_text.dumps(entry, ensure_ascii=False)}"

"""`nodegraph show`: a graph as a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.cli.options import (
    AsJson,
    GraphFile,
    GraphInputs,
    NodePacks,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
)
from nodegraph.cli.terminal import Terminal


def show(
    graph: GraphFile,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Draw with text; the default in a terminal.")] = False,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Draw a graph: as SVG, or with text in the terminal."""
    from nodegraph.check import check
    from nodegraph.cli.edge import DONE
    from nodegraph.cli.files import write_file
    from nodegraph.cli.packs import load
    from nodegraph.show.svg import graph_svg
    from nodegraph.show.text import graph_text

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    checked = check(graph, values=values or (), sets=sets or (), inputs=inputs or ())
    as_text = text or (output is None and not json and sys.stdout.isatty())
    drawing = graph_text(checked) if as_text else graph_svg(checked)
    if output is not None:
        write_file(output, drawing.encode())
        terminal.say(f"drawn to {output}")
    if json:
        shown = (
            {"path": str(output.resolve())} if output is not None else {"text" if text else "svg": drawing}
        )
        terminal.result_json(shown)
    elif output is None:
        terminal.result(drawing)
    return DONE

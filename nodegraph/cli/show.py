"""`nodegraph show`: a graph as a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.cli.groups import Common, GraphValues, grouped
from nodegraph.cli.options import GraphFile


@grouped
def show(
    graph: GraphFile,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Draw with text; the default in a terminal.")] = False,
    given: GraphValues,
    common: Common,
) -> int:
    """Draw a graph: as SVG, or with text in the terminal."""
    from nodegraph.check import check
    from nodegraph.cli.edge import DONE
    from nodegraph.cli.files import write_file
    from nodegraph.show.svg import graph_svg
    from nodegraph.show.text import graph_text

    terminal = common.terminal_with_packs()
    checked = check(graph, **given.for_check())
    as_text = text or (output is None and not common.json and sys.stdout.isatty())
    drawing = graph_text(checked) if as_text else graph_svg(checked)
    if output is not None:
        write_file(output, drawing.encode())
        terminal.say(f"drawn to {output}")
    if common.json:
        shown = (
            {"path": str(output.resolve())} if output is not None else {"text" if text else "svg": drawing}
        )
        terminal.result_json(shown)
    elif output is None:
        terminal.result(drawing)
    return DONE

"""`nodegraph fmt`: graph files in their one canonical form."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from nodegraph.cli.options import AsJson, NodePacks, Quiet, StoreFolder
from nodegraph.cli.terminal import Terminal


def fmt(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Graph files.", show_default=False)],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file would change.")
    ] = False,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Rewrite graph files in canonical form."""
    from nodegraph import Graph
    from nodegraph.cli.edge import DONE, FAILED
    from nodegraph.cli.packs import load

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    changed: list[Path] = []
    for file in files:
        text = Graph.load(file).to_json()
        if text.encode() == file.read_bytes():
            continue
        changed.append(file)
        if not check:
            _replace(file, text)
    if json:
        terminal.result_json({"changed": [str(file) for file in changed]})
    for file in changed:
        terminal.say(f"{'would rewrite' if check else 'rewrote'} {file}")
    return FAILED if check and changed else DONE


def _replace(file: Path, text: str) -> None:
    """Put the new text in place of the file in one step, with the file's own permissions."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as new:
            new.write(text)
        Path(name).chmod(file.stat().st_mode & 0o7777)
        Path(name).replace(file.resolve())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

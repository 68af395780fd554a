"""`nodegraph run`: run a graph, show its progress, and say what came of it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from nodegraph.cli.options import (
    AsJson,
    Devices,
    FailFast,
    Forced,
    GraphFile,
    GraphInputs,
    ItemGlob,
    Jobs,
    Limit,
    NodePacks,
    OutFolder,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
    StoreSize,
    Sweeps,
    Targets,
)
from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.run.result import Run, RunOutput
    from nodegraph.sweep.result import Sweep

_SHOW_CURSOR = "\x1b[?25h"

Traceback = Annotated[bool, typer.Option("--traceback", help="Show the frames of a failing node's own code.")]


def run(
    graph: GraphFile,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    sweep: Sweeps = None,
    targets: Targets = None,
    force: Forced = None,
    limit: Limit = None,
    items: ItemGlob = None,
    out: OutFolder = None,
    devices: Devices = "auto",
    jobs: Jobs = None,
    fail_fast: FailFast = False,
    traceback: Traceback = False,
    store_size: StoreSize = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Run a graph; only what changed is computed.

    Results are published to --out, and everything is remembered in the store, item by item.
    """
    from nodegraph.api import run_graph, sweep_graph
    from nodegraph.cli.edge import DONE, FAILED, INTERRUPTED
    from nodegraph.cli.packs import load
    from nodegraph.cli.progress import Progress
    from nodegraph.cli.selection import options_of

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    options = options_of(
        store=store,
        store_size=store_size,
        inputs=inputs,
        sets=sets,
        values=values,
        sweep=sweep,
        targets=targets,
        force=force,
        limit=limit,
        items=items,
        out=out if out is not None else Path("out") / graph.stem,
        devices=devices,
        jobs=jobs,
        fail_fast=fail_fast,
    )
    with stopping_on_interrupt() as cancel, Progress(terminal) as progress:
        options = replace(options, count_ahead=progress.is_live)
        if sweep:
            swept = sweep_graph(graph, options, on_event=progress, cancel=cancel)
            result = swept.run
        else:
            swept = None
            result = run_graph(graph, options, on_event=progress, cancel=cancel)
    if json:
        terminal.result_json((swept or result).as_json())
    _report(terminal, result, swept, traceback=traceback)
    if (limit is not None or items is not None) and not _matches_nothing(result):
        terminal.say("only a part of the sources' items took part; what was published holds only that part")
    if result.interrupted or (cancel.is_set() and not result.ok):
        return INTERRUPTED
    return DONE if result.ok else FAILED


@contextmanager
def stopping_on_interrupt() -> Generator[threading.Event]:
    """Give the event that stops a run; Ctrl-C sets it, a second Ctrl-C ends the process at once."""
    cancel = threading.Event()

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
            os._exit(130)
        cancel.set()
        os.write(sys.stderr.fileno(), b"\nstopping; what is done is kept (Ctrl-C again: at once)\n")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def resume_command(arguments: Sequence[str]) -> str:
    """The command that goes on where a run stopped: the same one, but nothing is forced again."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--force":
            next(words, None)
        elif not word.startswith("--force="):
            kept.append(word)
    return shlex.join(["nodegraph", *kept])


def _report(terminal: Terminal, result: Run, swept: Sweep | None, *, traceback: bool) -> None:
    from nodegraph.report.rows import headline
    from nodegraph.report.sweep import sweep_headline
    from nodegraph.report.text import failures_text

    for warning in result.warnings:
        terminal.warn(warning)
    style = "green" if result.ok else "red"
    grid = "" if swept is None else f"; {sweep_headline(swept)}"
    terminal.say(terminal.styled(headline(result) + grid, style, "bold"))
    if swept is not None and not terminal.json:
        _print_combinations(terminal, swept)
    elif not terminal.json:
        _print_outputs(terminal, result)
    if result.ok and any(output.missing for output in result.outputs.values()):
        _say_what_was_dropped(terminal, result)
    terminal.say(f"report: {_shown(result.folder / 'report.html')}")
    if result.errors:
        terminal.error(f"\n{terminal.styled('failed calls', 'bold')}\n{failures_text(result)}")
    if traceback:
        for error in result.errors:
            terminal.error(f"\n{error.node} {error.item}\n{error.traceback.rstrip()}")
    if not (result.ok or _matches_nothing(result)):
        terminal.error(f"\nto resume: {resume_command(sys.argv[1:])}")


def _say_what_was_dropped(terminal: Terminal, result: Run) -> None:
    """Why an output was not made although nothing failed."""
    from nodegraph.report.rows import why_dropped

    for name, node in result.nodes.items():
        if node.drop_reasons:
            terminal.warn(f"{name} left {node.dropped} of {node.items} out: {why_dropped(node)}")


def _matches_nothing(result: Run) -> bool:
    """Whether the pattern of `--items` let nothing through, so that running again is of no use."""
    from nodegraph.run.selected import NOTHING_MATCHES

    return any(error.error == NOTHING_MATCHES for error in result.errors)


def _print_outputs(terminal: Terminal, result: Run) -> None:
    from nodegraph.report.rows import is_block
    from nodegraph.show.wording import table

    texts = {name: output.value for name, output in result.outputs.items() if is_block(output)}
    rows = [(name, _output_text(output)) for name, output in result.outputs.items() if name not in texts]
    if rows:
        terminal.result(table(rows))
    for name, text in texts.items():
        terminal.result(f"\n{name}\n{text.rstrip()}")


def _print_combinations(terminal: Terminal, swept: Sweep) -> None:
    from nodegraph.report.sweep import sweep_table

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    terminal.result(sweep_table(swept, width=width, shown=_output_text))


def _output_text(output: RunOutput) -> str:
    from nodegraph.report.rows import output_text

    return output_text(output) if output.path is None else _shown(output.path)


def _shown(path: Path) -> str:
    """A path as it is shortest to read: relative if it is in the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

"""What a user can do with a graph: plan it, run it, look at a value, trace a file.

The command line uses only this.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nodegraph.check.check import GraphLike
from nodegraph.check.checked import CheckedGraph
from nodegraph.events import Event
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.place.equipment import equipment
from nodegraph.place.outlook import forecast
from nodegraph.place.plan import Plan
from nodegraph.plan.compile import compile_program
from nodegraph.plan.naming import has_models
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, parse_source
from nodegraph.plan.values import ARTIFACT, BytesMissing, StoredStream, Values
from nodegraph.plan.walk import Walk
from nodegraph.report import html_report, run_html, text_report
from nodegraph.report.sweep import combinations_html, sweep_html, sweep_table
from nodegraph.run.closing import close_at_exit, close_unused, close_when_unused
from nodegraph.run.provenance import TraceError, trace
from nodegraph.run.publish import PublishError
from nodegraph.run.result import Run
from nodegraph.run.run import RunOptions, run_program
from nodegraph.store import Store, StoreError, default_store_folder, half_of_free
from nodegraph.store.errors import store_error
from nodegraph.sweep.axes import check_sweep
from nodegraph.sweep.expand import Swept, expand
from nodegraph.sweep.given import SweepLike
from nodegraph.sweep.result import Sweep, sweep_result

__all__ = [
    "Options",
    "PublishError",
    "StoreError",
    "TraceError",
    "fetch",
    "open_store",
    "plan_graph",
    "run_graph",
    "sweep_graph",
    "trace",
]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What running and planning take besides the graph.

    Attributes:
        store: folder of the memo; by default `$NODEGRAPH_STORE`, else `.nodegraph`.
        store_size: limit of the store in bytes; by default half of the disk's free space.
        inputs: literals by graph input, or `name=value` texts.
        sets: `node.param=value` texts.
        values: overlay files, applied in order.
        sweep: values by `node.param` or graph input, or `node.param=a,b,c` texts: the grid to go over.
        targets: node ids to run up to; by default what the graph's outputs read.
        force: node ids whose stored results do not count.
        limit: take at most so many items of each source.
        items: take only items of the sources whose key matches this glob.
        out: where artifacts are published; None publishes nothing.
        devices: where calls may run.
        jobs: how many calls run at once; by default one per core.
        fail_fast: begin no further call after the first failure.
        count_ahead: list the sources once more in the background, so that progress tells how many there are.
    """

    store: Path | None = None
    store_size: int | None = None
    inputs: Mapping[str, Any] | Sequence[str] = ()
    sets: Sequence[str] = ()
    values: Sequence[Path] = ()
    sweep: SweepLike = ()
    targets: Sequence[str] = ()
    force: Sequence[str] = ()
    limit: int | None = None
    items: str | None = None
    out: Path | None = None
    devices: str = "auto"
    jobs: int | None = None
    fail_fast: bool = False
    count_ahead: bool = False


def open_store(options: Options, *, read_only: bool = False) -> Store:
    """Open the store that the options name.

    Raises:
        StoreError: if it cannot be opened or made.
    """
    close_unused()
    folder = options.store or default_store_folder()
    limit = None if read_only else options.store_size or half_of_free
    return Store.open(folder, read_only=read_only, size_limit=limit)


def plan_graph(graph: GraphLike, options: Options | None = None) -> Plan:
    """Say what a run would do, and why, computing nothing: the sources are listed, the store is only read.

    Raises:
        GraphError: if the graph or an option is not right; with every problem.
        DeviceError: if a device is not there.
        StoreError: if the store cannot be read.
    """
    options = options or Options()
    task = _task(graph, options)
    there = equipment(options.devices, uses_models=has_models(task.program), is_run=False)
    with open_store(options, read_only=True) as store, contextlib.redirect_stdout(sys.stderr):
        return forecast(
            task.program,
            store,
            devices=there.devices,
            jobs=options.jobs or os.cpu_count() or 1,
            host_bytes=there.host_bytes,
            selection=_selection(options),
            forced=task.forced,
        )


def run_graph(
    graph: GraphLike,
    options: Options | None = None,
    *,
    on_event: Callable[[Event], None] | None = None,
    cancel: threading.Event | None = None,
) -> Run:
    """Run a graph: what is in the store is taken from there, the rest is computed.

    Ctrl-C, or setting `cancel`, begins no further call and returns what was done.

    Raises:
        GraphError: if the graph or an option is not right; with every problem.
        DeviceError: if a device is not there.
        PlacementError: if calls fit on no device; nothing was run then.
        StoreError: if the store cannot be written.
        PublishError: if an output's destination is not ours to write; nothing was run then.
    """
    options = options or Options()
    return _run(_task(graph, options), options, on_event, cancel)


def sweep_graph(
    graph: GraphLike,
    options: Options,
    *,
    on_event: Callable[[Event], None] | None = None,
    cancel: threading.Event | None = None,
) -> Sweep:
    """Run a graph over the grid of `options.sweep`, as one run: what combinations share is computed once.

    What a combination computes is what a run with its values alone would, so the two share their results.

    Raises:
        GraphError: if the graph, the sweep or an option is not right; with every problem.
        DeviceError: if a device is not there.
        PlacementError: if calls fit on no device; nothing was run then.
        StoreError: if the store cannot be written.
        PublishError: if an output's destination is not ours to write; nothing was run then.
    """
    task = _task(graph, options)
    run = _run(task, options, on_event, cancel)
    return _sorted_by_combination(task.swept, run, options)


def fetch(graph: GraphLike, name: str, options: Options | None = None, *, item: str | None = None) -> Any:
    """A stored value: of an output of the graph, or of any `"node.output"`; a stream as `Collected`.

    Args:
        graph: the graph.
        name: output name, `"node"` or `"node.output"`.
        options: as for a run.
        item: the key of one item of a stream, `a/b` for nested ones.

    Raises:
        LookupError: if there is no such output or item, or it is not in the store; says what to do.
    """
    options = options or Options()
    program = _task(graph, options, also=name).program
    step, output = program.source(name)
    is_artifact = step.output_types[output] == ARTIFACT
    # The folder of an artifact's files is made in the store, and goes when that is closed.
    store = open_store(options, read_only=not is_artifact)
    with contextlib.redirect_stdout(sys.stderr):
        walk = Walk(program, store, selection=_selection(options), from_history=True)
    entries = {"/".join(path): digest for path, digest in walk.entries(step, output)}
    values = Values(store)
    if is_artifact:
        close_at_exit(store)
    else:
        close_when_unused(store, values)
    if item is None and step.node.output_chain:
        if not entries and not walk.is_empty(step):
            raise LookupError(f"{name!r} is not in the store; run the graph first")
        return StoredStream(entries.items(), values)
    key = item or ""
    if key not in entries:
        what = f"item {item!r} of {name!r}" if item else f"{name!r}"
        nearest = difflib.get_close_matches(key, entries, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else "; run the graph first"
        raise LookupError(f"{what} is not in the store{hint}")
    try:
        return values.load(entries[key])
    except BytesMissing:
        raise LookupError(
            f"the bytes of {name!r} are not in the store; run with --target {step.id} to make them again"
        ) from None


def _unheard(event: Event) -> None:
    del event


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be run or planned.

    Attributes:
        forced: node ids whose stored results do not count.
        swept: the grid that the program goes over; without axes if nothing is swept.
        checked_at: when checking ended, by `time.perf_counter`.
    """

    program: Program
    forced: frozenset[str]
    swept: Swept
    checked_at: float


def _task(graph: GraphLike, options: Options, *, also: str | None = None) -> _Task:
    """Check a graph, expand it over its sweep, and lay it out."""
    checked, axes = check_sweep(
        graph, options.sweep, values=options.values, sets=options.sets, inputs=options.inputs
    )
    problems = [
        *_unknown_nodes(checked, options.targets, "--target"),
        *_unknown_nodes(checked, options.force, "--force"),
    ]
    if problems:
        raise GraphError(problems)
    checked_at = time.perf_counter()
    swept = expand(checked, axes)
    targets = [copy for node in options.targets for copy in swept.copies(node)]
    if also is not None:
        reads = swept.graph.outputs.get(also) or parse_source(swept.graph, also)
        targets = [reads.node]
    forced = frozenset(copy for node in options.force for copy in swept.copies(node))
    return _Task(compile_program(swept.graph, targets), forced, swept, checked_at)


def _run(
    task: _Task,
    options: Options,
    on_event: Callable[[Event], None] | None,
    cancel: threading.Event | None,
) -> Run:
    there = equipment(options.devices, uses_models=has_models(task.program), is_run=True)
    run_options = RunOptions(
        force=task.forced,
        selection=_selection(options),
        out=options.out,
        jobs=options.jobs,
        fail_fast=options.fail_fast,
        count_ahead=options.count_ahead,
        equipment=there,
    )
    stop = cancel or threading.Event()
    store = open_store(options)
    try:
        run = run_program(
            task.program,
            store,
            run_options,
            on_event=on_event or _unheard,
            cancelled=stop.is_set,
            cancel=stop.set,
            started=task.checked_at,
        )
        _write_reports(run, task, options, store)
        store.flush()
    except BaseException:
        store.close()
        raise
    return replace(run, _render=run_html)


def _sorted_by_combination(swept: Swept, run: Run, options: Options) -> Sweep:
    stopped = run.interrupted or (options.fail_fast and bool(run.errors))
    return sweep_result(swept, run, stopped=stopped, render=sweep_html)


def _write_reports(run: Run, task: _Task, options: Options, store: Store) -> None:
    text, combinations = text_report(run), ""
    if task.swept.axes:
        sweep = _sorted_by_combination(task.swept, run, options)
        text, combinations = f"{text}\n{sweep_table(sweep)}\n", combinations_html(sweep)
    events = _device_events(run, task.program)
    try:
        page = html_report(run, task.program.graph, events, combinations=combinations)
        (run.folder / "report.txt").write_text(text, encoding="utf-8")
        (run.folder / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise store_error(run.folder, error) from error
    store.finish_run(run.run, run.ok, text.encode())


def _device_events(run: Run, program: Program) -> Iterable[Event]:
    """What ran on which device, for a run that used some."""
    if not has_models(program):
        return ()
    from nodegraph.report.recorded import device_events

    return device_events(run.folder / "events.jsonl")


def _selection(options: Options) -> Selection:
    return Selection(options.limit, options.items)


def _unknown_nodes(graph: CheckedGraph, names: Iterable[str], option: str) -> Iterable[Problem]:
    for name in names:
        if name not in graph.nodes:
            nearest = difflib.get_close_matches(name, graph.nodes, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"its nodes: {', '.join(graph.nodes)}"
            yield Problem(option, "", 0, 0, "unknown-node", f"the graph has no node {name!r}", hint)

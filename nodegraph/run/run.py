"""A run from first to last: passes over the program until nothing is open, then outputs and history."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nodegraph.events import CallFailed, Event, NodeFinished, Output, RunFinished, RunStarted, Warned
from nodegraph.events.hub import EventHub, EventLog
from nodegraph.place.equipment import Equipment
from nodegraph.place.problem import IN_FLIGHT
from nodegraph.plan.history import NodeRecord, graph_id, history_id, pack_history
from nodegraph.plan.naming import has_models
from nodegraph.plan.producers import EVERYTHING, Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.walk import Walk
from nodegraph.run.capture import Place, captured
from nodegraph.run.closing import close_when_unused
from nodegraph.run.exports import Exports, artifacts, check_destinations
from nodegraph.run.flow import Flow
from nodegraph.run.foresight import Foresight
from nodegraph.run.frames import Done, Frame
from nodegraph.run.known import Known
from nodegraph.run.machine import Machine
from nodegraph.run.outputs import Fetch, told_output, values_without_bytes
from nodegraph.run.pool import Pool
from nodegraph.run.result import CallError, Run, RunOutput
from nodegraph.run.selected import nothing_matches
from nodegraph.run.tables import Table, record_tables
from nodegraph.run.tasks import Bounds
from nodegraph.store import Store
from nodegraph.store.uses import Pace

if TYPE_CHECKING:
    from nodegraph.run.placement import Placement

_ITEMS_IN_FLIGHT = 64
_LARGE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run takes besides the program.

    Attributes:
        force: node ids whose stored results do not count.
        selection: which items of the sources to take.
        out: where artifacts are published; None publishes nothing.
        jobs: how many calls run at once; by default one per core.
        fail_fast: begin no further call after the first failure.
        count_ahead: list the sources once more in the background, so that progress tells how many there are.
        equipment: what of the machine it may use.
    """

    force: frozenset[str] = frozenset()
    selection: Selection = EVERYTHING
    out: Path | None = None
    jobs: int | None = None
    fail_fast: bool = False
    count_ahead: bool = False
    equipment: Equipment = field(default_factory=Equipment)


def run_program(
    program: Program,
    store: Store,
    options: RunOptions,
    *,
    on_event: Callable[[Event], None],
    cancelled: Callable[[], bool],
    cancel: Callable[[], None],
    started: float,
) -> Run:
    """Run a program. `started` is when checking ended, by `time.perf_counter`.

    Ctrl-C calls `cancel`; the run then ends as soon as the calls that are running allow.

    An output that cannot be published is one of the run's errors; all that was computed stays in the store.

    Raises:
        PublishError: before anything is run, if an output's destination is not ours to write.
        PlacementError: before anything is run, if calls fit on no device.
        StoreError: if the store cannot be written.
    """
    if options.out is not None:
        check_destinations(program, options.out)
    placement = _place(program, store, options) if has_models(program) else None
    session = _Session(program, store, options, on_event, cancelled, cancel, started, placement)
    is_large = len(program.steps) >= _LARGE
    if is_large:
        # Many objects that stay: the garbage collector need not look at them again and again.
        gc.freeze()
    try:
        return session.run()
    finally:
        if is_large:
            gc.unfreeze()
        session.close()


def _place(program: Program, store: Store, options: RunOptions) -> Placement:
    """Place what is to run, by a walk over the memo."""
    from nodegraph.run.placement import Placement

    placement = Placement(
        program,
        store,
        options.equipment.devices,
        jobs=options.jobs or os.cpu_count() or 1,
        host_bytes=options.equipment.host_bytes,
    )
    placement.foresee(Walk(program, store, selection=options.selection, forced=options.force))
    return placement


class _Session:
    """One run: passes, then outputs, then history."""

    def __init__(
        self,
        program: Program,
        store: Store,
        options: RunOptions,
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
        cancel: Callable[[], None],
        started: float,
        placement: Placement | None,
    ) -> None:
        self._program = program
        self._store = store
        self._options = options
        self._cancelled = cancelled
        self._cancel = cancel
        self._failed_fast = False
        self._tables: dict[int, Table] = {}
        self._begun = False
        self._is_last_run = False
        self._number = store.begin_run(graph_id(program.graph, store.folder), program.graph.name.encode())
        self._folder = store.run_folder(self._number)
        self._hub = EventHub()
        self._log = EventLog(self._folder / "events.jsonl")
        self._hub.subscribe(self._log)
        self._hub.subscribe(on_event)
        self._machine = Machine(
            program=program,
            store=store,
            run=self._number,
            forced=options.force,
            selection=options.selection,
            emit=self._hub.emit,
            cancelled=self._is_cancelled,
            foresight=Foresight(program, options.selection, self._is_cancelled),
            fail_fast=self._fail_fast,
            started=started,
            placement=placement,
        )
        if placement is not None:
            placement.connect(self._machine.emit, self._machine.clock, self._machine.lock)
        self._exports = (
            Exports(program, store, options.selection, options.out, self._number, self._made_of)
            if options.out is not None
            else None
        )

    def run(self) -> Run:
        """Run to the end, or as far as it goes."""
        jobs = self._options.jobs or os.cpu_count() or 1
        nodes = tuple((step.id, step.type.id) for step in self._program.steps)
        self._hub.emit(RunStarted(0.0, self._number, self._program.graph.name, nodes, jobs))
        for message in self._options.equipment.warnings:
            self._hub.emit(Warned(self._machine.clock(), message))
        with captured(self._print):
            if self._options.count_ahead:
                self._machine.foresight.count_ahead()
            finished = self._run_passes(jobs)
        outputs, unpublished = self._outputs()
        self._remember_costs()
        self._remember_placement()
        if finished and self._options.selection.is_all and not self._is_last_run:
            self._remember_nodes()
            record_tables(self._machine, self._machine.flow.root)
        self._machine.close()
        self._store.flush()
        return self._result(finished, outputs, unpublished)

    def close(self) -> None:
        """Close the log of events, however the run ended, and let go of what would keep the store in use."""
        self._log.close()
        for scope in self._machine.flow.scopes() if self._begun else ():
            scope.stream = None
        if self._machine.placement is not None:
            self._machine.placement.close()
        del self._machine, self._exports

    def _run_passes(self, jobs: int) -> bool:
        """Run passes until one has nothing left to make again; whether it came to that."""
        for number in range(len(self._program.steps) + 3):
            flow = self._new_flow(jobs)
            self._machine.begin_pass(flow)
            known = None if number else Known(self._machine, self._options.selection)
            self._tables = {} if known is None else known.tables
            self._is_last_run = known is not None and known.is_last_run()
            self._begun = True
            flow.start({} if known is None else known.results)
            finished = Pool(self._machine, flow, jobs).run(self._cancel)
            if not finished or not (self._machine.again or self._demand_outputs(flow)):
                return finished
        raise RuntimeError("the run does not settle: results keep changing when they are made again")

    def _new_flow(self, jobs: int) -> Flow:
        """A flow with as many items on their way as keep all busy; more where stages wait for their turn."""
        placement = self._machine.placement
        items = max(_ITEMS_IN_FLIGHT, 4 * jobs)
        if placement is not None and not placement.flows_through():
            items = IN_FLIGHT
        bounds = Bounds(items, bytes_in_flight(self._options.equipment.held_bytes))
        return Flow(self._program, bounds, None if placement is None else placement.turns)

    def _demand_outputs(self, flow: Flow) -> bool:
        """Demand the bytes of outputs that are to be told or published; whether any were found missing."""
        lacking = values_without_bytes(self._program, flow.root, self._store)
        if self._exports is not None:
            lacking |= self._exports.lacking(flow.root)
        lacking -= self._machine.demanded
        self._machine.demanded |= lacking
        return bool(lacking)

    def _print(self, place: Place, line: str) -> None:
        self._hub.emit(Output(self._machine.clock(), *place, line))

    def _is_cancelled(self) -> bool:
        return self._failed_fast or self._cancelled()

    def _fail_fast(self) -> None:
        self._failed_fast = self._options.fail_fast

    def _outputs(self) -> tuple[dict[str, RunOutput], list[CallError]]:
        """What is told of the outputs, artifacts published; and why one, or all of them, could not be."""
        root = self._machine.flow.root
        told = {
            name: self._told(root, self._program.steps[step], output)
            for name, step, output in self._program.outputs
        }
        errors = nothing_matches(self._program, root, self._options.selection)
        if self._exports is not None and not errors:
            for name, step, output in artifacts(self._program):
                failed = list(self._exports.publish(root, name, step, output))
                errors.extend(failed)
                if not (failed or told[name].missing):
                    told[name] = replace(told[name], path=self._exports.destination(name))
        for error in errors:
            self._hub.emit(
                CallFailed(self._machine.clock(), error.node, error.item, error.error, error.message, "")
            )
        return told, errors

    def _told(self, root: Frame, step: Step, output: int) -> RunOutput:
        """What is told of one output; of a stream that was not walked, what is kept of it."""
        table = self._tables.get(step.index)
        if table is None:
            return told_output(root, step, output, self._machine.values)
        return RunOutput(items=table.items, digest=table.digests[output].hex())

    def _made_of(self, step: Step) -> NodeRecord | None:
        try:
            return self._machine.state(step).identity.now
        except OSError:
            return None

    def _remember_costs(self) -> None:
        """Write down what the calls of each node type took, and what was saved by not making them."""
        for type_id, totals in self._machine.tally.by_type().items():
            if totals.seconds:
                self._store.record_pace(type_id, Pace(totals.seconds, totals.executed, totals.slow))
            if totals.executed or totals.cached:
                self._store.record_use(
                    type_id,
                    executed=totals.executed,
                    spent=totals.seconds,
                    cached=totals.cached,
                    saved=totals.saved,
                )

    def _remember_placement(self) -> None:
        """Keep what was placed beside the log, so that it can be placed again on other devices."""
        placement = self._machine.placement
        if placement is not None and placement.problem is not None:
            from nodegraph.place.record import RECORD, pack_problem

            # On a full disk the store tells it.
            with suppress(OSError):
                (self._folder / RECORD).write_bytes(pack_problem(placement.problem))

    def _remember_nodes(self) -> None:
        """Write down what each node was made of, for the reasons of the next plan and run."""
        machine = self._machine
        history = machine.history
        nodes = self._program.graph.nodes
        entries = {node: entry for node, entry in history.entries.items() if node in nodes}
        root = machine.flow.root
        for step, counts in zip(self._program.steps, machine.tally.steps, strict=True):
            if step.id in entries and (counts.skipped or step.index in self._tables):
                continue
            try:
                identity = machine.state(step).identity
            except OSError:
                continue
            result = None if step.chain or step.fans_out else root.results[step.position]
            outputs = result.digests if isinstance(result, Done) else ()
            entries[step.id] = identity.entry(bytes(counts.calls), outputs)
        if entries != history.entries:
            packed = pack_history(entries, self._program.steps, history)
            self._store.remember_graph(history_id(self._program.graph, self._store.folder), packed)

    def _result(self, finished: bool, outputs: Mapping[str, RunOutput], unpublished: list[CallError]) -> Run:
        machine = self._machine
        seconds = machine.clock()
        reports = machine.tally.reports()
        errors = (*machine.tally.errors(), *unpublished)
        warnings = tuple(self._store.warnings)
        interrupted = not finished and self._cancelled()
        ok = finished and not errors
        for name, node in reports.items():
            counts = (node.items, node.executed, node.cached, node.failed, node.skipped, node.dropped)
            self._hub.emit(NodeFinished(machine.clock(), name, node.type, *counts, node.seconds))
        for message in warnings:
            self._hub.emit(Warned(machine.clock(), message))
        self._hub.emit(RunFinished(machine.clock(), ok, interrupted, seconds))
        fetch = Fetch(
            self._program,
            machine.flow.root,
            self._store,
            machine.values,
            self._options.selection,
            frozenset(self._tables),
        )
        close_when_unused(self._store, machine.values)
        return Run(
            graph=self._program.graph.name,
            ok=ok,
            run=self._number,
            seconds=seconds,
            nodes=reports,
            outputs=outputs,
            errors=errors,
            warnings=warnings,
            interrupted=interrupted,
            folder=self._folder,
            _fetch=fetch,
        )


def bytes_in_flight(budget: int | None = None) -> int:
    """The bound on values held for later nodes: a sixteenth of memory, 256 MiB to 2 GiB, at most `budget`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    share = min(max(memory // 16, 256 << 20), 2 << 30)
    return share if budget is None else min(share, budget)

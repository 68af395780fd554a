"""A run from first to last: passes over the program until nothing is open, then outputs, history and report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodegraph.events import Event, NodeFinished, Output, RunFinished, RunStarted, Warned
from nodegraph.events.hub import EventHub, EventLog
from nodegraph.plan.history import NodeRecord, graph_id
from nodegraph.plan.identity import literal_arguments
from nodegraph.plan.keys import stream_digest
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import BytesMissing, StoredStream, Values
from nodegraph.run.capture import Place, captured
from nodegraph.run.flow import Bounds, Flow
from nodegraph.run.frames import Done, Frame, Scope
from nodegraph.run.machine import Machine
from nodegraph.run.pool import Pool
from nodegraph.run.provenance import ancestor_sources, file_lines, header
from nodegraph.run.publish import PublishError, check_destination, is_published, publish
from nodegraph.run.result import Run, RunOutput
from nodegraph.store import Store
from nodegraph.types.builtin import Artifact
from nodegraph.types.ports import ValueOf, is_json
from nodegraph.types.wire import Digest

_ITEMS_IN_FLIGHT = 64
_SMALL_VALUE = 4096
_ARTIFACT = ValueOf("artifact")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run takes besides the program.

    Attributes:
        force: node ids whose stored results do not count.
        selection: which items of the sources to take.
        out: where artifacts are published; None publishes nothing.
        jobs: how many calls run at once; by default one per core.
        fail_fast: begin no further call after the first failure.
    """

    force: frozenset[str] = frozenset()
    selection: Selection = Selection()
    out: Path | None = None
    jobs: int | None = None
    fail_fast: bool = False


def run_program(
    program: Program,
    store: Store,
    options: RunOptions,
    *,
    on_event: Callable[[Event], None],
    cancelled: Callable[[], bool],
    cancel: Callable[[], None],
) -> Run:
    """Run a program. Ctrl-C calls `cancel`; the run then ends as soon as the calls that are running allow.

    Raises:
        PublishError: before anything is run, if an output's destination is not ours to write.
        StoreError: if the store cannot be written.
    """
    return _Session(program, store, options, on_event, cancelled, cancel).run()


class _Session:
    """One run."""

    def __init__(
        self,
        program: Program,
        store: Store,
        options: RunOptions,
        on_event: Callable[[Event], None],
        cancelled: Callable[[], bool],
        cancel: Callable[[], None],
    ) -> None:
        self._program = program
        self._store = store
        self._options = options
        self._cancelled = cancelled
        self._cancel = cancel
        self._started = time.perf_counter()
        self._failed_fast = False
        self._warnings: list[str] = []
        for name, step, _ in self._artifacts():
            if not step.chain:
                check_destination(self._destination(name, ()))
        self._number = store.begin_run(graph_id(program.graph), program.graph.name.encode())
        self._folder = store.run_folder(self._number)
        self._hub = EventHub()
        self._log = EventLog(self._folder / "events.jsonl")
        self._hub.subscribe(self._log)
        self._hub.subscribe(on_event)
        self._machine = Machine(
            program=program,
            store=store,
            values=Values(store),
            run=self._number,
            forced=options.force,
            selection=options.selection,
            emit=self._hub.emit,
            cancelled=self._is_cancelled,
            fail_fast=self._fail_fast,
            started=self._started,
        )

    def run(self) -> Run:
        """Run to the end, or as far as it goes."""
        jobs = self._options.jobs or os.cpu_count() or 1
        nodes = tuple((step.id, step.type.id) for step in self._program.steps)
        self._hub.emit(RunStarted(0.0, self._number, self._program.graph.name, nodes, jobs))
        with captured(self._print):
            finished = self._run_passes(jobs)
        outputs = self._outputs()
        self._remember(finished)
        if self._machine.spooled:
            spooled = bytes(self._machine.spooled)
            self._store.evict([Digest(spooled[at : at + 32]) for at in range(0, len(spooled), 32)])
        self._store.flush()
        return self._close(finished, outputs)

    def _run_passes(self, jobs: int) -> bool:
        passes = 0
        while True:
            flow = Flow(self._program, Bounds(max(_ITEMS_IN_FLIGHT, 4 * jobs), bytes_in_flight()))
            self._machine.begin_pass(flow)
            finished = Pool(self._machine, flow, jobs).run(self._is_cancelled, self._cancel)
            passes += 1
            if not (finished and self._machine.again):
                return finished
            if passes > len(self._program.steps) + 2:
                raise RuntimeError("the run does not settle: results keep changing when they are made again")

    def _print(self, place: Place, line: str) -> None:
        self._hub.emit(Output(self._machine.clock(), *place, line))

    def _is_cancelled(self) -> bool:
        return self._failed_fast or self._cancelled()

    def _fail_fast(self) -> None:
        self._failed_fast = self._options.fail_fast

    def _warn(self, message: str) -> None:
        self._warnings.append(message)
        self._hub.emit(Warned(self._machine.clock(), message))

    def _outputs(self) -> dict[str, RunOutput]:
        return {
            name: self._output(name, self._program.steps[step], output)
            for name, step, output in self._program.outputs
        }

    def _output(self, name: str, step: Step, output: int) -> RunOutput:
        entries = list(entries_of_output(self._machine.flow.root, step, output))
        type_ = step.output_types[output]
        if not step.node.output_chain:
            return (
                self._single_output(name, step, output, entries[0][1]) if entries else RunOutput(missing=True)
            )
        digest = stream_digest(("/".join(path), digest) for path, digest in entries)
        path = None
        if type_ == _ARTIFACT and self._options.out is not None:
            path = self._destination(name, ())
            for item, found in entries:
                self._publish(name, step, item, found)
        return RunOutput(items=len(entries), digest=digest.hex(), path=path)

    def _single_output(self, name: str, step: Step, output: int, digest: Digest) -> RunOutput:
        type_ = step.output_types[output]
        if type_ == _ARTIFACT and self._options.out is not None:
            published = self._publish(name, step, (), digest)
            return RunOutput(path=published, missing=published is None)
        wire = self._store.get(digest) if is_json(type_) else None
        if wire is not None and wire.nbytes <= _SMALL_VALUE:
            return RunOutput(value=self._machine.values.decode(wire, digest), has_value=True)
        return RunOutput(digest=digest.hex())

    def _artifacts(self) -> list[tuple[str, Step, int]]:
        if self._options.out is None:
            return []
        found = ((name, self._program.steps[step], output) for name, step, output in self._program.outputs)
        return [
            (name, step, output) for name, step, output in found if step.output_types[output] == _ARTIFACT
        ]

    def _destination(self, name: str, item: tuple[str, ...]) -> Path:
        assert self._options.out is not None
        return (self._options.out / name).joinpath(*item).absolute()

    def _publish(self, name: str, step: Step, item: tuple[str, ...], digest: Digest) -> Path | None:
        folder = self._destination(name, item)
        if is_published(folder, digest.hex()):
            return folder
        wire = self._store.get(digest)
        if wire is None:
            self._warn(f"output {name!r}: its files are no longer in the store; run again to make them anew")
            return None
        from nodegraph.types.wire import decode

        artifact: Artifact = decode(wire)
        head = header(self._program, step, name, digest.hex(), self._number)
        lines = file_lines(artifact, self._source_files(step), "/".join(item))
        publish(folder, artifact, head, lines, self._store)
        return folder

    def _source_files(self, step: Step) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """For every source behind a node, the files that each of its items was read from."""
        found: dict[str, Mapping[str, Sequence[str]]] = {}
        for source in ancestor_sources(self._program, step):
            roots = [value for value in source.node.params.values() if isinstance(value, Path)]
            arguments = literal_arguments(source)
            if source.type.signature.wants_context:
                continue
            found[source.id] = {
                item.key: [_relative(path, roots) for path in item.reads]
                for item in source.type.function(**arguments)
            }
        return found

    def _remember(self, finished: bool) -> None:
        """Write down what each node was made of, for the reasons of the next plan and run."""
        if not finished or not self._options.selection.is_all:
            return
        machine = self._machine
        for step, counts in zip(self._program.steps, machine.tally.steps, strict=True):
            try:
                state = machine.state(step)
            except OSError:
                continue
            result = machine.flow.root.results[step.position] if not step.node.output_chain else None
            outputs = result.digests if isinstance(result, Done) else ()
            now = state.identity.now
            record = NodeRecord(
                now.type, now.version, now.code, now.params, now.files, now.linked, now.seed,
                bytes(counts.calls), tuple(outputs),
            )  # fmt: skip
            packed = record.packed()
            if state.identity.before is None or state.identity.before.packed() != packed:
                self._store.remember_node(graph_id(self._program.graph), step.id, packed)
            if counts.executed and counts.seconds:
                self._store.record_seconds(step.type.id, counts.seconds, counts.executed)

    def _close(self, finished: bool, outputs: Mapping[str, RunOutput]) -> Run:
        machine = self._machine
        seconds = machine.clock()
        reports = machine.tally.reports()
        for name, report in reports.items():
            self._hub.emit(
                NodeFinished(
                    machine.clock(),
                    name,
                    report.type,
                    report.items,
                    report.executed,
                    report.cached,
                    report.failed,
                    report.skipped,
                    report.dropped,
                    report.seconds,
                )  # fmt: skip
            )
        errors = machine.tally.errors()
        interrupted = not finished and self._cancelled()
        ok = finished and not errors
        for message in self._store.warnings:
            self._warn(message)
        self._hub.emit(RunFinished(machine.clock(), ok, interrupted, seconds))
        self._log.close()
        fetch = Fetch(self._program, machine.flow.root, machine.values)
        return Run(
            graph=self._program.graph.name,
            ok=ok,
            run=self._number,
            seconds=seconds,
            nodes=reports,
            outputs=outputs,
            errors=errors,
            warnings=tuple(self._warnings),
            interrupted=interrupted,
            folder=self._folder,
            _fetch=fetch,
        )


@dataclass(frozen=True, slots=True)
class Fetch:
    """Reads a run's values: those of outputs and of nodes that are not mapped from what the run knows."""

    program: Program
    root: Frame
    values: Values

    def __call__(self, name: str) -> Any:
        """The value or stream behind an output name or a `"node.output"`.

        Raises:
            KeyError: if there is no such output.
            LookupError: if it was not made, or its bytes are gone.
        """
        step, output = self.program.source(name)
        entries = list(entries_of_output(self.root, step, output))
        if step.node.output_chain:
            if (step.index, output) not in self.program.recorded:
                raise LookupError(name)
            return StoredStream((("/".join(path), digest) for path, digest in entries), self.values)
        if not entries:
            raise LookupError(f"{name!r} was not made: something before it failed or was dropped")
        try:
            return self.values.load(entries[0][1])
        except BytesMissing as error:
            raise LookupError(f"{name!r}: {error}") from None


def entries_of_output(root: Frame, step: Step, output: int) -> list[tuple[tuple[str, ...], Digest]]:
    """The (item key along the origin, digest) pairs of an output, in source order; one with () for a value."""
    chain = step.node.output_chain
    if not chain:
        result = root.results[step.position]
        return [((), result.digests[output])] if isinstance(result, Done) else []
    scopes = [((), scope) for scope in root.scopes.values() if scope.name == chain[0]]
    for level in chain[1:]:
        scopes = [
            ((*path, key), inner)
            for path, scope in scopes
            for index, key in enumerate(scope.keys)
            for inner in _inner(scope, index, level)
        ]
    if not scopes or step.index not in scopes[0][1].columns:
        return []
    return [
        ((*path, key), digest) for path, scope in scopes for key, digest in scope.present(step.index, output)
    ]


def _inner(scope: Scope, index: int, level: str) -> list[Scope]:
    found = (inner.get(index) for inner in scope.inner.values())
    return [inner for inner in found if inner is not None and inner.name == level]


def bytes_in_flight() -> int:
    """The bound on values held for later nodes: a sixteenth of the memory, 256 MiB to 2 GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(max(memory // 16, 256 << 20), 2 << 30)


def _relative(path: Path, roots: Sequence[Path]) -> str:
    for root in roots:
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


__all__ = ["Fetch", "PublishError", "RunOptions", "run_program"]

"""The flow of items through a program: what is ready, what waits for what, and when an item is through.

A pure state machine: it runs nothing and knows no thread. Its owner calls it under one lock: `next_task`
gives what to do, and `resolve`, `emit`, `end` and `hold` tell what came of it. Work is taken depth first,
the newest item first, so that items leave as early as they can; sources advance only where nothing else is
ready and the items in flight, and the bytes they hold, are under their bounds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from nodegraph.check.checked import Chain
from nodegraph.plan.producers import Producer
from nodegraph.plan.program import Program, Step, Watch
from nodegraph.run.frames import ABSENT, FAILED, SKIPPED, Column, Done, Frame, Result, Scope, Status
from nodegraph.types.stream import Item

TaskKind = Literal["call", "remake", "advance", "batch"]


@dataclass(frozen=True, slots=True)
class Task:
    """Something for a worker to do.

    A "call" of `frame` at `position`; "remake": the same, for the bytes of a known result; "advance": pull
    the next item of `scope`; "batch": run what waits in the batch of step `position`.
    """

    kind: TaskKind
    frame: Frame | None
    position: int
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on what is in flight: items, and bytes of values that are held for later nodes."""

    items: int
    nbytes: int


class Flow:
    """The state of one pass over a program."""

    def __init__(self, program: Program, bounds: Bounds) -> None:
        self.program = program
        self.bounds = bounds
        self.calls: list[Task] = []
        self.sources: list[Scope] = []
        self.batches: dict[int, list[tuple[Frame, int]]] = defaultdict(list)
        self.in_flight = 0
        self.held = 0
        self._outputs = _recorded_outputs(program)
        self.root = Frame(program.levels[()], None, None, 0, "")
        self._start(self.root)

    @property
    def finished(self) -> bool:
        """Whether every call of the pass is resolved."""
        return self.root.open == 0

    def step_at(self, frame: Frame, position: int) -> Step:
        """The step at a position of a frame's level."""
        return self.program.steps[frame.level.members[position]]

    def is_item(self, frame: Frame, position: int) -> bool:
        """Whether a position stands for the item itself, as its fan-out node gave it."""
        return position == 0 and frame.scope is not None

    def next_task(self, *, batch_size: int, idle: bool) -> Task | None:
        """What to do next, or None if nothing is ready. A batch that is not full runs only when `idle`."""
        if self.calls:
            return self.calls.pop()
        for step, waiting in self.batches.items():
            if len(waiting) >= batch_size:
                return Task("batch", None, step)
        for scope in reversed(self.sources):
            if not scope.advancing and self._has_room(scope):
                scope.advancing = True
                return Task("advance", None, 0, scope)
        if idle:
            for step, waiting in self.batches.items():
                if waiting:
                    return Task("batch", None, step)
        return None

    def _has_room(self, scope: Scope) -> bool:
        """One item per stream may always be in flight, so that no two streams can block each other."""
        if scope.busy == 0:
            return True
        return self.in_flight < self.bounds.items and self.held < self.bounds.nbytes

    def inherited(self, frame: Frame, position: int) -> tuple[Status, int] | None:
        """The status a call takes over because an input has no value, and the step it comes from.

        Failed or dropped items of a stream are absent from there on; anything else that failed before a
        call makes it skipped.
        """
        found: tuple[Status, int] | None = None
        for feed in self.step_at(frame, position).feeds:
            above = frame.above(feed.up)
            if feed.collects is None:
                result = above.results[self.program.steps[feed.step].item_position]
                same_item = feed.up == 0 and frame.scope is not None
            else:
                scope = above.scopes.get(feed.collects)
                result = self._stream_status(above, feed.collects, scope)
                same_item = False
            if isinstance(result, Done) or result is None:
                continue
            if result is ABSENT or (result is FAILED and same_item):
                return ABSENT, feed.step
            found = found or (SKIPPED, feed.step)
        return found

    def _stream_status(self, frame: Frame, fan_out: int, scope: Scope | None) -> Result | None:
        if scope is not None:
            return FAILED if scope.broken else None
        return frame.results[self.program.steps[fan_out].position]

    def resolve(self, frame: Frame, position: int, result: Result) -> None:
        """Write down the result of a call and wake what waits for it."""
        frame.results[position] = result
        self._hold_wires(frame, position, result)
        step = self.step_at(frame, position)
        self._record(frame, step, result)
        for dependent in frame.level.dependents[position]:
            self._satisfy(frame, dependent)
        for waiter, place in frame.waiters.pop(position, ()):
            self._satisfy(waiter, place)
        if not self.is_item(frame, position):
            self._release_inputs(frame, step)
            if step.fans_out and step.index not in frame.scopes:
                self._wake_streams(frame, step.index)
        if not step.late or self.is_item(frame, position):
            if step.index not in frame.scopes or self.is_item(frame, position):
                self._settle(frame)
        self._close_position(frame)

    def _close_position(self, frame: Frame) -> None:
        frame.open -= 1
        if frame.open == 0 and frame.scope is not None:
            for position in range(len(frame.results)):
                self._drop_wires(frame, position)
            scope = frame.scope
            scope.alive -= 1
            self._close_scope_if_done(scope)

    def _settle(self, frame: Frame) -> None:
        """One position less keeps the item in flight; the last one frees its place and the bytes it held."""
        frame.busy -= 1
        if frame.busy == 0 and frame.scope is not None:
            for position in range(len(frame.results)):
                self._drop_wires(frame, position)
            frame.scope.busy -= 1
            self.in_flight -= 1
            self._settle_scope_if_done(frame.scope)

    def _release_inputs(self, frame: Frame, step: Step) -> None:
        if step.late:
            return
        for position in {
            self.program.steps[feed.step].item_position
            for feed in step.feeds
            if feed.up == 0 and feed.collects is None
        }:
            frame.uses[position] -= 1
            if frame.uses[position] == 0 and position not in frame.level.kept:
                self._drop_wires(frame, position)

    def _hold_wires(self, frame: Frame, position: int, result: Result) -> None:
        if isinstance(result, Done) and result.wires is not None:
            self.held += result.nbytes if frame.scope is not None else 0
            if frame.uses[position] == 0 and position not in frame.level.kept:
                self._drop_wires(frame, position)

    def _drop_wires(self, frame: Frame, position: int) -> None:
        result = frame.results[position]
        if isinstance(result, Done) and result.wires is not None:
            self.held -= result.nbytes if frame.scope is not None else 0
            result.wires = None

    def _satisfy(self, frame: Frame, position: int) -> None:
        frame.needs[position] -= 1
        if frame.needs[position] == 0:
            self.calls.append(Task("call", frame, position))

    def _record(self, frame: Frame, step: Step, result: Result) -> None:
        scope = frame.scope
        if scope is None or (column := scope.columns.get(step.index)) is None:
            return
        column.set(frame.index, result)
        self._count(scope, step.index)

    def _count(self, scope: Scope, watch: Watch) -> None:
        """What is watched is resolved for one more item of a stream."""
        if watch in scope.resolved:
            scope.resolved[watch] += 1
            if scope.complete(watch):
                self._wake_stream(scope.frame, scope.step, watch)

    def _wake_streams(self, frame: Frame, fan_out: int) -> None:
        for source in self.program.watched.get(fan_out, ()):
            self._wake_stream(frame, fan_out, source)

    def _wake_stream(self, frame: Frame, fan_out: int, source: Watch) -> None:
        if frame.scope is not None and isinstance(source, int):
            self._count(frame.scope, (fan_out, source))
        for dependent in frame.level.stream_dependents.get((fan_out, source), ()):
            self._satisfy(frame, dependent)
        for waiter, place in frame.stream_waiters.pop((fan_out, source), ()):
            self._satisfy(waiter, place)

    def open_scope(self, frame: Frame, position: int, producer: Producer, stream: object) -> Scope:
        """Begin the stream of a fan-out call."""
        step = self.step_at(frame, position)
        columns = {index: Column(outputs) for index, outputs in self._outputs.get(step.index, {}).items()}
        scope = Scope(
            step.index,
            step.id,
            position,
            frame,
            producer,
            columns,
            self.program.watched.get(step.index, ()),
            stream,
        )
        frame.scopes[step.index] = scope
        if step.index in self.program.kept_scopes and frame.scope is not None:
            frame.scope.inner.setdefault(step.index, {})[frame.index] = scope
        self.sources.append(scope)
        return scope

    def emit(self, scope: Scope, key: str, item: Item[object] | None) -> Frame:
        """Take in the next item of a stream; its frame waits for `resolve`, or for `make` to be called."""
        level = self.program.levels[(*scope.frame.level.chain, self.program.steps[scope.step].id)]
        frame = Frame(level, scope, scope.frame, len(scope.keys), key)
        frame.item = item
        scope.keys.append(key)
        for column in scope.columns.values():
            column.extend()
        scope.busy += 1
        scope.alive += 1
        scope.advancing = False
        self.in_flight += 1
        self._start(frame)
        return frame

    def make(self, frame: Frame) -> None:
        """The item's value has to be made: a call of its own."""
        self.calls.append(Task("call", frame, 0))

    def abandon(self, scope: Scope) -> None:
        """Forget a stream, so that its fan-out call can be resolved without one."""
        self.sources.remove(scope)
        del scope.frame.scopes[scope.step]
        if scope.frame.scope is not None:
            scope.frame.scope.inner.get(scope.step, {}).pop(scope.frame.index, None)

    def end(self, scope: Scope, *, broken: bool) -> None:
        """The stream gave its last item, or broke off."""
        scope.ended = True
        scope.broken = broken
        scope.advancing = False
        self.sources.remove(scope)
        for source in self.program.watched.get(scope.step, ()):
            if scope.complete(source):
                self._wake_stream(scope.frame, scope.step, source)
        self._settle_scope_if_done(scope)
        self._close_scope_if_done(scope)

    def _settle_scope_if_done(self, scope: Scope) -> None:
        if scope.ended and scope.busy == 0 and not self.program.steps[scope.step].late:
            self._settle(scope.frame)
            scope.busy = -1

    def _close_scope_if_done(self, scope: Scope) -> None:
        if scope.ended and scope.alive == 0:
            scope.alive = -1
            self.resolve(scope.frame, scope.position, FAILED if scope.broken else Done(()))

    def _start(self, frame: Frame) -> None:
        level = frame.level
        for position, up, there in level.outer_values:
            outer = frame.above(up)
            if outer.results[there] is None:
                frame.needs[position] += 1
                outer.waiters.setdefault(there, []).append((frame, position))
        for position, up, fan_out, source in level.outer_streams:
            outer = frame.above(up)
            scope = outer.scopes.get(fan_out)
            known = (
                scope.complete(source)
                if scope
                else outer.results[self.program.steps[fan_out].position] is not None
            )
            if not known:
                frame.needs[position] += 1
                outer.stream_waiters.setdefault((fan_out, source), []).append((frame, position))
        first = 0 if frame.scope is None else 1
        for position in range(first, len(frame.needs)):
            if frame.needs[position] == 0:
                self.calls.append(Task("call", frame, position))

    def hold(self, frame: Frame, position: int, missing: list[tuple[Frame, int]]) -> None:
        """Put a call off until the bytes of known results are made again."""
        frame.needs[position] = len(missing)
        for source, place in missing:
            waiting = source.remakes.setdefault(place, [])
            if not waiting:
                self.calls.append(Task("remake", source, place))
            waiting.append((frame, position))

    def remade(self, frame: Frame, position: int, result: Result) -> None:
        """The bytes of a known result are at hand again, or its call failed this time."""
        frame.results[position] = result
        if isinstance(result, Done) and frame.scope is not None:
            self.held += result.nbytes
        for waiter, place in frame.remakes.pop(position, ()):
            self._satisfy(waiter, place)


def _recorded_outputs(program: Program) -> dict[int, dict[int, tuple[int, ...]]]:
    """Per fan-out step, the steps of its items that are recorded, and which of their outputs."""
    by_chain: dict[Chain, int] = {
        (*step.chain, step.id): step.index for step in program.steps if step.fans_out
    }
    found: dict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
    for index, output in sorted(program.recorded):
        chain = program.steps[index].node.output_chain
        if chain:
            inside = found[by_chain[chain]]
            inside[index] = (*inside.get(index, ()), output)
    return found

"""The flow of items through a program: what is ready, what waits for what, and when an item is through.

A pure state machine: it runs nothing and knows no thread. Its owner calls it under one lock: `next_task`
gives what to do, and `resolve`, `emit`, `end` and `hold` tell what came of it. Work is taken depth first,
the newest item first, so that items leave as early as they can; sources advance only where nothing else is
ready and the items in flight, and the bytes they hold, are under their bounds. Items that wait for the end of
another stream do not count against the bounds of that stream: those that others wait for go first.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from nodegraph.check.checked import Chain
from nodegraph.plan.naming import uses_models
from nodegraph.plan.producers import Producer
from nodegraph.plan.program import Feed, Program, Step, Watch
from nodegraph.run.frames import ABSENT, FAILED, LATER, SKIPPED, Column, Done, Frame, Result, Scope, Status
from nodegraph.run.gathered import Gathered
from nodegraph.run.tasks import Bounds, Missing, Task
from nodegraph.run.turns import Turns
from nodegraph.types.stream import Item


class Flow:
    """The state of one pass over a program.

    Attributes:
        calls: what is ready, the newest last: frame and position of each call.
        sources: the streams that have not ended, those that others wait for last.
        gathered: the calls that wait to be made together, or in turn.
        in_flight, held: per rank, the items in flight and the bytes of values held for them.
    """

    def __init__(self, program: Program, bounds: Bounds, turns: Turns | None = None) -> None:
        self.program = program
        self.bounds = bounds
        self.gathered = Gathered(turns)
        self.calls: list[tuple[Frame, int]] = []
        self.sources: list[Scope] = []
        ranks = 1 + max((step.rank for step in program.steps), default=0)
        self.in_flight = [0] * ranks
        self.held = [0] * ranks
        self._closing: list[Scope] = []
        self._known: frozenset[int] = frozenset()
        self._outputs = _recorded_outputs(program)
        self.root = Frame(program.levels[()], None, None, 0, "")

    def start(self, known: Mapping[int, Done]) -> None:
        """Begin the pass, with the results that are known beforehand of steps that are not mapped."""
        root = self.root
        self._known = frozenset(known)
        for position, result in known.items():
            root.results[position] = result
            for dependent in root.level.dependents[position]:
                root.needs[dependent] -= 1
            for source in root.level.reads[position]:
                root.uses[source] -= 1
        root.open -= len(known)
        self._start(root)

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

    def next_task(
        self, *, batch_size: int, running: Collection[int], gathering: Collection[int] = ()
    ) -> Task | None:
        """What to do next, or None if nothing is ready.

        A batch that is not full is left to grow as long as some of the `running` steps stand before it, or a
        call of its own step is about to be gathered.
        """
        if self.calls:
            return Task("call", *self.calls.pop())
        if (batch := self.gathered.full(batch_size)) is not None:
            return batch
        scope = self.next_source()
        if scope is not None:
            scope.advancing = True
            return Task("advance", None, 0, scope)

        def is_coming(step: int) -> bool:
            return step in gathering or not self.program.before(step).isdisjoint(running)

        return self.gathered.any(batch_size, is_coming)

    def put_back(self, task: Task) -> None:
        """Let a task be taken again."""
        if task.scope is not None:
            task.scope.advancing = False
        elif task.kind == "batch":
            self.gathered.put_back(task)
        elif task.frame is not None:
            self.calls.append((task.frame, task.position))

    def next_source(self) -> Scope | None:
        """The stream to advance next, where no call is ready."""
        for scope in reversed(self.sources):
            if not scope.advancing and self._has_room(scope):
                return scope
        return None

    def gather(self, frame: Frame, position: int) -> None:
        """Put a call to those of its step that are made together, or in turn."""
        if not self.gathered.add(frame.level.members[position], frame, position):
            self._let_go(frame)

    def scatter(self, step: int) -> None:
        """Look anew at the calls that were gathered of a step: its device is gone."""
        self.calls.extend(self.gathered.take_all(step))

    def _let_go(self, frame: Frame) -> None:
        """Hold no values for an item whose turn is far off: they are read from the store then."""
        if frame.held:
            for position, index in enumerate(frame.level.members):
                if self.program.steps[index].type.keep:
                    self._drop_wires(frame, position)

    def _has_room(self, scope: Scope) -> bool:
        """One item per stream may always be in flight, so that no two streams can block each other."""
        if scope.busy == 0 or self._may_hold_models(scope):
            return True
        ranks = slice(scope.rank + 1)
        return sum(self.in_flight[ranks]) < self.bounds.items and sum(self.held[ranks]) < self.bounds.nbytes

    def _may_hold_models(self, scope: Scope) -> bool:
        """Whether a generator may hold what others wait for: one that uses models always goes on."""
        turns = self.gathered.turns
        return turns is not None and uses_models(self.program.steps[scope.step].type)

    def inherited(self, frame: Frame, position: int) -> tuple[Status, int] | None:
        """The status a call takes over because an input has no value, and the step it comes from.

        Failed or dropped items of a stream are absent from there on; anything else that failed before a
        call makes it skipped.
        """
        found: tuple[Status, int] | None = None
        for feed in self.step_at(frame, position).feeds:
            status = self._input_status(frame.above(feed.up), feed)
            if status is ABSENT:
                return ABSENT, feed.step
            if status is not None and (found is None or status is LATER):
                found = status, feed.step
        return found

    def _input_status(self, above: Frame, feed: Feed) -> Status | None:
        """Why an input that lives in the frame `above` has no value; None if it has."""
        if feed.collects is None:
            result = above.results[feed.place]
            if result is FAILED:
                return SKIPPED if above.scope is None else ABSENT
            return result if isinstance(result, Status) else None
        scope = above.scopes.get(feed.collects)
        if scope is not None and scope.later:
            return LATER
        result = FAILED if scope is not None and scope.broken else None
        if scope is None:
            result = above.results[self.program.steps[feed.collects].position]
        return SKIPPED if result is FAILED else result if isinstance(result, Status) else None

    def resolve(self, frame: Frame, position: int, result: Result) -> None:
        """Write down the result of a call and wake what waits for it."""
        self._resolve(frame, position, result)
        if self._closing:
            self._close_scopes()

    def _resolve(self, frame: Frame, position: int, result: Result) -> None:
        level, scope = frame.level, frame.scope
        frame.results[position] = result
        if isinstance(result, Done) and result.wires is not None:
            if frame.uses[position] == 0 and position not in level.kept:
                result.wires = None
            elif scope is not None:
                frame.held += result.nbytes
                self.held[scope.rank] += result.nbytes
        if scope is not None and (scope.columns or result is LATER):
            self._record(scope, frame.index, level.members[position], result)
        needs = frame.needs
        for dependent in level.dependents[position]:
            needs[dependent] -= 1
            if needs[dependent] == 0:
                self.calls.append((frame, dependent))
        if frame.waiters:
            for waiter, place in frame.waiters.pop(position, ()):
                self._satisfy(waiter, place)
        is_item = position == 0 and scope is not None
        if not is_item:
            for source in level.reads[position]:
                frame.uses[source] -= 1
                if frame.uses[source] == 0 and source not in level.kept:
                    self._drop_wires(frame, source)
        if position in level.special and not is_item:
            self._resolve_special(frame, level.members[position])
        elif scope is not None:
            frame.busy -= 1
            if frame.busy == 0:
                self._settled(frame)
        frame.open -= 1
        if frame.open == 0 and scope is not None:
            self._leave(frame, scope)

    def _resolve_special(self, frame: Frame, index: int) -> None:
        """What else follows where a step fans out or is late."""
        step = self.program.steps[index]
        if step.late and frame.busy == 0 and frame.scope is not None:
            self._drop_all_wires(frame)
        if step.fans_out and index not in frame.scopes:
            self._wake_streams(frame, index)
        if not (step.late or index in frame.scopes):
            self._settle(frame)

    def _leave(self, frame: Frame, scope: Scope) -> None:
        """Every call of an item is resolved."""
        self._drop_all_wires(frame)
        scope.alive -= 1
        if scope.ended and scope.alive == 0:
            self._closing.append(scope)

    def _close_scopes(self) -> None:
        """Resolve the fan-out calls whose streams are through; that may close the streams around them."""
        while self._closing:
            scope = self._closing.pop()
            self._resolve(scope.frame, scope.position, FAILED if scope.broken else Done(()))

    def _settle(self, frame: Frame) -> None:
        """One position less keeps the item in flight."""
        frame.busy -= 1
        if frame.busy == 0:
            self._settled(frame)

    def _settled(self, frame: Frame) -> None:
        """Nothing keeps an item in flight: it frees its place and the bytes it held."""
        while frame.busy == 0 and frame.scope is not None:
            self._drop_all_wires(frame)
            scope = frame.scope
            scope.busy -= 1
            self.in_flight[scope.rank] -= 1
            if not self._is_settled(scope):
                return
            frame = scope.frame
            frame.busy -= 1

    def _is_settled(self, scope: Scope) -> bool:
        """Whether a stream that ended has nothing more in flight, so that its outer item may leave."""
        return scope.ended and scope.busy == 0 and not self.program.steps[scope.step].late

    def _hold(self, frame: Frame, scope: Scope, nbytes: int) -> None:
        frame.held += nbytes
        self.held[scope.rank] += nbytes

    def _drop_wires(self, frame: Frame, position: int) -> None:
        result = frame.results[position]
        if isinstance(result, Done) and result.wires is not None:
            if frame.scope is not None:
                self._hold(frame, frame.scope, -result.nbytes)
            result.wires = None

    def _drop_all_wires(self, frame: Frame) -> None:
        if frame.held:
            for position in range(len(frame.results)):
                self._drop_wires(frame, position)

    def _satisfy(self, frame: Frame, position: int) -> None:
        frame.needs[position] -= 1
        if frame.needs[position] == 0:
            self.calls.append((frame, position))

    def _record(self, scope: Scope, index: int, step: int, result: Result) -> None:
        """Write down an item's result for whoever reads its stream."""
        if result is LATER:
            _mark_later(scope)
        if (column := scope.columns.get(step)) is not None:
            column.set(index, result)
            self._count(scope, step)

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
            if frame is not self.root or dependent not in self._known:
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
            self.program.levels[step.node.output_chain],
            position,
            frame,
            producer,
            columns,
            self.program.watched.get(step.index, ()),
            stream,
            step.rank,
        )
        frame.scopes[step.index] = scope
        if step.index in self.program.kept_scopes and frame.scope is not None:
            frame.scope.inner.setdefault(step.index, {})[frame.index] = scope
        insort(self.sources, scope, key=lambda source: -source.rank)
        return scope

    def emit(self, scope: Scope, key: str, item: Item[object] | None) -> Frame:
        """Take in the next item of a stream; its frame waits for `resolve`, or for `make` to be called."""
        frame = Frame(scope.level, scope, scope.frame, scope.count, key)
        frame.item = item
        scope.count += 1
        for column in scope.columns.values():
            column.extend()
        scope.busy += 1
        scope.alive += 1
        scope.advancing = False
        self.in_flight[scope.rank] += 1
        self._start(frame)
        return frame

    def make(self, frame: Frame) -> None:
        """The item's value has to be made: a call of its own."""
        self.calls.append((frame, 0))

    def scopes(self) -> Iterator[Scope]:
        """The streams that are kept, outer ones first."""
        waiting = list(self.root.scopes.values())
        while waiting:
            scope = waiting.pop()
            yield scope
            waiting.extend(inner for streams in scope.inner.values() for inner in streams.values())

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
        if self._is_settled(scope):
            self._settle(scope.frame)
        if scope.alive == 0:
            self._closing.append(scope)
            self._close_scopes()

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
            if frame.needs[position] == 0 and frame.results[position] is None:
                self.calls.append((frame, position))

    def hold(self, frame: Frame, position: int, missing: Sequence[Missing]) -> None:
        """Put a call off until the bytes of known results are made again.

        What has become of some of them meanwhile is not waited for; the call looks at it when it is tried
        again.
        """
        gone = [(source, place) for source, place, seen in missing if source.results[place] is seen]
        frame.needs[position] = max(1, len(gone))
        if not gone:
            self._satisfy(frame, position)
        for source, place in gone:
            waiting = source.remakes.setdefault(place, [])
            if not waiting:
                self.calls.append((source, place))
            waiting.append((frame, position))

    def remade(self, frame: Frame, position: int, result: Result) -> None:
        """The bytes of a known result are at hand again, or its call failed this time."""
        self._drop_wires(frame, position)
        frame.results[position] = result
        if isinstance(result, Done) and frame.scope is not None:
            self._hold(frame, frame.scope, result.nbytes)
        if result is LATER and frame.scope is not None:
            _mark_later(frame.scope)
        scope = frame.scope
        while scope is not None:
            scope.collected.clear()
            scope = scope.frame.scope
        for waiter, place in frame.remakes.pop(position, ()):
            self._satisfy(waiter, place)


def _mark_later(scope: Scope | None) -> None:
    """No stream around a call that was left to another pass may be collected in this one."""
    while scope is not None and not scope.later:
        scope.later = True
        scope = scope.frame.scope


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

"""What the parts of a running pass share, and how the end of a call is written down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nodegraph.events import (
    CallCached,
    CallDone,
    CallDropped,
    CallFailed,
    CallSkipped,
    CallStarted,
    Event,
)
from nodegraph.node.context import Drop
from nodegraph.plan.history import History
from nodegraph.plan.identity import identify, reason
from nodegraph.plan.keys import derived_seed
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import Values
from nodegraph.run.capture import outside_call
from nodegraph.run.failures import failure_of, place_of
from nodegraph.run.flow import Flow
from nodegraph.run.foresight import Foresight
from nodegraph.run.frames import ABSENT, FAILED, LATER, SKIPPED, Done, Frame, Status
from nodegraph.run.paces import DURABLE_SECONDS, Paces
from nodegraph.run.result import CallError
from nodegraph.run.results import Output, result_of
from nodegraph.run.states import StepState
from nodegraph.run.tally import Tally
from nodegraph.store import Key, Row, Store
from nodegraph.types.builtin import ModelRef
from nodegraph.types.wire import Digest

if TYPE_CHECKING:
    from nodegraph.run.placement import Placement

Use = Callable[[ModelRef], AbstractContextManager[Any]]
"""Gives a loaded model as long as it is needed."""

_SLOTS = 1 << 20

BYTES_GONE = "bytes not in the store"
"""Why a call whose result is known runs again."""

SHOWN_SECONDS = 0.010
"""Calls that took longer are reported one by one; cheaper ones only in their node's counts."""


@dataclass(eq=False)
class Machine:
    """The state of a run. Attributes that change are only touched under `lock`.

    Attributes:
        again: a pass found that another one is needed: bytes have to be made again, or came out different.
        demanded: steps whose results must be there as bytes, not only as digests.
        placement: where calls that use models run; None if no step does.
        failures: calls that failed in this run, by key; they are not tried twice.
        spooled: bytes that are in the store only until the run ends.
        history: what the nodes were made of in their last run.
        has_failures: some calls, of any graph, failed last time.
        recorded: whether this run may have recorded a call whose key has that slot; 0 is certain.
        paces: what calls of each node type take.
    """

    program: Program
    store: Store
    run: int
    forced: frozenset[str]
    selection: Selection
    emit: Callable[[Event], None]
    cancelled: Callable[[], bool]
    foresight: Foresight
    fail_fast: Callable[[], None]
    started: float
    placement: Placement | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    again: bool = False
    demanded: set[int] = field(default_factory=set[int])
    failures: dict[Key, CallError] = field(default_factory=dict[Key, CallError])

    def __post_init__(self) -> None:
        self.spooled: set[Digest] = set()
        self.values = Values(self.store)
        self.emit = outside_call(self.emit)
        self.history = History(self.store, self.program.graph)
        if self.forced:
            self.store.forget_tables()
        self.has_failures = self.store.has_failures()
        self.paces = Paces(self.store)
        self._old_recipes: dict[int, bool] = {}
        self.recorded = bytearray(_SLOTS)
        self._states: list[StepState | OSError | None] = [None] * len(self.program.steps)
        self._made: dict[int, set[int]] = {}
        self._passes = 0

    def begin_pass(self, flow: Flow) -> None:
        """Start over with fresh counts; what earlier passes did is in the store."""
        self.flow = flow
        tally = Tally(self.program)
        if self._passes:
            for step, counts, earlier in zip(self.program.steps, tally.steps, self.tally.steps, strict=True):
                counts.reasons = earlier.reasons
                if earlier.made:
                    self._made.setdefault(step.index, set()).update(earlier.made)
        self.tally = tally
        self._passes += 1
        self.again = False

    def clock(self) -> float:
        """Seconds since the run started."""
        return time.perf_counter() - self.started

    def state(self, step: Step) -> StepState:
        """What all calls of a step share; computed on first use.

        Raises:
            OSError: if a file that the node reads by content cannot be read.
        """
        known = self._states[step.index]
        if known is None:
            try:
                known = self._new_state(step)
            except OSError as error:
                known = error
            self._states[step.index] = known
        if isinstance(known, OSError):
            raise known.with_traceback(None)
        return known

    def _new_state(self, step: Step) -> StepState:
        return StepState(
            identify(self.program, step, self.store, self.history),
            step.id in self.forced,
            step.type.keep or step.index in self.program.is_output,
            step.index in self.program.read_late,
        )

    def seed(self, step: Step, base: int, inputs: Sequence[Digest], frame: Frame) -> int | None:
        """The derived seed of a call, None for a node that is not seeded."""
        if not step.type.seeded:
            return None
        return derived_seed(base, step.type.id, inputs, frame.path)

    def reason(self, state: StepState, key: Key) -> str:
        """Why a call runs."""
        identity = state.identity
        failed = self.has_failures and self.store.failure(key) is not None
        may_lack_bytes = bool(self.demanded or identity.fans_out) and not self.is_new(state)
        row = self.store.lookup(key) if may_lack_bytes else None
        has_row = row is not None and row.run != self.run
        return reason(identity, key, failed=failed, forced=state.forced, has_row=has_row)

    def known_row(self, step: Step, state: StepState, key: Key) -> Row | None:
        """The stored result of a call, if it counts: not forced, its bytes there where they are demanded."""
        row = self.store.lookup(key)
        if row is None or (state.forced and row.run != self.run):
            return None
        if row.dropped is None and len(row.outputs) != len(step.output_types):
            return None
        return row if self.is_there(step, row.outputs) else None

    def is_there(self, step: Step, outputs: Sequence[Digest]) -> bool:
        """Whether the bytes of a result are there, as far as they are demanded."""
        return step.index not in self.demanded or all(map(self.values.can_load, outputs))

    def is_cheap(self, step: Step) -> bool:
        """Whether calls of this type are known to take less than what is claimed and reported."""
        return self.paces.is_cheap(step.type.id)

    def is_new(self, state: StepState) -> bool:
        """Whether no call of that type, version and params was in the store when this was first asked."""
        recipe = state.identity.recipe
        if recipe not in self._old_recipes:
            self._old_recipes[recipe] = self.store.recipe_record(recipe) is not None
        return not self._old_recipes[recipe]

    def look_up_recipes(self, steps: Iterable[Step]) -> None:
        """Ask the store at once what `is_new` is to tell of all these."""
        recipes = {self.state(step).identity.recipe for step in steps if not step.type.file_ports}
        known = self.store.known_recipes(list(recipes))
        self._old_recipes.update((recipe, recipe in known) for recipe in recipes)

    def hit(self, frame: Frame, position: int, step: Step, key: Key, row: Row) -> None:
        """A call's result was in the store, or, in a later pass, an earlier pass of this run put it there."""
        now = self.is_of_this_run(row)
        with self.lock:
            counts = self.tally.steps[step.index]
            counts.executed += now
            counts.cached += not now
            if now:
                counts.seconds += row.seconds
            else:
                counts.saved += row.seconds
            counts.calls += key[:8]
            if now and step.fans_out:
                counts.made.append(_mark(frame))
            if row.dropped is not None:
                counts.drop(row.dropped)
            result = ABSENT if row.dropped is not None else Done(row.outputs, fresh=now)
            self.flow.resolve(frame, position, result)
        if row.dropped is not None:
            self.emit(CallDropped(self.clock(), step.id, frame.label, row.dropped, not now))
        elif not self.is_cheap(step):
            self.emit(CallCached(self.clock(), step.id, frame.label))

    def found(self, step: Step, key: Key, row: Row) -> None:
        """The result of a call outside of streams was in the store before anything ran."""
        counts = self.tally.steps[step.index]
        counts.cached += 1
        counts.saved += row.seconds
        counts.calls += key[:8]
        if row.seconds >= DURABLE_SECONDS:
            self.emit(CallCached(self.clock(), step.id, ""))

    def is_of_this_run(self, row: Row) -> bool:
        """Whether an earlier pass of this run executed the call."""
        return row.run == self.run and self._passes > 1

    def listed(self, frame: Frame, step: Step, digests: tuple[Digest, ...], dropped: str | None) -> None:
        """An item is in a stored listing, which an earlier pass may have written. Call it under `lock`."""
        now = step.index in self._made and _mark(frame) in self._made[step.index]
        counts = self.tally.steps[step.index]
        counts.executed += now
        counts.cached += not now
        if dropped is not None:
            counts.drop(dropped)
        self.flow.resolve(frame, 0, ABSENT if dropped is not None else Done(digests, fresh=now))

    def given(self, frame: Frame, step: Step, outputs: Sequence[Output], reason: str) -> None:
        """A generator gave an item's value directly. Call it under `lock`."""
        counts = self.tally.steps[step.index]
        counts.run(reason, 0.0)
        counts.made.append(_mark(frame))
        self.flow.resolve(frame, 0, result_of(outputs))

    def starting(self, step: Step, frame: Frame, reason: str) -> None:
        """A call is about to run."""
        if not self.is_cheap(step):
            self.emit(CallStarted(self.clock(), step.id, frame.label, reason))

    def keep_outputs(
        self, state: StepState, outputs: Sequence[Output], seconds: float, *, spool: bool = False
    ) -> None:
        """Put the bytes of a result into the store, as far as the node, or this run (`spool`), needs them."""
        for output in outputs:
            if output.wire is None:
                continue
            if state.keeps:
                self.spooled.discard(output.digest)
                self.store.put(output.digest, output.wire, seconds=seconds)
            elif (spool or state.spools) and not self.store.has(output.digest):
                self.spooled.add(output.digest)
                self.store.put(output.digest, output.wire)

    def record(
        self, key: Key, state: StepState, row_outputs: Sequence[Digest], inputs: bytes, seconds: float
    ) -> None:
        """Write down a finished call; one that took long is committed before this returns."""
        row = Row(tuple(row_outputs), None, seconds, self.recipe(state), inputs, self.run)
        self.store.record(key, row, durable=seconds >= DURABLE_SECONDS)
        self.recorded[slot_of(key)] = 1

    def recipe(self, state: StepState) -> int:
        """The id of what a step is made of, which the store has from then on."""
        if not state.recorded:
            self.store.recipe(state.identity.prefix, state.identity.name)
            state.recorded = True
        return state.identity.recipe

    def done(
        self, frame: Frame, position: int, step: Step, key: Key | None, outputs: Sequence[Output],
        seconds: float, reason: str,
    ) -> None:  # fmt: skip
        """A call finished."""
        result = result_of(outputs)
        with self.lock:
            counts = self.tally.steps[step.index]
            counts.run(reason, seconds)
            if key is not None:
                counts.calls += key[:8]
            if step.fans_out:
                counts.made.append(_mark(frame))
            self._learn(step, seconds)
            self.flow.resolve(frame, position, result)
        if seconds >= SHOWN_SECONDS:
            self.emit(CallDone(self.clock(), step.id, frame.label, seconds))

    def _learn(self, step: Step, seconds: float) -> None:
        """Take a call into account for whether its type is cheap. Call it under `lock`."""
        type_id = step.type.id
        self.tally.steps[step.index].slow += seconds >= DURABLE_SECONDS
        made = 0
        if seconds >= DURABLE_SECONDS:
            made = sum(counts.executed for counts in self.tally.of_type(type_id))
        self.paces.learn(type_id, seconds, made)

    def dropped(
        self,
        frame: Frame,
        position: int,
        step: Step,
        key: Key,
        drop: Drop,
        seconds: float,
        reason: str,
        inputs: bytes,
    ) -> None:
        """A call left its item out."""
        row = Row((), drop.reason, seconds, self.recipe(self.state(step)), inputs, self.run)
        self.store.record(key, row, durable=seconds >= DURABLE_SECONDS)
        with self.lock:
            counts = self.tally.steps[step.index]
            counts.run(reason, seconds)
            counts.drop(drop.reason)
            counts.calls += key[:8]
            if step.fans_out:
                counts.made.append(_mark(frame))
            self.flow.resolve(frame, position, ABSENT)
        self.emit(CallDropped(self.clock(), step.id, frame.label, drop.reason, False))

    def failed(
        self,
        frame: Frame,
        position: int,
        step: Step,
        key: Key | None,
        error: BaseException,
        reason: str | None = None,
    ) -> None:
        """A call raised. If that is because the run is being stopped, the call counts as not begun.

        `reason` is why it ran, None if it did not come to that.
        """
        if self.cancelled():
            return
        if reason is not None:
            with self.lock:
                self.tally.steps[step.index].because(reason)
        self.note_failure(frame, step, key, failure_of(step, frame, error))
        self._leave_without(frame, position, step, FAILED)

    def note_failure(self, frame: Frame, step: Step, key: Key | None, failure: CallError) -> None:
        """Count and remember a failure."""
        known = key is not None and key in self.failures
        if key is not None and not known:
            self.store.record_failure(key, failure.error, failure.message)
        with self.lock:
            if key is not None:
                self.failures[key] = failure
                self.tally.steps[step.index].calls += key[:8]
            self.tally.failure(step.index, place_of(frame), failure)
        if not known:
            self._tell_failure(failure)
        self.fail_fast()

    def _tell_failure(self, failure: CallError) -> None:
        self.emit(
            CallFailed(
                self.clock(), failure.node, failure.item, failure.error, failure.message, failure.traceback
            )
        )

    def known_failure(self, frame: Frame, position: int, step: Step, key: Key) -> bool:
        """Take over the failure of an equal call in this run; False if there is none."""
        known = self.failures.get(key)
        if known is None:
            return False
        failure = replace(known, node=step.id, item=frame.label)
        with self.lock:
            self.tally.steps[step.index].calls += key[:8]
            self.tally.failure(step.index, place_of(frame), failure)
            self.flow.resolve(frame, position, FAILED)
        if self._passes == 1:
            self._tell_failure(failure)
        return True

    def inherited(self, frame: Frame, position: int, step: Step, status: Status, source: int) -> None:
        """A call takes over why an input has no value."""
        if status is SKIPPED:
            with self.lock:
                self.tally.steps[step.index].skipped += 1
        self._leave_without(frame, position, step, status)
        if status is SKIPPED:
            self.emit(CallSkipped(self.clock(), step.id, frame.label, self.program.steps[source].id))

    def postpone(self, frame: Frame, position: int, steps: set[int]) -> None:
        """Leave a call to another pass, in which the results of `steps` are there as bytes."""
        with self.lock:
            self.again = True
            self.demanded |= steps
        self._leave_without(frame, position, self.flow.step_at(frame, position), LATER)

    def _leave_without(self, frame: Frame, position: int, step: Step, status: Status) -> None:
        """A call has no result, or one that was known has no value after all."""
        with self.lock:
            before = frame.results[position]
            if not isinstance(before, Done):
                self.flow.resolve(frame, position, status)
                return
            counts = self.tally.steps[step.index]
            counts.executed -= before.fresh
            counts.cached -= not before.fresh
            self.flow.remade(frame, position, status)

    def remade(
        self, frame: Frame, position: int, step: Step, before: Done, outputs: Sequence[Output], seconds: float
    ) -> bool:
        """The bytes of a known result were made again; returns whether they differ.

        What was done with the others is then done again, in another pass.
        """
        result = result_of(outputs)
        changed = result.digests != before.digests
        with self.lock:
            counts = self.tally.steps[step.index]
            counts.executed += not before.fresh
            counts.cached -= not before.fresh
            counts.seconds += seconds
            counts.because(BYTES_GONE)
            if step.fans_out:
                counts.made.append(_mark(frame))
            self.again = self.again or changed
            self.flow.remade(frame, position, result)
        if changed:
            self.store.forget_tables()
        return changed

    def dropped_now(
        self, frame: Frame, position: int, step: Step, key: Key, drop: Drop, seconds: float, inputs: bytes
    ) -> None:  # fmt: skip
        """A call that has a result dropped its item when its bytes were needed again."""
        row = Row((), drop.reason, seconds, self.recipe(self.state(step)), inputs, self.run)
        self.store.record(key, row, durable=seconds >= DURABLE_SECONDS)
        self.store.forget_tables()
        with self.lock:
            self.again = True
            if step.fans_out:
                self.tally.steps[step.index].made.append(_mark(frame))
        self._leave_without(frame, position, step, LATER)

    def close(self) -> None:
        """Remove what was kept only for this run."""
        self.store.evict(list(self.spooled))
        self.recorded = bytearray()


def _mark(frame: Frame) -> int:
    """Stands for an item, within this process, in the little that is kept of each."""
    return hash(frame.path)


def slot_of(key: Key) -> int:
    """The place of a key in `Machine.recorded`."""
    return int.from_bytes(key[:4], "little") % _SLOTS

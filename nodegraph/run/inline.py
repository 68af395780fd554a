"""Cheap calls in line: made one after the other by the worker that has their inputs at hand.

Most of what the general way of a call provides for does not apply to a plain call of a type that is known to
be cheap: it is not claimed, waits for no stream and needs no context. Here it costs a few microseconds.
Whatever turns out to be otherwise is left to the general way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blake3 import blake3

from nodegraph.node.signature import NodeType
from nodegraph.plan.identity import IMMUTABLE, literal_arguments
from nodegraph.plan.program import Step
from nodegraph.run.call import Call
from nodegraph.run.capture import begin_call, end_calls
from nodegraph.run.execute import Calls
from nodegraph.run.fanout import FanOut
from nodegraph.run.frames import NOT_HELD, Done, Frame
from nodegraph.run.machine import Machine, slot_of
from nodegraph.run.paces import DURABLE_SECONDS
from nodegraph.run.results import Output, outputs_of
from nodegraph.run.states import StepState
from nodegraph.store import Key, Row
from nodegraph.types.builtin import Artifact
from nodegraph.types.ports import Scalar, ValueOf
from nodegraph.types.values import value_type_by_id
from nodegraph.types.wire import Digest, Wire, digest, encode

_Made = tuple[Key, Done, str, float]
"""The key of a call, its result, why it was made, and the seconds it took."""

_SLICE_S = 0.01
_EXACT: Mapping[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


class PlainCall:
    """What the plain calls of a step share.

    Attributes:
        literals: its params, if one dict of them can serve all calls; else they are made for each.
        exact: the Python type of its one output, if that says all there is to check.
        is_scalar: that type is one whose values nobody can change.
        is_new: no call of its type, version and params was in the store when the run began.
        why: why all of its calls run; empty if that is to be found out for each.
    """

    __slots__ = (
        "counts", "exact", "feeds", "function", "id", "index", "is_new", "is_scalar", "literals", "prefix",
        "recipe", "state", "step", "type_id", "why",
    )  # fmt: skip

    def __init__(self, machine: Machine, step: Step, state: StepState) -> None:
        identity = state.identity
        self.step = step
        self.index = step.index
        self.id = step.id
        self.type_id = step.type.id
        self.state = state
        self.prefix = identity.prefix
        self.recipe = identity.recipe
        self.feeds = step.feeds
        self.function: Callable[..., Any] = step.type.function
        params = step.node.params
        self.literals = params if IMMUTABLE.issuperset(map(type, params.values())) else None
        self.exact = exact_type(step)
        self.is_scalar = self.exact in IMMUTABLE
        self.is_new = machine.is_new(state)
        self.why = "" if machine.has_failures else identity.why_changed
        self.counts = machine.tally.steps[step.index]


def is_plain(node_type: NodeType) -> bool:
    """Whether a node type's calls are plain: a function of the values of its inputs, with no more to it."""
    signature = node_type.signature
    return (
        node_type.pure
        and node_type.concurrent
        and not node_type.seeded
        and signature.kind == "call"
        and not signature.wants_context
    )


def exact_type(step: Step) -> type | None:
    """The Python type that alone makes a result right, if there is one output and such a type."""
    if step.type.signature.output_class is not None:
        return None
    type_ = step.output_types[0]
    if isinstance(type_, Scalar):
        return _EXACT.get(type_.name)
    declared = value_type_by_id(type_.id) if isinstance(type_, ValueOf) else None
    return None if declared is None or declared.cls is Artifact else declared.cls


class Inline:
    """Makes the plain calls of a pass; one thread at a time does.

    Attributes:
        running: the step whose call is being made, -1 for none.
        is_busy: a thread makes plain calls.
    """

    def __init__(
        self,
        machine: Machine,
        calls: Calls,
        fan_out: FanOut,
        general: Callable[[Frame, int], None],
        batch_size: int,
    ) -> None:
        """Take what calls are finished by, what advances streams, and the general way of a call."""
        self.running = -1
        self._machine = machine
        self._flow = machine.flow
        self._calls = calls
        self._fan_out = fan_out
        self._general = general
        self._batch_size = batch_size
        self._plain: list[PlainCall | bool | None] = [None] * len(machine.program.steps)
        self._plain_types: dict[str, bool] = {}
        self.is_busy = False

    def run(self) -> None:
        """Make plain calls, and advance streams that are quick to give items, as long as any are ready."""
        machine = self._machine
        with machine.lock:
            if self.is_busy or not self.is_next():
                return
            self.is_busy = True
            until = time.perf_counter() + _SLICE_S
            try:
                while self._step() and time.perf_counter() < until and not machine.cancelled():
                    pass
            finally:
                self.running = -1
                self.is_busy = False
        end_calls()

    def is_next(self) -> bool:
        """Whether what is ready next is a plain call, or a stream that is quick. Call it under the lock."""
        calls = self._flow.calls
        if calls:
            return self._plain_call(*calls[-1]) is not None
        if self._flow.gathered.is_due(self._batch_size):
            return False
        scope = self._flow.next_source()
        return scope is not None and self._fan_out.is_quick(scope)

    def _step(self) -> bool:
        """Do what is ready next; False if there is nothing, or it is for the general way.

        It is called, and returns, under the lock, which it gives up while a node's function runs.
        """
        flow, lock = self._flow, self._machine.lock
        if flow.calls:
            frame, position = flow.calls[-1]
            plain = self._plain_call(frame, position)
            if plain is None:
                return False
            flow.calls.pop()
            self.running = plain.index
            lock.release()
            try:
                begin_call((plain.id, frame))
                made = self._call(plain, frame, position)
            finally:
                lock.acquire()
            if made is not None:
                key, done, reason, seconds = made
                counts = plain.counts
                counts.executed += 1
                counts.seconds += seconds
                counts.reasons[reason] = counts.reasons.get(reason, 0) + 1
                counts.calls += key[:8]
                flow.resolve(frame, position, done)
            return True
        scope = None if flow.gathered.is_due(self._batch_size) else flow.next_source()
        if scope is None or not self._fan_out.is_quick(scope):
            return False
        scope.advancing = True
        self.running = scope.step
        lock.release()
        try:
            begin_call((scope.name, scope.frame))
            self._fan_out.advance(scope)
        finally:
            lock.acquire()
        return True

    def _plain_call(self, frame: Frame, position: int) -> PlainCall | None:
        """What the calls at a position share; None if this one is for the general way."""
        index = frame.level.members[position]
        plain = self._plain[index]
        if plain is None:
            plain = self._plain[index] = self._look_at(self._machine.program.steps[index])
        if plain is False or plain is True or frame.results[position] is not None:
            return None
        machine = self._machine
        if (
            plain.type_id not in machine.paces.cheap
            or machine.failures
            or (position == 0 and frame.scope is not None)
        ):
            return None
        return plain

    def _look_at(self, step: Step) -> PlainCall | bool:
        type_id = step.type.id
        if type_id not in self._plain_types:
            self._plain_types[type_id] = is_plain(step.type)
        if not self._plain_types[type_id] or step.late or not step.is_simple:
            return False
        machine = self._machine
        if machine.placement is not None and step.index in machine.placement.steps:
            return False
        try:
            state = machine.state(step)
        except OSError:
            return False
        return PlainCall(machine, step, state) if state.keeps and not state.forced else False

    def _call(self, plain: PlainCall, frame: Frame, position: int) -> _Made | None:
        """Make one call; None if it was resolved in another way, or left to the general one."""
        machine = self._machine
        sources: list[Done] = []
        digests: list[Digest] = []
        for feed in plain.feeds:
            source = frame.above(feed.up).results[feed.place] if feed.up else frame.results[feed.place]
            if type(source) is not Done:
                self._general(frame, position)
                return None
            sources.append(source)
            digests.append(source.digests[feed.output])
        inputs = digests[0] if len(digests) == 1 else b"".join(digests)
        key = Key(blake3(plain.prefix + inputs).digest())
        if not plain.is_new or machine.recorded[slot_of(key)]:
            row = machine.known_row(plain.step, plain.state, key)
            if row is not None:
                machine.hit(frame, position, plain.step, key, row)
                return None
        try:
            arguments = self._arguments(plain, sources)
        except Exception:
            # Bytes that are gone, or a value that cannot be converted: the general way knows what to do.
            self._general(frame, position)
            return None
        reason = plain.why or machine.reason(plain.state, key)
        outcome: tuple[Output, ...] | BaseException = ()
        result, wire = None, None
        started = time.perf_counter()
        try:
            result = plain.function(**arguments)
            if type(result) is plain.exact:
                wire = encode(result)
            else:
                outcome = outputs_of(plain.step, result, machine.store, time.perf_counter() - started)
        except BaseException as error:
            outcome = error
        seconds = time.perf_counter() - started
        if wire is not None:
            if seconds < DURABLE_SECONDS:
                return key, self._recorded(plain, key, result, wire, inputs, seconds), reason, seconds
            outcome = (Output(digest(wire), wire),)
        call = Call(frame, position, plain.step, plain.state, digests, None, key)
        self._calls.finish(call, outcome, seconds, reason)
        return None

    def _recorded(
        self, plain: PlainCall, key: Key, value: Any, wire: Wire, inputs: bytes, seconds: float
    ) -> Done:
        """Write down a quick call with one output; its result."""
        machine = self._machine
        found = digest(wire)
        if not plain.state.recorded:
            machine.recipe(plain.state)
        row = Row((found,), None, seconds, plain.recipe, inputs, machine.run)
        machine.store.record_result(key, row, wire)
        machine.recorded[slot_of(key)] = 1
        return Done.of_one(found, wire, value) if plain.is_scalar else Done((found,), (wire,), True)

    def _arguments(self, plain: PlainCall, sources: Sequence[Done]) -> dict[str, Any]:
        """The arguments of a call.

        Raises:
            BytesMissing: if the bytes of an input are gone.
        """
        literals = plain.literals
        arguments = literal_arguments(plain.step) if literals is None else dict(literals)
        for feed, source in zip(plain.feeds, sources, strict=True):
            value = source.value
            if value is NOT_HELD:
                value = self._load(source, feed.output)
            arguments[feed.name] = value if feed.convert is None else feed.convert(value)
        return arguments

    def _load(self, source: Done, output: int) -> Any:
        """The value of an input.

        Raises:
            BytesMissing: if its bytes are gone.
        """
        # Taken once: another thread may let go of the wire forms meanwhile.
        wires, found = source.wires, source.digests[output]
        values = self._machine.values
        return values.load(found) if wires is None else values.decode(wires[output], found)

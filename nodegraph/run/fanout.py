"""Fan-out: generators pulled item by item, and the `make` of each item as a call of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from nodegraph.events import SourceAdvanced
from nodegraph.node.context import Drop
from nodegraph.plan.identity import literal_arguments
from nodegraph.plan.keys import item_key
from nodegraph.plan.producers import (
    EVERYTHING,
    GeneratorProducer,
    Listed,
    Listing,
    ListingProducer,
    Producer,
    Regenerator,
)
from nodegraph.plan.program import Step
from nodegraph.plan.recorded import pack_item_inputs
from nodegraph.plan.values import BytesMissing
from nodegraph.run.call import Call, Outcome
from nodegraph.run.contexts import context_of
from nodegraph.run.execute import Calls
from nodegraph.run.failures import failure_of
from nodegraph.run.frames import ABSENT, Done, Frame, Scope
from nodegraph.run.inputs import Arguments, Busy, load_arguments
from nodegraph.run.machine import BYTES_GONE, SHOWN_SECONDS, Machine
from nodegraph.run.paces import DURABLE_SECONDS
from nodegraph.run.results import Output, outputs_of
from nodegraph.run.streamrun import StreamRun, stream_run, write_listing
from nodegraph.store import Key, Row
from nodegraph.types.stream import Item
from nodegraph.types.wire import Digest, digest, encode


class InputsMissing(LookupError):
    """A generator cannot be run again in this pass: bytes of its inputs are gone, too."""


class FanOut:
    """Runs the generators of a pass and the calls that make their items."""

    def __init__(self, machine: Machine, calls: Calls) -> None:
        self._machine = machine
        self._calls = calls

    def open(self, frame: Frame, position: int, step: Step) -> None:
        """Begin the stream of a fan-out call: its stored listing, or its generator."""
        machine = self._machine
        call = self._calls.prepare(frame, position, step)
        if call is None:
            return
        selection = machine.selection if step.index in machine.program.cut else EVERYTHING
        listing = self._listing(call)
        if isinstance(listing, Row):
            machine.hit(frame, position, step, call.key, listing)
            return
        producer: Producer
        if listing is not None:
            producer, reason = ListingProducer(listing, selection), ""
        else:
            items = self._begin(call)
            if items is None:
                return
            producer = GeneratorProducer(items, selection)
            reason = machine.reason(call.state, call.key) if step.type.pure else "listed anew"
        regenerator = Regenerator(lambda: self._begin_again(call))
        run = StreamRun(call, listing is not None, reason, regenerator, time.perf_counter())
        with machine.lock:
            machine.flow.open_scope(frame, position, producer, run)

    def _listing(self, call: Call) -> Listing | Row | None:
        """What a pure generator left in the store: its items, its row if it was dropped, or nothing."""
        machine = self._machine
        if not call.step.type.pure:
            return None
        row = machine.store.lookup(call.key)
        if row is None or (call.state.forced and row.run != machine.run):
            return None
        if row.dropped is not None:
            return row
        try:
            listing = Listing.of_value(machine.values.load(row.outputs[0]))
        except LookupError:
            return None
        return listing if len(listing.digests) == len(call.step.output_types) else None

    def _begin(self, call: Call) -> Iterator[Item[Any]] | None:
        """The generator of a call; None if the call failed or was put off."""
        machine = self._machine
        try:
            loaded = load_arguments(machine.program, call.step, call.frame, machine.values)
            if self._calls.put_off(call.frame, call.position, loaded):
                return None
            return self._generate(call, loaded)
        except Busy:
            raise
        except BytesMissing:
            machine.postpone(call.frame, call.position, _sources(call.step))
        except Exception as error:
            machine.failed(call.frame, call.position, call.step, call.key, error)
        return None

    def _begin_again(self, call: Call) -> Iterator[Item[Any]]:
        """A generator for the items whose bytes are gone."""
        machine = self._machine
        try:
            loaded = load_arguments(machine.program, call.step, call.frame, machine.values)
        except Busy:
            raise InputsMissing from None
        if loaded.missing or loaded.streams_missing:
            raise InputsMissing
        return self._generate(call, loaded)

    def _generate(self, call: Call, loaded: Arguments) -> Iterator[Item[Any]]:
        machine = self._machine
        loaded.values.pop("seed", None)
        arguments = literal_arguments(call.step) | loaded.values
        if call.step.type.signature.wants_context:
            seeds = None if call.seed is None else [call.seed]
            arguments["ctx"] = context_of(machine, call.step, call.frame, call.key, seeds)
        return iter(call.step.type.function(**arguments))

    def is_quick(self, scope: Scope) -> bool:
        """Whether the last item of a stream came at once, and others may run beside its generator."""
        run = stream_run(scope)
        return run.is_quick and run.call.step.type.concurrent

    def advance(self, scope: Scope) -> None:
        """Pull the next item of a stream."""
        machine = self._machine
        run = stream_run(scope)
        began = time.perf_counter()
        try:
            item = scope.producer.next()
            run.is_quick = time.perf_counter() - began < DURABLE_SECONDS
        except Drop as drop:
            self._dropped(scope, run, drop)
        except BytesMissing:
            self._give_up(scope)
            machine.postpone(scope.frame, scope.position, _sources(run.call.step))
        except BaseException as error:
            if not machine.cancelled():
                self._break_off(scope, run, error)
        else:
            if item is None:
                self._end(scope, run, broken=False)
            elif isinstance(item, Listed):
                self._take_listed(scope, run, item)
            else:
                self._take(scope, run, item)

    def _break_off(self, scope: Scope, run: StreamRun, error: BaseException) -> None:
        machine, call = self._machine, run.call
        machine.note_failure(scope.frame, call.step, call.key, failure_of(call.step, scope.frame, error))
        self._end(scope, run, broken=True)

    def _give_up(self, scope: Scope) -> None:
        with self._machine.lock:
            self._machine.flow.abandon(scope)

    def _dropped(self, scope: Scope, run: StreamRun, drop: Drop) -> None:
        if scope.count:
            error = TypeError(
                "a generator that has given items cannot raise Drop; raise it in the item's make"
            )
            self._break_off(scope, run, error)
            return
        self._give_up(scope)
        seconds = time.perf_counter() - run.started
        call = run.call
        inputs = b"".join(call.inputs)
        self._machine.dropped(
            scope.frame, scope.position, call.step, call.key, drop, seconds, run.reason, inputs
        )

    def _take_listed(self, scope: Scope, run: StreamRun, item: Listed) -> None:
        machine = self._machine
        step = run.call.step
        is_there = machine.is_there(step, item.digests)
        with machine.lock:
            frame = machine.flow.emit(scope, item.key, None)
            if item.dropped is not None:
                run.drops[frame.index] = item.dropped
            if is_there:
                machine.listed(frame, step, item.digests, item.dropped)
                return
        self._make_again(frame, step, Done(item.digests))

    def _take(self, scope: Scope, run: StreamRun, item: Item[Any]) -> None:
        """An item that a generator gave: a value at hand, or one that the memo knows, or one to make."""
        machine = self._machine
        step = run.call.step
        try:
            key, made_of = self._key(run, item)
            row = None if key is None else machine.known_row(step, run.call.state, key)
            outputs = None if item.make is not None else self._encode(step, item.carried)
        except Exception as error:
            if not machine.cancelled():
                self._failed_item(scope, run, item, error)
            return
        if row is not None:
            with machine.lock:
                frame = machine.flow.emit(scope, item.key, item)
                frame.memo_key, frame.made_of = key, made_of
            if row.dropped is not None:
                run.drops[frame.index] = row.dropped
            machine.hit(frame, 0, step, _known(key), row)
            write_listing(self._machine, scope, run)
        elif outputs is not None:
            machine.keep_outputs(run.call.state, outputs, 0.0)
            with machine.lock:
                # Not the item: its value may lie in a buffer that the generator uses again.
                frame = machine.flow.emit(scope, item.key, None)
                machine.given(frame, step, outputs, run.reason)
            write_listing(self._machine, scope, run)
        else:
            with machine.lock:
                frame = machine.flow.emit(scope, item.key, item)
                frame.memo_key, frame.made_of = key, made_of
                machine.flow.make(frame)

    def _encode(self, step: Step, value: Any) -> tuple[Output, ...]:
        """A value given directly, copied: a generator may use its buffers again for the next item."""
        outputs = outputs_of(step, value, self._machine.store, 0.0)
        return tuple(Output(output.digest, output.wire and output.wire.owned()) for output in outputs)

    def _key(self, run: StreamRun, item: Item[Any]) -> tuple[Key | None, bytes]:
        """The key of an item's `make`, and what its row keeps of its inputs."""
        if item.make is None:
            return None, b""
        call = run.call
        reads = [self._machine.store.file_digest(path) for path in item.reads]
        uses: Digest | None = None if item.uses is None else digest(encode(item.uses))
        key = item_key(call.state.identity.item_prefix, call.inputs, call.seed, item.key, reads, uses)
        return key, pack_item_inputs(call.inputs, item.key, reads, uses)

    def _failed_item(self, scope: Scope, run: StreamRun, item: Item[Any], error: BaseException) -> None:
        machine = self._machine
        with machine.lock:
            frame = machine.flow.emit(scope, item.key, None)
        run.whole = False
        machine.failed(frame, 0, run.call.step, None, error)

    def make(self, frame: Frame, step: Step) -> None:
        """Run the `make` of an item.

        Raises:
            Busy: if somebody else is computing it.
        """
        machine = self._machine
        item, key, scope = frame.item, _known(frame.memo_key), frame.scope
        assert item is not None
        assert item.make is not None
        assert scope is not None
        run = stream_run(scope)
        if machine.known_failure(frame, 0, step, key):
            run.whole = False
            return
        claim = None
        if not machine.is_cheap(step):
            claim = machine.store.claim(key)
            if claim is None:
                raise Busy
        try:
            row = machine.known_row(step, run.call.state, key)
            if row is not None:
                if row.dropped is not None:
                    run.drops[frame.index] = row.dropped
                machine.hit(frame, 0, step, key, row)
            else:
                self._make(frame, step, run, key)
        finally:
            if claim is not None:
                claim.release()
        write_listing(self._machine, scope, run)

    def _make(self, frame: Frame, step: Step, run: StreamRun, key: Key) -> None:
        machine = self._machine
        state = run.call.state
        assert frame.item is not None
        assert frame.item.make is not None
        reason = machine.reason(state, key)
        inputs = frame.made_of
        machine.starting(step, frame, reason)
        started = time.perf_counter()
        try:
            value = frame.item.make()
            outputs = outputs_of(step, value, machine.store, time.perf_counter() - started)
        except Drop as drop:
            run.drops[frame.index] = drop.reason
            machine.dropped(frame, 0, step, key, drop, time.perf_counter() - started, reason, inputs)
        except BaseException as error:
            run.whole = False
            machine.failed(frame, 0, step, key, error, reason)
        else:
            seconds = time.perf_counter() - started
            machine.keep_outputs(state, outputs, seconds)
            machine.record(key, state, [output.digest for output in outputs], inputs, seconds)
            machine.done(frame, 0, step, key, outputs, seconds, reason)

    def remake(self, frame: Frame, step: Step) -> None:
        """Make an item's value again, because its bytes are gone."""
        machine = self._machine
        before, scope = frame.results[0], frame.scope
        assert isinstance(before, Done), "only what has a result can be made again"
        assert scope is not None
        run = stream_run(scope)
        started = time.perf_counter()
        key, outcome = self._regenerated(frame, step, run)
        seconds = time.perf_counter() - started
        if isinstance(outcome, BytesMissing | InputsMissing):
            machine.postpone(frame, 0, _sources(step))
        elif isinstance(outcome, Drop) and key is not None:
            self._replace_in_listing(scope, run, frame, outcome)
            machine.dropped_now(frame, 0, step, key, outcome, seconds, frame.made_of)
        elif isinstance(outcome, BaseException):
            machine.failed(frame, 0, step, key, outcome)
        else:
            self._keep_again(run, key, outcome, before, seconds, frame.made_of)
            if machine.remade(frame, 0, step, before, outcome, seconds):
                self._replace_in_listing(scope, run, frame, Done(tuple(one.digest for one in outcome)))

    def _make_again(self, frame: Frame, step: Step, before: Done) -> None:
        """Make the value of a listed item again before anything reads it."""
        machine, scope = self._machine, frame.scope
        assert scope is not None
        run = stream_run(scope)
        started = time.perf_counter()
        key, outcome = self._regenerated(frame, step, run)
        seconds = time.perf_counter() - started
        if isinstance(outcome, BytesMissing | InputsMissing):
            machine.postpone(frame, 0, _sources(step))
        elif isinstance(outcome, Drop) and key is not None:
            run.listed = False
            run.drops[frame.index] = outcome.reason
            machine.dropped(frame, 0, step, key, outcome, seconds, BYTES_GONE, frame.made_of)
        elif isinstance(outcome, BaseException):
            machine.failed(frame, 0, step, key, outcome)
        else:
            self._keep_again(run, key, outcome, before, seconds, frame.made_of)
            machine.done(frame, 0, step, key, outcome, seconds, BYTES_GONE)
            if any(one.digest != known for one, known in zip(outcome, before.digests, strict=True)):
                run.listed = False

    def _regenerated(self, frame: Frame, step: Step, run: StreamRun) -> tuple[Key | None, Outcome]:
        """The memo key of an item, and what came of making its value again."""
        key = frame.memo_key
        try:
            with run.regenerator.lock:
                item = frame.item or run.regenerator.item(frame.key)
            if key is None:
                key, frame.made_of = self._key(run, item)
            return key, self._encode(step, item.make() if item.make is not None else item.carried)
        except BaseException as error:
            return key, error

    def _keep_again(
        self, run: StreamRun, key: Key | None, outputs: Sequence[Output], before: Done, seconds: float,
        made_of: bytes,
    ) -> None:  # fmt: skip
        digests = tuple(output.digest for output in outputs)
        self._machine.keep_outputs(run.call.state, outputs, seconds, spool=digests != before.digests)
        if key is not None:
            self._machine.record(key, run.call.state, digests, made_of, seconds)

    def _replace_in_listing(self, scope: Scope, run: StreamRun, frame: Frame, result: Done | Drop) -> None:
        with self._machine.lock:
            if (column := scope.columns.get(run.call.step.index)) is not None:
                column.set(frame.index, result if isinstance(result, Done) else ABSENT)
            scope.collected.clear()
            if isinstance(result, Drop):
                run.drops[frame.index] = result.reason
            run.listed = False
        write_listing(self._machine, scope, run)

    def _end(self, scope: Scope, run: StreamRun, *, broken: bool) -> None:
        machine = self._machine
        try:
            scope.producer.close()
        except BaseException as error:
            if not broken:
                self._break_off(scope, run, error)
                return
        with machine.lock:
            machine.flow.end(scope, broken=broken)
            machine.foresight.stream_ended(scope.step, scope.count)
        write_listing(self._machine, scope, run)
        seconds = time.perf_counter() - run.started
        if seconds >= SHOWN_SECONDS:
            label = scope.frame.label
            machine.emit(SourceAdvanced(machine.clock(), run.call.step.id, label, scope.count, True))


def _sources(step: Step) -> set[int]:
    return {feed.step for feed in step.feeds}


def _known(key: Key | None) -> Key:
    assert key is not None, "an item with a make has a memo key"
    return key

"""Calls: looked up by key, run if they have to be, one by one or as a batch, and made again if bytes are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nodegraph.node.context import Drop
from nodegraph.plan.identity import RUNS_EVERY_TIME, literal_arguments
from nodegraph.plan.keys import call_key
from nodegraph.plan.program import Step
from nodegraph.plan.values import BytesMissing
from nodegraph.run.frames import ABSENT, FAILED, Done, Frame
from nodegraph.run.inputs import input_digests, linked_seed, load_arguments
from nodegraph.run.machine import Machine, StepState, result_of
from nodegraph.run.results import Output, check_batch, is_drop, outputs_of
from nodegraph.store import Claim, Key
from nodegraph.types.wire import Digest


@dataclass(slots=True)
class Call:
    """A call whose inputs are known.

    Attributes:
        inputs: the digests of its linked inputs.
        seed: the derived seed of a seeded node.
    """

    frame: Frame
    position: int
    step: Step
    state: StepState
    inputs: list[Digest]
    seed: int | None
    key: Key


class Busy(Exception):
    """Another process, or another item, computes the same call right now: look again later."""


class Calls:
    """Runs the calls of nodes that are no generators."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def run(self, frame: Frame, position: int, step: Step) -> None:
        """Resolve a call from the store, or by running it, or put it into its batch.

        Raises:
            Busy: if somebody else is computing it.
        """
        machine = self._machine
        call = self.prepare(frame, position, step)
        if call is None or self._known(call):
            return
        if step.type.signature.kind == "batch":
            with machine.lock:
                machine.flow.batches[step.index].append((frame, position))
            return
        claim = self._claim(call)
        if claim is None:
            self._execute(call)
            return
        with claim:
            if not self._known(call):
                self._execute(call)

    def run_batch(self, step: Step, waiting: Sequence[tuple[Frame, int]]) -> list[tuple[Frame, int]]:
        """Run a batch; returns the calls that somebody else is computing."""
        calls: list[Call] = []
        claims: list[Claim] = []
        busy: list[tuple[Frame, int]] = []
        try:
            for frame, position in waiting:
                call = self.prepare(frame, position, step)
                if call is None:
                    continue
                try:
                    claim = self._claim(call)
                except Busy:
                    busy.append((frame, position))
                    continue
                claims.extend([claim] if claim else [])
                if not self._known(call):
                    calls.append(call)
            if calls:
                self._execute_batch(step, calls)
        finally:
            for claim in claims:
                claim.release()
        return busy

    def prepare(self, frame: Frame, position: int, step: Step) -> Call | None:
        """The call with its key; None if it was resolved on the way or put off."""
        machine = self._machine
        try:
            state = machine.state(step)
        except OSError as error:
            machine.failed(frame, position, step, None, error)
            return None
        inputs = input_digests(machine.program, step, frame)
        base = state.identity.base_seed
        if step.linked_seed is not None:
            loaded = load_arguments(machine.program, step, frame, machine.store, machine.values)
            if self._put_off(frame, position, loaded.missing, loaded.streams_missing):
                return None
            base = linked_seed(step, loaded.values, base)
        seed = machine.seed(step, base, inputs, frame)
        return Call(frame, position, step, state, inputs, seed, call_key(state.identity.prefix, inputs, seed))

    def _known(self, call: Call) -> bool:
        machine = self._machine
        if not call.step.type.pure:
            return False
        failure = machine.failures.get(call.key)
        if failure is not None:
            with machine.lock:
                machine.tally.failure(call.step.index, (), failure)
                machine.flow.resolve(call.frame, call.position, FAILED)
            return True
        row = machine.known_row(call.step, call.state, call.key)
        if row is None:
            return False
        machine.hit(call.frame, call.position, call.step, call.key, row)
        return True

    def _claim(self, call: Call) -> Claim | None:
        if not call.step.type.pure or self._machine.is_cheap(call.step):
            return None
        claim = self._machine.store.claim(call.key)
        if claim is None:
            raise Busy
        return claim

    def _put_off(
        self, frame: Frame, position: int, missing: list[tuple[Frame, int]], streams: set[int]
    ) -> bool:
        if streams:
            self._machine.postpone(frame, position, streams)
            return True
        if missing:
            with self._machine.lock:
                self._machine.flow.hold(frame, position, missing)
            return True
        return False

    def _arguments(self, call: Call) -> dict[str, Any] | None:
        machine = self._machine
        loaded = load_arguments(machine.program, call.step, call.frame, machine.store, machine.values)
        if self._put_off(call.frame, call.position, loaded.missing, loaded.streams_missing):
            return None
        loaded.values.pop("seed", None)
        return literal_arguments(call.step) | loaded.values

    def _execute(self, call: Call) -> None:
        machine = self._machine
        try:
            arguments = self._arguments(call)
        except Exception as error:
            machine.failed(call.frame, call.position, call.step, call.key, error)
            return
        if arguments is None:
            return
        reason = machine.reason(call.state, call.key) if call.step.type.pure else RUNS_EVERY_TIME
        machine.starting(call.step, call.frame, reason)
        started = time.perf_counter()
        try:
            outputs = self._invoke(call, arguments)
        except Drop as drop:
            seconds = time.perf_counter() - started
            machine.dropped(
                call.frame, call.position, call.step, call.key, drop, seconds, reason, b"".join(call.inputs)
            )
        except BytesMissing:
            machine.postpone(
                call.frame,
                call.position,
                {feed.step for feed in call.step.feeds if feed.collects is not None},
            )
        except BaseException as error:
            machine.failed(call.frame, call.position, call.step, call.key, error)
        else:
            self._finish(call, outputs, time.perf_counter() - started, reason)

    def _invoke(self, call: Call, arguments: dict[str, Any]) -> tuple[Output, ...]:
        machine = self._machine
        node_type = call.step.type
        if node_type.signature.wants_context:
            seeds = None if call.seed is None else [call.seed]
            arguments["ctx"] = machine.context(call.step, call.frame, call.key, seeds)
        if node_type.signature.kind == "batch":
            return self._invoke_batch(call.step, [call], arguments)[0]  # type: ignore[return-value]
        return outputs_of(call.step, node_type.function(**arguments), machine.store)

    def _finish(self, call: Call, outputs: Sequence[Output], seconds: float, reason: str) -> None:
        machine = self._machine
        machine.keep_outputs(call.step, call.state, outputs)
        if call.step.type.pure:
            digests = [output.digest for output in outputs]
            machine.record(call.key, call.state, digests, b"".join(call.inputs), seconds)
            machine.store.discard_workdir(call.key)
        machine.done(call.frame, call.position, call.step, call.key, outputs, seconds, reason)

    def _execute_batch(self, step: Step, calls: Sequence[Call]) -> None:
        ready: list[Call] = []
        columns: list[dict[str, Any]] = []
        for call in calls:
            try:
                arguments = self._arguments(call)
            except Exception as error:
                self._machine.failed(call.frame, call.position, step, call.key, error)
                continue
            if arguments is not None:
                ready.append(call)
                columns.append(arguments)
        if not ready:
            return
        machine = self._machine
        reasons = [machine.reason(call.state, call.key) for call in ready]
        for call, reason in zip(ready, reasons, strict=True):
            machine.starting(step, call.frame, reason)
        started = time.perf_counter()
        try:
            results = self._invoke_batch(step, ready, _side_by_side(step, columns))
        except BaseException as error:
            if len(ready) == 1:
                machine.failed(ready[0].frame, ready[0].position, step, ready[0].key, error)
            else:
                for call in ready:
                    self._execute_batch(step, [call])
            return
        seconds = (time.perf_counter() - started) / len(ready)
        for call, reason, result in zip(ready, reasons, results, strict=True):
            self._finish_batched(call, result, seconds, reason)

    def _finish_batched(self, call: Call, result: Any, seconds: float, reason: str) -> None:
        machine = self._machine
        if isinstance(result, Drop):
            machine.dropped(
                call.frame, call.position, call.step, call.key, result, seconds, reason, b"".join(call.inputs)
            )
        elif isinstance(result, Exception):
            machine.failed(call.frame, call.position, call.step, call.key, result)
        else:
            self._finish(call, result, seconds, reason)

    def _invoke_batch(self, step: Step, calls: Sequence[Call], arguments: dict[str, Any]) -> list[Any]:
        """The outputs of each call of a batch, or the `Drop` or exception that stands for it."""
        machine = self._machine
        if step.type.signature.wants_context:
            seeds = [call.seed for call in calls if call.seed is not None] if step.type.seeded else None
            arguments["ctx"] = machine.context(step, calls[0].frame, calls[0].key, seeds)
        results = check_batch(step.type, step.type.function(**arguments), len(calls))
        found: list[Any] = []
        for result in results:
            if is_drop(result):
                found.append(result)
                continue
            try:
                found.append(outputs_of(step, result, machine.store))
            except Exception as error:
                found.append(error)
        return found

    def remake(self, frame: Frame, position: int, step: Step) -> None:
        """Run a call again whose result is known, because its bytes are gone.

        If the result comes out different, its row is replaced, and another pass runs what follows.
        """
        machine = self._machine
        before = frame.results[position]
        call = self.prepare(frame, position, step)
        if call is None or not isinstance(before, Done):
            return
        try:
            arguments = self._arguments(call)
            if arguments is None:
                return
            machine.starting(step, frame, "bytes not in the store")
            started = time.perf_counter()
            if step.type.signature.kind == "batch":
                arguments = _side_by_side(step, [arguments])
            outputs = self._invoke(call, arguments)
        except Exception as error:
            self.remake_failed(frame, position, step, call.key, error)
            return
        self.remade(
            frame, position, step, call.key, call.state, before, outputs, time.perf_counter() - started
        )

    def remade(
        self, frame: Frame, position: int, step: Step, key: Key | None, state: StepState, before: Done,
        outputs: Sequence[Output], seconds: float,
    ) -> None:  # fmt: skip
        """Write down the bytes that were made again."""
        machine = self._machine
        result = result_of(outputs)
        changed = result.digests != before.digests
        for output in outputs:
            if output.wire is not None and (state.stores or changed):
                machine.store.put(output.digest, output.wire)
        if key is not None:
            machine.record(key, state, result.digests, b"", seconds)
        with machine.lock:
            counts = machine.tally.steps[step.index]
            counts.executed += 1
            counts.cached -= 1
            counts.seconds += seconds
            counts.reasons["bytes not in the store"] += 1
            machine.again = machine.again or changed
            machine.flow.remade(frame, position, result)

    def remake_failed(
        self, frame: Frame, position: int, step: Step, key: Key | None, error: BaseException
    ) -> None:
        """A call that succeeded once failed when its bytes were needed again."""
        machine = self._machine
        machine.note_failure(frame, step, key, machine.failure(step, frame, error))
        with machine.lock:
            machine.tally.steps[step.index].cached -= 1
            machine.flow.remade(frame, position, FAILED if not isinstance(error, Drop) else ABSENT)


def _side_by_side(step: Step, columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a batch: a list per Batch input, the others as they are for all items."""
    arguments = dict(columns[0])
    for port in step.type.signature.inputs:
        if port.arity == "batch" and port.name in arguments:
            arguments[port.name] = [column[port.name] for column in columns]
    return arguments

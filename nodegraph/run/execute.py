"""Calls: looked up by key, run if they have to be, and made again where their bytes are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from nodegraph.node.context import Drop
from nodegraph.plan.identity import RUNS_EVERY_TIME, literal_arguments
from nodegraph.plan.keys import call_key
from nodegraph.plan.naming import named_anew, names_models, naming_key
from nodegraph.plan.program import Step
from nodegraph.plan.values import BytesMissing
from nodegraph.run.call import Call, Job, Outcome
from nodegraph.run.contexts import context_of
from nodegraph.run.frames import Done, Frame
from nodegraph.run.inputs import Arguments, Busy, NotWalked, input_digests, linked_seed, load_arguments, peeks
from nodegraph.run.machine import BYTES_GONE, Machine, Use
from nodegraph.run.results import check_batch, outputs_of
from nodegraph.store import Claim


class Calls:
    """Runs the calls of nodes that are no generators."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._placed = None
        if machine.placement is not None:
            from nodegraph.run.placed import PlacedCalls

            self._placed = PlacedCalls(machine, machine.placement, self._make, self.finish)

    def run(self, frame: Frame, position: int, step: Step) -> None:
        """Resolve a call from the store, or by running it, or put it into its batch.

        Raises:
            Busy: if it cannot be run now.
        """
        machine = self._machine
        call = self.prepare(frame, position, step)
        if call is None or self._known(call) or (self._is_placed(step) and not self._has_place(call)):
            return
        if self._is_gathered(step):
            with machine.lock:
                machine.flow.gather(frame, position)
            return
        claim = self._claim(call)
        if claim is None:
            self._execute(call)
            return
        with claim:
            if not self._known(call):
                self._execute(call)

    def _is_gathered(self, step: Step) -> bool:
        """Whether calls of a step are made together, or in turn on a device."""
        return step.type.signature.kind == "batch" or self._is_placed(step)

    def waits_for_place(self, step: Step) -> bool:
        """Whether calls of a step whose bytes are to be made again take turns, as its others do."""
        placement = self._machine.placement
        return self._is_placed(step) and placement is not None and placement.turns.places(step.index)

    def _is_placed(self, step: Step) -> bool:
        placement = self._machine.placement
        return placement is not None and step.index in placement.steps

    def _has_place(self, call: Call) -> bool:
        """Whether there is a device for a call; else it has failed, or was put off."""
        assert self._placed is not None, "only a step that is placed has a place"
        try:
            loaded = self._placed.load_refs(call)
            if self.put_off(call.frame, call.position, loaded):
                return False
            self._placed.expect(call, loaded)
        except Busy:
            raise
        except Exception as error:
            self._machine.failed(call.frame, call.position, call.step, call.key, error)
            return False
        return True

    def run_batch(
        self, step: Step, waiting: Sequence[tuple[Frame, int]], device: str = ""
    ) -> list[tuple[Frame, int]]:
        """Run a batch, on a device if one is named; returns the calls that cannot be run now."""
        if not device and self._is_placed(step):
            # It lost its place after the calls were taken.
            return list(waiting)
        calls: list[Call] = []
        claims: list[Claim] = []
        busy: list[tuple[Frame, int]] = []
        try:
            for frame, position in waiting:
                try:
                    if isinstance(frame.results[position], Done):
                        self.remake(frame, position, step, device)
                        continue
                    call = self.prepare(frame, position, step)
                    claim = self._claim(call) if call is not None else None
                except Busy:
                    busy.append((frame, position))
                    continue
                claims.extend([claim] if claim is not None else [])
                if call is not None and not self._known(call):
                    calls.append(call)
            busy.extend(self._execute_batch(step, calls, device))
        finally:
            for claim in claims:
                claim.release()
        return busy

    def prepare(self, frame: Frame, position: int, step: Step) -> Call | None:
        """The call with its key; None if it was resolved on the way or put off."""
        machine = self._machine
        try:
            state = machine.state(step)
            peeked = load_arguments(machine.program, step, frame, machine.values, peeks(step))
            if self.put_off(frame, position, peeked):
                return None
            inputs = input_digests(step, frame, machine.store, machine.values, peeked.values)
        except BytesMissing:
            machine.postpone(frame, position, _collected(step))
            return None
        except NotWalked:
            machine.postpone(frame, position, set())
            return None
        except (OSError, ValueError) as error:
            machine.failed(frame, position, step, None, error)
            return None
        base = linked_seed(step, peeked.values, state.identity.base_seed)
        seed = machine.seed(step, base, inputs, frame)
        return Call(frame, position, step, state, inputs, seed, call_key(state.identity.prefix, inputs, seed))

    def _known(self, call: Call) -> bool:
        machine = self._machine
        if not call.step.type.pure:
            return False
        if machine.known_failure(call.frame, call.position, call.step, call.key):
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

    def put_off(self, frame: Frame, position: int, loaded: Arguments) -> bool:
        """Put a call off if some of its inputs have no bytes any more."""
        if loaded.streams_missing:
            self._machine.postpone(frame, position, loaded.streams_missing)
            return True
        if loaded.missing:
            with self._machine.lock:
                self._machine.flow.hold(frame, position, loaded.missing)
            return True
        return False

    def _arguments(self, call: Call) -> dict[str, Any] | None:
        machine = self._machine
        loaded = load_arguments(machine.program, call.step, call.frame, machine.values)
        if self.put_off(call.frame, call.position, loaded):
            return None
        loaded.values.pop("seed", None)
        return literal_arguments(call.step) | loaded.values

    def _execute(self, call: Call) -> None:
        machine = self._machine
        try:
            arguments = self._arguments(call)
        except Busy:
            raise
        except Exception as error:
            machine.failed(call.frame, call.position, call.step, call.key, error)
            return
        if arguments is None:
            return
        reason = machine.reason(call.state, call.key) if call.step.type.pure else RUNS_EVERY_TIME
        machine.starting(call.step, call.frame, reason)
        started = time.perf_counter()
        result = self._attempt(call, arguments)
        self.finish(call, result, time.perf_counter() - started, reason)

    def _attempt(
        self, call: Call, arguments: dict[str, Any], device: str = "cpu", use: Use | None = None
    ) -> Outcome:
        """Call the function of a node that takes no batches."""
        machine = self._machine
        node_type = call.step.type
        if node_type.signature.wants_context:
            seeds = None if call.seed is None else [call.seed]
            arguments["ctx"] = context_of(machine, call.step, call.frame, call.key, seeds, device, use)
        started = time.perf_counter()
        try:
            result = node_type.function(**arguments)
            return outputs_of(call.step, result, machine.store, time.perf_counter() - started)
        except BaseException as error:
            return error

    def finish(self, call: Call, result: Outcome, seconds: float, reason: str) -> None:
        """Write down what came of a call, and resolve it."""
        machine = self._machine
        named = names_models(call.step.type)
        if named and isinstance(result, tuple):
            call.key = naming_key(call.state.identity.prefix, [output.digest for output in result])
            row = machine.known_row(call.step, call.state, call.key)
            if row is not None:
                machine.hit(call.frame, call.position, call.step, call.key, row)
                return
            reason = named_anew(machine.reason(call.state, call.key))
        if isinstance(result, Drop):
            machine.dropped(
                call.frame, call.position, call.step, call.key, result, seconds, reason, b"".join(call.inputs)
            )
        elif isinstance(result, BytesMissing):
            machine.postpone(call.frame, call.position, _collected(call.step))
            return
        elif isinstance(result, BaseException):
            machine.failed(call.frame, call.position, call.step, call.key, result, reason)
            return
        else:
            machine.keep_outputs(call.state, result, seconds)
            if call.step.type.pure or named:
                digests = [output.digest for output in result]
                machine.record(call.key, call.state, digests, b"".join(call.inputs), seconds)
            machine.done(call.frame, call.position, call.step, call.key, result, seconds, reason)
        if call.step.type.signature.wants_context:
            machine.store.discard_workdir(call.key)

    def _execute_batch(self, step: Step, calls: Sequence[Call], device: str) -> list[tuple[Frame, int]]:
        ready: list[Call] = []
        busy: list[tuple[Frame, int]] = []
        columns: list[dict[str, Any]] = []
        for call in calls:
            try:
                arguments = self._arguments(call)
            except Busy:
                busy.append((call.frame, call.position))
                continue
            except Exception as error:
                self._machine.failed(call.frame, call.position, step, call.key, error)
                continue
            if arguments is not None:
                ready.append(call)
                columns.append(arguments)
        if ready:
            busy.extend(self._run_ready(step, ready, columns, device))
        return busy

    def _run_ready(
        self, step: Step, ready: Sequence[Call], columns: Sequence[dict[str, Any]], device: str
    ) -> list[tuple[Frame, int]]:
        """Call the function of a node for a batch; if it raises, once for each of its items."""
        machine = self._machine
        reasons = [
            machine.reason(call.state, call.key) if step.type.pure else RUNS_EVERY_TIME for call in ready
        ]
        for call, reason in zip(ready, reasons, strict=True):
            machine.starting(step, call.frame, reason)
        if device and self._placed is not None:
            jobs = [Job(*parts) for parts in zip(ready, columns, reasons, strict=True)]
            return self._placed.run(step, device, jobs)
        started = time.perf_counter()
        results = self._attempt_batch(step, ready, _side_by_side(step, columns))
        if isinstance(results, BaseException):
            results = [results] if len(ready) == 1 else None
        if results is None:
            return [
                later
                for call in ready
                if not machine.cancelled()
                for later in self._execute_batch(step, [call], device)
            ]
        seconds = (time.perf_counter() - started) / len(ready)
        for call, reason, result in zip(ready, reasons, results, strict=True):
            self.finish(call, result, seconds, reason)
        return []

    def _make(self, jobs: Sequence[Job], device: str, use: Use) -> list[Outcome] | BaseException:
        """Make calls on a device: those of a batch together, others one at a time."""
        call = jobs[0].call
        if call.step.type.signature.kind != "batch":
            return [self._attempt(job.call, dict(job.arguments), device, use) for job in jobs]
        arguments = _side_by_side(call.step, [job.arguments for job in jobs])
        return self._attempt_batch(call.step, [job.call for job in jobs], arguments, device, use)

    def _attempt_batch(
        self,
        step: Step,
        calls: Sequence[Call],
        arguments: dict[str, Any],
        device: str = "cpu",
        use: Use | None = None,
    ) -> list[Outcome] | BaseException:
        """What came of each call of a batch, or what the function raised."""
        machine = self._machine
        if step.type.signature.wants_context:
            seeds = [call.seed for call in calls if call.seed is not None] if step.type.seeded else None
            arguments["ctx"] = context_of(machine, step, calls[0].frame, calls[0].key, seeds, device, use)
        started = time.perf_counter()
        try:
            results = check_batch(step.type, step.type.function(**arguments), len(calls))
        except BaseException as error:
            return error
        seconds = (time.perf_counter() - started) / len(calls)
        return [self._outcome(step, result, seconds) for result in results]

    def _outcome(self, step: Step, result: Any, seconds: float) -> Outcome:
        if isinstance(result, Drop):
            return result
        try:
            return outputs_of(step, result, self._machine.store, seconds)
        except Exception as error:
            return error

    def remake(self, frame: Frame, position: int, step: Step, device: str = "") -> None:
        """Run a call again whose result is known, because its bytes are gone.

        If the result comes out different, its row is replaced, and another pass runs what follows.
        """
        machine = self._machine
        before = frame.results[position]
        assert isinstance(before, Done), "only what has a result can be made again"
        call = self.prepare(frame, position, step)
        if call is None:
            return
        try:
            arguments = self._arguments(call)
        except Busy:
            raise
        except Exception as error:
            machine.failed(frame, position, step, call.key, error)
            return
        if arguments is None:
            return
        machine.starting(step, frame, BYTES_GONE)
        started = time.perf_counter()
        result: Outcome
        if self._placed is not None and self._is_placed(step):
            result = self._placed.again(Job(call, arguments, BYTES_GONE), device).outcomes[0]
        elif step.type.signature.kind == "batch":
            results = self._attempt_batch(step, [call], _side_by_side(step, [arguments]))
            result = results if isinstance(results, BaseException) else results[0]
        else:
            result = self._attempt(call, arguments)
        self._remade(call, before, result, time.perf_counter() - started)

    def _remade(self, call: Call, before: Done, result: Outcome, seconds: float) -> None:
        """Write down what came of making bytes again."""
        machine = self._machine
        inputs = b"".join(call.inputs)
        if isinstance(result, BytesMissing):
            machine.postpone(call.frame, call.position, _collected(call.step))
        elif isinstance(result, Drop):
            machine.dropped_now(call.frame, call.position, call.step, call.key, result, seconds, inputs)
        elif isinstance(result, BaseException):
            machine.failed(call.frame, call.position, call.step, call.key, result)
        else:
            digests = tuple(output.digest for output in result)
            machine.keep_outputs(call.state, result, seconds, spool=digests != before.digests)
            if call.step.type.pure:
                machine.record(call.key, call.state, digests, inputs, seconds)
            machine.remade(call.frame, call.position, call.step, before, result, seconds)


def _collected(step: Step) -> set[int]:
    """The steps whose streams a step collects."""
    return {feed.step for feed in step.feeds if feed.collects is not None}


def _side_by_side(step: Step, columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a batch: a list per Batch input, the others as they are for all items."""
    arguments = dict(columns[0])
    for port in step.type.signature.inputs:
        if port.arity == "batch" and port.name in arguments:
            arguments[port.name] = [column[port.name] for column in columns]
    return arguments

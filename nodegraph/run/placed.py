"""Calls on a device: made with their models in memory, measured, and tried again where memory ran out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from nodegraph.events import CallPlaced, OutOfMemory, Warned
from nodegraph.models.errors import DeviceLost, DoesNotFit, ModelError
from nodegraph.place.models import distinct, model_feeds, refs_in, subject_of, version_of
from nodegraph.place.place import PlacementError
from nodegraph.place.problem import Cost, Mode
from nodegraph.place.schedule import StagePlacement
from nodegraph.place.shapes import shape_class
from nodegraph.plan.program import Step
from nodegraph.run.call import Call, Job, Outcome
from nodegraph.run.frames import Frame
from nodegraph.run.inputs import Arguments, load_arguments
from nodegraph.run.ladder import Attempt, Exhausted, Failure, least_need, next_attempt
from nodegraph.run.machine import Machine, Use
from nodegraph.run.memory_errors import is_device_lost, is_out_of_memory, release, requested_bytes
from nodegraph.run.meters import Reading
from nodegraph.run.placement import Placement
from nodegraph.store.profiles import Measured, Setting
from nodegraph.types.builtin import ModelRef

Make = Callable[[Sequence["Job"], str, Use], list[Outcome] | BaseException]
"""Makes calls together on a device; gives what came of each, or what the function raised for all."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of the calls of one attempt.

    Attributes:
        seconds: what each took.
        raised: what the function raised for all of them.
    """

    outcomes: list[Outcome]
    seconds: float
    raised: bool = False


def refs_of(step: Step, arguments: dict[str, Any]) -> tuple[ModelRef, ...]:
    """The models that a call uses."""
    found = (ref for feed in model_feeds(step) for ref in refs_in(arguments.get(feed.name)))
    return distinct(list(found))


class PlacedCalls:
    """Makes calls on devices."""

    def __init__(
        self,
        machine: Machine,
        placement: Placement,
        make: Make,
        finish: Callable[[Call, Outcome, float, str], None],
    ) -> None:
        """Take what makes calls, and what writes down their results."""
        self.machine = machine
        self.placement = placement
        self.make = make
        self.finish = finish

    def load_refs(self, call: Call) -> Arguments:
        """Load the models' references that a call takes."""
        machine, feeds = self.machine, tuple(model_feeds(call.step))
        return load_arguments(machine.program, call.step, call.frame, machine.values, feeds)

    def expect(self, call: Call, loaded: Arguments) -> None:
        """See to it that a call has a device.

        Raises:
            PlacementError: if it fits nowhere.
            ModelError: if it cannot be told what its models take.
        """
        self._expect(call.step, loaded.values)

    def run(self, step: Step, device: str, jobs: Sequence[Job]) -> list[tuple[Frame, int]]:
        """Make the calls of a turn; returns those that are left to another device."""
        left: list[tuple[Frame, int]] = []
        for group in _of_equal_models(step, jobs):
            stage = self.placement.stage(step, device)
            turn = None if stage is None else _Turn(self, step, device, stage, group)
            left.extend(_places_of(group) if turn is None else turn.run())
        return left

    def again(self, job: Job, device: str) -> Made:
        """Make one call again whose bytes are gone: on that device, or, if none is named, on its step's."""
        step = job.call.step
        try:
            self._expect(step, job.arguments)
        except (PlacementError, ModelError) as error:
            return Made([error], 0.0)
        stage = self.placement.stage(step)
        if stage is None:
            return Made([PlacementError(f"{step.id}: the device that it was to run on was lost")], 0.0)
        there = device if device in stage.devices else stage.devices[0]
        return _Turn(self, step, there, stage, [job]).alone()

    def _expect(self, step: Step, arguments: dict[str, Any]) -> None:
        try:
            self.placement.expect(step, refs_of(step, arguments))
        finally:
            scatter_orphans(self.machine, self.placement)


class _Turn:
    """The calls of one step that a device makes in one go; all use the same models."""

    def __init__(
        self, calls: PlacedCalls, step: Step, device: str, stage: StagePlacement, jobs: Sequence[Job]
    ) -> None:
        self._machine = calls.machine
        self._placement = calls.placement
        self._make = calls.make
        self._finish = calls.finish
        self._step = step
        self._device = device
        self._left = deque(jobs)
        self._refs = refs_of(step, jobs[0].arguments)
        self._params = {name: value for name, value in step.node.params.items() if name != "seed"}
        self._failures: list[Failure] = []
        self._held = 0
        self._attempt = self._first = Attempt(stage.batch[device], stage.mode[device], device)

    def run(self) -> list[tuple[Frame, int]]:
        """Make the calls; returns those that are left to another device."""
        self._placement.look_ahead(self._step, self._device)
        while self._left and not self._machine.cancelled():
            part = [self._left[0]]
            try:
                part = self._part()
                made = self._try(part)
            except DeviceLost as lost:
                return self._go_on_elsewhere(lost)
            except Exception as error:
                if self._attempt.device not in self._placement.devices:
                    return self._go_on_elsewhere(DeviceLost(self._attempt.device))
                self._fail(part, error)
                continue
            if isinstance(made, Failure):
                if not self._step_down(made, part):
                    return _places_of(self._left)
                continue
            self._take(part, made)
        return []

    def alone(self) -> Made:
        """Make the one call there is; what keeps it from being made is its outcome."""
        while True:
            try:
                part = self._part()
                made = self._try(part)
            except Exception as error:
                return Made([error], 0.0)
            if not isinstance(made, Failure):
                return made
            attempt = self._after(made)
            if isinstance(attempt, Exhausted):
                return Made([MemoryError(attempt.message)], 0.0)
            self._attempt = attempt

    def _part(self) -> list[Job]:
        """The calls of the next attempt: no more than will fit."""
        first = self._left[0]
        cost = self._cost(first)
        size = min(self._attempt.batch, len(self._left))
        budget = self._budget() - self._weights()
        while size > 1 and cost.working(size) > budget:
            size -= 1
        return [self._left[index] for index in range(size)]

    def _take(self, part: Sequence[Job], made: Made) -> None:
        """Write down what came of an attempt; if the function raised for several, each is made by itself."""
        if made.raised and len(part) > 1:
            if self._machine.cancelled():
                return
            self._attempt = Attempt(1, self._attempt.mode, self._attempt.device, self._attempt.freed)
            return
        self._failures.clear()
        self._placement.hopeless.discard(self._step.index)
        for job, outcome in zip(part, made.outcomes, strict=True):
            self._left.popleft()
            self._finish(job.call, outcome, made.seconds, job.reason)

    def _fail(self, part: Sequence[Job], error: Exception) -> None:
        for job in part:
            self._left.popleft()
            self._finish(job.call, error, 0.0, job.reason)

    def _try(self, part: Sequence[Job]) -> Made | Failure:
        """Make calls together.

        Raises:
            ModelError: if a model cannot be loaded.
            DeviceLost: if the device failed.
        """
        attempt, placement = self._attempt, self._placement
        working = self._cost(part[0]).working(len(part))
        needs: list[tuple[ModelRef, Mode]] = [(ref, attempt.mode) for ref in self._refs]
        meter = placement.meters[attempt.device]
        reading: Reading | None = None
        try:
            with (
                placement.lane(attempt.device),
                placement.residency.admit(attempt.device, needs, working) as lease,
                meter.measuring() as reading,
                ExitStack() as pinned,
            ):
                if attempt.freed:
                    placement.residency.free(attempt.device)
                self._held = placement.residency.tracked(attempt.device) - working
                with reading.apart():
                    for ref in self._refs:
                        pinned.enter_context(lease.use(ref))
                made = self._make(part, attempt.device, lease.use)
        except DoesNotFit as error:
            return Failure(attempt, max(1, error.need - self._weights()), self._weights(), error.budget)
        except ModelError:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            made = error
        return self._judged(part, made, reading)

    def _judged(
        self, part: Sequence[Job], made: list[Outcome] | BaseException, reading: Reading | None
    ) -> Made | Failure:
        """Tell calls that went through, or failed by themselves, from those that ran out of memory."""
        outcomes: list[Outcome] = [made] * len(part) if isinstance(made, BaseException) else made
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        lost = next((error for error in errors if self._tells_of_loss(error)), None)
        if lost is not None:
            release(lost)
            raise DeviceLost(self._attempt.device) from lost
        wanting = next(filter(is_out_of_memory, errors), None)
        if wanting is None:
            seconds = 0.0 if reading is None else self._ended(part, reading, is_whole=not errors)
            return Made(outcomes, seconds / len(part), isinstance(made, BaseException))
        release(wanting)
        available = max(0, self._budget() - self._held)
        peak = max(0, reading.peak - self._moved()) if reading is not None and reading.trusted else 0
        need = least_need(peak, requested_bytes(wanting), available)
        self._machine.store.record_measured(
            subject_of(self._step, self._refs), self._setting(part), Measured(need)
        )
        return Failure(self._attempt, need, self._weights(), self._budget())

    def _ended(self, part: Sequence[Job], reading: Reading, *, is_whole: bool) -> float:
        """Tell of calls that ended, and note what they took if none of them failed; the seconds."""
        attempt, call = self._attempt, part[0].call
        if reading.trusted and is_whole:
            measured = Measured(max(0, reading.peak - self._moved()), reading.seconds, 1)
            self._machine.store.record_measured(
                subject_of(self._step, self._refs), self._setting(part), measured
            )
        mode = attempt.mode if self._refs else ""
        where = (attempt.device, mode, len(part), reading.seconds)
        self._machine.emit(CallPlaced(self._machine.clock(), self._step.id, call.frame.label, *where))
        return reading.seconds

    def _step_down(self, failure: Failure, part: Sequence[Job]) -> bool:
        """Go on to what is to be tried next; False if that is on another device."""
        attempt = self._after(failure)
        label = part[0].call.frame.label
        if isinstance(attempt, Exhausted):
            self._tell(failure, label, "the item fails")
            self._give_up(attempt.message)
            return True
        self._tell(failure, label, _in_words(attempt, failure.attempt))
        self._go_on_with(attempt)
        return attempt.device == self._device

    def _give_up(self, message: str) -> None:
        """Fail the first item. The others may be smaller: they begin anew, unless two in a row were not."""
        first = self._left.popleft()
        self._finish(first.call, MemoryError(message), 0.0, first.reason)
        self._failures.clear()
        if self._step.index not in self._placement.hopeless and self._first.device == self._device:
            self._placement.hopeless.add(self._step.index)
            self._go_on_with(self._first)

    def _go_on_with(self, attempt: Attempt) -> None:
        """Make the calls of the step in that way, also those of later turns."""
        self._attempt = attempt
        with self._machine.lock:
            turns = self._placement.turns
            if turns.places(self._step.index):
                turns.move(self._step.index, self._device, attempt.device, attempt.mode, attempt.batch)

    def _after(self, failure: Failure) -> Attempt | Exhausted:
        self._failures.append(failure)
        modes = self._placement.modes(self._refs)
        return next_attempt(failure.attempt, self._failures, modes, self._devices(), self._most)

    def _most(self, device: str, mode: Mode) -> int:
        """How many items fit on a device in a mode, as far as is known."""
        placement = self._placement
        first = self._left[0]
        cost = placement.cost(self._step, self._refs, device, mode, self._shapes(first), first.arguments)
        room = placement.devices[device].budget - sum(placement.sizes(ref)[mode] for ref in self._refs)
        return max(1, (room - cost.fixed_bytes) // max(1, cost.item_bytes))

    def _devices(self) -> list[str]:
        """The devices that may take over, this one first."""
        others = [device for device in self._placement.devices if device != self._device]
        return [self._device, *others]

    def _tell(self, failure: Failure, label: str, then: str) -> None:
        what = (failure.attempt.device, failure.need + failure.weights, failure.budget, then)
        self._machine.emit(OutOfMemory(self._machine.clock(), self._step.id, label, *what))

    def _go_on_elsewhere(self, lost: DeviceLost) -> list[tuple[Frame, int]]:
        """The device failed: what was left goes to others, and fails by name where there is none."""
        machine = self._machine
        if self._placement.lose(lost.device):
            machine.emit(Warned(machine.clock(), str(lost)))
        scatter_orphans(machine, self._placement)
        return _places_of(self._left)

    def _cost(self, job: Job) -> Cost:
        attempt = self._attempt
        return self._placement.cost(
            self._step, self._refs, attempt.device, attempt.mode, self._shapes(job), job.arguments
        )

    def _shapes(self, job: Job) -> str:
        linked = {feed.name: job.arguments.get(feed.name) for feed in self._step.feeds}
        return shape_class(linked, self._params)

    def _setting(self, part: Sequence[Job]) -> Setting:
        attempt = self._attempt
        kind = self._placement.devices[attempt.device].kind
        return Setting(version_of(self._step), kind, attempt.mode, self._shapes(part[0]), len(part))

    def _budget(self) -> int:
        return self._placement.devices[self._attempt.device].budget

    def _tells_of_loss(self, error: Exception) -> bool:
        """Whether an error is of a device that was lost, by this call or another; no call loses the CPU."""
        if isinstance(error, DeviceLost):
            return True
        device = self._placement.devices.get(self._attempt.device)
        return (device is None or device.kind != "cpu") and is_device_lost(error)

    def _moved(self) -> int:
        """Bytes of weights that come onto the device while a call is measured."""
        return 0 if self._attempt.mode == "resident" else self._weights()

    def _weights(self) -> int:
        return sum(self._placement.sizes(ref)[self._attempt.mode] for ref in self._refs)


def scatter_orphans(machine: Machine, placement: Placement) -> None:
    """Look anew at the calls that wait for a place which is no more."""
    with machine.lock:
        for step in placement.take_orphans():
            machine.flow.scatter(step)


def _places_of(jobs: Iterable[Job]) -> list[tuple[Frame, int]]:
    return [(job.call.frame, job.call.position) for job in jobs]


def _of_equal_models(step: Step, jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Calls that use the same models, together."""
    groups: dict[tuple[ModelRef, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(refs_of(step, job.arguments), []).append(job)
    yield from groups.values()


def _in_words(attempt: Attempt, before: Attempt) -> str:
    """What is tried next, for people."""
    if attempt.device != before.device:
        return f"on {attempt.device}"
    if attempt.mode != before.mode:
        return f"in mode {attempt.mode}, {attempt.batch} at a time"
    if attempt.batch != before.batch:
        return f"{attempt.batch} at a time"
    return "again, with everything else off the device"

"""The placement of a run: which device makes which calls, what they take, and the models in memory."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nodegraph.events import (
    Event,
    ForecastDevice,
    ForecastStage,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    PlacementForecast,
    Warned,
)
from nodegraph.models.changes import HOST as HOST_MEMORY
from nodegraph.models.changes import ResidencyChange
from nodegraph.models.errors import ModelError
from nodegraph.models.loading import load_model, model_sizes, to_device, to_host, weight_paths
from nodegraph.models.residency import Residency
from nodegraph.models.sources import described
from nodegraph.models.tensors import keep_within
from nodegraph.place.cuda import number_by_address
from nodegraph.place.demand import bind_estimate
from nodegraph.place.models import cost, model_id, modes_of
from nodegraph.place.place import Placed, PlacementError, counts_of, known_models, may_run, place
from nodegraph.place.problem import Cost, Device, Mode, Problem
from nodegraph.place.schedule import StagePlacement
from nodegraph.plan.naming import uses_models
from nodegraph.plan.program import Program, Step
from nodegraph.plan.walk import Walk
from nodegraph.run.gauges import gauge_for
from nodegraph.run.memory_errors import is_device_lost, is_out_of_memory
from nodegraph.run.meters import PeakMeter
from nodegraph.run.turns import Turns
from nodegraph.store import Store
from nodegraph.types.builtin import ModelRef

_CostOf = tuple[int, tuple[ModelRef, ...], str, Mode, str, int | None]


class Placement:
    """Where the calls that use models run.

    Attributes:
        steps: those that use models.
        turns: which of their calls are made when; used under the lock of the flow.
        residency: the models in memory.
        meters: per device.
        hopeless: steps of which the last item that was tried did not fit anywhere.
    """

    def __init__(
        self,
        program: Program,
        store: Store,
        devices: Sequence[Device],
        *,
        jobs: int,
        host_bytes: int,
    ) -> None:
        self.steps = frozenset(step.index for step in program.steps if uses_models(step.type))
        self.devices = {device.name: device for device in devices}
        self.turns = Turns({device.name: device.lanes for device in devices})
        self.meters = {device.name: PeakMeter(gauge_for(device.name, device.kind)) for device in devices}
        self.residency = Residency(
            {device.name: device.budget for device in devices},
            host_bytes=host_bytes,
            load=self._load,
            sizes=model_sizes,
            to_host=to_host,
            to_device=to_device,
            files=weight_paths,
            clock=lambda: self._clock(),
            on_change=self._changed,
        )
        self._program = program
        self._store = store
        self._jobs = jobs
        self._host_bytes = host_bytes
        self._emit: Callable[[Event], None] = _unheard
        self._clock: Callable[[], float] = time.perf_counter
        self._placed: Placed | None = None
        self._lanes = {device.name: threading.BoundedSemaphore(device.lanes) for device in devices}
        self._lock = threading.Lock()
        self._planning = threading.Lock()
        self._orphans: set[int] = set()
        self._limiting = threading.Lock()
        self._limited: set[str] = set()
        self._broken: dict[tuple[ModelRef, str, Mode], str] = {}
        self._counts = [0] * len(program.steps)
        self._refs: dict[int, tuple[ModelRef, ...]] = {}
        self._unknown: set[int] = set()
        self.hopeless: set[int] = set()
        self._refused: dict[int, str] = {}
        self._unfit: dict[int, str] = {}
        self._costs: dict[_CostOf, Cost] = {}
        self._sizes: dict[ModelRef, Mapping[Mode, int]] = {}
        self._at: dict[str, int] = {}

    def foresee(self, walk: Walk) -> None:
        """Place what the walk found is to run.

        Raises:
            PlacementError: if calls fit nowhere.
        """
        with self._planning:
            self._counts = counts_of(self._program, walk)
            self._refs = known_models(self._program, walk, self._store)
            self._unknown = {
                index
                for index in self.steps
                if index not in self._refs and may_run(walk, self._program.steps[index])
            }
            self._follow(self._place())
        if self._refused:
            advice = "nothing was run; budgets are set by --devices NAME=SIZE"
            raise PlacementError("\n".join((*self._refused.values(), advice)))

    def connect(
        self, emit: Callable[[Event], None], clock: Callable[[], float], lock: threading.Lock
    ) -> None:
        """Tell of what is placed, and of what happens to models, from now on; `lock` is that of the flow."""
        self._emit, self._clock, self._lock = emit, clock, lock
        if self._placed is not None:
            self._tell(self._placed)

    @property
    def problem(self) -> Problem | None:
        """What was placed last; None before `foresee`."""
        return None if self._placed is None else self._placed.problem

    def flows_through(self) -> bool:
        """Whether all is placed, and no stage waits until a device is through with another."""
        with self._planning:
            return not self._unknown and not self.turns.takes_turns()

    def expect(self, step: Step, refs: tuple[ModelRef, ...]) -> None:
        """See to it that a step has a device, by the models of one of its calls.

        Raises:
            PlacementError: if it fits nowhere.
            ModelError: if it cannot be told what its models take.
        """
        with self._planning:
            is_refused = step.index in self._refused and self._refs.get(step.index) == refs
            if not (is_refused or self.turns.places(step.index)):
                self._refs[step.index] = refs
                self._counts[step.index] = max(1, self._counts[step.index])
                self._follow(self._place())
            refused, unfit = self._refused.get(step.index), self._unfit.get(step.index)
        if refused is not None:
            raise PlacementError(refused)
        if unfit is not None:
            raise ModelError(unfit)

    def stage(self, step: Step, device: str = "") -> StagePlacement | None:
        """Where a step runs; None if that is nowhere, or not on that device any more."""
        with self._lock:
            stage = self.turns.placement(step.index) if self.turns.places(step.index) else None
        return None if stage is None or (device and device not in stage.batch) else stage

    def lose(self, device: str) -> bool:
        """Use a device no more, and place its calls anew; whether it was used until then."""
        with self._planning:
            if self.devices.pop(device, None) is None:
                return False
            with self._lock:
                self.turns.lose(device)
            self.residency.lose(device)
            self._follow(self._place())
        return True

    def take_orphans(self) -> frozenset[int]:
        """The steps that have lost their place since this was last asked; used under the lock of the flow."""
        orphans, self._orphans = frozenset(self._orphans), set()
        return orphans

    def _place(self) -> Placed:
        return place(
            self._program,
            self._counts,
            self._refs,
            self._store,
            tuple(self.devices.values()),
            jobs=self._jobs,
            host_bytes=self._host_bytes,
        )

    def _follow(self, placed: Placed) -> None:
        stages = {
            step: stage
            for step, stage in zip(placed.steps, placed.schedule.stages, strict=True)
            # Where only running can tell the models of a step, the plan takes it for one without any.
            if stage is not None and step in self._refs
        }
        refusals = {placed.steps[refusal.stage]: refusal.message for refusal in placed.schedule.refused}
        self._refused = {step: message for step, message in refusals.items() if step in self.steps}
        self._unfit = dict(placed.unfit)
        with self._lock:
            self._orphans |= {step for step in self.steps if self.turns.places(step) and step not in stages}
            self.turns.follow(stages)
        self._placed = placed
        self._tell(placed)

    def _tell(self, placed: Placed) -> None:
        schedule, stages = placed.schedule, placed.problem.stages
        told = [
            ForecastStage(
                stages[index].id,
                device,
                stage.mode[device],
                stage.batch[device],
                stages[index].count,
                stages[index].costs[self.devices[device].kind][stage.mode[device]].memory_basis,
            )
            for index, stage in enumerate(schedule.stages)
            if stage is not None
            for device in stage.devices
            if device in self.devices
        ]
        if told:
            devices = tuple(
                ForecastDevice(name, self.devices[name].budget, forecast.peak, forecast.loads)
                for name, forecast in schedule.devices.items()
                if name in self.devices
            )
            self._emit(PlacementForecast(self._clock(), devices, schedule.seconds, tuple(told)))

    def modes(self, refs: Sequence[ModelRef]) -> Mapping[str, tuple[Mode, ...]]:
        """Per device, the modes in which models can be held there, fastest first."""
        return dict.fromkeys(self.devices, modes_of(refs))

    def cost(
        self,
        step: Step,
        refs: tuple[ModelRef, ...],
        device: str,
        mode: Mode,
        shapes: str,
        known: Mapping[str, Any],
    ) -> Cost:
        """What calls take with inputs of a shape class, as it was known at the first of them."""
        said = self._said(step, mode, known)
        name = (step.index, refs, device, mode, shapes, said)
        found = self._costs.get(name)
        if found is None:
            kind = self.devices[device].kind
            weights = sum(self.sizes(ref)["resident"] for ref in refs)
            found = self._costs[name] = cost(step, refs, weights, self._store, kind, mode, shapes, known)
        return found

    def _said(self, step: Step, mode: Mode, known: Mapping[str, Any]) -> int | None:
        """What the node type's own estimate says of one item; None without one.

        Raises:
            EstimateError: if the estimate is wrong.
        """
        memory = step.type.memory
        estimate = None if memory is None else bind_estimate(step.type.id, memory, known, mode)
        return None if estimate is None else estimate(1)

    def sizes(self, ref: ModelRef) -> Mapping[Mode, int]:
        """Bytes of a model's weights on a device, per mode; its files are looked at once.

        Raises:
            ModelError: if they are gone or damaged.
        """
        found = self._sizes.get(ref)
        if found is None:
            found = self._sizes[ref] = model_sizes(ref)
        return found

    @contextmanager
    def lane(self, device: str) -> Generator[None]:
        """Make a call on a device: no more at a time than it has lanes."""
        with self._lanes[device]:
            yield

    def look_ahead(self, step: Step, device: str) -> None:
        """A device turns to a step: which models it will need after that, and the next is read ahead."""
        stage = self.stage(step, device)
        if stage is None or self._at.get(device) == stage.order:
            return
        order = stage.order
        self._at[device] = order
        groups = self._by_order(device)
        orders = sorted(groups)
        ahead = [*(each for each in orders if each >= order), *(each for each in orders if each < order)]
        self.residency.upcoming(device, [ref for each in ahead for ref in groups[each]])
        for ref in groups[ahead[1]] if len(ahead) > 1 else ():
            self.residency.prefetch(ref)

    def _by_order(self, device: str) -> dict[int, list[ModelRef]]:
        """The models that a device uses, by the order of its stages."""
        groups: dict[int, list[ModelRef]] = {}
        with self._lock:
            for index, refs in tuple(self._refs.items()):
                if self.turns.places(index) and device in self.turns.placement(index).devices:
                    groups.setdefault(self.turns.placement(index).order, []).extend(refs)
        return groups

    @contextmanager
    def use_alone(self, ref: ModelRef) -> Generator[Any]:
        """A model for a call that has no place of its own, such as a generator's; on the first device."""
        device = next(iter(self.devices))
        modes = modes_of([ref])
        sizes = self.sizes(ref)
        fitting: list[Mode] = [mode for mode in modes if sizes[mode] <= self.devices[device].budget]
        held: Mode = fitting[0] if fitting else modes[-1]
        with self.residency.admit(device, ((ref, held),), 0) as lease, lease.use(ref) as model:
            yield model

    def _load(self, ref: ModelRef, device: str, mode: Mode) -> Any:
        """Load a model; what is done on its device from then on is kept within the budget."""
        number_by_address(os.environ)
        with self._limiting:
            if device not in self._limited and device in self.devices:
                keep_within(device, self.devices[device].budget)
                self._limited.add(device)
        if (known := self._broken.get((ref, device, mode))) is not None:
            raise ModelError(known)
        try:
            return load_model(ref, device, mode)
        except ModelError:
            raise
        except Exception as error:
            if is_out_of_memory(error) or is_device_lost(error):
                raise
            why = f"model {described(ref)}: loading failed: {type(error).__name__}: {error}"
            self._broken[ref, device, mode] = why
            raise ModelError(why) from error

    def close(self) -> None:
        """Let go of all models."""
        self.residency.close()

    def _changed(self, change: ResidencyChange) -> None:
        """Tell of a change in what is loaded where."""
        if change.device != HOST_MEMORY:
            self._emit(MemoryTracked(change.time, change.device, change.tracked, change.budget))
        if change.warning:
            self._emit(Warned(change.time, change.warning))
        if change.model is None or change.device == HOST_MEMORY:
            return
        name, there = described(change.model), model_id(change.model)
        if change.what == "loaded" and change.source is not None:
            loaded = ModelLoaded(
                change.time, change.device, there, name, change.mode or "", change.source, change.seconds,
                change.nbytes,
            )  # fmt: skip
            self._emit(loaded)
            device = self.devices.get(change.device)
            if device is not None and change.mode == "resident":
                self._store.record_load(device.kind, change.source, change.nbytes, change.seconds)
        elif change.what == "evicted":
            self._emit(ModelEvicted(change.time, change.device, there, name, change.to or "dropped"))


def _unheard(event: Event) -> None:
    del event

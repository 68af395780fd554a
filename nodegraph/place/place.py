"""Placing what is to run: from the walk over the memo to a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodegraph.models.errors import ModelError
from nodegraph.place.demand import EstimateError
from nodegraph.place.models import demand_of, known_refs
from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Device, Problem
from nodegraph.place.schedule import Schedule
from nodegraph.place.stages import HOST, Demand, lay_out
from nodegraph.plan.naming import uses_models
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import Values
from nodegraph.plan.walk import Walk
from nodegraph.store import Store
from nodegraph.types.builtin import ModelRef


class PlacementError(Exception):
    """Calls that fit nowhere, found out before anything was run; the message says what they need."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What is to run and uses models, and where.

    Attributes:
        steps: the step of each stage of the problem.
        unfit: steps of which it cannot be told what they take, and why.
    """

    problem: Problem
    schedule: Schedule
    steps: tuple[int, ...]
    unfit: Mapping[int, str]

    def seconds(self) -> float | None:
        """How long all of it takes; None if some of it would not run."""
        return None if self.schedule.refused or self.unfit else self.schedule.seconds

    def devices_of(self, step: int) -> str:
        """The devices that a step runs on, for people; those that use no models run on the CPU."""
        stage = self.schedule.stages[self.steps.index(step)] if step in self.steps else None
        return ",".join(stage.devices).replace(HOST, "cpu") if stage is not None else "cpu"


def known_models(program: Program, walk: Walk, store: Store) -> dict[int, tuple[ModelRef, ...]]:
    """Per step that has calls to run and needs a device: its models, where they are known."""
    values = Values(store)
    found: dict[int, tuple[ModelRef, ...]] = {}
    for step in program.steps:
        if uses_models(step.type) and may_run(walk, step):
            refs = known_refs(program, walk, values, step)
            if refs is not None:
                found[step.index] = refs
    return found


def may_run(walk: Walk, step: Step) -> bool:
    """Whether a step has calls to run, as far as the walk can tell."""
    return walk.foreseen[step.index].run > 0 or not walk.grid.complete(step.chain)


def counts_of(program: Program, walk: Walk) -> list[int]:
    """How many calls of each step are to run; where only running can tell, as many as of what feeds it."""
    counts: list[int] = []
    for step in program.steps:
        count = walk.foreseen[step.index].run
        if not walk.grid.complete(step.chain):
            count = max([count, 1, *(counts[feed.step] for feed in step.feeds if feed.collects is None)])
        counts.append(count)
    return counts


def place(
    program: Program,
    counts: Sequence[int],
    refs: Mapping[int, tuple[ModelRef, ...]],
    store: Store,
    devices: Sequence[Device],
    *,
    jobs: int,
    host_bytes: int,
) -> Placed:
    """Decide where and in which order the calls that use models run.

    Accelerators take them where there are any; the CPU where there are none.

    Args:
        program: what is run.
        counts: per step, how many calls are to run.
        refs: per step that uses models, which; others are left out.
        store: what was measured before.
        devices: what may be used.
        jobs: how many calls without models run at once.
        host_bytes: host memory for models that are on no device.
    """
    kinds = tuple(dict.fromkeys(device.kind for device in devices if device.kind != "cpu")) or ("cpu",)
    demands: dict[int, Demand] = {}
    unfit: dict[int, str] = {}
    for index, models in refs.items():
        step = program.steps[index]
        try:
            demands[index] = demand_of(
                step, models, store, kinds, mean_seconds=store.expected_seconds(step.type.id)
            )
        except (ModelError, EstimateError) as error:
            unfit[index] = str(error)
    layout = lay_out(
        program,
        counts,
        demands,
        store.expected_seconds,
        devices=devices,
        jobs=jobs,
        host_bytes=host_bytes,
    )
    return Placed(layout.problem, plan_placement(layout.problem), layout.steps, unfit)

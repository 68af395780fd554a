"""From a program and what of it is to run to the problem that a placement solves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nodegraph.place.problem import Cost, Device, Mode, Model, Problem, Stage
from nodegraph.plan.program import Program, Step

HOST = "host"
"""The device of calls that use no models: the worker threads, in memory that is bounded elsewhere."""

_WORTH_PLACING_S = 0.005


@dataclass(frozen=True, slots=True)
class Demand:
    """What the calls of a step that uses models take.

    Attributes:
        models: of every call.
        costs: per kind of device and mode.
        max_batch: how many items a call takes at most.
    """

    models: tuple[Model, ...]
    costs: Mapping[str, Mapping[Mode, Cost]]
    max_batch: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A problem, and the steps that its stages stand for."""

    problem: Problem
    steps: tuple[int, ...]


def lay_out(
    program: Program,
    counts: Sequence[int],
    demands: Mapping[int, Demand],
    seconds: Callable[[str], float | None],
    *,
    devices: Sequence[Device],
    jobs: int,
    host_bytes: int,
) -> Layout:
    """The problem of placing what is to run.

    Args:
        program: what is run.
        counts: per step, how many calls are to run.
        demands: per step that uses models, what its calls take.
        seconds: what a call of a node type takes, None where that was never measured.
        devices: where calls that use models may run.
        jobs: how many other calls run at once.
        host_bytes: host memory that models may take which are on no device.
    """
    steps = tuple(step.index for step in program.steps if _takes_part(step, counts, demands, seconds))
    places = {step: place for place, step in enumerate(steps)}
    before = _Before(program, places)
    stages: list[Stage] = []
    for index in steps:
        feeds, gathers = before.of(program.steps[index])
        demand = demands.get(index) or _without_models(seconds(program.steps[index].type.id))
        stages.append(
            Stage(
                id=program.steps[index].id,
                count=counts[index],
                models=tuple(model.id for model in demand.models),
                feeds=tuple(sorted(places[step] for step in feeds - gathers)),
                gathers=tuple(sorted(places[step] for step in gathers)),
                costs=demand.costs,
                max_batch=demand.max_batch,
            )
        )
    models = {model.id: model for demand in demands.values() for model in demand.models}
    host = Device(HOST, HOST, budget=0, lanes=jobs)
    return Layout(Problem((*devices, host), models, tuple(stages), host_bytes), steps)


def _takes_part(
    step: Step,
    counts: Sequence[int],
    demands: Mapping[int, Demand],
    seconds: Callable[[str], float | None],
) -> bool:
    """Whether a step has calls to run that count: what takes no time is left out."""
    if not counts[step.index]:
        return False
    return step.index in demands or (seconds(step.type.id) or 0.0) >= _WORTH_PLACING_S


def _without_models(seconds: float | None) -> Demand:
    cost = Cost(0, 0, 0.0, seconds or 0.0, "measured", "measured")
    return Demand((), {HOST: {"resident": cost}}, 1)


class _Before:
    """The stages whose items a step takes, through steps that are no stages."""

    def __init__(self, program: Program, places: Mapping[int, int]) -> None:
        self._places = places
        self._near: list[tuple[frozenset[int], frozenset[int]]] = []
        for step in program.steps:
            self._near.append(self._find(step))

    def of(self, step: Step) -> tuple[frozenset[int], frozenset[int]]:
        """The steps whose items it takes as they come, and those that must be through before."""
        return self._near[step.index]

    def _find(self, step: Step) -> tuple[frozenset[int], frozenset[int]]:
        feeds: set[int] = set()
        gathers: set[int] = set()
        for feed in step.feeds:
            if feed.step in self._places:
                found, waited = frozenset((feed.step,)), frozenset[int]()
            else:
                found, waited = self._near[feed.step]
            (feeds if feed.collects is None else gathers).update(found)
            gathers.update(waited)
        return frozenset(feeds), frozenset(gathers)

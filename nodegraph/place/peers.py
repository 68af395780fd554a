"""What a schedule is compared with: the same calls item by item, loading models when a call needs them.

This is what peers do: the model that was used longest ago makes room for the one that is needed now.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodegraph.place.fit import Fit, ways
from nodegraph.place.ondemand import LeastRecent
from nodegraph.place.problem import Problem
from nodegraph.place.schedule import Block, Schedule


@dataclass(frozen=True, slots=True)
class OnDemand:
    """What loading on demand takes: seconds from start to end, and model loads."""

    seconds: float
    loads: int


def on_demand(problem: Problem, schedule: Schedule) -> OnDemand:
    """What the calls of a schedule take, on the same devices and in the same modes, without its order.

    Items pass the stages one after the other, one item a call; stages that gather wait for all items. A model
    is read from disk at its first load; later loads come from host memory, if that holds all models together.
    Nothing is read ahead.
    """
    passing = _Passing(problem, schedule)
    phases = _phases(problem)
    orders = (_items(problem, phases, block) for block in schedule.blocks)
    for _, _, stage, item, device in heapq.merge(*orders):
        passing.call(stage, item, device)
    return OnDemand(passing.seconds, passing.loads)


def _phases(problem: Problem) -> list[int]:
    """A number for each stage; what gathers has a higher one than what it gathers from."""
    phases: list[int] = []
    for stage in problem.stages:
        after_feeds = [phases[feed] for feed in stage.feeds]
        after_gathers = [phases[gather] + 1 for gather in stage.gathers]
        phases.append(max((*after_feeds, *after_gathers), default=0))
    return phases


def _items(
    problem: Problem, phases: Sequence[int], block: Block
) -> Iterator[tuple[int, float, int, int, str]]:
    """The calls of a block: phase, share of the stage that comes before, stage, item, and device."""
    count = problem.stages[block.stage].count
    for item in range(block.first, block.first + block.count):
        yield phases[block.stage], item / count, block.stage, item, block.device


class _Passing:
    """Calls made one after the other, as soon as their inputs and a lane of their device are there."""

    def __init__(self, problem: Problem, schedule: Schedule) -> None:
        self.seconds = 0.0
        self.loads = 0
        self._problem = problem
        self._devices = {device.name: device for device in problem.devices}
        self._caches = {
            name: LeastRecent(problem.models, device.budget) for name, device in self._devices.items()
        }
        self._free = {name: [0.0] * device.lanes for name, device in self._devices.items()}
        self._ways = dict(_ways(problem, schedule))
        self._ended: list[list[float]] = [[] for _ in problem.stages]
        self._last = [0.0] * len(problem.stages)
        self._read: set[str] = set()
        weights = sum(model.weights["resident"] for model in problem.models.values())
        self._kept = weights <= problem.host_bytes

    def call(self, stage: int, item: int, device: str) -> None:
        """Make the call for an item of a stage."""
        way, lanes = self._ways[stage, device], self._free[device]
        lane = min(range(len(lanes)), key=lanes.__getitem__)
        loading = self._load(device, way)
        end = max(lanes[lane], self._ready(stage, item)) + loading + way.cost.seconds(1)
        lanes[lane] = end
        self._ended[stage].append(end)
        self._last[stage] = max(self._last[stage], end)
        self.seconds = max(self.seconds, end)

    def _ready(self, stage: int, item: int) -> float:
        """When the inputs of a call are there; where counts differ, items come in proportion."""
        stages = self._problem.stages
        ready = [self._last[gather] for gather in stages[stage].gathers]
        for feed in stages[stage].feeds:
            ended = self._ended[feed]
            needed = -(-(item + 1) * stages[feed].count // stages[stage].count)
            ready.append(ended[min(needed, len(ended)) - 1] if ended else 0.0)
        return max(ready, default=0.0)

    def _load(self, device: str, way: Fit) -> float:
        """Bring the models of a call onto a device; the seconds that takes."""
        cache = self._caches[device]
        lacking = [model for model, mode in way.held if (model, mode) not in cache.held]
        self.loads += cache.call(way)
        seconds = 0.0
        for name in lacking:
            model = self._problem.models[name]
            seconds += model.move_seconds if self._kept and name in self._read else model.load_seconds
            self._read.add(name)
        return seconds


def _ways(problem: Problem, schedule: Schedule) -> Iterator[tuple[tuple[int, str], Fit]]:
    """How each stage runs on each of its devices."""
    kinds = {device.name: device.kind for device in problem.devices}
    for index, (stage, placed) in enumerate(zip(problem.stages, schedule.stages, strict=True)):
        for name in () if placed is None else placed.devices:
            assert placed is not None
            mode = placed.mode[name]
            yield (index, name), next(way for way in ways(problem, stage, kinds[name]) if way.mode == mode)

"""What the peers do: a model is loaded when a call needs it, and the one used longest ago makes room."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator

from nodegraph.place.fit import Fit, ways
from nodegraph.place.problem import Device, Problem
from nodegraph.place.schedule import Block, Schedule


class Cache:
    """The models of one device, the one used longest ago first."""

    def __init__(self, problem: Problem, budget: int) -> None:
        self.problem, self.budget = problem, budget
        self.held: OrderedDict[tuple[str, str], int] = OrderedDict()
        self.weights = 0
        self.loads = 0

    def call(self, way: Fit) -> None:
        """A call of one item: its models are brought, others make room."""
        for held in way.held:
            if held not in self.held:
                for other in [one for one in self.held if one[0] == held[0]]:
                    self.weights -= self.held.pop(other)
                self.held[held] = self.problem.models[held[0]].weights[held[1]]
                self.weights += self.held[held]
                self.loads += 1
            self.held.move_to_end(held)
        while self.weights + way.cost.working(1) > self.budget:
            self.weights -= self.held.popitem(last=False)[1]


def lru_loads(problem: Problem, schedule: Schedule) -> int:
    """Model loads if each device makes the same calls in the same modes, item by item through all stages."""
    return sum(_loads(problem, schedule, device) for device in problem.devices)


def _loads(problem: Problem, schedule: Schedule, device: Device) -> int:
    cache = Cache(problem, device.budget)
    here = [block for block in schedule.blocks if block.device == device.name]
    found: dict[int, Fit] = {}
    for stage in {block.stage for block in here}:
        placement = schedule.stages[stage]
        assert placement is not None
        mode = placement.mode[device.name]
        found[stage] = next(
            way for way in ways(problem, problem.stages[stage], device.kind) if way.mode == mode
        )
    for _, stage in heapq.merge(*(_items(problem, block) for block in here if found[block.stage].held)):
        cache.call(found[stage])
    return cache.loads


def _items(problem: Problem, block: Block) -> Iterator[tuple[float, int]]:
    """When the items of a block come, as a share of all of its stage, and the stage."""
    count = problem.stages[block.stage].count
    return ((item / count, block.stage) for item in range(block.first, block.first + block.count))

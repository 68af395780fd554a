"""What the peers do: a model is loaded when a call needs it, and the one used longest ago makes room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from nodegraph.place.fit import Fit, all_fits
from nodegraph.place.problem import Problem
from nodegraph.place.refusals import refusals


class Cache:
    """The models of one device, the one used longest ago first."""

    def __init__(self, problem: Problem, budget: int) -> None:
        self.problem, self.budget = problem, budget
        self.held: OrderedDict[tuple[str, str], int] = OrderedDict()
        self.loads = 0

    def call(self, way: Fit) -> None:
        """A call of one item: its models are brought, others make room."""
        for held in way.held:
            if held not in self.held:
                for other in [one for one in self.held if one[0] == held[0]]:
                    del self.held[other]
                self.held[held] = self.problem.models[held[0]].weights[held[1]]
                self.loads += 1
            self.held.move_to_end(held)
        while sum(self.held.values()) + way.cost.working(1) > self.budget:
            self.held.popitem(last=False)


def lru_loads(problem: Problem) -> int:
    """Model loads if items pass all stages one by one, calls of a stage on the devices it fits on in turn."""
    fits = all_fits(problem)
    out = refusals(problem, fits)
    caches = [Cache(problem, device.budget) for device in problem.devices]
    counts = [0 if i in out else stage.count for i, stage in enumerate(problem.stages)]
    able = [_fastest(problem, fits[i]) if counts[i] else [] for i in range(len(counts))]
    most = max(counts, default=0)
    for item in range(most):
        for stage, count in enumerate(counts):
            for call in range(-(-item * count // most), -(-(item + 1) * count // most)):
                device = able[stage][call % len(able[stage])]
                caches[device].call(fits[stage][device][0])
    return sum(cache.loads for cache in caches)


def _fastest(problem: Problem, ways: Sequence[Sequence[Fit]]) -> list[int]:
    """The devices of the fastest kind that a stage fits on."""
    there = [device for device, one in enumerate(ways) if one]
    quick = min(there, key=lambda d: ways[d][0].cost.seconds(1))
    return [d for d in there if problem.devices[d].kind == problem.devices[quick].kind]

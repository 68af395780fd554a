"""What would be loaded without a plan: a model when a call needs it; the one used longest ago makes room."""

from __future__ import annotations

from nodegraph.place.fit import Fit, Held
from nodegraph.place.layout import Terms

STEPS = 4000
"""How many calls are looked at; what comes after them is left out of the count."""


class LeastRecent:
    """The models of one device, the one used longest ago first."""

    def __init__(self, terms: Terms, budget: int) -> None:
        self.models, self.budget = terms.problem.models, budget
        self.held: dict[Held, int] = {}
        self.weights = 0

    def call(self, way: Fit) -> int:
        """A call of one item; how many models it loads."""
        loads = 0
        for held in way.held:
            size = self.held.pop(held, None)
            if size is None:
                loads += 1
                for other in [one for one in self.held if one[0] == held[0]]:
                    self.weights -= self.held.pop(other)
                size = self.models[held[0]].weights[held[1]]
                self.weights += size
            self.held[held] = size
        while self.weights + way.cost.working(1) > self.budget:
            self.weights -= self.held.pop(next(iter(self.held)))
        return loads


def on_demand_loads(terms: Terms, enough: int) -> int:
    """Model loads if items pass all stages one after the other, each on the next device of its fastest kind.

    Counting ends at `enough`, at a round in which nothing is loaded, or after `STEPS` calls.
    """
    problem = terms.problem
    able = {stage: fastest_kind(terms, stage) for stage in terms.stages}
    calls = [
        (stage, able[stage], terms.counts[stage]) for stage in terms.stages if problem.stages[stage].models
    ]
    caches = [LeastRecent(terms, device.budget) for device in problem.devices]
    most = max(terms.counts, default=0)
    loads = steps = quiet = 0
    for item in range(most):
        before = loads
        for stage, on, count in calls:
            for call in range(-(-item * count // most), -(-(item + 1) * count // most)):
                device = on[call % len(on)]
                loads += caches[device].call(terms.fits[stage][device][0])
                steps += 1
        quiet = 0 if loads > before else quiet + 1
        if loads >= enough or steps > STEPS or quiet > 2 * len(problem.devices):
            break
    return loads


def fastest_kind(terms: Terms, stage: int) -> list[int]:
    """The devices of the fastest kind that a stage fits on."""
    able = terms.able(stage)
    quick = min(able, key=lambda device: terms.fits[stage][device][0].cost.seconds(1))
    kind = terms.problem.devices[quick].kind
    return [device for device in able if terms.problem.devices[device].kind == kind]

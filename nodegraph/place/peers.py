"""What placement is compared with: items pass all stages one by one, and calls load the models they need.

This is what peers do: the model that was used longest ago makes room for the one that is needed now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodegraph.place.fit import Fit, all_fits
from nodegraph.place.layout import Terms, terms_of
from nodegraph.place.ondemand import LeastRecent, fastest_kind
from nodegraph.place.problem import Problem
from nodegraph.place.refusals import refusals


@dataclass(frozen=True, slots=True)
class OnDemand:
    """What loading on demand takes: seconds from start to end, and model loads."""

    seconds: float
    loads: int


def on_demand(problem: Problem) -> OnDemand:
    """What a problem takes without a plan.

    Items pass the stages one after the other, one item a call, each on the next device of the kind that is
    fastest for its stage; stages that gather wait for all items. A model is read from disk at its first load;
    later ones come from host memory, if that holds all models together. Nothing is read ahead. Stages that
    fit on no device are left out.
    """
    fits = all_fits(problem)
    terms = terms_of(problem, fits, refusals(problem, fits))
    passing = _Passing(terms)
    for stages in _phases(terms):
        for stage, call in _item_by_item(terms, stages):
            passing.call(stage, call)
    return OnDemand(passing.seconds, passing.loads)


def _phases(terms: Terms) -> list[list[int]]:
    """The stages in groups; what gathers is in a later one than what it gathers from."""
    phase: dict[int, int] = {}
    for stage in terms.stages:
        after_feeds = [phase[feed] for feed in terms.feeds[stage]]
        after_gathers = [phase[gather] + 1 for gather in terms.gathers[stage]]
        phase[stage] = max((*after_feeds, *after_gathers), default=0)
    last = max(phase.values(), default=-1)
    return [[stage for stage in terms.stages if phase[stage] == number] for number in range(last + 1)]


def _item_by_item(terms: Terms, stages: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The calls of stages in the order in which items pass them; where counts differ, in proportion."""
    most = max(terms.counts[stage] for stage in stages)
    for item in range(most):
        for stage in stages:
            count = terms.counts[stage]
            for call in range(-(-item * count // most), -(-(item + 1) * count // most)):
                yield stage, call


class _Passing:
    """Calls made one after the other, as soon as their inputs and a lane of their device are there."""

    def __init__(self, terms: Terms) -> None:
        problem = terms.problem
        self.seconds = 0.0
        self.loads = 0
        self._terms = terms
        self._able = {stage: fastest_kind(terms, stage) for stage in terms.stages}
        self._caches = [LeastRecent(terms, device.budget) for device in problem.devices]
        self._free = [[0.0] * device.lanes for device in problem.devices]
        self._ended: dict[int, list[float]] = {stage: [] for stage in terms.stages}
        self._last = dict.fromkeys(terms.stages, 0.0)
        self._read: set[str] = set()
        weights = sum(model.weights["resident"] for model in problem.models.values())
        self._kept = weights <= problem.host_bytes

    def call(self, stage: int, call: int) -> None:
        """Make a call of a stage."""
        able = self._able[stage]
        device = able[call % len(able)]
        way, lanes = self._terms.fits[stage][device][0], self._free[device]
        loading = self._load(device, way)
        lane = min(range(len(lanes)), key=lanes.__getitem__)
        end = max(lanes[lane], self._ready(stage, call)) + loading + way.cost.seconds(1)
        lanes[lane] = end
        self._ended[stage].append(end)
        self._last[stage] = max(self._last[stage], end)
        self.seconds = max(self.seconds, end)

    def _ready(self, stage: int, call: int) -> float:
        """When the inputs of a call are there."""
        terms = self._terms
        whole = [self._last[gather] for gather in terms.gathers[stage]]
        fed: list[float] = []
        for feed in terms.feeds[stage]:
            ended = self._ended[feed]
            item = -(-(call + 1) * terms.counts[feed] // terms.counts[stage])
            fed.append(ended[min(item, len(ended)) - 1] if ended else 0.0)
        return max((*whole, *fed), default=0.0)

    def _load(self, device: int, way: Fit) -> float:
        """Bring the models of a call onto a device; the seconds that takes."""
        cache = self._caches[device]
        lacking = [model for model, mode in way.held if (model, mode) not in cache.held]
        self.loads += cache.call(way)
        seconds = 0.0
        for name in lacking:
            model = self._terms.problem.models[name]
            seconds += model.move_seconds if self._kept and name in self._read else model.load_seconds
            self._read.add(name)
        return seconds

"""What no schedule can be faster than, in the world that `verify` describes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nodegraph.place.fit import Fit
from nodegraph.place.layout import Terms

ROUNDS = 24
"""How often the prices of devices are corrected."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Devices on which everything takes the same time, and how many lanes they have together."""

    device: int
    lanes: int
    number: int


def least_call(way: Fit) -> float:
    """Seconds of the shortest call."""
    return way.cost.seconds(1)


def least_pace(way: Fit, budget: int, count: int) -> float:
    """Seconds of a lane that an item takes at least, in the largest batch that fits."""
    cost = way.cost
    most = min(way.limit, count)
    if cost.item_bytes:
        most = min(most, (budget - way.weights - cost.fixed_bytes) // cost.item_bytes)
    return cost.fixed_seconds / max(1, most) + cost.item_seconds


def lower_bound(terms: Terms) -> float:
    """Seconds that any schedule takes: the work of all lanes together, or the longest path if that is more.

    Work is shared among lanes as if it could be split at will; every model is loaded at least once, by a move
    from host memory where it fits there; a stage cannot begin before its models can be there.
    """
    kinds = _kinds(terms)
    paces = [[_pace(terms, stage, kind) for kind in kinds] for stage in range(len(terms.counts))]
    return max(_work(terms, kinds, paces), _path(terms, kinds))


def _pace(terms: Terms, stage: int, kind: Kind) -> float:
    budget, count = terms.problem.devices[kind.device].budget, terms.counts[stage]
    ways = terms.fits[stage][kind.device]
    return min((least_pace(way, budget, count) for way in ways), default=math.inf)


def _kinds(terms: Terms) -> list[Kind]:
    alike: dict[int, list[int]] = {}
    for device, number in enumerate(terms.classes):
        alike.setdefault(number, []).append(device)
    lanes = [terms.problem.devices[devices[0]].lanes for devices in alike.values()]
    return [Kind(on[0], each * len(on), len(on)) for on, each in zip(alike.values(), lanes, strict=True)]


def _work(terms: Terms, kinds: Sequence[Kind], paces: Sequence[Sequence[float]]) -> float:
    """The bound from what lanes must do: at any prices of lane-seconds that add up to one over all lanes."""
    jobs = [[terms.counts[stage] * pace for pace in paces[stage]] for stage in terms.stages]
    jobs += _load_jobs(terms, kinds)
    prices = [1.0 / sum(kind.lanes for kind in kinds)] * len(kinds)
    most = 0.0
    for turn in range(ROUNDS):
        taken = [0.0] * len(kinds)
        bound = 0.0
        for job in jobs:
            costs = [
                price * one if one < math.inf else math.inf for price, one in zip(prices, job, strict=True)
            ]
            cheapest = min(range(len(kinds)), key=costs.__getitem__)
            bound += costs[cheapest]
            taken[cheapest] += job[cheapest]
        most = max(most, bound)
        heights = [one / kind.lanes for one, kind in zip(taken, kinds, strict=True)]
        top = max(heights)
        if top <= 0:
            break
        step = 2.0 / (1 + turn) ** 0.7
        raised = [
            price * math.exp(step * (height / top - 1)) for price, height in zip(prices, heights, strict=True)
        ]
        total = sum(price * kind.lanes for price, kind in zip(raised, kinds, strict=True))
        prices = [price / total for price in raised]
    return most


def _load_jobs(terms: Terms, kinds: Sequence[Kind]) -> list[list[float]]:
    """Per model that is used, the seconds of a lane that it takes to get onto each kind of device."""
    users: dict[str, list[int]] = {}
    for stage in terms.stages:
        for name in terms.problem.stages[stage].models:
            users.setdefault(name, []).append(stage)
    jobs: list[list[float]] = []
    for name, stages in users.items():
        jobs.append(
            [
                _load(terms, name, kind)
                if any(terms.fits[stage][kind.device] for stage in stages)
                else math.inf
                for kind in kinds
            ]
        )
    return jobs


def _load(terms: Terms, name: str, kind: Kind) -> float:
    """Seconds of a lane that a model takes to get onto a device at least."""
    problem = terms.problem
    model = problem.models[name]
    through_host = (
        problem.devices[kind.device].kind != "cpu" and model.weights["resident"] <= problem.host_bytes
    )
    return min(model.load_seconds, model.move_seconds) if through_host else model.load_seconds


def _rate(terms: Terms, stage: int, way: Fit, kind: Kind) -> float:
    """Items a second at most that devices of a kind make of a stage: as many calls at a time as have room."""
    there, count = terms.problem.devices[kind.device], terms.counts[stage]
    at_once = min(count, kind.number * way.at_once(there.budget - way.weights, there.lanes))
    pace = least_pace(way, there.budget, count)
    return at_once / pace if pace else math.inf


def _path(terms: Terms, kinds: Sequence[Kind]) -> float:
    """The bound from what must come after what: the first item's way, and whole stages on all devices."""
    begun: dict[int, float] = {}
    through: dict[int, float] = {}
    for stage in terms.stages:
        count = terms.counts[stage]
        ways = [(way, kind) for kind in kinds for way in terms.fits[stage][kind.device]]
        call = min(least_call(way) for way, _ in ways)
        load = min(_ready(terms, way, kind) for way, kind in ways)
        rate = sum(
            max((_rate(terms, stage, way, kind) for way in terms.fits[stage][kind.device]), default=0)
            for kind in kinds
        )
        inputs = [begun[s] + (call_of(terms, s, kinds)) for s in terms.feeds[stage]]
        start = max([load, *inputs, *(through[source] for source in terms.gathers[stage])])
        begun[stage] = start
        ends = [through[source] + call for source in terms.feeds[stage]]
        through[stage] = max([start + max(call, count / rate if rate else math.inf), *ends])
    return max(through.values(), default=0.0)


def call_of(terms: Terms, stage: int, kinds: Sequence[Kind]) -> float:
    """Seconds of the shortest call of a stage on any device."""
    return min(least_call(way) for kind in kinds for way in terms.fits[stage][kind.device])


def _ready(terms: Terms, way: Fit, kind: Kind) -> float:
    """Seconds until the models of a stage can be on a device that has none of them."""
    models = [terms.problem.models[name] for name, _ in way.held]
    if not models:
        return 0.0
    alone = sum(_load(terms, model.id, kind) for model in models)
    return max(alone, *(model.load_seconds for model in models))

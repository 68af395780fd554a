"""Where and in which order stages are to run: what a policy decides before it is simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodegraph.place.fit import Fit, Held
from nodegraph.place.problem import Problem
from nodegraph.place.schedule import Policy


@dataclass(frozen=True, slots=True)
class Terms:
    """A problem in the form that policies work on; stages that are refused or have no items are left out.

    Attributes:
        stages: indices of the stages that are to run, in topological order.
        counts: per stage; 0 for those left out.
        feeds, gathers: per stage, those of its inputs that are to run.
        consumers: per stage, what takes from it in either way.
        fits: per stage and device, the ways in which one item fits, fastest first.
        classes: per device, a number that equal devices share.
        pace: per stage and device, seconds that an item takes of all its lanes; infinite if it does not fit.
    """

    problem: Problem
    stages: tuple[int, ...]
    counts: tuple[int, ...]
    feeds: tuple[tuple[int, ...], ...]
    gathers: tuple[tuple[int, ...], ...]
    consumers: tuple[tuple[int, ...], ...]
    fits: Sequence[Sequence[tuple[Fit, ...]]]
    classes: tuple[int, ...]
    pace: Sequence[Sequence[float]]

    def work(self, stage: int, device: int) -> float:
        """Seconds that all items of a stage take of a device; infinite if it does not fit there."""
        return self.counts[stage] * self.pace[stage][device]

    def able(self, stage: int) -> list[int]:
        """The devices that a stage fits on."""
        return [device for device, ways in enumerate(self.fits[stage]) if ways]


def terms_of(problem: Problem, fits: Sequence[Sequence[tuple[Fit, ...]]], out: Mapping[int, object]) -> Terms:
    """The problem without the stages in `out` and those that have no items."""
    counts = tuple(0 if index in out else stage.count for index, stage in enumerate(problem.stages))
    feeds = tuple(tuple(u for u in dict.fromkeys(stage.feeds) if counts[u]) for stage in problem.stages)
    gathers = tuple(tuple(u for u in dict.fromkeys(stage.gathers) if counts[u]) for stage in problem.stages)
    consumers: list[list[int]] = [[] for _ in counts]
    stages = tuple(index for index, count in enumerate(counts) if count)
    for index in stages:
        for source in {*feeds[index], *gathers[index]}:
            consumers[source].append(index)
    kinds: dict[tuple[str, int, int], int] = {}
    classes = tuple(
        kinds.setdefault((one.kind, one.budget, one.lanes), len(kinds)) for one in problem.devices
    )
    pace = [_paces(problem, fits[stage], counts[stage], classes) for stage in range(len(counts))]
    return Terms(problem, stages, counts, feeds, gathers, tuple(map(tuple, consumers)), fits, classes, pace)


def _paces(
    problem: Problem, fits: Sequence[tuple[Fit, ...]], count: int, classes: Sequence[int]
) -> list[float]:
    known: dict[int, float] = {}
    for device, number in enumerate(classes):
        if number not in known:
            there = problem.devices[device]
            fastest = [
                way.pace(there.budget - way.weights, count, there.lanes) for way in fits[device][:1] if count
            ]
            known[number] = fastest[0] if fastest else math.inf
    return [known[number] for number in classes]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a device works on before it turns to something else.

    Attributes:
        stages: those whose models it holds together.
        until: per stage, up to which item; free stages, which it runs at any time, are there too.
        choices: the stages of `until`, the one to be preferred first.
        held: all models of `stages`.
        reserve: bytes that the largest of its calls works in.
    """

    stages: tuple[int, ...]
    until: Mapping[int, int]
    choices: tuple[int, ...]
    held: tuple[Held, ...]
    reserve: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where and in which order stages are to run.

    Attributes:
        ways, batch: per stage, for each device that may run it.
        order: per stage, its place in the order; no stage has a lower one than those it waits for.
        free: per device, the stages without models that it runs at any time.
        turns: per device, in order.
        free_room: per device, bytes that calls of free stages may take together where it has several lanes.
        free_floor: per device, bytes left to them then, so that one can always run.
        bounds: per stage, up to which item it comes in each window; the last is all.
        followers: per stage, those that take from it in the same windows, and that it must not run ahead of.
        grain: per stage, how many items at most are handed to a device at once.
        coarse: whether devices that share a stage get their whole share at once.
    """

    policy: Policy
    ways: Sequence[Mapping[int, Fit]]
    batch: Sequence[Mapping[int, int]]
    order: Sequence[int]
    free: Sequence[frozenset[int]]
    turns: Sequence[Sequence[Turn]]
    free_room: Sequence[int]
    free_floor: Sequence[int]
    bounds: Sequence[Sequence[int]]
    followers: Sequence[Sequence[int]]
    grain: Sequence[int]
    coarse: bool

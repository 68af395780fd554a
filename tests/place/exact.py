"""The shortest makespan of small problems, by trying everything that could be better than what is known.

Its world is that of `nodegraph.place.verify`, for devices of one lane and no host memory: a call takes its
seconds; the loads that it needs run one after the other on its device, also before its inputs are there;
evictions take no time. A call may begin once as many items of each feed are through as it needs. Batches
may have any size, calls any device and mode. As items are told apart by number only, what is found is the
optimum, or less.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from nodegraph.place.fit import Fit, all_fits
from nodegraph.place.problem import Problem
from nodegraph.place.refusals import refusals

Resident = frozenset[tuple[str, str]]


class Undecided(Exception):
    """The search took more steps than it may."""


@dataclass(frozen=True)
class State:
    """Calls made so far: when items of stages are through, until when devices work and what they hold."""

    done: tuple[tuple[float, ...], ...]
    free: tuple[float, ...]
    resident: tuple[Resident, ...]
    last: float


class Search:
    """Depth first, with a bound and with states that are no better than one seen left out."""

    def __init__(self, problem: Problem, known: float, steps: int) -> None:
        self.problem = problem
        self.fits = all_fits(problem)
        out = refusals(problem, self.fits)
        self.counts = [0 if i in out else stage.count for i, stage in enumerate(problem.stages)]
        self.best = known
        self.steps = steps
        self.seen: dict[object, list[tuple[float, ...]]] = {}
        self.least = [self._least(s) for s in range(len(self.counts))]
        self.tails = self._tails()

    def _least(self, stage: int) -> tuple[float, float]:
        """Seconds of the shortest call, and of an item in the best batch."""
        ways = [way for there in self.fits[stage] for way in there]
        if not ways:
            return 0.0, 0.0
        most = min(self.problem.stages[stage].max_batch, max(1, self.counts[stage]))
        return min(w.cost.seconds(1) for w in ways), min(w.cost.seconds(most) / most for w in ways)

    def _tails(self) -> list[float]:
        tails = [0.0] * len(self.counts)
        for s in reversed(range(len(self.counts))):
            if self.counts[s]:
                for source in (*self.problem.stages[s].feeds, *self.problem.stages[s].gathers):
                    tails[source] = max(tails[source], tails[s] + self.least[s][0])
        return tails

    def run(self) -> float:
        devices = len(self.problem.devices)
        start = State(((),) * len(self.counts), (0.0,) * devices, (frozenset(),) * devices, 0.0)
        stack = [iter([start])]
        while stack:
            state = next(stack[-1], None)
            if state is None:
                stack.pop()
                continue
            self.steps -= 1
            if self.steps < 0:
                raise Undecided
            if all(len(d) == n for d, n in zip(state.done, self.counts, strict=True)):
                self.best = min(self.best, max((max(d) for d in state.done if d), default=0.0))
            elif self._bound(state) < self.best - 1e-9 and self._new(state):
                after = sorted(self._after(state), key=lambda one: (one.last, sum(one.free)))
                stack.append(iter(after))
        return self.best

    def _bound(self, state: State) -> float:
        rest = [n - len(d) for d, n in zip(state.done, self.counts, strict=True)]
        work = sum(r * pace for r, (_, pace) in zip(rest, self.least, strict=True))
        end = max((max(d) + self.tails[s] for s, d in enumerate(state.done) if d), default=0.0)
        usable = [d for d in range(len(state.free)) if any(r and self.fits[s][d] for s, r in enumerate(rest))]
        shared = (sum(state.free[d] for d in usable) + work) / max(1, len(usable))
        for s, r in enumerate(rest):
            if r:
                soonest = min(state.free[d] for d in range(len(state.free)) if self.fits[s][d])
                begin = max(soonest, self._ready(state, s, len(state.done[s]) + 1) or 0.0)
                end = max(end, begin + self.least[s][0] + self.tails[s])
        return max(end, shared)

    def _ready(self, state: State, stage: int, upto: int) -> float | None:
        """When the inputs of the first `upto` items are there; None if they are not placed yet."""
        at, one = 0.0, self.problem.stages[stage]
        for source in (*one.feeds, *one.gathers):
            count = self.counts[source]
            need = count if source in one.gathers else -(-upto * count // self.counts[stage])
            if len(state.done[source]) < need:
                return None
            if need:
                at = max(at, sorted(state.done[source])[need - 1])
        return at

    def _new(self, state: State) -> bool:
        key = (tuple(map(len, state.done)), state.resident)
        vector = (state.last, *state.free, *(t for d in state.done for t in sorted(d)))
        seen = self.seen.setdefault(key, [])
        if any(all(a <= b + 1e-12 for a, b in zip(old, vector, strict=True)) for old in seen):
            return False
        seen.append(vector)
        return True

    def _after(self, state: State) -> Iterator[State]:
        for stage, count in enumerate(self.counts):
            rest = count - len(state.done[stage])
            for batch in range(1, min(rest, self.problem.stages[stage].max_batch) + 1):
                ready = self._ready(state, stage, len(state.done[stage]) + batch)
                if ready is None:
                    break
                for device, ways in enumerate(self.fits[stage]):
                    for way in ways:
                        yield from self._call(state, stage, device, way, batch, ready)

    def _call(
        self, state: State, stage: int, device: int, way: Fit, batch: int, ready: float
    ) -> Iterator[State]:
        working = way.cost.working(batch)
        if way.weights + working > self.problem.devices[device].budget:
            return
        lacking = [held for held in way.held if held not in state.resident[device]]
        start = max(state.free[device] + sum(self.problem.models[m].load_seconds for m, _ in lacking), ready)
        if start < state.last - 1e-12:
            return
        end = start + way.cost.seconds(batch)
        if end + self.tails[stage] >= self.best - 1e-9:
            return
        done = (*state.done[:stage], state.done[stage] + (end,) * batch, *state.done[stage + 1 :])
        free = (*state.free[:device], end, *state.free[device + 1 :])
        for held in self._held(state.resident[device], way, self.problem.devices[device].budget - working):
            yield State(done, free, (*state.resident[:device], held, *state.resident[device + 1 :]), start)

    def _held(self, resident: Resident, way: Fit, room: int) -> Iterator[Resident]:
        """What a device may hold during a call: as much of what it held as fits beside the call's models."""
        needed = {name for name, _ in way.held}
        others = sorted(one for one in resident if one not in way.held and one[0] not in needed)
        size = {one: self.problem.models[one[0]].weights[one[1]] for one in others}  # type: ignore[index]
        fitting = [
            kept
            for number in range(len(others) + 1)
            for kept in itertools.combinations(others, number)
            if way.weights + sum(size[one] for one in kept) <= room
        ]
        for kept in fitting:
            if not any(set(kept) < set(more) for more in fitting):
                yield frozenset(kept) | frozenset(way.held)


def shortest(problem: Problem, known: float, steps: int = 60_000) -> float:
    """The shortest makespan, or `known` if none is shorter.

    Raises:
        Undecided: if more than `steps` states had to be looked at.
    """
    return Search(problem, known, steps).run()

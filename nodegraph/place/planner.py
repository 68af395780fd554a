"""Placement: a few policies simulated, the best taken."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nodegraph.place.arrange import Arrangement, Assignment, Packing
from nodegraph.place.bounds import lower_bound
from nodegraph.place.fit import all_fits
from nodegraph.place.layout import Layout, Terms, terms_of
from nodegraph.place.ondemand import needless_loads
from nodegraph.place.outcome import schedule_of
from nodegraph.place.policies import assignments, least_seconds
from nodegraph.place.problem import Problem
from nodegraph.place.refusals import refusals
from nodegraph.place.schedule import Policy, Schedule
from nodegraph.place.simulate import Simulation
from nodegraph.place.wellformed import require_well_formed

FIRST: tuple[tuple[Packing, bool], ...] = (("roomy", True), ("apart", True))
"""Which stages share a turn, and whether the last of them goes first: what is tried of each policy."""

THEN: tuple[tuple[Packing, bool], ...] = (
    ("tight", True),
    ("roomy", False),
    ("apart", False),
    ("tight", False),
)
"""What is tried of the policies that came near the best."""

NEAR = 1.25
"""How much slower a policy may be at first for its other forms to be tried."""

GOOD = 1.005
"""How near to the lower bound a schedule is good enough."""

FRUGAL = 1.25
"""How many times as long a schedule may take that spares loads which calls item by item would not need."""

FAIR = 1.2
"""How near to the lower bound a schedule is that is not worth twice the effort to better."""

PIECES = 600
"""About in how many pieces a simulation hands items out."""

EFFORT = 1200
"""How many pieces are simulated before the best so far is taken: so planning takes bounded time."""


def plan_placement(problem: Problem) -> Schedule:
    """Where, in which order, mode and batches stages run, and what that will take.

    A few policies are simulated and the best is taken. What fits nowhere is refused, and what depends on it.

    Raises:
        ValueError: if the problem has no meaning; see `require_well_formed`.
    """
    require_well_formed(problem)
    fits = all_fits(problem)
    refused = refusals(problem, fits)
    terms = terms_of(problem, fits, refused)
    return schedule_of(_best(terms), tuple(refused.values()))


class Contest:
    """Layouts simulated one after the other, and the best so far."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.bound = lower_bound(terms)
        self.effort = 0
        self.best: Simulation | None = None
        self._needless = 0
        self._seen: set[object] = set()

    def over(self) -> bool:
        """Whether the best is good enough, or enough was tried."""
        best = self.best
        if best is None:
            return False
        effort = EFFORT if best.now <= FAIR * self.bound else 2 * EFFORT
        good = best.now <= GOOD * self.bound and not self.wasteful()
        return good or self.effort + len(best.pieces) > effort

    def try_all(self, policy: Policy, assignment: Assignment, forms: Sequence[tuple[Packing, bool]]) -> float:
        """Simulate forms of a policy until it is over; seconds of the best of them."""
        seconds = math.inf
        for packing, deep in forms:
            if not self.over():
                arrangement = Arrangement(self.terms, assignment, packing, deep=deep, pieces=PIECES)
                seconds = min(seconds, self.enter(arrangement.layout(policy)))
        return seconds

    def enter(self, layout: Layout) -> float:
        """Simulate a layout that was not seen before; its seconds."""
        mark = (
            tuple(tuple(way.items()) for way in layout.ways),
            tuple(layout.order),
            tuple(tuple(batch.items()) for batch in layout.batch),
            tuple(turn.choices for turns in layout.turns for turn in turns),
        )
        if mark in self._seen:
            return math.inf
        self._seen.add(mark)
        run = Simulation(self.terms, layout)
        ended = run.run()
        self.effort += len(run.pieces)
        if not ended:
            return math.inf
        needless = needless_loads(run)
        if self._better(run, needless):
            self.best, self._needless = run, needless
        return run.now

    def wasteful(self) -> bool:
        """Whether the best loads more than calls item by item would on demand."""
        return self.best is not None and self._needless > 0

    def _better(self, run: Simulation, needless: int) -> bool:
        """Fewer needless loads, if that costs little; then sooner through, or as soon with fewer loads."""
        best = self.best
        if best is None:
            return True
        if needless != self._needless:
            few, many = (run.now, best.now) if needless < self._needless else (best.now, run.now)
            return (needless < self._needless) == (few <= FRUGAL * many)
        if abs(run.now - best.now) <= 0.001 * best.now:
            return (run.loads(), run.now) < (best.loads(), best.now)
        return run.now < best.now


def _best(terms: Terms) -> Simulation:
    """The best of the policies, each in the forms that are worth a simulation."""
    contest = Contest(terms)
    likely: list[tuple[float, Policy, Assignment]] = [
        (least_seconds(terms, assignment), policy, assignment) for policy, assignment in assignments(terms)
    ]
    tried: list[tuple[float, Policy, Assignment]] = []
    for least, policy, assignment in [likely[0], *sorted(likely[1:], key=lambda one: one[0])]:
        if contest.best is None or least < contest.best.now:
            tried.append((contest.try_all(policy, assignment, FIRST), policy, assignment))
    for seconds, policy, assignment in sorted(tried, key=lambda one: one[0]):
        if contest.best is not None and seconds <= NEAR * contest.best.now:
            contest.try_all(policy, assignment, THEN)
    if contest.wasteful():
        contest.effort = 0
        for _, policy, assignment in sorted(tried, key=lambda one: one[0]):
            contest.try_all(policy, assignment, THEN)
    if contest.best is None:
        raise RuntimeError("no policy comes to an end, which is a bug of the planner")
    return contest.best

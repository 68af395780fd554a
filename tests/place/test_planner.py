"""Random problems: schedules keep to budgets, place or refuse every call, and are nearly the shortest."""

from __future__ import annotations

import math
import os
import random
import statistics

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodegraph.place.bounds import lower_bound
from nodegraph.place.fit import all_fits
from nodegraph.place.layout import terms_of
from nodegraph.place.planner import plan_placement
from nodegraph.place.refusals import refusals
from nodegraph.place.verify import check_schedule
from tests.place.exact import Undecided, shortest
from tests.place.instances import crowded_problem, draw_problem, largest_problem, small_problem
from tests.place.lru import lru_loads

EXAMPLES = os.environ.get("NODEGRAPH_EXAMPLES")


def examples(number: int) -> settings:
    """The same examples every time; `NODEGRAPH_EXAMPLES` asks for as many others."""
    return settings(
        max_examples=int(EXAMPLES or number),
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def seeds(number: int) -> range:
    return range(int(EXAMPLES or number))


@examples(40)
@given(st.randoms(use_true_random=False))
def test_schedule_of_any_problem_can_be_followed_within_budgets(dice):
    problem = draw_problem(dice)
    assert check_schedule(problem, plan_placement(problem)) == []


@examples(40)
@given(st.randoms(use_true_random=False))
def test_schedule_of_few_stages_and_items_can_be_followed_within_budgets(dice):
    problem = draw_problem(dice, stages=(1, 6), models=(1, 3), devices=(1, 3), items=(1, 30))
    assert check_schedule(problem, plan_placement(problem)) == []


def test_schedules_of_seeded_problems_can_be_followed_and_load_no_more_than_on_demand():
    for seed in seeds(60):
        problem = draw_problem(random.Random(seed), items=(1, 300))
        schedule = plan_placement(problem)
        assert check_schedule(problem, schedule) == [], seed
        assert len(schedule.loads) <= lru_loads(problem, schedule), seed


@pytest.mark.parametrize("seed", [17, 29, 41, 299])
def test_schedule_of_more_items_than_may_wait_can_be_followed(seed):
    problem = draw_problem(random.Random(seed), items=(4_000, 30_000))
    assert check_schedule(problem, plan_placement(problem)) == []


def test_makespan_of_small_problems_is_near_the_optimum():
    ratios: list[float] = []
    for seed in seeds(120):
        problem = small_problem(seed)
        seconds = plan_placement(problem).seconds
        if seconds:
            try:
                ratios.append(seconds / shortest(problem, seconds, steps=3_000))
            except Undecided:
                continue
    assert len(ratios) > 0.75 * len(seeds(120))
    assert statistics.median(ratios) <= 1.05
    assert sorted(ratios)[math.ceil(0.99 * len(ratios)) - 1] <= 1.25


def test_makespan_of_a_hundred_items_and_more_is_near_the_lower_bound():
    ratios: list[float] = []
    for seed in seeds(30):
        problem = draw_problem(random.Random(seed), items=(100, 10_000))
        fits = all_fits(problem)
        bound = lower_bound(terms_of(problem, fits, refusals(problem, fits)))
        if bound:
            ratios.append(plan_placement(problem).seconds / bound)
    assert min(ratios) >= 1 - 1e-9
    assert statistics.median(ratios) <= 1.15


def test_optimum_of_small_problems_is_not_below_the_lower_bound():
    for seed in range(40):
        problem = small_problem(seed)
        seconds = plan_placement(problem).seconds
        fits = all_fits(problem)
        bound = lower_bound(terms_of(problem, fits, refusals(problem, fits)))
        try:
            assert bound <= shortest(problem, seconds, steps=3_000) * (1 + 1e-9), seed
        except Undecided:
            continue


@pytest.mark.parametrize("seed", range(5))
def test_two_models_that_do_not_fit_together_are_loaded_ten_times_less_than_on_demand(seed):
    problem = crowded_problem(random.Random(seed))
    schedule = plan_placement(problem)
    assert lru_loads(problem, schedule) >= 10 * len(schedule.loads)


def test_largest_problem_is_planned_as_few_blocks_that_can_be_followed():
    problem = largest_problem(random.Random(1))
    schedule = plan_placement(problem)
    assert check_schedule(problem, schedule) == []
    assert len(schedule.blocks) < 3_000


def test_same_problem_gives_the_same_schedule():
    problem = draw_problem(random.Random(4))
    assert plan_placement(problem) == plan_placement(problem)

"""Schedules that cannot be followed are found out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Cost, Device, Model, Problem, Stage
from nodegraph.place.schedule import Eviction, Schedule
from nodegraph.place.verify import check_schedule

GB = 10**9
WORK = {"cuda": {"resident": Cost(0, GB, 0.0, 1.0)}}
PROBLEM = Problem(
    (Device("cuda:0", "cuda", 10 * GB),),
    {name: Model(name, name, {"resident": 8 * GB}, 5.0, 1.0) for name in "ab"},
    (Stage("draw", 4, ("a",), (), (), WORK), Stage("refine", 4, ("b",), (0,), (), WORK)),
    8 * GB,
)
SCHEDULE = plan_placement(PROBLEM)


def shifted(schedule: Schedule, block: int, by: float) -> Schedule:
    blocks = list(schedule.blocks)
    blocks[block] = replace(blocks[block], start=blocks[block].start + by, end=blocks[block].end + by)
    return replace(schedule, blocks=tuple(blocks), seconds=max(one.end for one in blocks))


def test_schedule_of_the_planner_has_no_faults():
    assert check_schedule(PROBLEM, SCHEDULE) == []


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (replace(SCHEDULE, blocks=SCHEDULE.blocks[:1]), "are not its 4 items, each once"),
        (replace(SCHEDULE, blocks=SCHEDULE.blocks + SCHEDULE.blocks[1:]), "are not its 4 items, each once"),
        (shifted(SCHEDULE, 1, -5), "begins items before draw is through with them"),
        (shifted(SCHEDULE, 0, -1), "runs without ('a', 'resident')"),
        (shifted(SCHEDULE, 1, -0.5), "calls and loads at a time; it has 1 lanes"),
        (replace(SCHEDULE, evictions=()), "cuda:0 holds 17000000000 bytes of 10000000000"),
        (
            replace(SCHEDULE, evictions=(Eviction("a", "cuda:0", "dropped", 6.0),)),
            "runs without ('a', 'resident')",
        ),
        (replace(SCHEDULE, prefetches=()), "b is moved from host memory before it is there"),
        (replace(SCHEDULE, seconds=1.0), "the forecast says 1.0 seconds"),
        (replace(SCHEDULE, loads=SCHEDULE.loads[1:]), "runs without ('a', 'resident')"),
    ],
)
def test_fault_of_a_schedule_is_found(wrong, text):
    assert any(text in fault for fault in check_schedule(PROBLEM, wrong))


def test_host_memory_over_its_size_is_found():
    less = replace(PROBLEM, host_bytes=8 * GB - 1)
    assert "host memory holds 8000000000 bytes of models; it has 7999999999" in check_schedule(less, SCHEDULE)


def test_block_that_takes_another_time_than_its_calls_is_found():
    first = replace(SCHEDULE.blocks[0], end=SCHEDULE.blocks[0].end - 1)
    wrong = replace(SCHEDULE, blocks=(first, *SCHEDULE.blocks[1:]))
    assert any("should take 4.0 seconds" in fault for fault in check_schedule(PROBLEM, wrong))

"""Stages that fit nowhere are refused with numbers; problems that have no meaning are errors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Cost, Device, Model, Problem, Stage
from nodegraph.place.verify import check_schedule

GIB = 1024**3
SMALL, LARGE = Device("cuda:0", "cuda", 6 * GIB), Device("cuda:1", "cuda", 8 * GIB)
HUGE = Model("m", "svd-xt", {"resident": 20 * GIB, "offload": 9 * GIB}, 10.0, 2.0)
WORK = Cost(GIB // 2, GIB // 2, 0.0, 1.0, "measured", "measured")
PROBLEM = Problem(
    (SMALL, LARGE),
    {"m": HUGE},
    (
        Stage("animate", 3, ("m",), (), (), {"cuda": {"resident": WORK, "offload": WORK}}),
        Stage("encode", 3, (), (0,), (), {"cuda": {"resident": WORK}}),
        Stage("other", 3, (), (), (), {"cuda": {"resident": WORK}}),
    ),
)


def test_stage_that_fits_nowhere_is_refused_with_need_nearest_device_and_remedies():
    refused = plan_placement(PROBLEM).refused[0]
    assert (refused.stage, refused.need, refused.device, refused.budget) == (0, 10 * GIB, "cuda:1", 8 * GIB)
    assert refused.message == (
        "one item of animate takes 10.00 GiB in its leanest mode, offload: 9.00 GiB of weights (svd-xt) and "
        "1.00 GiB of working memory (measured); the device that comes nearest, cuda:1, has 8.00 GiB. "
        "What would help: a budget of at least 10.00 GiB for cuda:1, another device, smaller inputs, "
        "a dtype of fewer bytes for its models"
    )


def test_what_depends_on_a_refused_stage_is_refused_by_its_name():
    schedule = plan_placement(PROBLEM)
    assert [one.stage for one in schedule.refused] == [0, 1]
    assert schedule.refused[1].message == "encode cannot run because animate, which it depends on, is refused"


def test_what_does_not_depend_on_a_refused_stage_runs():
    schedule = plan_placement(PROBLEM)
    assert check_schedule(PROBLEM, schedule) == []
    assert {block.stage for block in schedule.blocks} == {2}


def test_stage_for_a_kind_of_device_that_is_not_there_is_refused_by_kind():
    only_cpu = replace(PROBLEM, devices=(Device("cpu", "cpu", 64 * GIB),))
    refused = plan_placement(only_cpu).refused[0]
    assert (refused.need, refused.device, refused.budget) == (0, "", 0)
    assert "animate runs on cuda, and there is no such device (there is: cpu)" in refused.message


def test_budget_of_exactly_the_need_is_enough():
    enough = replace(PROBLEM, devices=(Device("cuda:0", "cuda", 10 * GIB),))
    assert plan_placement(enough).refused == ()


def test_one_byte_less_than_the_need_is_refused():
    short = replace(PROBLEM, devices=(Device("cuda:0", "cuda", 10 * GIB - 1),))
    assert [one.stage for one in plan_placement(short).refused] == [0, 1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"models": ("lost",)}, "stage 'animate' uses unknown models ['lost']"),
        ({"feeds": (0,)}, "stage 'animate' takes from a stage that is not before it"),
        ({"gathers": (-1,)}, "stage 'animate' takes from a stage that is not before it"),
        ({"count": -1}, "stage 'animate' has a negative count, batch, size or time"),
        ({"max_batch": 0}, "stage 'animate' has a negative count, batch, size or time"),
        (
            {"costs": {"cuda": {"resident": replace(WORK, item_seconds=float("nan"))}}},
            "negative count, batch",
        ),
    ],
)
def test_stage_without_meaning_is_an_error(change, text):
    stages = (replace(PROBLEM.stages[0], **change), *PROBLEM.stages[1:])
    with pytest.raises(ValueError) as error:  # noqa: PT011
        plan_placement(replace(PROBLEM, stages=stages))
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"devices": (SMALL, SMALL)}, "device 'cuda:0' is there twice"),
        ({"devices": (replace(SMALL, budget=-1),)}, "device 'cuda:0' needs a budget of at least 0"),
        ({"devices": (replace(SMALL, lanes=0),)}, "at least one lane"),
        ({"models": {"m": replace(HUGE, weights={"swap": 3})}}, "model 'm' has no mode resident"),
        ({"models": {"m": replace(HUGE, load_seconds=-1.0)}}, "model 'm' has a negative size or time"),
        ({"in_flight": 0}, "in_flight at least 1"),
    ],
)
def test_problem_without_meaning_is_an_error(change, text):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        plan_placement(replace(PROBLEM, **change))
    assert text in str(error.value)

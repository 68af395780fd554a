"""Loading on demand: the calls of a schedule item by item, reckoned by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nodegraph.place.peers import on_demand
from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Cost, Device, Mode, Model, Problem, Stage
from nodegraph.place.stages import HOST

Costs = Mapping[str, Mapping[Mode, Cost]]
COSTS: Costs = {"cpu": {"resident": Cost(0, 1, 0.0, 1.0)}}
MODELS = {name: Model(name, name, {"resident": 10}, 4.0, 2.0) for name in "abc"}
HOSTED: Costs = {HOST: {"resident": Cost(0, 0, 0.0, 3.0)}}


def problem(budget, *stages, host_bytes=0, devices=1):
    there = tuple(Device(f"sim:{at}", "cpu", budget) for at in range(devices))
    return Problem((*there, Device(HOST, HOST, 0, lanes=2)), MODELS, stages, host_bytes)


def stage(model, count, *feeds, gathers=()):
    return Stage(model, count, (model,), feeds, gathers, COSTS)


def demanded(of):
    return on_demand(of, plan_placement(of))


def test_two_models_that_do_not_fit_together_are_loaded_for_each_item():
    told = demanded(problem(15, stage("a", 5), stage("b", 5, 0)))
    assert (told.loads, told.seconds) == (10, 10 * (4.0 + 1.0))


def test_models_that_host_memory_holds_are_read_from_disk_once():
    told = demanded(problem(15, stage("a", 5), stage("b", 5, 0), host_bytes=30))
    assert (told.loads, told.seconds) == (10, 2 * 4.0 + 8 * 2.0 + 10 * 1.0)


def test_models_that_fit_together_are_loaded_once():
    told = demanded(problem(25, stage("a", 5), stage("b", 5, 0)))
    assert (told.loads, told.seconds) == (2, 2 * 4.0 + 10 * 1.0)


def test_what_gathers_begins_when_all_items_are_there():
    told = demanded(problem(15, stage("a", 5), stage("b", 5, gathers=(0,))))
    assert (told.loads, told.seconds) == (2, 2 * 4.0 + 10 * 1.0)


def test_calls_without_models_use_their_lanes_and_wait_for_their_items():
    write = Stage("write", 4, (), (0,), (), HOSTED)
    # Items come after 5, 6, 7 and 8 seconds; two lanes begin them after 5, 6, 8 and 9.
    assert demanded(problem(15, stage("a", 4), write)).seconds == 9.0 + 3.0


def test_each_device_makes_the_calls_that_the_schedule_gives_it():
    of = problem(15, stage("a", 8), devices=2)
    told = demanded(of)
    assert (told.loads, told.seconds) == (2, 4.0 + 4 * 1.0)


def test_refused_stages_are_left_out():
    of = problem(15, replace(stage("a", 5), costs={"cpu": {"resident": Cost(0, 9, 0.0, 1.0)}}), stage("b", 5))
    assert demanded(of).loads == 1

"""A node that ran again and gave the same stops the wave: what reads it does not run.

Every run is also compared with the oracle, call by call.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from nodegraph.run.result import Run
from tests.memo.oracle_states import Choice, State, written
from tests.memo.oracle_world import World


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def counts(run: Run) -> dict[str, str]:
    """Executed and cached calls by node."""
    return {name: f"{node.executed}+{node.cached}" for name, node in run.nodes.items()}


def with_params(state: State, name: str, **params: Any) -> State:
    changed = copy.deepcopy(state)
    next(node for node in changed.nodes if node.name == name).params.update(params)
    return changed


def with_files(state: State, **numbers: int) -> State:
    changed = copy.deepcopy(state)
    changed.folders["one"] = {**changed.folders["one"], **numbers}
    return changed


ROW = written(
    {
        "a": ("const", {}, {"number": 14}),
        "b": ("lossy", {"x": "a"}, {"by": 10}),
        "c": ("step", {"x": "b"}, {}),
        "d": ("step", {"x": "c"}, {"plus": 2}),
    },
    ["d"],
)


def test_equal_result_of_changed_input_stops_the_wave(world):
    world.run(ROW)
    assert counts(world.run(with_params(ROW, "a", number=17))) == {
        "a": "1+0",
        "b": "1+0",
        "c": "0+1",
        "d": "0+1",
    }


def test_other_result_carries_the_wave_on(world):
    world.run(ROW)
    assert set(counts(world.run(with_params(ROW, "a", number=24))).values()) == {"1+0"}


def test_another_version_with_the_same_behaviour_stops_at_its_node(world):
    second = copy.deepcopy(ROW)
    second.versions["step"] = 2
    world.run(second)
    third = copy.deepcopy(second)
    third.versions["step"] = 3
    found = counts(world.run(third))
    assert found == {"a": "0+1", "b": "0+1", "c": "1+0", "d": "1+0"}


def test_forced_node_with_the_same_result_stops_the_wave(world):
    world.run(ROW)
    assert counts(world.run(ROW, Choice(force=("b",)))) == {"a": "0+1", "b": "1+0", "c": "0+1", "d": "0+1"}


def test_going_back_runs_nothing(world):
    world.run(ROW)
    world.run(with_params(ROW, "a", number=24))
    assert set(counts(world.run(ROW)).values()) == {"0+1"}


def test_other_output_of_a_node_is_no_reason_to_run(world):
    state = written(
        {
            "a": ("const", {}, {"number": 7}),
            "b": ("split", {"x": "a"}, {"by": 3}),
            "high": ("step", {"x": "b.high"}, {}),
            "low": ("step", {"x": "b.low"}, {"plus": 2}),
        },
        ["high", "low"],
    )
    world.run(state)
    found = counts(world.run(with_params(state, "a", number=8)))
    assert found == {"a": "1+0", "b": "1+0", "high": "0+1", "low": "1+0"}


def test_zeros_of_another_length_are_another_value(world):
    state = written(
        {
            "a": ("const", {}, {"number": 3}),
            "zeros": ("vec", {"x": "a"}, {"count": 2}),
            "norm": ("norm", {"v": "zeros"}, {}),
            "end": ("step", {"x": "norm"}, {}),
        },
        ["end"],
    )
    world.run(state)
    found = counts(world.run(with_params(state, "zeros", count=4)))
    assert found == {"a": "0+1", "zeros": "1+0", "norm": "1+0", "end": "0+1"}


NODES = {
    "photos": ("folder", {}, {}),
    "coarse": ("lossy", {"x": "photos"}, {"by": 10}),
    "next": ("step", {"x": "coarse"}, {}),
    "sum": ("total", {"xs": "next"}, {"by": 3}),
    "end": ("step", {"x": "sum"}, {"plus": 2}),
}
STREAM = written(NODES, ["end"], {"a": 11, "b": 25, "c": 38})


@pytest.mark.parametrize("by", ["reads", "uses"])
def test_equal_result_of_one_item_stops_its_wave(world, by):
    state = with_params(STREAM, "photos", by=by)
    world.run(state)
    found = counts(world.run(with_files(state, b=26)))
    assert found == {"photos": "1+2", "coarse": "1+2", "next": "0+3", "sum": "0+1", "end": "0+1"}


def test_other_item_with_the_same_sum_stops_behind_the_sum(world):
    world.run(STREAM)
    found = counts(world.run(with_files(with_params(STREAM, "sum", by=1000), b=26)))
    assert found == {"photos": "1+2", "coarse": "1+2", "next": "0+3", "sum": "1+0", "end": "1+0"}
    found = counts(world.run(with_files(with_params(STREAM, "sum", by=1000), b=46)))
    assert found == {"photos": "1+2", "coarse": "1+2", "next": "1+2", "sum": "1+0", "end": "0+1"}


def test_item_under_another_name_is_found_by_content_and_summed_again(world):
    world.run(STREAM)
    renamed = copy.deepcopy(STREAM)
    renamed.folders["one"] = {"z": 11, "b": 25, "c": 38}
    found = counts(world.run(renamed))
    assert found == {"photos": "1+2", "coarse": "0+3", "next": "0+3", "sum": "1+0", "end": "1+0"}


def test_items_in_another_order_are_summed_again(world):
    world.run(STREAM)
    found = counts(world.run(with_params(STREAM, "photos", turned=True)))
    assert found == {"photos": "3+0", "coarse": "0+3", "next": "0+3", "sum": "1+0", "end": "1+0"}


def test_new_item_that_is_dropped_stops_the_wave(world):
    state = with_params(STREAM, "coarse", by=1)
    state = with_params(state, "next", drop=4)
    world.run(state)
    run = world.run(with_files(state, d=9))
    assert counts(run) == {"photos": "1+3", "coarse": "1+3", "next": "1+3", "sum": "0+1", "end": "0+1"}
    assert run.nodes["next"].dropped == 1


def test_failure_that_is_mended_with_the_old_result_stops_the_wave(world):
    world.run(ROW)
    broken = with_params(ROW, "c", fault=1)
    assert not world.run(broken).ok
    assert counts(world.run(ROW)) == {"a": "0+1", "b": "0+1", "c": "0+1", "d": "0+1"}


def test_node_that_runs_every_time_stops_the_wave_unless_it_gives_something_else(world):
    state = written(
        {
            "a": ("const", {}, {"number": 1}),
            "now": ("tick", {"x": "a"}, {}),
            "end": ("step", {"x": "now"}, {}),
        },
        ["end"],
    )
    world.run(state)
    assert counts(world.run(state)) == {"a": "0+1", "now": "1+0", "end": "0+1"}
    later = copy.deepcopy(state)
    later.tick = 5
    assert counts(world.run(later)) == {"a": "0+1", "now": "1+0", "end": "1+0"}


def test_fan_out_that_gives_the_same_items_again_stops_the_wave(world):
    state = written(
        {
            "a": ("const", {}, {"number": 3}),
            "parts": ("fan", {"x": "a"}, {}),
            "work": ("step", {"x": "parts"}, {}),
            "sum": ("total", {"xs": "work"}, {}),
        },
        ["sum"],
    )
    world.run(state)
    found = counts(world.run(state, Choice(force=("parts",))))
    assert found == {"a": "0+1", "parts": "3+0", "work": "0+3", "sum": "0+1"}

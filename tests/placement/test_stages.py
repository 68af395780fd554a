"""In which order a device turns to stages: few loads where models do not fit together, else a flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.placement.conftest import MIB, Bench, Spec, named

ONE = f"cpu={20 * MIB}"
"""Room for one matrix of 16 MiB and what is done with it."""

TWO = f"cpu={40 * MIB}"
ALL = f"cpu={160 * MIB}"


def multiplied(matrices: list[Path], source: Spec, chain: int = 2) -> dict[str, Spec]:
    """Numbers multiplied by one matrix after the other."""
    nodes = {"numbers": source}
    last = "numbers"
    for place, folder in enumerate(matrices[:chain]):
        nodes[f"model{place}"] = named(folder, "placement.matrix")
        nodes[f"times{place}"] = ("placement.multiply", {"number": last, "model": f"model{place}"}, {})
        last = f"times{place}"
    return nodes


def count(numbers: int, **params: int) -> Spec:
    return ("placement.numbers", {}, {"count": numbers, **params})


def test_two_models_that_do_not_fit_together_are_loaded_once_each_for_a_hundred_items(
    bench: Bench, matrices: list[Path]
) -> None:
    ran = bench.run(multiplied(matrices, count(100)), devices=ONE)
    assert ran.run.ok, ran.run.errors
    assert ran.loads().total() == 2, "200 where the model used last makes room for each item"
    factors = [factor for factor, _ in ran.did("multiply")]
    assert factors == [2] * 100 + [3] * 100
    assert {item.value for item in ran.run.items("times1")} == {6 * number for number in range(100)}


def test_models_that_fit_together_let_items_flow_through(bench: Bench, matrices: list[Path]) -> None:
    ran = bench.run(multiplied(matrices, count(60, waits=59)), devices=TWO)
    assert ran.run.ok, "an item has passed both before the last is read"
    assert ran.counts("times1") == "60 executed"
    assert ran.loads().total() == 2


def test_four_models_of_which_two_fit_are_loaded_once_each(bench: Bench, matrices: list[Path]) -> None:
    ran = bench.run(multiplied(matrices, count(30), chain=4), devices=TWO)
    assert ran.loads() == {"m2": 1, "m3": 1, "m5": 1, "m7": 1}
    assert {item.value for item in ran.run.items("times3")} == {210 * number for number in range(30)}


def test_a_stream_that_is_collected_between_models_is_gone_through_twice(
    bench: Bench, matrices: list[Path]
) -> None:
    nodes = multiplied(matrices, count(20), chain=1) | {
        "total": ("placement.total", {"numbers": "times0"}, {}),
        "sum": ("placement.add", {"number": "times0", "other": "total"}, {}),
        "other": named(matrices[1], "placement.matrix"),
        "last": ("placement.multiply", {"number": "sum", "model": "other"}, {}),
    }
    ran = bench.run(nodes, devices=ONE)
    assert ran.run.ok, ran.run.errors
    total = 2 * sum(range(20))
    assert {item.value for item in ran.run.items("last")} == {3 * (2 * each + total) for each in range(20)}
    assert ran.loads() == {"m2": 1, "m3": 1}


def test_a_stage_that_comes_back_to_the_first_model_loads_it_at_most_twice(
    bench: Bench, matrices: list[Path]
) -> None:
    nodes = multiplied(matrices, count(50)) | {
        "back": ("placement.multiply", {"number": "times1", "model": "model0"}, {}),
    }
    ran = bench.run(nodes, devices=ONE)
    assert {item.value for item in ran.run.items("back")} == {12 * number for number in range(50)}
    assert ran.loads() == {"m2": 2, "m3": 1}


def test_nested_streams_collected_items_and_two_models_end(bench: Bench, matrices: list[Path]) -> None:
    nodes: dict[str, Spec] = multiplied(matrices, count(24), chain=1) | {
        "parts": ("placement.parts", {"number": "times0"}, {}),
        "other": named(matrices[1], "placement.matrix"),
        "part_times": ("placement.multiply", {"number": "parts", "model": "other"}, {}),
        "totals": ("placement.total", {"numbers": "part_times"}, {}),
        "third": named(matrices[2], "placement.matrix"),
        "last": ("placement.multiply", {"number": "totals", "model": "third"}, {}),
    }
    ran = bench.run(nodes, devices=ONE)
    assert ran.run.ok, ran.run.errors
    expected = [15 * sum(10 * (2 * each) + part for part in range((2 * each) % 10)) for each in range(24)]
    assert sorted(item.value for item in ran.run.items("last")) == sorted(expected)
    assert max(ran.loads().values()) == 1


def test_dropped_and_failing_items_leave_the_others_through(bench: Bench, matrices: list[Path]) -> None:
    nodes = multiplied(matrices, count(20))
    nodes["times0"] = (*nodes["times0"][:2], {"bad": [3, 11], "dropped": [5]})
    nodes["times1"] = (*nodes["times1"][:2], {"bad": [0], "dropped": [2]})
    ran = bench.run(nodes, devices=ONE)
    assert not ran.run.ok
    assert sorted((error.node, error.item) for error in ran.run.errors) == [
        ("times0", "11"), ("times0", "3"), ("times1", "0"),
    ]  # fmt: skip
    assert ran.counts("times0") == "18 executed 2 failed 1 dropped"
    assert ran.counts("times1") == "16 executed 1 failed 1 dropped"
    assert ran.loads().total() == 2


def test_a_source_that_breaks_off_lets_its_items_through(bench: Bench, matrices: list[Path]) -> None:
    ran = bench.run(multiplied(matrices, count(20, stop=12)), {"last": "times1"}, devices=ONE)
    assert {item.value for item in ran.run.items("times1")} == {6 * number for number in range(12)}
    assert [error.node for error in ran.run.errors] == ["numbers"]


def test_first_stage_that_is_the_only_one_to_fail_leaves_no_model_loaded_for_the_second(
    bench: Bench, matrices: list[Path]
) -> None:
    nodes = multiplied(matrices, count(4))
    nodes["times0"] = (*nodes["times0"][:2], {"bad": [0, 1, 2, 3]})
    ran = bench.run(nodes, devices=ONE)
    assert ran.counts("times0") == "4 failed"
    assert ran.counts("times1") == ""
    assert ran.loads() == {"m2": 1}


def test_nodes_that_run_every_time_between_models_end(bench: Bench, matrices: list[Path]) -> None:
    nodes = multiplied(matrices, count(30), chain=1) | {
        "rank": ("placement.rank", {"number": "times0"}, {}),
        "other": named(matrices[1], "placement.matrix"),
        "last": ("placement.multiply", {"number": "rank", "model": "other"}, {}),
    }
    assert bench.run(nodes, devices=ONE).run.ok
    again = bench.run(nodes, devices=ONE)
    assert again.counts("rank") == "30 executed"
    assert again.counts("last") == "30 cached"
    assert again.loads() == {}


def test_two_branches_that_meet_end(bench: Bench, matrices: list[Path]) -> None:
    nodes = multiplied(matrices, count(60), chain=1) | {
        "other": named(matrices[1], "placement.matrix"),
        "branch": ("placement.multiply", {"number": "numbers", "model": "other"}, {}),
        "sum": ("placement.add", {"number": "times0", "other": "branch"}, {}),
        "third": named(matrices[2], "placement.matrix"),
        "last": ("placement.multiply", {"number": "sum", "model": "third"}, {}),
    }
    ran = bench.run(nodes, devices=ONE)
    assert {item.value for item in ran.run.items("last")} == {25 * number for number in range(60)}
    assert ran.loads() == {"m2": 1, "m3": 1, "m5": 1}


def test_items_with_models_of_their_own_are_made_within_the_budget(
    bench: Bench, matrices: list[Path]
) -> None:
    nodes: dict[str, Spec] = {
        "numbers": count(8),
        "pick": ("placement.pick", {"number": "numbers"}, {"folders": [str(each) for each in matrices[:2]]}),
        "times": ("placement.multiply", {"number": "numbers", "model": "pick"}, {}),
    }
    ran = bench.run(nodes, {"times": "times"}, devices=ONE)
    assert ran.run.ok, ran.run.errors
    assert {item.value for item in ran.run.items("times")} == {
        number * (2, 3)[number % 2] for number in range(8)
    }


@pytest.mark.parametrize(("budget", "jobs", "most"), [(ONE, 1, 24), (ONE, 4, 24), (TWO, 2, 24), (ALL, 4, 3)])
def test_more_items_than_may_wait_between_stages_end_with_few_loads(
    bench: Bench, matrices: list[Path], budget: str, jobs: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodegraph.run.run.IN_FLIGHT", 16)
    ran = bench.run(multiplied(matrices, count(100), chain=3), devices=budget, jobs=jobs)
    assert ran.run.ok, ran.run.errors
    assert ran.counts("times2") == "100 executed"
    assert 3 <= ran.loads().total() <= most, "three for each 16 items, and one more round"


def test_calls_of_which_only_running_tells_that_they_use_no_model_have_their_turn(
    bench: Bench, matrices: list[Path]
) -> None:
    def run(shade: int) -> list[int]:
        nodes = multiplied(matrices, count(3), chain=1)
        nodes["drawn"] = ("placement.draw", {"number": "times0"}, {"shade": shade})
        nodes["shaded"] = ("placement.shaded", {"number": "numbers", "by": "drawn"}, {})
        ran = bench.run(nodes, devices=ONE)
        assert ran.run.ok, ran.run.errors
        return [item.value for item in ran.run.items("shaded")]

    assert run(1) == [0 * 1, 1 * 3, 2 * 5]
    assert run(2) == [0 * 2, 1 * 4, 2 * 6], "the second time it is known how many calls there are"

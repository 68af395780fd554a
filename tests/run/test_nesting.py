"""Nested streams: levels taken off, emptiness, matching by key, what is repeated, what is left out."""

from __future__ import annotations

import pytest

from nodegraph import Collected, Stream, node


@node("nesting.deep", version=1)
def deep(numbers: Stream[Stream[int]]) -> dict[str, list[int]]:
    """A stream of streams as it is."""
    return {outer.key: [item.value for item in outer.value] for outer in numbers}


@node("nesting.keys", version=1)
def keys(numbers: Collected[int]) -> list[str]:
    """The keys of a stream."""
    return list(numbers.keys())


@node("nesting.three", version=1)
def three(a: int, b: int, c: int) -> list[int]:
    """What it was called with."""
    return [a, b, c]


TWO_LEVELS = {"n": ("rt.numbers", {}, {"values": [2, 10, 3]}), "p": ("rt.parts", {"number": "n"})}
THREE_LEVELS = TWO_LEVELS | {"q": ("rt.parts", {"number": "p"})}


def test_an_item_key_of_a_nested_stream_is_shown_along_its_origin(lab, items):
    run = lab.run(TWO_LEVELS, {"p": "p"})
    assert items(run, "p") == {"2/p0": 20, "2/p1": 21, "3/p0": 30, "3/p1": 31, "3/p2": 32}


def test_a_stream_input_takes_off_the_innermost_level_and_an_empty_inner_stream_is_not_lost(lab, items):
    run = lab.run(
        TWO_LEVELS | {"t": ("rt.total", {"numbers": "p"}), "u": ("rt.total", {"numbers": "t"})},
        {"t": "t", "u": "u"},
    )
    assert items(run, "t") == {"2": 41, "10": 0, "3": 93}
    assert run.value("u") == 134


def test_three_levels_are_taken_off_one_after_the_other(lab, items, counts):
    nodes = THREE_LEVELS | {
        "a": ("rt.add", {"number": "q"}, {"plus": 0}),
        "t": ("rt.total", {"numbers": "a"}),
        "u": ("rt.total", {"numbers": "t"}),
        "v": ("rt.total", {"numbers": "u"}),
    }
    run = lab.run(nodes, {"t": "t", "u": "u", "v": "v", "a": "a"})
    assert items(run, "a") == {"2/p1/p0": 210, "3/p1/p0": 310, "3/p2/p0": 320, "3/p2/p1": 321}
    assert items(run, "t") == {"2/p0": 0, "2/p1": 210, "3/p0": 0, "3/p1": 310, "3/p2": 641}
    assert items(run, "u") == {"2": 210, "10": 0, "3": 951}
    assert run.value("v") == 1161
    assert [counts(run, name) for name in "nqv"] == ["3 executed", "4 executed", "1 executed"]
    assert [run.nodes[name].items for name in "tu"] == [5, 3]  # the sums of empty streams are equal calls


def test_a_stream_of_streams_holds_empty_inner_ones(lab):
    run = lab.run(TWO_LEVELS | {"d": ("nesting.deep", {"numbers": "p"})})
    assert run.value("d") == {"2": [20, 21], "10": [], "3": [30, 31, 32]}


def test_a_stream_of_streams_of_a_three_level_origin_is_taken_per_outer_item(lab, items):
    run = lab.run(THREE_LEVELS | {"d": ("nesting.deep", {"numbers": "q"})}, {"d": "d"})
    assert items(run, "d") == {
        "2": {"p0": [], "p1": [210]},
        "10": {},
        "3": {"p0": [], "p1": [310], "p2": [320, 321]},
    }


def test_shallower_streams_and_plain_values_are_repeated_into_deeper_calls(lab, items):
    nodes = THREE_LEVELS | {
        "root": ("rt.total", {"numbers": "n"}),
        "x": ("nesting.three", {"a": "root", "b": "n", "c": "p"}),
        "y": ("nesting.three", {"a": "n", "b": "p", "c": "q"}),
    }
    run = lab.run(nodes, {"x": "x", "y": "y"})
    assert items(run, "x")["3/p1"] == [15, 3, 31]
    assert items(run, "y") == {
        "2/p1/p0": [2, 21, 210],
        "3/p1/p0": [3, 31, 310],
        "3/p2/p0": [3, 32, 320],
        "3/p2/p1": [3, 32, 321],
    }


def test_failures_and_drops_at_every_level(lab, counts, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [2, 3, 13, 4, 5], "bad": [2], "dropped": [3]}),
        "p": ("rt.parts", {"number": "n"}, {"bad": [130], "dropped": [131, 4]}),
        "a": ("rt.add", {"number": "p"}, {"plus": 0, "bad": [132], "dropped": [51]}),
        "t": ("rt.total", {"numbers": "a"}),
        "b": ("rt.add", {"number": "t"}),
        "u": ("rt.total", {"numbers": "b"}),
    }
    run = lab.run(nodes, {"t": "t", "u": "u"})
    assert not run.ok
    assert counts(run, "n") == "4 executed 1 failed 1 dropped"
    assert counts(run, "p") == "8 executed 1 failed 2 dropped"  # item 4 has no parts at all
    assert counts(run, "a") == "5 executed 1 failed 1 dropped"
    assert items(run, "t") == {"13": 0, "5": 50 + 52 + 53 + 54}
    assert counts(run, "b") == "2 executed"
    again = lab.run(nodes, {"t": "t", "u": "u"})
    assert counts(again, "n") == "4 cached 1 failed 1 dropped"
    assert counts(again, "p") == "8 cached 1 failed 2 dropped"
    assert counts(again, "a") == "5 cached 1 failed 1 dropped"
    assert [counts(again, name) for name in "tbu"] == ["2 cached", "2 cached", "1 cached"]


def test_an_inner_generator_that_breaks_off_skips_only_its_own_collector(lab, counts, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [2, 3]}),
        "p": ("rt.parts", {"number": "n"}, {"stop": 3}),
        "a": ("rt.add", {"number": "p"}, {"plus": 0}),
        "t": ("rt.total", {"numbers": "a"}),
        "b": ("rt.add", {"number": "t"}),
        "u": ("rt.total", {"numbers": "b"}),
    }
    run = lab.run(nodes, {"t": "t", "u": "u", "a": "a"})
    assert not run.ok
    assert items(run, "a") == {"2/p0": 20, "2/p1": 21, "3/p0": 30}
    assert items(run, "t") == {"2": 41}
    assert run.value("u") == 42
    assert counts(run, "p") == "3 executed 1 failed"
    assert counts(run, "t") == "1 executed 1 skipped"
    assert counts(run, "b") == "1 executed 1 skipped"
    assert [(error.node, error.item) for error in run.errors] == [("p", "3")]


def test_what_failed_outside_any_stream_skips_what_is_called_for_items(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "t": ("rt.total", {"numbers": "n"}),
        "f": ("rt.add", {"number": "t"}, {"bad": [3]}),
        "x": ("rt.plus", {"left": "n", "right": "f"}),
    }
    run = lab.run(nodes)
    assert counts(run, "f") == "1 failed"
    assert counts(run, "x") == "2 skipped"


def test_two_streams_of_one_origin_are_matched_by_key(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2, 3, 4]}),
        "a": ("rt.add", {"number": "n"}, {"dropped": [2]}),
        "b": ("rt.add", {"number": "n"}, {"plus": 5, "bad": [3]}),
        "x": ("rt.both", {"left": "a", "right": "b"}),
    }
    run = lab.run(nodes)
    assert lab.called_with("both") == [[["1", "4"], ["1", "4"]]]
    assert run.value("x") == 2 * 6 + 5 * 9


def test_two_streams_of_one_origin_are_matched_by_key_below_another_level(lab, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [3, 2]}),
        "p": ("rt.parts", {"number": "n"}),
        "a": ("rt.add", {"number": "p"}, {"plus": 0, "dropped": [31]}),
        "x": ("rt.both", {"left": "a", "right": "p"}),
    }
    lab.run(nodes)
    assert lab.called_with("both") == [[["p0", "p1"], ["p0", "p1"]], [["p0", "p2"], ["p0", "p2"]]]


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_mean_is_fed_back_to_the_items_it_was_taken_over(lab, items, counts, jobs):
    values = list(range(1, 200))
    nodes = {
        "n": ("rt.numbers", {}, {"values": values}),
        "t": ("rt.total", {"numbers": "n"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
        "u": ("rt.total", {"numbers": "x"}),
        "y": ("rt.plus", {"left": "x", "right": "u"}),
        "v": ("rt.total", {"numbers": "y"}),
        "z": ("rt.plus", {"left": "n", "right": "v"}),
    }
    run = lab.run(nodes, {"z": "z"}, jobs=jobs)
    total = sum(values)
    u = total + len(values) * total
    v = u + len(values) * u
    assert items(run, "z") == {str(value): value + v for value in values}
    assert counts(run, "z") == "199 executed"
    assert counts(lab.run(nodes, {"z": "z"}, jobs=jobs), "z") == "199 cached"


@pytest.mark.parametrize("jobs", [1, 8])
def test_means_at_both_levels_are_fed_back(lab, items, jobs):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [3, 12, 20, 5]}),
        "p": ("rt.parts", {"number": "n"}),
        "t": ("rt.total", {"numbers": "p"}),
        "x": ("rt.plus", {"left": "p", "right": "t"}),
        "u": ("rt.total", {"numbers": "x"}),
        "v": ("rt.total", {"numbers": "u"}),
        "y": ("rt.plus", {"left": "x", "right": "v"}),
        "w": ("rt.plus", {"left": "n", "right": "v"}),
        "q": ("rt.parts", {"number": "w"}),
        "s": ("rt.total", {"numbers": "q"}),
    }
    run = lab.run(nodes, {"y": "y", "w": "w", "s": "s"}, jobs=jobs)
    inner = {3: [30, 31, 32], 12: [120, 121], 20: [], 5: [50, 51, 52, 53, 54]}
    x = {n: [value + sum(values) for value in values] for n, values in inner.items()}
    v = sum(map(sum, x.values()))
    assert list(items(run, "y").values()) == [value + v for values in x.values() for value in values]
    assert items(run, "w") == {str(n): n + v for n in inner}
    assert items(run, "s") == {str(n): sum(10 * (n + v) + i for i in range((n + v) % 10)) for n in inner}


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_streams_that_each_wait_for_the_others_mean_do_not_block_each_other(lab, items, jobs):
    left, right = list(range(150)), list(range(1000, 1150))
    nodes = {
        "a": ("rt.numbers", {}, {"values": left}),
        "b": ("rt.numbers", {}, {"values": right}),
        "ta": ("rt.total", {"numbers": "a"}),
        "tb": ("rt.total", {"numbers": "b"}),
        "xa": ("rt.plus", {"left": "a", "right": "tb"}),
        "xb": ("rt.plus", {"left": "b", "right": "ta"}),
        "ua": ("rt.total", {"numbers": "xa"}),
        "ub": ("rt.total", {"numbers": "xb"}),
    }
    run = lab.run(nodes, {"ua": "ua", "ub": "ub"}, jobs=jobs)
    assert run.value("ua") == sum(left) + 150 * sum(right)
    assert run.value("ub") == sum(right) + 150 * sum(left)


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_items_that_wait_for_another_stream_leave_it_room(lab, items, jobs):
    values = list(range(150))
    nodes = {
        "a": ("rt.numbers", {}, {"values": values}),
        "b": ("rt.numbers", {}, {"values": [value + 500 for value in values]}),
        "c": ("rt.numbers", {}, {"values": [value + 900 for value in values]}),
        "tb": ("rt.total", {"numbers": "b"}),
        "xc": ("rt.plus", {"left": "c", "right": "tb"}),
        "tc": ("rt.total", {"numbers": "xc"}),
        "xa": ("rt.plus", {"left": "a", "right": "tc"}),
        "ta": ("rt.total", {"numbers": "xa"}),
    }
    run = lab.run(nodes, {"ta": "ta"}, jobs=jobs)
    tb = sum(values) + 500 * 150
    tc = sum(values) + 900 * 150 + 150 * tb
    assert run.value("ta") == sum(values) + 150 * tc

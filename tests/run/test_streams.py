"""Streams: order, emptiness, failures and drops, sources that break off, keys, selection."""

from __future__ import annotations

import pytest

from nodegraph import Collected, Item, Stream, node


@node("streams.anything", version=1)
def anything(*, keys: list[str]) -> Stream[int]:
    """Items under the keys as they are, good or bad."""
    for index, key in enumerate(keys):
        yield Item(key, index)


@node("streams.no_item", version=1)
def no_item() -> Stream[int]:
    """Yields something that is no item."""
    yield 3  # type: ignore[misc]


@node("streams.twice", version=1)
def twice(numbers: Stream[int]) -> list[int]:
    """Reads its stream two times."""
    return [item.value for item in numbers] + [item.value for item in numbers]


@node("streams.look", version=1)
def look(numbers: Collected[int], *, key: str) -> list[int]:
    """The length of a stream, and the value under a key."""
    return [len(numbers), numbers[key].value, len(numbers.keys())]


@node("streams.optional", version=1)
def optional(numbers: Stream[int] | None = None) -> int:
    """How many items there are, -1 without a stream."""
    return -1 if numbers is None else sum(1 for _ in numbers)


@node("streams.closing", version=1)
def closing(*, count: int) -> Stream[int]:
    """Fails in its own clean-up."""
    try:
        for number in range(count):
            yield Item(str(number), number)
    finally:
        raise RuntimeError("cannot clean up")


SOURCE = ("rt.numbers", {}, {"values": [5, 3, 9, 1]})


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_items_arrive_in_source_order_whatever_the_jobs(lab, items, jobs):
    run = lab.run(
        {"n": SOURCE, "a": ("rt.add", {"number": "n"}), "t": ("rt.total", {"numbers": "a"})},
        {"t": "t", "a": "a"},
        jobs=jobs,
    )
    assert run.ok
    assert run.value("t") == 22
    assert list(items(run, "a").items()) == [("5", 6), ("3", 4), ("9", 10), ("1", 2)]
    assert lab.called_with("total") == [[("5", 6), ("3", 4), ("9", 10), ("1", 2)]]


def test_an_empty_stream_is_collected(lab, counts):
    run = lab.run(
        {
            "n": ("rt.numbers", {}, {"values": []}),
            "a": ("rt.add", {"number": "n"}),
            "t": ("rt.total", {"numbers": "a"}, {"bias": 7}),
        }
    )
    assert run.ok
    assert run.value("t") == 7
    assert [counts(run, name) for name in "nat"] == ["nothing", "nothing", "1 executed"]


def test_a_stream_is_iterated_any_number_of_times(lab):
    run = lab.run({"n": SOURCE, "t": ("streams.twice", {"numbers": "n"})})
    assert run.value("t") == [5, 3, 9, 1, 5, 3, 9, 1]


def test_a_collected_stream_has_length_and_keys(lab):
    run = lab.run({"n": SOURCE, "t": ("streams.look", {"numbers": "n"}, {"key": "9"})})
    assert run.value("t") == [4, 9, 4]


def test_an_optional_stream_may_be_left_unlinked(lab):
    nodes = {"n": SOURCE, "t": ("streams.optional", {}), "u": ("streams.optional", {"numbers": "n"})}
    run = lab.run(nodes)
    assert (run.value("t"), run.value("u")) == (-1, 4)


def test_failed_and_dropped_items_are_left_out_and_the_run_fails(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2, 3, 4, 5], "bad": [1], "dropped": [2]}),
        "a": ("rt.add", {"number": "n"}, {"bad": [3], "dropped": [4]}),
        "b": ("rt.add", {"number": "a"}),
        "t": ("rt.total", {"numbers": "b"}),
    }
    run = lab.run(nodes)
    assert not run.ok
    assert run.value("t") == 7
    assert counts(run, "n") == "4 executed 1 failed 1 dropped"
    assert counts(run, "a") == "2 executed 1 failed 1 dropped"
    assert counts(run, "b") == "1 executed"
    assert counts(run, "t") == "1 executed"
    assert [(error.node, error.item, error.message) for error in run.errors] == [
        ("n", "1", "1 is bad"),
        ("a", "3", "3 is bad"),
    ]
    again = lab.run(nodes)
    assert counts(again, "n") == "4 cached 1 failed 1 dropped"
    assert counts(again, "a") == "2 cached 1 failed 1 dropped"
    assert lab.called_with("make") == [1]
    assert lab.called_with("add") == [3]


def test_a_drop_is_no_failure_and_is_told_with_its_reason(lab, counts):
    run = lab.run({"n": ("rt.numbers", {}, {"values": [1, 2], "dropped": [2]})})
    assert run.ok
    assert dict(run.nodes["n"].drop_reasons) == {"not wanted": 1}


def test_a_source_that_breaks_off_skips_collectors_and_its_items_go_on(lab, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2, 3, 4], "stop": 2}),
        "a": ("rt.add", {"number": "n"}),
        "t": ("rt.total", {"numbers": "a"}),
        "after": ("rt.add", {"number": "t"}),
    }
    run = lab.run(nodes)
    assert not run.ok
    assert counts(run, "n") == "2 executed 1 failed"
    assert counts(run, "a") == "2 executed"
    assert counts(run, "t") == "1 skipped"
    assert counts(run, "after") == "1 skipped"
    assert [(error.node, error.item, error.error) for error in run.errors] == [("n", "", "RuntimeError")]
    again = lab.run(nodes)
    assert counts(again, "n") == "2 cached 1 failed"
    assert counts(again, "a") == "2 cached"
    assert lab.calls == {"list": 1}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a", "b", "a"], "item key 'a' occurs twice in one stream"),
        (["a", "b", ""], "an item key must be a non-empty relative POSIX name, not ''"),
        (["a", "b", "/c"], "an item key must be a non-empty relative POSIX name, not '/c'"),
        (["a", "b", "x/../c"], "an item key must not contain '..': 'x/../c'"),
        (["a", "b", "c\\d"], "an item key must be a non-empty relative POSIX name, not 'c\\\\d'"),
    ],
)
def test_a_bad_item_key_breaks_the_source_off(lab, counts, keys, message):
    nodes = {
        "n": ("streams.anything", {}, {"keys": keys}),
        "a": ("rt.add", {"number": "n"}),
        "t": ("rt.total", {"numbers": "a"}),
    }
    run = lab.run(nodes)
    assert [(error.node, error.error, error.message) for error in run.errors] == [
        ("n", "BadItemKey", message)
    ]
    assert counts(run, "a") == "2 executed"
    assert counts(run, "t") == "1 skipped"


def test_what_is_no_item_breaks_the_source_off(lab):
    run = lab.run({"n": ("streams.no_item", {})})
    assert run.errors[0].message == "a stream node yields Item(key, value), not int"


def test_keys_with_folders_are_kept(lab, items):
    run = lab.run({"n": ("rt.given", {}, {"items": {"x/1": 1, "x/2": 2, "y": 3}})}, {"n": "n"})
    assert items(run, "n") == {"x/1": 1, "x/2": 2, "y": 3}


def test_a_generator_that_fails_to_clean_up_fails(lab, counts):
    nodes = {"n": ("streams.closing", {}, {"count": 5}), "t": ("rt.total", {"numbers": "n"})}
    assert lab.run(nodes).errors[0].message == "cannot clean up"
    run = lab.run(nodes, limit=2)
    assert run.errors[0].message == "cannot clean up"
    assert counts(run, "t") == "1 skipped"


def test_limit_and_items_cut_the_sources_and_the_full_run_takes_over(lab, counts):
    nodes = {"n": SOURCE, "a": ("rt.add", {"number": "n"}), "t": ("rt.total", {"numbers": "a"})}
    run = lab.run(nodes, limit=2)
    assert run.ok
    assert run.value("t") == 10
    assert counts(run, "n") == "2 executed"
    run = lab.run(nodes, items="[39]")
    assert run.value("t") == 14
    assert counts(run, "n") == "1 executed 1 cached"
    run = lab.run(nodes)
    assert counts(run, "n") == "1 executed 3 cached"
    assert counts(run, "a") == "1 executed 3 cached"
    run = lab.run(nodes, limit=3)
    assert counts(run, "n") == "3 cached"
    assert counts(run, "t") == "1 executed"
    assert lab.calls == {"total": 1}


def test_items_that_match_in_one_of_two_sources_are_no_error_and_in_none_are_one_each(lab):
    nodes = {
        "n": ("rt.given", {}, {"items": {"one": 1, "two": 2}}),
        "m": ("rt.given", {}, {"items": {"three": 3}}),
        "t": ("rt.total", {"numbers": "n"}),
        "u": ("rt.total", {"numbers": "m"}),
    }
    run = lab.run(nodes, items="f*")
    assert not run.ok
    assert [(error.node, error.message) for error in run.errors] == [
        ("n", "no item matches 'f*'; there are: one, two"),
        ("m", "no item matches 'f*'; there are: three"),
    ]
    run = lab.run(nodes, items="th*")
    assert run.ok
    assert (run.value("t"), run.value("u")) == (0, 3)


def test_limit_cuts_no_inner_fan_out(lab, counts):
    nodes = {"n": ("rt.numbers", {}, {"values": [3, 2]}), "p": ("rt.parts", {"number": "n"})}
    run = lab.run(nodes, limit=1)
    assert counts(run, "p") == "3 executed"


def test_a_target_prunes_what_it_does_not_need(lab):
    nodes = {"n": SOURCE, "a": ("rt.add", {"number": "n"}), "t": ("rt.total", {"numbers": "n"})}
    run = lab.run(nodes, targets=["t"])
    assert list(run.nodes) == ["n", "t"]


def test_a_thousand_nodes_in_a_row_run_without_recursion(lab, counts):
    nodes = {"n": ("rt.numbers", {}, {"values": [1, 2]})}
    for index in range(1000):
        nodes[f"a{index}"] = ("rt.add", {"number": f"a{index - 1}" if index else "n"})
    run = lab.run(nodes | {"t": ("rt.total", {"numbers": "a999"})})
    assert run.value("t") == 2003

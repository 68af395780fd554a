"""Values of a run and of the store, asked for from Python: of outputs, and of every node in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph import Graph, Item, Stream, node
from nodegraph.api import Options, fetch, run_graph


@node("vl.count", version=1)
def count(*, n: int = 3) -> Stream[int]:
    """Numbers from zero."""
    for number in range(n):
        yield Item(str(number), number)


@node("vl.double", version=1)
def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


@node("vl.total", version=1)
def total(numbers: Stream[int]) -> int:
    """The sum of a stream."""
    return sum(item.value for item in numbers)


@node("vl.text", version=1)
def text(*, size: int) -> str:
    """A text of so many characters."""
    return "x" * size


@node("vl.strange", version=1)
def strange() -> float:
    """Not a number."""
    return float("nan")


@pytest.fixture
def graph() -> Graph:
    made = Graph("values")
    numbers = made.add(count, id="numbers")
    twice = made.add(double, id="twice", number=numbers)
    again = made.add(double, id="again", number=twice)
    made.output("sum", made.add(total, id="sum", numbers=again))
    made.add(count, id="aside")
    return made


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(store=tmp_path / "store")


def test_run_gives_outputs_and_every_stream_in_between(graph, options):
    run = run_graph(graph, options)
    assert run.value("sum") == 12
    assert run.value("sum.out") == 12
    assert {item.key: item.value for item in run.items("twice")} == {"0": 0, "1": 2, "2": 4}
    assert [item.value for item in run.items("again.out")] == [0, 4, 8]
    assert len(run.items("numbers")) == 3


def test_limited_run_gives_its_own_items(graph, options):
    run_graph(graph, options)
    limited = run_graph(graph, Options(store=options.store, limit=2))
    assert run_keys(limited, "twice") == ["0", "1"]


def run_keys(run, name):
    return list(run.items(name).keys())


def test_values_stay_while_other_runs_come_and_go(graph, options):
    stream = run_graph(graph, options).items("twice")
    for _ in range(3):
        run_graph(graph, options)
    assert stream["2"].value == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "no node 'nothing'; its nodes: numbers, twice"),
        ("sum.low", "no output 'low'; its outputs: out"),
        ("aside", "'aside' took no part"),
    ],
)
def test_name_that_is_none_is_an_error_that_says_what_there_is(graph, options, name, message):
    run = run_graph(graph, options)
    with pytest.raises(KeyError, match=message):
        run.value(name)


def test_single_value_is_no_stream(graph, options):
    run = run_graph(graph, options)
    with pytest.raises(TypeError, match=r"use run\.value"):
        run.items("sum")


def test_fetch_reads_the_store_alone(graph, options):
    with pytest.raises(LookupError, match="run the graph first"):
        fetch(graph, "sum", options)
    with pytest.raises(LookupError, match="run the graph first"):
        fetch(graph, "twice", options)
    assert not options.store.exists()
    run_graph(graph, options)
    assert fetch(graph, "sum", options) == 12
    assert fetch(graph, "twice", options)["1"].value == 2
    assert fetch(graph, "twice", options, item="2") == 4
    with pytest.raises(LookupError, match="did you mean '2'"):
        fetch(graph, "twice", options, item="2x")


def test_small_values_are_told_and_large_ones_by_digest(options):
    told = {}
    for size in (10, 4000, 5000):
        graph = Graph("texts")
        graph.output("text", graph.add(text, size=size))
        told[size] = run_graph(graph, options).as_json()["outputs"]["text"]
    assert told[10] == {"value": "x" * 10}
    assert told[4000] == {"value": "x" * 4000}
    assert set(told[5000]) == {"digest"}


def test_number_that_json_cannot_hold_is_told_by_digest(options):
    graph = Graph("strange")
    graph.output("number", graph.add(strange))
    assert set(run_graph(graph, options).as_json()["outputs"]["number"]) == {"digest"}


def test_evicted_output_is_made_again_to_be_told(graph, options):
    from nodegraph.store import Store

    first = run_graph(graph, options).as_json()["outputs"]
    with Store.open(options.store) as store:
        store.gc(older_than=0)
    again = run_graph(graph, options)
    assert again.as_json()["outputs"] == first
    assert again.ok


def test_streams_of_equal_content_have_equal_digests(graph, options, tmp_path):
    graph.output("twice", graph["twice"])
    here = run_graph(graph, options).as_json()["outputs"]["twice"]
    there = run_graph(graph, Options(store=tmp_path / "other", jobs=3)).as_json()["outputs"]["twice"]
    assert here == there
    assert here["items"] == 3
    fewer = run_graph(graph, Options(store=options.store, limit=2)).as_json()["outputs"]["twice"]
    assert fewer["digest"] != here["digest"]

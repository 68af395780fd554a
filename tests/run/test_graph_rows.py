"""The rows of a graph's calls, kept together: they spare look-ups and never tell what the rows do not."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from nodegraph import Graph, node
from nodegraph.api import Options, run_graph
from nodegraph.run.closing import close_unused
from nodegraph.store import Store

LENGTH = 12
CALLS: Counter[int] = Counter()
DRAWN: list[int] = []


@node("graph_rows.draw", version=1)
def draw(k: int) -> int:
    """Not what a pure node may be: it gives what was drawn last."""
    CALLS[-1] += 1
    return DRAWN[-1] + k


@node("graph_rows.add", version=1)
def add(a: int, k: int) -> int:
    """Add."""
    CALLS[k] += 1
    return a + k


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


class Told(NamedTuple):
    """What a run told: calls that were executed, calls that were found, its output, and warnings."""

    executed: int
    cached: int
    value: int
    warnings: int


@pytest.fixture
def run(store) -> Callable[..., Told]:
    """Run a chain of nodes, each of which adds its place, except as told by place; close the store."""

    def run_chain(adds: dict[int, int] | None = None, **options: object) -> Told:
        CALLS.clear()
        graph = Graph("chain")
        last = graph.add(draw, id="n0", k=0)
        for place in range(1, LENGTH):
            last = graph.add(add, id=f"n{place}", a=last, k=(adds or {}).get(place, place))
        graph.output("out", last)
        done = run_graph(graph, Options(store=store, **options))
        reports = done.nodes.values()
        executed, cached = sum(r.executed for r in reports), sum(r.cached for r in reports)
        told = Told(executed, cached, done.value("out"), len(done.warnings))
        del done, reports
        close_unused()
        return told

    DRAWN[:] = [100]
    return run_chain


def change(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store / "index.db")) as connection, connection:
        connection.execute(statement)


def tables(store: Path) -> int:
    with closing(sqlite3.connect(store / "index.db")) as connection:
        return connection.execute("SELECT count(*) FROM tables").fetchone()[0]


def total(adds: dict[int, int] | None = None) -> int:
    return DRAWN[-1] + sum((adds or {}).get(place, place) for place in range(LENGTH))


def test_a_graph_that_did_not_change_is_told_without_its_rows(run, store):
    run()
    change(store, "DELETE FROM rows")
    assert run() == Told(0, LENGTH, total(), 0)


def test_of_a_changed_graph_only_what_depends_on_the_change_runs(run):
    run()
    assert run({8: 80}) == Told(4, 8, total({8: 80}), 0)
    assert run({8: 80, 3: 30}) == Told(9, 3, total({8: 80, 3: 30}), 0)
    assert run() == Told(0, LENGTH, total(), 0)


def test_there_is_one_record_of_a_graph_however_often_it_changes(run, store):
    for changed in range(4):
        run({5: 50 + changed})
    assert tables(store) == 1


def test_after_a_forced_run_with_another_result_nothing_of_before_is_told(run):
    run()
    DRAWN.append(1000)
    assert run(force=["n0"]) == Told(LENGTH, 0, total(), 0)
    assert run() == Told(0, LENGTH, total(), 0)


def test_a_call_made_again_for_its_bytes_with_another_result_is_what_counts_from_then_on(run, store):
    run()
    change(store, "DELETE FROM small")
    DRAWN.append(1000)
    assert run().value == total()
    assert run() == Told(0, LENGTH, total(), 0)
    assert not CALLS


def test_values_that_are_gone_are_made_again(run, store):
    run()
    change(store, "DELETE FROM small")
    assert run().value == total()
    assert CALLS.total() == LENGTH


def test_a_damaged_row_that_was_noticed_is_computed_again(run, store):
    run()
    change(store, "UPDATE rows SET body=x'00' || substr(body, 2) WHERE rowid=5")
    with Store.open(store) as opened:
        assert len(opened.verify()) == 1
    assert run() == Told(1, LENGTH - 1, total(), 0)
    assert run() == Told(0, LENGTH, total(), 0)


def test_a_damaged_record_is_dropped_and_the_rows_count(run, store):
    run()
    change(store, "UPDATE tables SET body=x'00' || substr(body, 2)")
    assert run() == Told(0, LENGTH, total(), 1)
    assert tables(store) == 1
    assert run() == Told(0, LENGTH, total(), 0)


def test_a_run_that_finds_all_as_it_was_writes_neither_rows_nor_history(run, store) -> None:
    run()
    before = recorded(store)
    assert run().executed == 0
    assert recorded(store) == before


def test_a_renamed_node_is_noted_though_its_call_is_known(store) -> None:
    def named(name: str) -> Graph:
        graph = Graph("chain")
        last = graph.add(draw, id="n0", k=0)
        for place in range(1, LENGTH):
            last = graph.add(add, id=f"{name}{place}", a=last, k=place)
        graph.output("sum", last)
        return graph

    DRAWN.append(5)
    run_graph(named("n"), Options(store=store))
    close_unused()
    before = recorded(store)
    assert not sum(node.executed for node in run_graph(named("m"), Options(store=store)).nodes.values())
    close_unused()
    assert recorded(store) != before


def recorded(store: Path) -> list[bytes]:
    """What is kept of graphs as a whole: their rows, and what their nodes were made of."""
    with closing(sqlite3.connect(store / "index.db")) as index:
        found = [*index.execute("SELECT body FROM tables"), *index.execute("SELECT body FROM graphs")]
    return [body for (body,) in found]

"""Costs of values, use of the memo, records of graphs, and what is kept of many calls together."""

from __future__ import annotations

import sqlite3

import pytest

from nodegraph.store import Store
from nodegraph.types.wire import digest, encode


def costs(folder, table: str) -> list[float]:
    connection = sqlite3.connect(folder / "index.db")
    found = [cost for (cost,) in connection.execute(f"SELECT cost FROM {table} ORDER BY rowid")]
    connection.close()
    return found


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize(("value", "table"), [(7, "small"), (b"x" * 9999, "contents")])
def test_of_the_costs_of_a_value_put_again_the_larger_is_kept(folder, value, table, flushed):
    wire = encode(value)
    with Store.open(folder) as store:
        for seconds in (0.5, 4.0, 0.0, 2.0):
            store.put(digest(wire), wire, seconds=seconds)
            if flushed:
                store.flush()
    assert costs(folder, table) == [4.0]
    with Store.open(folder) as store:
        store.put(digest(wire), wire, seconds=1.0)
    assert costs(folder, table) == [4.0]


def test_the_cost_of_an_adopted_file_is_kept_and_unknown_is_0(folder):
    with Store.open(folder) as store:
        for number, seconds in enumerate((3.0, 0.0)):
            path = store.new_folder() / "file"
            path.write_text(str(number))
            store.adopt(path, seconds=seconds)
    assert costs(folder, "contents") == [3.0, 0.0]


def test_flipped_bytes_in_a_cost_do_not_keep_the_true_one_out(folder):
    wire = encode(7)
    with Store.open(folder) as store:
        store.put(digest(wire), wire, seconds=2.0)
    connection = sqlite3.connect(folder / "index.db")
    connection.execute("UPDATE small SET cost=x'ff'")
    connection.commit()
    connection.close()
    with Store.open(folder) as store:
        store.put(digest(wire), wire, seconds=1.0)
    assert costs(folder, "small") == [1.0]


def test_of_many_recipes_those_that_are_kept_are_told(folder):
    records = [b"\x91\xa4" + number.to_bytes(4, "big") for number in range(2100)]
    with Store.open(folder) as store:
        ids = [store.recipe(record) for record in records]
        assert store.known_recipes([*ids[:3], 5]) == set(ids[:3])
    with Store.open(folder) as store:
        new = store.recipe(b"\x91\xa3new")
        assert store.known_recipes([*ids, new, 5]) == {*ids, new}


@pytest.mark.parametrize("by_name", [True, False])
def test_a_damaged_row_that_is_dropped_takes_the_tables_with_it(folder, key, row, by_name):
    with Store.open(folder) as store:
        store.record_table(key("table"), b"of many rows")
        store.record(key("call"), row(), durable=True)
        store.record(key("other"), row(), durable=True)
    connection = sqlite3.connect(folder / "index.db")
    connection.execute("UPDATE rows SET body=x'00' || substr(body, 2) WHERE rowid=1")
    connection.commit()
    connection.close()
    with Store.open(folder) as store:
        assert store.lookup(key("other")) is not None
        assert store.table(key("table")) == b"of many rows"
        if by_name:
            assert store.lookup(key("call")) is None
        else:
            store.verify()
        assert store.table(key("table")) is None
        assert len(store.warnings) == 1
        assert store.stat().rows == 1


def test_forgotten_tables_are_gone_committed_or_not(folder, key):
    with Store.open(folder) as store:
        store.record_table(key("committed"), b"1")
        store.flush()
        store.record_table(key("waiting"), b"2")
        store.forget_tables()
        assert [store.table(key(name)) for name in ("committed", "waiting")] == [None, None]
        store.record_table(key("later"), b"3")
    with Store.open(folder) as store:
        assert [store.table(key(name)) for name in ("committed", "waiting", "later")] == [None, None, b"3"]


def test_what_a_graph_was_made_of_is_recalled_and_replaced(folder):
    with Store.open(folder) as store:
        store.remember_graph("graph", b"first")
        store.remember_graph("graph", b"second")
        assert store.recall_graph("graph") == b"second"
    with Store.open(folder) as store:
        assert store.recall_graph("graph") == b"second"
        assert store.recall_graph("other") is None

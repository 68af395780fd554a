"""Costs of values, use of the memo, records of graphs, and reading many entries at once."""

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


def test_many_rows_are_looked_up_at_once_committed_or_not(folder, key, row):
    with Store.open(folder) as store:
        for number in range(2500):
            store.record(key(number), row(key(-number)), durable=False)
        store.flush()
        store.record(key("waiting"), row(), durable=False)
        names = [key(number) for number in (*range(2600), "waiting")]
        found = store.lookup_many(names)
        assert found == {name: store.lookup(name) for name in names if store.lookup(name)}
        assert len(found) == 2501
        assert store.lookup_many([]) == {}


def test_a_damaged_row_among_many_is_dropped_with_one_warning(folder, key, row):
    with Store.open(folder) as store:
        for number in range(10):
            store.record(key(number), row(), durable=False)
    connection = sqlite3.connect(folder / "index.db")
    connection.execute("UPDATE rows SET body=x'00' || substr(body, 2) WHERE rowid=5")
    connection.commit()
    connection.close()
    with Store.open(folder) as store:
        assert len(store.lookup_many([key(number) for number in range(10)])) == 9
        assert len(store.warnings) == 1
        assert store.stat().rows == 9


def test_looking_many_up_in_a_run_keeps_their_bytes(folder, key, row, wired):
    own, wire = wired("kept")
    with Store.open(folder) as store:
        store.put(own, wire)
        store.record(key("call"), row(own), durable=True)
        store.begin_run("g", b"")
        store.lookup_many([key("call")])
        assert store.gc(max_size=0).entries == 0


def test_records_of_many_recipes_are_read_at_once_and_unknown_ones_left_out(folder):
    records = [b"\x91\xa4" + number.to_bytes(4, "big") for number in range(2100)]
    with Store.open(folder) as store:
        ids = [store.recipe(record) for record in records]
        assert store.known_recipes([*ids[:3], 5]) == set(ids[:3])
    with Store.open(folder) as store:
        new = store.recipe(b"\x91\xa3new")
        asked = [*ids, new, 5]
        assert store.known_recipes(asked) == {*ids, new}
        assert store.recipe_records(asked) == {**dict(zip(ids, records, strict=True)), new: b"\x91\xa3new"}


def test_what_a_graph_was_made_of_is_recalled_and_replaced(folder):
    with Store.open(folder) as store:
        store.remember_graph("graph", b"first")
        store.remember_graph("graph", b"second")
        assert store.recall_graph("graph") == b"second"
    with Store.open(folder) as store:
        assert store.recall_graph("graph") == b"second"
        assert store.recall_graph("other") is None

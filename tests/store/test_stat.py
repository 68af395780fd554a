"""What the memo holds and what it was worth, by node type."""

from __future__ import annotations

import pytest

from nodegraph.store import Store, Use


def test_uses_add_up_within_a_run_and_over_runs(folder):
    for _ in range(2):
        with Store.open(folder) as store:
            store.record_use("slow", executed=1, spent=10.0, cached=2, saved=20.0)
            store.flush()
            store.record_use("slow", executed=0, spent=0.0, cached=1, saved=10.0)
            store.record_use("cheap", executed=4, spent=1.0, cached=0, saved=0.0)
    with Store.open(folder, read_only=True) as store:
        stat = store.stat()
    assert stat.use == Use(10, 22.0, 6, 60.0)
    assert {entry.type_id: entry.use for entry in stat.types} == {
        "slow": Use(2, 20.0, 6, 60.0),
        "cheap": Use(8, 2.0, 0, 0.0),
    }


@pytest.mark.parametrize(
    ("executed", "cached", "rate"), [(0, 0, None), (3, 0, 0.0), (1, 3, 0.75), (0, 2, 1.0)]
)
def test_the_hit_rate_is_the_share_of_calls_that_did_not_run(executed, cached, rate):
    assert Use(executed, 0.0, cached, 0.0).hit_rate == rate


def test_uses_that_two_stores_record_at_once_all_count(folder):
    with Store.open(folder) as one, Store.open(folder) as other:
        for number in range(20):
            for store in (one, other):
                store.record_use("type", executed=1, spent=0.5, cached=0, saved=0.0)
                if number % 5 == 0:
                    store.flush()
    with Store.open(folder) as store:
        assert store.stat().use == Use(40, 20.0, 0, 0.0)


def test_a_type_counts_its_rows_and_its_bytes_once_and_its_use(folder, key, row, wired):
    own, wire = wired("x" * 500)
    with Store.open(folder) as store:
        recipe = store.recipe(b"\x91\xa4clip")
        store.put(own, wire)
        for number in range(3):
            store.record(key(number), row(own, recipe=recipe), durable=False)
        store.record_use("clip", executed=3, spent=0.75, cached=0, saved=0.0)
        (stat,) = store.stat().types
        assert (stat.type_id, stat.calls, stat.seconds) == ("clip", 3, 0.75)
        assert 500 < stat.nbytes < 600
        assert stat.use == Use(3, 0.75, 0, 0.0)

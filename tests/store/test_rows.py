from __future__ import annotations

import time

import pytest

from nodegraph.store import Store
from nodegraph.store.rows import pack_row, seal, unpack_row, unseal
from nodegraph.store.uses import Pace


def test_a_recorded_row_is_seen_at_once_and_after_reopening(folder, key, row):
    recorded = row(key("x"), key("y"))
    with Store.open(folder) as store:
        store.record(key("call"), recorded, durable=False)
        assert store.lookup(key("call")) == recorded
        store.flush()
        assert store.lookup(key("call")) == recorded
    with Store.open(folder) as store:
        assert store.lookup(key("call")) == recorded
        assert store.lookup(key("other")) is None
        assert store.warnings == []


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_any_number_of_outputs_and_a_drop_survive_packing(row, key, count):
    recorded = row(*(key(number) for number in range(count)), dropped="too small")
    assert unpack_row(pack_row(recorded)) == recorded


def test_a_later_row_replaces_an_earlier_one(folder, key, row):
    with Store.open(folder) as store:
        store.record(key("call"), row(key("old")), durable=True)
        store.record(key("call"), row(key("new")), durable=True)
    with Store.open(folder) as store:
        assert store.lookup(key("call")) == row(key("new"))
        assert store.stat().rows == 1


def test_many_rows_in_one_group_are_all_there(folder, key, row):
    with Store.open(folder) as store:
        for number in range(1777):
            store.record(key(number), row(key(-number)), durable=False)
    with Store.open(folder) as store:
        assert all(store.lookup(key(number)) == row(key(-number)) for number in range(1777))


def test_a_cheap_row_is_committed_without_another_operation(folder, key, row):
    with Store.open(folder) as store, Store.open(folder) as other:
        store.record(key("call"), row(), durable=False)
        deadline = time.monotonic() + 20
        while other.lookup(key("call")) is None:
            assert time.monotonic() < deadline


def test_a_durable_row_commits_what_was_recorded_before_it(folder, key, row, wired):
    digest, wire = wired({"a": 1})
    with Store.open(folder) as store, Store.open(folder) as other:
        store.put(digest, wire)
        store.record(key("cheap"), row(digest), durable=False)
        store.record(key("slow"), row(), durable=True)
        assert other.lookup(key("slow")) == row()
        assert other.lookup(key("cheap")) == row(digest)
        assert other.get(digest) == wire


def test_a_failure_is_kept_until_the_call_succeeds(folder, key, row):
    with Store.open(folder) as store:
        store.record_failure(key("call"), "ValueError", "no such file")
        assert store.failure(key("call")) == ("ValueError", "no such file")
    with Store.open(folder) as store:
        assert store.failure(key("call")) == ("ValueError", "no such file")
        store.record(key("call"), row(), durable=False)
        assert store.failure(key("call")) is None
    with Store.open(folder) as store:
        assert store.failure(key("call")) is None
        assert store.stat().failures == 0


def test_equal_recipes_have_one_id_in_every_store(folder, tmp_path):
    with Store.open(folder) as store, Store.open(tmp_path / "other") as other:
        known = store.recipe(b"\x91\xa1a")
        assert store.recipe(b"\x91\xa1a") == known == other.recipe(b"\x91\xa1a")
        assert store.recipe(b"\x91\xa1b") != known
    with Store.open(folder) as store:
        assert store.recipe_record(known) == b"\x91\xa1a"
        assert store.recipe_record(12345) is None


def test_the_expected_cost_of_a_type_is_the_mean_over_runs(folder):
    with Store.open(folder) as store:
        assert store.expected_seconds("video.svd") is None
        store.record_pace("video.svd", Pace(6.0, 2))
        store.flush()
        store.record_pace("video.svd", Pace(6.0, 4))
    with Store.open(folder) as store:
        assert store.expected_seconds("video.svd") == pytest.approx(2.0)


def test_runs_are_listed_with_how_they_ended(folder):
    with Store.open(folder) as store:
        first = store.begin_run("photos", b"info")
        assert store.run_folder(first).is_dir()
        assert store.runs()[0].alive
        store.finish_run(first, True, b"report")
        second = store.begin_run("photos", b"")
        assert second > first
    with Store.open(folder) as store:
        ended, broken_off = store.runs()
        assert (ended.graph, ended.info, ended.ok, ended.report) == ("photos", b"info", True, b"report")
        assert (broken_off.ok, broken_off.finished, broken_off.alive) == (None, None, False)


def test_the_seal_tells_every_flipped_bit(key):
    body = seal("rows", key("call"), b"payload")
    assert unseal("rows", key("call"), body) == b"payload"
    assert unseal("rows", key("other"), body) is None
    assert unseal("failures", key("call"), body) is None
    for position in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[position // 8] ^= 1 << position % 8
        assert unseal("rows", key("call"), bytes(flipped)) is None
    assert unseal("rows", key("call"), None) is None
    assert unseal("rows", key("call"), b"") is None

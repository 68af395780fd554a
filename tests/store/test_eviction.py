"""What goes first when room is made: what is worth least, never what a live run uses."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nodegraph.store import Store, eviction
from nodegraph.types.wire import Digest, Wire, digest, encode

KIB = 1024


def large(number: int) -> tuple[Digest, Wire]:
    wire = encode(np.full(64 * KIB, number, np.uint8))
    return digest(wire), wire


def small(number: int) -> tuple[Digest, Wire]:
    wire = encode([number, "x" * 1000])
    return digest(wire), wire


def put_in_a_run(folder: Path, make, costs: dict[int, float]) -> None:
    with Store.open(folder) as store:
        run = store.begin_run("g", b"")
        for number, seconds in costs.items():
            store.put(*make(number), seconds=seconds)
        store.finish_run(run, True, b"")


def runs(folder: Path, count: int) -> None:
    with Store.open(folder) as store:
        for _ in range(count):
            store.finish_run(store.begin_run("g", b""), True, b"")


def present(store: Store, make, numbers) -> list[int]:
    return [number for number in numbers if store.has(make(number)[0])]


def make_room(store: Store, nbytes: int) -> None:
    before = eviction.first_live_run(store._index)
    store.flush()
    eviction.evict(store._index, nbytes, before=before)


@pytest.mark.parametrize("make", [small, large])
def test_of_values_used_in_the_same_run_the_cheap_ones_go_first(folder, make):
    put_in_a_run(folder, make, {number: 0.001 if number % 2 else 10.0 for number in range(10)})
    with Store.open(folder) as store:
        make_room(store, 4 * make(0)[1].nbytes)
        left = present(store, make, range(10))
        assert len(left) in (5, 6)
        assert {0, 2, 4, 6, 8} <= set(left)


@pytest.mark.parametrize("make", [small, large])
def test_what_was_dear_but_not_used_for_very_long_goes_before_what_is_cheap(folder, make):
    put_in_a_run(folder, make, {1: 10 * make(0)[1].nbytes * 1e-8})
    runs(folder, 30)
    put_in_a_run(folder, make, {2: 0.0})
    with Store.open(folder) as store:
        make_room(store, 1)
        assert present(store, make, (1, 2)) == [2]


@pytest.mark.parametrize("make", [small, large])
def test_a_little_later_the_dear_one_is_kept_over_the_cheap_one(folder, make):
    put_in_a_run(folder, make, {1: 100 * make(0)[1].nbytes * 1e-8})
    runs(folder, 3)
    put_in_a_run(folder, make, {2: 0.0})
    with Store.open(folder) as store:
        make_room(store, 1)
        assert present(store, make, (1, 2)) == [1]


def test_where_no_cost_is_known_what_was_not_used_for_longest_goes_first(folder):
    for number in range(6):
        put_in_a_run(folder, large, {number: 0.0})
    with Store.open(folder) as store:
        run = store.begin_run("g", b"")
        store.has(large(0)[0])
        store.finish_run(run, True, b"")
        make_room(store, 3 * 64 * KIB)
        assert present(store, large, range(6)) == [0, 4, 5]


def test_of_two_values_of_equal_cost_the_one_that_takes_more_room_goes_first(folder):
    put_in_a_run(folder, large, {1: 0.1})
    put_in_a_run(folder, small, {1: 0.1})
    with Store.open(folder) as store:
        make_room(store, 1)
        assert present(store, small, [1]) == [1]
        assert present(store, large, [1]) == []


def test_the_size_limit_of_a_run_spares_what_was_dear(folder):
    put_in_a_run(folder, large, {number: 5.0 if number < 4 else 0.0 for number in range(12)})
    with Store.open(folder, size_limit=14 * 64 * KIB) as store:
        store.begin_run("g", b"")
        for number in range(20, 26):
            store.put(*large(number))
        assert set(range(4)) <= set(present(store, large, range(12)))
        assert store.warnings == []


def test_a_flipped_cost_or_use_never_stops_an_eviction(folder):
    put_in_a_run(folder, small, dict.fromkeys(range(3), 1.0))
    with Store.open(folder) as store:
        for number, cost in enumerate(("x'ff'", "NULL", "'text'"), start=1):
            statement = f"UPDATE small SET cost={cost} WHERE rowid={number}"
            store._index.write(lambda connection, s=statement: connection.execute(s).rowcount)
        assert store.gc(max_size=0).entries == 3


def test_what_another_process_begins_to_use_while_room_is_made_stays(folder, monkeypatch):
    """The other one marks its use after the choice was made and before what was chosen is removed."""
    numbers = range(4)
    put_in_a_run(folder, small, dict.fromkeys(numbers, 0.0))
    put_in_a_run(folder, large, dict.fromkeys(numbers, 0.0))
    choose = eviction._choose
    with Store.open(folder) as store, Store.open(folder) as other:

        def choose_late(*args):
            chosen = choose(*args)
            other.begin_run("g", b"")
            assert other.has(small(1)[0])
            assert other.has(large(2)[0])
            other.flush()
            return chosen

        monkeypatch.setattr(eviction, "_choose", choose_late)
        assert store.gc(older_than=-1).entries == 6
        for opened in (store, other):
            assert present(opened, small, numbers) == [1]
            assert present(opened, large, numbers) == [2]
            assert opened.get(large(2)[0]) is not None
            assert opened.warnings == []


RUNNING = """
import sys
from pathlib import Path
import numpy as np
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode
with Store.open(Path(sys.argv[1])) as store:
    values = [encode(np.full(size, number)) for number in range(40) for size in (10, 3000)]
    for wire in values[:40]:
        store.put(digest(wire), wire)
    run = store.begin_run("g", b"")
    print("running", flush=True)
    for count, wire in enumerate(values, start=1):
        there = store.has(digest(wire))
        store.flush()
        # What is evicted before its use was committed is made again, as a run does.
        if not there or store.get(digest(wire)) is None:
            store.put(digest(wire), wire)
            store.flush()
        lost = [n for n, known in enumerate(values[:count]) if store.get(digest(known)) is None]
        assert not lost, (count, lost)
    print(store.warnings)
    store.finish_run(run, True, b"")
"""


def test_a_running_process_loses_nothing_however_often_another_one_makes_room(folder):
    running = subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "running\n"
    with Store.open(folder) as store:
        evicted = store.gc(max_size=0).entries
        while running.poll() is None:
            evicted += store.gc(max_size=0).entries
        output, _ = running.communicate()
        assert (running.returncode, output) == (0, "[]\n")
        assert evicted > 0
        store.gc(max_size=0)
        assert store.stat().small == store.stat().blobs == (0, 0)
        assert store.verify() == []
        assert store.warnings == []


def test_gc_gets_down_to_the_size_though_small_values_leave_gaps_in_the_index(folder):
    put_in_a_run(folder, small, {number: 10.0 if number % 3 else 0.0 for number in range(3000)})
    with Store.open(folder) as store:
        size = store.stored_bytes()
        for share in (0.8, 0.5):
            store.gc(max_size=int(size * share))
            assert 0.7 * size * share < store.stored_bytes() <= size * share
        assert store.verify() == []


def test_the_files_of_a_store_that_was_copied_are_removed_too(folder, tmp_path, monkeypatch):
    put_in_a_run(folder, large, dict.fromkeys(range(3), 0.0))
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    monkeypatch.setattr(eviction, "_CLOCK_S", -10)
    with Store.open(copied) as store:
        assert store.gc(max_size=0).entries == 3
        assert [path for path in (copied / "blobs").rglob("*") if path.is_file()] == []
    assert len([path for path in (folder / "blobs").rglob("*") if path.is_file()]) == 3


def test_a_file_put_back_while_it_is_removed_stays(folder, tmp_path, monkeypatch):
    own, wire = large(1)
    put_in_a_run(folder, large, {1: 0.0})
    (path,) = (path for path in (folder / "blobs").rglob("*") if path.is_file())
    remove = eviction._remove
    with Store.open(folder) as store, Store.open(folder) as other:

        def remove_late(*args):
            path.rename(tmp_path / "lost")
            other.put(own, wire)
            remove(*args)

        monkeypatch.setattr(eviction, "_remove", remove_late)
        assert store.gc(max_size=0).entries == 1
        other.flush()
        assert other.get(own) is not None
        assert store.get(own) is not None
        assert store.warnings == []


def test_what_is_used_while_its_file_is_removed_is_found_gone_or_stays(folder, monkeypatch):
    """No commit of a use falls between an entry's end and its file's, and nobody takes that for damage."""
    own, _ = large(1)
    put_in_a_run(folder, large, {1: 0.0})
    remove = eviction._remove
    with Store.open(folder) as store, Store.open(folder) as other:
        using = threading.Thread(target=other.flush)

        def remove_late(*args):
            assert other.has(own)
            using.start()
            using.join(0.2)
            assert using.is_alive()
            remove(*args)
            finding.start()

        found = []
        finding = threading.Thread(target=lambda: found.append(other.get(own)))
        other.begin_run("g", b"")
        monkeypatch.setattr(eviction, "_remove", remove_late)
        assert store.gc(older_than=-1).entries == 1
        for thread in (using, finding):
            thread.join()
        assert found == [None]
        assert other.warnings == store.warnings == []


def test_files_without_an_entry_are_found_by_gc_once_they_are_settled(folder, monkeypatch):
    put_in_a_run(folder, large, {1: 0.0})
    with Store.open(folder) as store:
        store._index.write(lambda connection: connection.execute("DELETE FROM contents").rowcount)
        assert store.gc(max_size=0).entries == 0
        monkeypatch.setattr("nodegraph.store.upkeep._SETTLED_S", -10)
        monkeypatch.setattr(eviction, "_CLOCK_S", -10)
        assert store.gc(max_size=0).entries == 1
        assert store.stored_bytes() < 64 * KIB * 4
        assert [path for path in (folder / "blobs").rglob("*") if path.is_file()] == []


def test_gc_by_age_takes_the_dear_as_well(folder):
    put_in_a_run(folder, large, {1: 1000.0})
    with Store.open(folder) as store:
        assert store.gc(older_than=-1).entries == 1

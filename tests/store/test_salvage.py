"""Of a damaged index only what cannot be read is lost, with one warning."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nodegraph.store import Store, schema
from nodegraph.store.log import committed_frames
from nodegraph.store.uses import Pace
from nodegraph.types.wire import digest, encode

CALLS = 120
PAGE = 4096
FRAME = 24 + PAGE
MOST_IN_A_PAGE = 45
"""Rows, or small values, that have room in a page."""


def value_of(number: int) -> object:
    """Of all sizes: inline, on overflow pages, in a file."""
    sizes = {0: 20_000, 1: 1500, 2: 700}
    return [number, np.full(sizes.get(number % 20, number % 40), number, np.uint8)]


WIRES = [encode(value_of(number)) for number in range(CALLS)]
DIGESTS = [digest(wire) for wire in WIRES]


def fill(store: Store, key, row) -> None:
    run = store.begin_run("graph", b"info")
    recipe = store.recipe(b"\x91\xa1t")
    for number, (own, wire) in enumerate(zip(DIGESTS, WIRES, strict=True)):
        store.put(own, wire, seconds=number)
        store.record(key(number), row(own, recipe=recipe), durable=number % 40 == 39)
    store.remember_graph("graph", b"x" * 9000)
    store.record_pace("t", Pace(6.0, 2))
    store.record_use("t", executed=1, spent=2.0, cached=3, saved=4.0)
    store.finish_run(run, True, b"report")


def lost(store: Store, key, row) -> int:
    """How many rows and values are not there; those that are must be right."""
    missing = 0
    for number in range(CALLS):
        found = store.lookup(key(number))
        assert found in (None, row(DIGESTS[number], recipe=store.recipe(b"\x91\xa1t")))
        loaded = store.get(DIGESTS[number])
        assert loaded is None or digest(loaded) == DIGESTS[number]
        missing += (found is None) + (loaded is None)
    return missing


def again(store: Store, key, row) -> None:
    for number, (own, wire) in enumerate(zip(DIGESTS, WIRES, strict=True)):
        store.put(own, wire)
        if store.lookup(key(number)) is None:
            store.record(key(number), row(own, recipe=store.recipe(b"\x91\xa1t")), durable=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory, key, row) -> Path:
    """A store that was closed."""
    folder = tmp_path_factory.mktemp("made") / "store"
    with Store.open(folder) as store:
        fill(store, key, row)
    return folder


@pytest.fixture(scope="module")
def crashed(tmp_path_factory, key, row) -> Path:
    """A store as a killed process leaves it: all that it recorded is in the log."""
    folder = tmp_path_factory.mktemp("crashed")
    with Store.open(folder / "live") as store:
        fill(store, key, row)
        shutil.copytree(folder / "live", folder / "store")
    assert (folder / "store" / "index.db-wal").stat().st_size > 40 * FRAME
    return folder / "store"


@pytest.fixture
def filled(made, folder) -> Path:
    shutil.copytree(made, folder)
    return folder


def flip(path: Path, positions) -> None:
    with path.open("r+b") as file:
        for position in positions:
            file.seek(position)
            (byte,) = file.read(1)
            file.seek(position)
            file.write(bytes([byte ^ 0xFF]))


@pytest.fixture
def unsynced(monkeypatch):
    """Spare the disk: nobody pulls the plug in a test."""
    monkeypatch.setattr(schema, "_SETTINGS", (*schema._SETTINGS, "synchronous=OFF"))


@pytest.mark.usefixtures("unsynced")
def test_flipped_bytes_in_any_page_lose_what_is_on_that_page_at_most(made, tmp_path, key, row):
    content = (made / "index.db").read_bytes()
    pages = len(content) // PAGE
    assert pages > 30
    for number in range(pages):
        folder = tmp_path / str(number)
        shutil.copytree(made, folder)
        chance = random.Random(number)
        reach = chance.choice([range(8), range(PAGE)])
        flip(folder / "index.db", [number * PAGE + place for place in chance.sample(reach, 4)])
        with Store.open(folder) as store:
            gone = lost(store, key, row)
            assert gone <= MOST_IN_A_PAGE, number
            assert len(store.warnings) <= 1, number
            again(store, key, row)
            store.verify()
        with Store.open(folder) as store:
            assert lost(store, key, row) == 0, number
            assert store.verify() == [], number
        shutil.rmtree(folder)


@pytest.mark.usefixtures("unsynced")
def test_flipped_bytes_in_any_frame_of_the_log_lose_what_is_on_that_page_at_most(crashed, tmp_path, key, row):
    size = (crashed / "index.db-wal").stat().st_size
    losses: list[int] = []
    for number, start in enumerate(range(32, size, FRAME)):
        folder = tmp_path / str(number)
        shutil.copytree(crashed, folder)
        chance = random.Random(number)
        reach = chance.choice([range(24), range(FRAME)])
        flip(folder / "index.db-wal", [start + place for place in chance.sample(reach, 4)])
        with Store.open(folder) as store:
            losses.append(lost(store, key, row))
            assert losses[-1] <= MOST_IN_A_PAGE, number
            # In the last frame it cannot be told from a crash in the middle of a commit.
            assert len(store.warnings) == 1 or start + FRAME >= size, number
            assert store.verify() == [], number
        shutil.rmtree(folder)
    assert losses.count(0) > len(losses) // 2


def test_a_log_with_a_damaged_header_loses_nothing(crashed, folder, key, row):
    shutil.copytree(crashed, folder)
    flip(folder / "index.db-wal", [17])
    with Store.open(folder) as store:
        assert lost(store, key, row) == 0
        assert len(store.warnings) == 1
        assert "index.db.damaged-1" in store.warnings[0]


@pytest.mark.parametrize("damage", ["emptied", "deleted"])
def test_an_index_of_which_only_the_log_is_left_gives_what_is_in_it(crashed, folder, key, row, damage):
    shutil.copytree(crashed, folder)
    if damage == "deleted":
        (folder / "index.db").unlink()
    else:
        os.truncate(folder / "index.db", 0)
    with Store.open(folder) as store:
        assert lost(store, key, row) == 0
        assert len(store.warnings) == 1


def test_a_log_that_ends_in_the_middle_of_a_commit_is_no_damage(crashed, folder):
    shutil.copytree(crashed, folder)
    log = folder / "index.db-wal"
    frames = committed_frames(log)
    os.truncate(log, 32 + frames * FRAME - 100)
    assert 0 < committed_frames(log) < frames
    with Store.open(folder) as store:
        assert store.warnings == []
        assert store.stat().rows == CALLS


def test_what_else_the_index_knew_survives_the_loss_of_its_header(filled, key, row):
    flip(filled / "index.db", range(PAGE))
    with Store.open(filled) as store:
        assert lost(store, key, row) == 0
        (warning,) = store.warnings
        assert "entries could be read" in warning
        assert store.recall_graph("graph") == b"x" * 9000
        assert store.expected_seconds("t") == 3.0
        (run,) = store.runs()
        assert (run.graph, run.info, run.ok, run.report) == ("graph", b"info", True, b"report")
        assert store.begin_run("graph", b"") == run.id + 1
        stat = store.stat()
        assert (stat.rows, stat.blobs[0], stat.small[0]) == (CALLS, CALLS // 20, CALLS - CALLS // 20)
        assert [entry.key for entry in store.entries()] == [key(number) for number in range(CALLS)]
    connection = sqlite3.connect(filled / "index-1.db")
    costs = connection.execute(
        "SELECT sum(cost), count(DISTINCT used) FROM (SELECT * FROM "
        "(SELECT cost, used FROM small) UNION ALL SELECT cost, used FROM contents)"
    ).fetchone()
    assert costs == (sum(range(CALLS)), 1)
    connection.close()


def test_large_values_are_not_hashed_again_after_a_salvage(folder, key, row, monkeypatch):
    with Store.open(folder) as store:
        fill(store, key, row)
    flip(folder / "index.db", range(PAGE))
    with Store.open(folder) as store:
        monkeypatch.setattr("nodegraph.store.shelf.digest_of", None)
        assert store.get(DIGESTS[0]) is not None


def test_of_two_rows_of_a_key_the_later_one_is_taken(folder, key, row):
    with Store.open(folder) as store:
        for number in range(300):
            store.record(key(number), row(key("old")), durable=number % 50 == 0)
        for number in range(0, 300, 7):
            store.record(key(number), row(key("new")), durable=number % 50 == 0)
    flip(folder / "index.db", range(100))
    with Store.open(folder) as store:
        assert [store.lookup(key(n)).outputs[0] for n in range(300)] == [
            key("old" if n % 7 else "new") for n in range(300)
        ]


def test_what_was_removed_does_not_come_back(folder, key, row):
    with Store.open(folder) as store:
        store.record_failure(key(0), "ValueError", "text")
        fill(store, key, row)
        store.evict(DIGESTS)
    flip(folder / "index.db", [0, 1, 2])
    with Store.open(folder) as store:
        assert store.stat().small == (0, 0)
        assert store.stat().blobs == (0, 0)
        assert store.failure(key(0)) is None
        assert store.stat().rows == CALLS


def test_a_take_over_that_was_broken_off_is_done_again(filled, key, row):
    (filled / "index.db").rename(filled / "index.db.damaged-1")
    (filled / "index-1.db.part").write_bytes(b"half")
    with Store.open(filled) as store:
        assert lost(store, key, row) == 0
        assert len(store.warnings) == 1
    assert not (filled / "index-1.db.part").exists()
    with Store.open(filled) as store:
        assert store.warnings == []


def test_an_index_gets_no_name_that_one_before_it_had(filled, key, row):
    for number in (1, 2):
        flip(next(filled.glob("index*.db")), range(100))
        with Store.open(filled) as store:
            assert lost(store, key, row) == 0
            store.gc(max_size=1 << 40)
        assert [path.name for path in filled.glob("index*")] == [f"index-{number}.db"]


def test_a_store_for_reading_reads_what_can_be_read_and_leaves_it_alone(filled, key, row):
    flip(filled / "index.db", range(PAGE))
    before = (filled / "index.db").read_bytes()
    with Store.open(filled, read_only=True) as store:
        assert all(store.lookup(key(number)) is not None for number in range(CALLS))
        assert all(digest(store.get(own)) == own for own in DIGESTS)
        assert len(store.warnings) == 1
        assert store.stat().rows == CALLS
    assert (filled / "index.db").read_bytes() == before
    assert not list(filled.glob("*damaged*"))


OTHER = """
import sys
from pathlib import Path
from nodegraph.store import Key, Row, Store
store = Store.open(Path(sys.argv[1]))
run = store.begin_run("other", b"")
print("open", flush=True)
sys.stdin.readline()
for number in range(100):
    key = Key(number.to_bytes(32, "little"))
    store.record(key, Row((), None, 0.1, 1, b"", run), durable=number % 10 == 0)
store.finish_run(run, True, b"")
print(store.warnings)
store.close()
"""


def test_what_another_process_commits_to_an_index_that_was_set_aside_is_not_lost(filled, key, row):
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(filled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "open\n"
    flip(filled / "index.db", range(PAGE, 4 * PAGE))
    with Store.open(filled) as store:
        store.verify()
        assert len(store.warnings) == 1
        output, _ = other.communicate("\n")
        assert output == "[]\n"
        assert all(store.lookup(number.to_bytes(32, "little")) is not None for number in range(100))
        assert lost(store, key, row) == 0
        assert [run.graph for run in store.runs()] == ["graph", "other"]
        assert store.runs()[1].ok


def test_a_store_that_is_removed_during_a_run_is_begun_anew(filled, key, row):
    with Store.open(filled) as store:
        run = store.begin_run("graph", b"")
        shutil.rmtree(filled)
        again(store, key, row)
        store.finish_run(run, True, b"")
        (warning,) = store.warnings
        assert "missing" in warning
        again(store, key, row)
        assert lost(store, key, row) == 0
        assert store.verify() == []

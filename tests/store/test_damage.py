"""Whatever file of the store is damaged, one at a time: one warning, and never a wrong value."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from nodegraph.store import Store, StoreError
from nodegraph.store.schema import WrongSchemaError
from nodegraph.types.wire import decode, digest, encode

CALLS = 400


def value_of(number: int) -> object:
    return np.arange(number, number + 4000) if number % 40 == 0 else [number, "x" * (number % 50)]


def fill(store: Store, key, row) -> None:
    run = store.begin_run("graph", b"")
    for number in range(CALLS):
        wire = encode(value_of(number))
        own = digest(wire)
        store.put(own, wire)
        store.record(key(number), row(own, recipe=store.recipe(b"\x91\xa1t")), durable=False)
    store.finish_run(run, True, b"")


def run_again(folder: Path, key, row) -> tuple[int, list[str]]:
    """Do what an engine does: compute what is not there; return how many were, and the warnings."""
    hits = 0
    with Store.open(folder) as store:
        run = store.begin_run("graph", b"")
        for number in range(CALLS):
            wire = encode(value_of(number))
            own = digest(wire)
            found = store.lookup(key(number))
            loaded = store.get(found.outputs[0]) if found else None
            if found is not None:
                assert found.outputs == (own,)
                assert found.dropped is None
            if loaded is not None:
                hits += 1
                assert digest(loaded) == own
                assert encode(decode(loaded)).header == wire.header
            else:
                store.put(own, wire)
                store.record(key(number), row(own), durable=False)
        store.finish_run(run, True, b"")
        return hits, store.warnings


@pytest.fixture
def filled(folder, key, row) -> Path:
    with Store.open(folder) as store:
        fill(store, key, row)
    return folder


def flip(path: Path, positions: list[int]) -> None:
    content = bytearray(path.read_bytes())
    for position in positions:
        content[position] ^= 0xFF
    path.write_bytes(content)


def test_an_undamaged_store_has_everything_and_warns_of_nothing(filled, key, row):
    assert run_again(filled, key, row) == (CALLS, [])


@pytest.mark.parametrize("damage", ["header", "garbage", "half", "emptied", "folder", "symlink to nowhere"])
def test_an_index_that_does_not_open_is_set_aside_and_begun_anew(filled, key, row, damage):
    index = filled / "index.db"
    if damage == "header":
        flip(index, list(range(32)))
    elif damage == "garbage":
        index.write_bytes(random.Random(1).randbytes(50_000))
    elif damage == "half":
        os.truncate(index, index.stat().st_size // 2)
    elif damage == "emptied":
        index.write_bytes(b"")
    else:
        index.unlink()
        index.mkdir() if damage == "folder" else index.symlink_to("/nowhere/index.db")
    _, warnings = run_again(filled, key, row)
    assert len(warnings) == 1
    assert "index.db" in warnings[0]
    assert run_again(filled, key, row) == (CALLS, [])
    if damage != "emptied":
        assert (filled / "index.db.damaged-1").exists() or damage == "symlink to nowhere"


def test_a_deleted_index_is_begun_anew_and_large_values_are_still_there(filled, key, row):
    (filled / "index.db").unlink()
    with Store.open(filled) as store:
        assert len(store.warnings) == 1
        assert "missing" in store.warnings[0]
        own = digest(encode(value_of(40)))
        assert store.has(own)
        assert np.array_equal(decode(store.get(own)), value_of(40))
    assert run_again(filled, key, row)[1] == []


@pytest.mark.parametrize("seed", range(25))
def test_flipped_bytes_in_the_index_never_give_a_wrong_value(filled, key, row, seed):
    index = filled / "index.db"
    chance = random.Random(seed)
    size = index.stat().st_size
    flip(index, [chance.randrange(size) for _ in range(chance.choice([1, 8, 60]))])
    _, warnings = run_again(filled, key, row)
    assert len(warnings) <= 1
    # An index that was replaced in the middle of the run has lost what the run found in it before.
    run_again(filled, key, row)
    assert run_again(filled, key, row) == (CALLS, [])


@pytest.mark.parametrize("number", range(1, 40))
def test_a_zeroed_page_of_the_index_never_gives_a_wrong_value(filled, key, row, number):
    index = filled / "index.db"
    assert index.stat().st_size > 4096 * 40
    with index.open("r+b") as file:
        file.seek(4096 * number)
        file.write(bytes(4096))
    _, warnings = run_again(filled, key, row)
    assert len(warnings) <= 1
    with Store.open(filled) as store:
        store.verify()
    with Store.open(filled) as store:
        assert store.verify() == []


@pytest.fixture
def crashed(folder, key, row, tmp_path) -> Path:
    """A store as a killed process leaves it: with a write-ahead log."""
    live = tmp_path / "live"
    with Store.open(live) as store:
        fill(store, key, row)
        folder.mkdir()
        for path in live.rglob("*"):
            copy = folder / path.relative_to(live)
            copy.mkdir(exist_ok=True) if path.is_dir() else copy.write_bytes(path.read_bytes())
    assert (folder / "index.db-wal").stat().st_size > 4096
    return folder


def test_the_log_of_a_killed_process_is_recovered_without_a_warning(crashed, key, row):
    assert run_again(crashed, key, row) == (CALLS, [])
    assert list((crashed / "tmp").iterdir()) == []


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("damage", ["flipped", "half", "emptied", "deleted"])
def test_a_damaged_log_loses_rows_at_most(crashed, key, row, suffix, damage):
    path = crashed / f"index.db{suffix}"
    size = path.stat().st_size
    if damage == "flipped":
        flip(path, [random.Random(3).randrange(size) for _ in range(20)])
    elif damage == "deleted":
        path.unlink()
    else:
        os.truncate(path, size // 2 if damage == "half" else 0)
    _, warnings = run_again(crashed, key, row)
    assert len(warnings) <= 1
    assert run_again(crashed, key, row) == (CALLS, [])


@pytest.mark.parametrize(
    "damage", ["prologue", "header", "body", "cut", "emptied", "deleted", "folder", "link"]
)
def test_a_damaged_blob_is_set_aside_with_one_warning_and_made_again(filled, key, row, damage):
    blob = min(path for path in (filled / "blobs").rglob("*") if path.is_file())
    size = blob.stat().st_size
    if damage in {"prologue", "header", "body"}:
        flip(blob, [{"prologue": 3, "header": 25, "body": size - 50}[damage]])
    elif damage in {"cut", "emptied"}:
        os.truncate(blob, size - 7 if damage == "cut" else 0)
    else:
        blob.unlink()
        if damage == "folder":
            blob.mkdir()
        elif damage == "link":
            blob.symlink_to("/etc/hostname")
    hits, warnings = run_again(filled, key, row)
    assert hits == CALLS - 1
    assert len(warnings) == 1
    assert str(blob) in warnings[0]
    assert run_again(filled, key, row) == (CALLS, [])


def test_a_blob_that_was_only_touched_is_hashed_and_served(filled, key, row):
    for blob in (filled / "blobs").rglob("*"):
        blob.touch()
    assert run_again(filled, key, row) == (CALLS, [])


@pytest.mark.parametrize("name", ["lock", "claims"])
def test_a_deleted_lock_file_is_made_again(filled, key, row, name):
    (filled / name).unlink()
    assert run_again(filled, key, row) == (CALLS, [])


@pytest.mark.parametrize("name", ["blobs", "files", "runs", "work", "tmp"])
def test_a_deleted_folder_is_made_again(filled, key, row, name):
    import shutil

    shutil.rmtree(filled / name)
    _, warnings = run_again(filled, key, row)
    assert bool(warnings) == (name == "blobs")
    assert run_again(filled, key, row) == (CALLS, [])


def test_an_index_damaged_while_it_is_open_is_replaced_during_the_run(filled, key, row):
    with Store.open(filled) as store:
        run = store.begin_run("graph", b"")
        recipe = store.recipe(b"\x91\xa1u")
        store.flush()
        flip(filled / "index.db", list(range(4096, (filled / "index.db").stat().st_size)))
        found = [store.lookup(key(number)) for number in range(CALLS)]
        assert all(each in (None, row(digest(encode(value_of(n))), recipe=store.recipe(b"\x91\xa1t")))
                   for n, each in enumerate(found))  # fmt: skip
        store.record(key("new"), row(recipe=recipe), durable=True)
        assert store.lookup(key("new")) == row(recipe=recipe)
        store.finish_run(run, True, b"end")
    with Store.open(filled) as store:
        assert store.lookup(key("new")) == row(recipe=recipe)


def test_damage_that_two_threads_find_while_the_index_is_set_aside_is_told_once(filled, key, monkeypatch):
    connection = sqlite3.connect(filled / "index.db")
    connection.execute("UPDATE rows SET body=x'00' || substr(body, 2)")
    connection.commit()
    connection.close()
    with Store.open(filled) as store:
        index = store._journal.index
        other = threading.Thread(target=store.lookup, args=(key(2),))

        def examine() -> str:
            other.start()
            # It can only end here if it does not wait for this thread.
            other.join(0.5)
            index._recover(index.present, WrongSchemaError("malformed"))
            return "damaged"

        monkeypatch.setattr(index, "examine", examine)
        assert store.lookup(key(1)) is None
        other.join()
        (warning,) = store.warnings
    assert "it is set aside as" in warning


def test_when_one_process_replaces_a_damaged_index_the_other_goes_on(filled, key, row):
    index = filled / "index.db"
    with Store.open(filled) as one, Store.open(filled) as other:
        flip(index, list(range(4096, index.stat().st_size)))
        for store in (one, other):
            for number in range(CALLS):
                store.lookup(key(number))
            store.record(key(id(store)), row(), durable=True)
        names = key(id(one)), key(id(other))
    with Store.open(filled) as store:
        assert store.lookup(names[1]) == row()
        assert store.verify() == []


def test_a_store_of_a_newer_format_is_refused_and_left_alone(filled):
    connection = sqlite3.connect(filled / "index.db")
    connection.execute("PRAGMA user_version=2")
    connection.execute("UPDATE totals SET format=2")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="newer nodegraph"):
        Store.open(filled)
    assert not list(filled.glob("*.damaged-*"))


@pytest.mark.parametrize("table", ["rows", "small"])
def test_entry_of_which_the_name_is_damaged_is_dropped_by_verify(filled, table):
    connection = sqlite3.connect(filled / "index.db")
    connection.execute(f"UPDATE {table} SET name=x'ff' || substr(name, 2) WHERE rowid=5")
    connection.commit()
    connection.close()
    with Store.open(filled) as store:
        assert [damage.message for damage in store.verify()] == ["damaged entry"]
        assert store.verify() == []


def to_another_version(index):
    connection = sqlite3.connect(index)
    connection.executescript("DROP TABLE costs; CREATE TABLE prices(id INTEGER UNIQUE, body BLOB)")
    connection.close()


def test_an_index_of_another_version_is_told_as_such_and_what_can_be_read_of_it_is_kept(filled, key, row):
    to_another_version(filled / "index.db")
    calls, (warning,) = run_again(filled, key, row)
    assert calls == CALLS
    assert "index.db is of another version of nodegraph; it is set aside as" in warning
    assert "damaged (" not in warning
    assert run_again(filled, key, row)[1] == []


def test_an_index_of_another_version_is_told_as_such_where_it_is_only_read(filled):
    to_another_version(filled / "index.db")
    with Store.open(filled, read_only=True) as store:
        assert store.stat().rows == CALLS
        (warning,) = store.warnings
    assert "is of another version of nodegraph; only what can still be read" in warning


def test_verify_finds_each_kind_of_damage_once_and_leaves_a_sound_store(filled, key, row):
    blob = min(path for path in (filled / "blobs").rglob("*") if path.is_file())
    flip(blob, [blob.stat().st_size - 1])
    connection = sqlite3.connect(filled / "index.db")
    connection.execute("UPDATE rows SET body=x'00' || substr(body, 2) WHERE rowid=5")
    connection.execute("UPDATE small SET body=body || x'00' WHERE rowid=7")
    connection.execute("UPDATE runs SET report=x'00'")
    connection.commit()
    connection.close()
    with Store.open(filled) as store:
        places = sorted(damage.place for damage in store.verify())
        assert len(places) == 4
        assert any(str(blob) in place for place in places)
        assert any("rows/" in place for place in places)
        assert any("small/" in place for place in places)
        assert any("runs/1" in place for place in places)
    with Store.open(filled) as store:
        assert store.verify() == []
    assert run_again(filled, key, row)[1] == []

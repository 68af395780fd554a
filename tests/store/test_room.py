from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nodegraph.store import Store, StoreError, default_size_limit, default_store_folder
from nodegraph.types.wire import digest, encode

KIB = 1024


def big(number: int) -> tuple[bytes, object]:
    wire = encode(np.full(64 * KIB, number % 250, np.uint8) + np.uint8(number // 250))
    return digest(wire), wire


def in_a_run(folder, numbers, *, limit=None, key=None, row=None) -> list[str]:
    with Store.open(folder, size_limit=limit) as store:
        run = store.begin_run("g", b"")
        for number in numbers:
            own, wire = big(number)
            store.put(own, wire)
            if key is not None:
                store.record(key(number), row(own), durable=False)
        store.finish_run(run, True, b"")
        return store.warnings


def present(store: Store, numbers) -> list[int]:
    return [number for number in numbers if store.has(big(number)[0])]


def test_a_limit_is_kept_during_a_run_by_evicting_what_earlier_runs_used_least(folder, key, row):
    in_a_run(folder, range(20), key=key, row=row)
    in_a_run(folder, range(10))
    limit = 30 * 64 * KIB
    assert in_a_run(folder, range(20, 35), limit=limit) == []
    with Store.open(folder) as store:
        assert store.stored_bytes() <= limit
        left = present(store, range(35))
        assert set(range(20, 35)) <= set(left)
        assert set(range(10)) <= set(left)
        assert 10 not in left
        assert store.lookup(key(10)) == row(big(10)[0])
        assert store.get(big(10)[0]) is None
        assert store.warnings == []
        assert store.verify() == []


def test_what_the_present_run_uses_is_never_evicted(folder):
    in_a_run(folder, range(5))
    with Store.open(folder, size_limit=8 * 64 * KIB) as store:
        store.begin_run("g", b"")
        assert present(store, [0, 1]) == [0, 1]
        for number in range(10, 20):
            store.put(*big(number))
        assert present(store, [0, 1, *range(10, 20)]) == [0, 1, *range(10, 20)]
        assert present(store, [2, 3, 4]) == []
        assert len(store.warnings) == 1
        assert "size limit" in store.warnings[0]


def test_what_a_run_looked_up_is_kept_over_what_it_did_not(folder, key, row):
    in_a_run(folder, range(6), key=key, row=row)
    with Store.open(folder) as store:
        run = store.begin_run("g", b"")
        for number in (1, 4):
            store.lookup(key(number))
        store.finish_run(run, True, b"")
        store.gc(max_size=store.stored_bytes() - 4 * 64 * KIB)
        assert present(store, range(6)) == [1, 4]


def test_gc_never_takes_what_a_live_process_uses_in_its_run(folder):
    script = """
import sys
from pathlib import Path
import numpy as np
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode
store = Store.open(Path(sys.argv[1]))
store.begin_run("g", b"")
wire = encode(np.full(65536, 77, np.uint8))
store.put(digest(wire), wire)
store.flush()
print("ready", flush=True)
sys.stdin.readline()
"""
    in_a_run(folder, [1, 2])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    with Store.open(folder) as store:
        evicted = store.gc(max_size=0)
        assert evicted.entries == 2
        assert present(store, [1, 2, 77]) == [77]
        with pytest.raises(StoreError, match="still going on"):
            store.clear()
        process.kill()
        process.communicate()
        store.gc(max_size=0)
        assert present(store, [77]) == []
        assert store.warnings == []


def test_gc_by_age_spares_what_recent_runs_used(folder):
    in_a_run(folder, range(4))
    with Store.open(folder) as store:
        assert store.gc(older_than=3600).entries == 0
        assert store.gc(older_than=-1).entries == 4
        assert present(store, range(4)) == []


def test_evicted_small_values_and_files_are_gone_and_can_come_back(folder):
    wire = encode("small")
    with Store.open(folder) as store:
        store.put(digest(wire), wire)
        path = store.new_folder() / "file"
        path.write_text("content")
        hexdigest, _ = store.adopt(path)
        assert store.gc(max_size=0).entries == 2
        assert not store.has(digest(wire))
        assert store.file(hexdigest) is None
        store.put(digest(wire), wire)
        assert store.get(digest(wire)) == wire
        assert store.warnings == []


def test_clear_removes_everything_and_the_store_goes_on(folder, key, row):
    in_a_run(folder, range(3), key=key, row=row)
    with Store.open(folder) as store:
        store.clear()
        stat = store.stat()
        assert (stat.rows, stat.blobs, stat.small, stat.files, stat.runs) == (0, (0, 0), (0, 0), (0, 0), 0)
        assert [path for path in (folder / "blobs").rglob("*") if path.is_file()] == []
        store.record(key("new"), row(), durable=True)
        assert store.lookup(key("new")) == row()


@pytest.mark.parametrize("record", [b"\x92\xa4clip\x01", b"\x93\xa3n/1\xa4clip\x01"])
def test_stat_and_entries_tell_what_each_node_type_holds(folder, key, row, record):
    with Store.open(folder) as store:
        recipe = store.recipe(record)
        for number in range(3):
            own, wire = big(number)
            store.put(own, wire)
            store.record(key(number), row(own, recipe=recipe), durable=False)
        store.record(key("other"), row(), durable=False)
        stat = store.stat()
        assert stat.rows == 4
        assert stat.blobs[0] == 3
        assert stat.types[0].type_id == "clip"
        assert (stat.types[0].calls, stat.types[0].seconds) == (3, 0.75)
        assert stat.types[0].nbytes == stat.blobs[1]
        assert [entry.key for entry in store.entries("clip")] == [key(number) for number in range(3)]
        assert len(store.entries()) == 4


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from nodegraph.store import Key, Row, Store, StoreError
from nodegraph.types.wire import digest, encode
with Store.open(Path(sys.argv[1])) as store:
    store.record(Key(bytes(32)), Row((), None, 0.1, 1, b"", 1), durable=True)
store = Store.open(Path(sys.argv[1]))
store.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    if sys.argv[2] == "blob":
        wire = encode(np.zeros(100_000, np.uint8))
        store.put(digest(wire), wire)
    else:
        for number in range(1, 2000):
            key = Key(number.to_bytes(8, "little") + bytes(24))
            store.record(key, Row((), None, 0.1, 1, bytes(100), 1), durable=number % 100 == 0)
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["blob", "rows"])
def test_a_full_disk_is_a_clear_error_and_what_was_stored_stays(folder, what, row):
    """A limit on the size of files stands for a disk that takes no more."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder), what], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    assert "kept" in done.stdout
    assert str(folder) in done.stdout
    with Store.open(folder) as store:
        assert store.lookup(bytes(32)) is not None
        assert store.verify() == []
        assert store.warnings == []


def test_the_default_limit_is_half_of_what_the_disk_would_have_free(folder, monkeypatch):
    in_a_run(folder, range(4))
    monkeypatch.setattr("nodegraph.store.store.free_bytes", lambda folder: 1_000_000)
    with Store.open(folder) as store:
        assert default_size_limit(folder) == (1_000_000 + store.stored_bytes()) // 2
    assert default_size_limit(folder / "missing") >= 500_000


def test_the_default_folder_is_named_by_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NODEGRAPH_STORE", raising=False)
    assert default_store_folder() == tmp_path / ".nodegraph"
    monkeypatch.setenv("NODEGRAPH_STORE", str(tmp_path / "elsewhere"))
    assert default_store_folder() == tmp_path / "elsewhere"

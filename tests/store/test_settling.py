"""Files are synced after they are in place: until then the index has no stat by which to trust them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nodegraph.store import Store, settling
from nodegraph.store.layout import Layout
from nodegraph.store.shelf import Values
from nodegraph.types.wire import decode
from nodegraph.types.wire import digest as real_digest


@pytest.fixture
def late(monkeypatch):
    """Files that are synced only when the store is closed."""
    monkeypatch.setattr(settling, "_GATHER_S", 60)


@pytest.fixture
def hashed(monkeypatch):
    """The digests that were taken of what was loaded."""
    taken: list[bytes] = []

    def noted(wire):
        taken.append(real_digest(wire))
        return taken[-1]

    monkeypatch.setattr("nodegraph.store.shelf.digest_of", noted)
    return taken


@pytest.fixture
def unsyncable(monkeypatch):
    """A disk that takes writes, and fails to keep them."""

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)


def known(folder: Path) -> list[bool]:
    """Of every file that the index has, whether it could be trusted by its stat."""
    connection = sqlite3.connect(Layout(folder).index())
    try:
        return [bool(mtime) for (mtime,) in connection.execute("SELECT mtime_ns FROM contents")]
    finally:
        connection.close()


def test_value_is_not_hashed_by_who_put_it_and_by_others_until_it_is_synced(
    folder, wired, large, late, hashed
):
    own, wire = wired(large(1))
    with Store.open(folder) as store:
        store.put(own, wire)
        store.flush()
        assert known(folder) == [False]
        assert np.array_equal(decode(store.get(own)), large(1))
        assert hashed == []
        with Store.open(folder) as other:
            assert np.array_equal(decode(other.get(own)), large(1))
            assert hashed == [own]
            other.get(own)
            assert hashed == [own]
    hashed.clear()
    assert known(folder) == [True]
    with Store.open(folder) as store:
        store.get(own)
        assert hashed == []


def test_adopted_file_is_known_by_its_stat_once_it_is_synced(folder, tmp_path, late):
    path = tmp_path / "made"
    path.write_bytes(b"content" * 1000)
    with Store.open(folder) as store:
        name, _ = store.adopt(path)
        store.flush()
        assert known(folder) == [False]
        assert store.file(name) is not None
    assert known(folder) == [True]


def test_stat_is_committed_only_after_the_file_is_synced(folder, wired, large, monkeypatch):
    seen: list[list[bool]] = []
    sync = os.fdatasync

    def spied(descriptor: int) -> None:
        seen.append(known(folder))
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", spied)
    with Store.open(folder) as store:
        store.put(*wired(large(1)))
    assert seen
    assert not any(map(any, seen))
    assert known(folder) == [True]


def test_file_that_cannot_be_synced_is_hashed_when_it_is_read(folder, wired, large, unsyncable, hashed):
    own, wire = wired(large(1))
    with Store.open(folder) as store:
        store.put(own, wire)
    assert known(folder) == [False]
    with Store.open(folder) as store:
        assert np.array_equal(decode(store.get(own)), large(1))
    assert hashed == [own]


def test_damage_of_a_file_that_was_never_synced_is_noticed(folder, wired, large, unsyncable):
    own, wire = wired(large(1))
    with Store.open(folder) as store:
        store.put(own, wire)
        store.flush()
    (file,) = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    stat = file.stat()
    file.write_bytes(file.read_bytes()[:-5000] + bytes(5000))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with Store.open(folder) as store:
        assert store.get(own) is None
        assert len(store.warnings) == 1


def test_value_that_is_let_go_before_it_is_synced_stays_away(folder, wired, large, late):
    own, wire = wired(large(1))
    with Store.open(folder) as store:
        store.put(own, wire)
        store.evict([own])
        assert store.get(own) is None
        assert store.warnings == []
    assert known(folder) == []
    with Store.open(folder) as store:
        assert store.get(own) is None
        assert store.warnings == []


def test_value_that_is_put_again_after_it_was_let_go_is_there(folder, wired, large, late):
    own, wire = wired(large(1))
    with Store.open(folder) as store:
        store.put(own, wire)
        store.evict([own])
        store.put(own, wire)
    assert known(folder) == [True]
    with Store.open(folder) as store:
        assert np.array_equal(decode(store.get(own)), large(1))


def test_values_put_while_others_are_synced_are_synced_too(folder, wired, large, monkeypatch):
    sync = os.fdatasync
    with Store.open(folder) as store:

        def putting(descriptor: int) -> None:
            sync(descriptor)
            if number := next(more, 0):
                store.put(*wired(large(number)))

        more = iter(range(1, 6))
        monkeypatch.setattr(os, "fdatasync", putting)
        store.put(*wired(large(0)))
    monkeypatch.undo()
    assert len(known(folder)) > 1
    assert all(known(folder))


NOT_CLOSED = """
import sys
from pathlib import Path
import numpy as np
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode

store = Store.open(Path(sys.argv[1]))
for number in range(50):
    wire = encode(np.arange(number, number + 16384, dtype=np.int32))
    store.put(digest(wire), wire)
store.flush()
"""


LAST_FILE_AT_THE_END = """
import atexit, sys
from pathlib import Path
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode

store = Store.open(Path(sys.argv[1]))
wire = encode("x" * 20_000)
store.put(digest(wire), wire)
assert "concurrent.futures.thread" not in sys.modules
atexit.register(store.close)
"""


def test_file_put_just_before_the_process_ends_is_synced_when_the_store_is_closed_then(folder, wired):
    ended = subprocess.run(
        [sys.executable, "-c", LAST_FILE_AT_THE_END, str(folder)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert known(folder) == [True]
    with Store.open(folder) as store:
        assert store.get(wired("x" * 20_000)[0]) is not None


def test_rows_are_committed_by_a_store_that_fails_to_have_its_files_synced(folder, key, row, monkeypatch):
    close = Values.close

    def failing(values: Values) -> None:
        close(values)
        raise MemoryError

    monkeypatch.setattr(Values, "close", failing)
    store = Store.open(folder)
    store.record(key("call"), row(), durable=False)
    with pytest.raises(MemoryError):
        store.close()
    monkeypatch.undo()
    with Store.open(folder, read_only=True) as again:
        assert again.lookup(key("call")) == row()


def test_process_that_ends_without_closing_its_store_says_nothing_and_loses_nothing(folder, wired, large):
    ended = subprocess.run(
        [sys.executable, "-c", NOT_CLOSED, str(folder)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    with Store.open(folder) as store:
        assert all(store.get(wired(large(number))[0]) is not None for number in range(50))
        assert store.warnings == []

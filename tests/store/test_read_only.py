from __future__ import annotations

import os

import numpy as np
import pytest

from nodegraph.store import Store, StoreError
from nodegraph.types.wire import decode, digest, encode


@pytest.fixture
def filled(folder, key, row):
    values = [7, np.arange(50_000)]
    with Store.open(folder) as store:
        for value in values:
            wire = encode(value)
            store.put(digest(wire), wire)
            store.record(key(str(value)), row(digest(wire)), durable=False)
    return folder


def listing(folder):
    """Every file but those that SQLite locks by."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((str(path), path.stat().st_mtime_ns) for path in files if "-" not in path.name)


def test_reading_changes_no_file(filled, key, row):
    before = listing(filled)
    with Store.open(filled, read_only=True) as store:
        found = store.lookup(key("7"))
        assert decode(store.get(found.outputs[0])) == 7
        big = digest(encode(np.arange(50_000)))
        assert store.has(big)
        assert np.array_equal(decode(store.get(big)), np.arange(50_000))
        assert store.lookup(key("other")) is None
        assert store.file_digest(filled / "claims") is not None
        assert store.stat().rows == 2
        assert store.runs() == []
        assert store.verify() == []
    assert listing(filled) == before


def test_a_missing_store_reads_as_an_empty_one_and_is_not_made(folder, key):
    with Store.open(folder, read_only=True) as store:
        assert store.lookup(key("call")) is None
        assert store.get(bytes(32)) is None
        assert store.stat().rows == 0
        assert store.warnings == []
    assert not folder.exists()


def test_recording_is_refused(filled, key, row):
    with Store.open(filled, read_only=True) as store:
        for attempt in (
            lambda: store.record(key("new"), row(), durable=True),
            lambda: store.put(digest(encode(8)), encode(8)),
            lambda: store.put(digest(encode("x" * 9999)), encode("x" * 9999)),
            lambda: store.claim(key("new")),
            lambda: store.workdir(key("new")),
            store.new_folder,
            lambda: store.begin_run("g", b""),
            lambda: store.gc(max_size=0),
            store.clear,
        ):
            with pytest.raises(StoreError, match="reading only"):
                attempt()


def test_damage_is_told_and_nothing_is_moved(filled, key):
    (blob,) = [path for path in (filled / "blobs").rglob("*") if path.is_file()]
    os.truncate(blob, 1000)
    with Store.open(filled, read_only=True) as store:
        assert store.get(digest(encode(np.arange(50_000)))) is None
        assert len(store.warnings) == 1
    assert blob.exists()
    (filled / "index.db").write_bytes(b"garbage" * 1000)
    with Store.open(filled, read_only=True) as store:
        assert store.lookup(key("7")) is None
        assert len(store.warnings) == 1
    assert not list(filled.glob("*.damaged-*"))


def test_a_store_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        Store.open(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="file"):
        Store.open(tmp_path / "file")

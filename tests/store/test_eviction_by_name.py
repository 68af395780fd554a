"""Letting go of values by digest: their bytes go, rows and other values stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import digest, encode


def test_evicted_values_are_gone_and_their_rows_stay(tmp_path: Path) -> None:
    small, large, kept = (encode(value) for value in (1, [np.zeros(5000)], "kept"))
    key = Key(b"k" * 32)
    with Store.open(tmp_path / "store") as store:
        for wire in (small, large, kept):
            store.put(digest(wire), wire)
        store.record(key, Row((digest(small), digest(large)), None, 0.1, 0, b"", 1), durable=False)
        store.evict([digest(small), digest(large)])
        assert store.get(digest(small)) is None
        assert store.get(digest(large)) is None
        assert store.get(digest(kept)) is not None
        assert store.lookup(key) is not None
        assert [path for path in (tmp_path / "store/blobs").rglob("*") if path.is_file()] == []
        assert store.verify() == []
        assert store.warnings == []

"""What the store costs a call, beside the least that a durable memo costs in Python.

    python tests/benchmarks/store_floor.py [--calls 20000] [--rounds 3]

The floor is one BLAKE3, one msgpack and one batched SQLite row a call. All figures are microseconds; the
best of the rounds, each with new databases and the floor in between.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
from blake3 import blake3

from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import decode, digest, encode

ORDER = (
    "floor, cold",
    "floor, warm",
    "record a row",
    "record a row and put an int",
    "commit what was left, a row",
    "look up a row",
    "look up a row, in a run",
    "get an int",
    "put a 1 KiB array",
    "get a 1 KiB array",
    "put 256 KiB, synced",
    "plain synced write of 256 KiB",
    "get 256 KiB",
    "put 256 MB, synced",
    "plain synced write of 256 MB",
    "get 256 MB",
    "claim and release",
)


def main() -> None:
    """Run the rounds and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    best: dict[str, float] = {}
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, figure in (
                floor(Path(folder) / "floor.db", chosen.calls) | rows(Path(folder) / "store", chosen.calls)
            ).items():
                best[name] = min(figure, best.get(name, figure))
    for name in ORDER:
        print(f"{name:32}{best[name]:12.1f}")


def timed(count: int, work: Callable[[], object]) -> float:
    """Microseconds that `work` takes for each of `count`."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / count * 1e6


def floor(path: Path, count: int) -> dict[str, float]:
    """The minimal loop: a chain of calls, each keyed by the digest before it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE memo(key BLOB PRIMARY KEY, digest BLOB, value BLOB) WITHOUT ROWID")

    def cold() -> None:
        last, waiting = bytes(32), []
        for value in range(count):
            key = blake3(msgpack.packb(("t.add", 1, {"a": 1, "b": 2.0}, (last,)))).digest()
            packed = msgpack.packb(value)
            last = blake3(packed).digest()
            waiting.append((key, last, packed))
            if len(waiting) == 1000:
                connection.execute("BEGIN")
                connection.executemany("INSERT INTO memo VALUES (?,?,?)", waiting)
                connection.execute("COMMIT")
                waiting.clear()

    def warm() -> None:
        last = bytes(32)
        for _ in range(count - count % 1000):
            key = blake3(msgpack.packb(("t.add", 1, {"a": 1, "b": 2.0}, (last,)))).digest()
            last = connection.execute("SELECT digest FROM memo WHERE key=?", (key,)).fetchone()[0]

    figures = {"floor, cold": timed(count, cold), "floor, warm": timed(count, warm)}
    connection.close()
    return figures


def rows(folder: Path, count: int) -> dict[str, float]:
    """The store's own operations."""
    keys = [Key(blake3(value.to_bytes(8, "little")).digest()) for value in range(2 * count)]
    wires = [encode(value) for value in range(count)]
    digests = [digest(wire) for wire in wires]
    arrays = [encode(np.full(256, value, np.float32)) for value in range(1000)]
    frames = [encode(np.full((256, 256), value, np.int32)) for value in range(100)]
    array_digests = [digest(wire) for wire in arrays]
    frame_digests = [digest(wire) for wire in frames]
    row = Row((digests[0],), None, 0.001, 1, bytes(40), 1)
    figures: dict[str, float] = {}

    with Store.open(folder) as store:

        def record() -> None:
            for key in keys[:count]:
                store.record(key, row, durable=False)

        def record_and_put() -> None:
            for key, own, wire in zip(keys[count:], digests, wires, strict=True):
                store.put(own, wire)
                store.record(key, row, durable=False)

        figures["record a row"] = timed(count, record)
        store.flush()
        figures["record a row and put an int"] = timed(count, record_and_put)
        figures["commit what was left, a row"] = timed(count, store.flush)
        figures["put a 1 KiB array"] = timed(
            1000, lambda: [store.put(*pair) for pair in zip(array_digests, arrays, strict=True)]
        )
        figures["put 256 KiB, synced"] = timed(
            100, lambda: [store.put(*pair) for pair in zip(frame_digests, frames, strict=True)]
        )
    with Store.open(folder) as store:
        figures["look up a row"] = timed(count, lambda: [store.lookup(key) for key in keys[:count]])
        figures["get an int"] = timed(count, lambda: [store.get(own) for own in digests])
        figures["get a 1 KiB array"] = timed(1000, lambda: [store.get(own) for own in array_digests])
        figures["get 256 KiB"] = timed(100, lambda: [store.get(own) for own in frame_digests])
        figures["claim and release"] = timed(1000, lambda: [claimed(store, key) for key in keys[:1000]])
        run = store.begin_run("bench", b"")
        figures["look up a row, in a run"] = timed(count, lambda: [store.lookup(key) for key in keys[:count]])
        store.finish_run(run, True, b"")
    figures["plain synced write of 256 KiB"] = timed(
        100, lambda: [plain(folder / f"plain-{index}", bytes(1 << 18)) for index in range(100)]
    )
    return figures | large(folder)


def large(folder: Path) -> dict[str, float]:
    """One array of 256 MB."""
    array = np.arange(64_000_000, dtype=np.float32)
    wire = encode(array)
    own = digest(wire)
    with Store.open(folder) as store:
        put = timed(1, lambda: store.put(own, wire))
    written = timed(1, lambda: plain(folder / "plain", array.data))
    with Store.open(folder) as store:
        loaded = store.get(own)
        assert loaded is not None
        got = timed(1, lambda: decode(store.get(own) or loaded))
    return {"put 256 MB, synced": put, "plain synced write of 256 MB": written, "get 256 MB": got}


def claimed(store: Store, key: Key) -> None:
    """Claim a key and give it back."""
    with store.claim(key) or Store.open(store.folder):
        pass


def plain(path: Path, content: bytes | memoryview) -> None:
    """Write a file and have it on the disk."""
    import os

    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()

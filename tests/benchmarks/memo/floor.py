"""The least that a durable memo costs in Python: one BLAKE3, one msgpack and one batched SQLite row a call.

In a process of its own, as what it is compared with: python -m memo.floor FOLDER
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, cast

import msgpack as untyped_msgpack
from blake3 import blake3

msgpack = cast("Any", untyped_msgpack)
CALLS = 20_000
GROUP = 1000


def measure(folder: Path) -> dict[str, float]:
    """Seconds per call of writing and of finding again, by the clock and of processor."""
    database = sqlite3.connect(folder / "floor.db")
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=normal")
    database.execute(
        "create table row(key blob primary key, digest blob, value blob, cost real, time real) without rowid"
    )
    cpu, wall = time.process_time(), time.perf_counter()
    write(database)
    cold, cold_cpu = time.perf_counter() - wall, time.process_time() - cpu
    cpu, wall = time.process_time(), time.perf_counter()
    find(database)
    warm, warm_cpu = time.perf_counter() - wall, time.process_time() - cpu
    database.close()
    taken = {"cold": cold, "cold_cpu": cold_cpu, "warm": warm, "warm_cpu": warm_cpu}
    return {name: seconds / CALLS for name, seconds in taken.items()}


def write(database: sqlite3.Connection) -> None:
    """A chain of calls, each keyed by the digest before it."""
    digest, rows = bytes(32), []
    started = time.time()
    for value in range(CALLS):
        key = blake3(msgpack.packb(("bench.add", 1, {"a": 1, "b": 2.0}, (digest,)))).digest()
        packed = msgpack.packb(value)
        digest = blake3(packed).digest()
        rows.append((key, digest, packed, 0.0, started))
        if len(rows) == GROUP:
            with database:
                database.executemany("insert into row values (?, ?, ?, ?, ?)", rows)
            rows = []


def find(database: sqlite3.Connection) -> None:
    """The same chain from what was written."""
    digest = bytes(32)
    for _ in range(CALLS):
        key = blake3(msgpack.packb(("bench.add", 1, {"a": 1, "b": 2.0}, (digest,)))).digest()
        digest = database.execute("select digest from row where key=?", (key,)).fetchone()[0]


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))

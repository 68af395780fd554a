"""What the engine costs per cheap call, beside the least that a durable memo costs in Python.

The floor is one BLAKE3, one msgpack record and one batched SQLite row a call. Floor and engine take turns on
fresh stores; printed are microseconds per call and median ratios, cold and with nothing changed.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgpack as untyped_msgpack
from blake3 import blake3

from nodegraph import Graph, Item, Stream, node
from nodegraph.api import Options, run_graph

msgpack = cast("Any", untyped_msgpack)
ROUNDS = 3
FLOOR_CALLS = 20_000


@node("bench.one", version=1)
def one() -> int:
    """Give a number."""
    return 1


@node("bench.add", version=1)
def add(x: int, k: int = 1) -> int:
    """Add a number."""
    return x + k


@node("bench.numbers", version=1)
def numbers(n: int) -> Stream[int]:
    """Give numbers."""
    for index in range(n):
        yield Item(str(index), index)


def chain() -> tuple[Graph, int]:
    """A chain of 1,000 nodes."""
    graph = Graph("chain")
    last = graph.add(one)
    for index in range(999):
        last = graph.add(add, id=f"n{index}", x=last)
    graph.output("out", last)
    return graph, 1000


def wide() -> tuple[Graph, int]:
    """5,000 nodes that read one."""
    graph = Graph("wide")
    first = graph.add(one)
    for index in range(4999):
        graph.add(add, id=f"n{index}", x=first, k=index)
    return graph, 5000


def stream() -> tuple[Graph, int]:
    """A stream of 10,000 items through three nodes after its source."""
    graph = Graph("stream")
    last = graph.add(numbers, n=10_000)
    for index in range(3):
        last = graph.add(add, id=f"n{index}", x=last, k=100_000 * (index + 1))
    graph.output("out", last)
    return graph, 40_000


def floor(folder: Path) -> tuple[float, float]:
    """Microseconds per call of the floor, cold and warm."""
    database = sqlite3.connect(folder / "floor.db")
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=normal")
    database.execute("create table row(key blob primary key, digest blob, value blob) without rowid")
    started = time.perf_counter()
    digest, rows = bytes(32), []
    for value in range(FLOOR_CALLS):
        key = blake3(msgpack.packb(("bench.add", 1, {"k": 1}, (digest,)))).digest()
        packed = msgpack.packb(value)
        digest = blake3(packed).digest()
        rows.append((key, digest, packed))
        if len(rows) == 1000:
            with database:
                database.executemany("insert into row values (?, ?, ?)", rows)
            rows = []
    cold = time.perf_counter() - started
    started = time.perf_counter()
    digest = bytes(32)
    for _ in range(FLOOR_CALLS):
        key = blake3(msgpack.packb(("bench.add", 1, {"k": 1}, (digest,)))).digest()
        digest = database.execute("select digest from row where key=?", (key,)).fetchone()[0]
    warm = time.perf_counter() - started
    database.close()
    return cold / FLOOR_CALLS * 1e6, warm / FLOOR_CALLS * 1e6


def engine(make: Callable[[], tuple[Graph, int]], folder: Path) -> tuple[float, float]:
    """Microseconds per call of the engine, cold and with nothing changed."""
    graph, calls = make()
    options = Options(store=folder / "store")
    cold = run_graph(graph, options).seconds
    again = run_graph(graph, options)
    assert sum(report.executed for report in again.nodes.values()) == 0
    return cold / calls * 1e6, again.seconds / calls * 1e6


def main() -> None:
    """Print the table."""
    print(f"{'work':<8} {'cold µs':>8} {'× floor':>8} {'again µs':>9} {'× floor':>8}")
    for make in (chain, wide, stream):
        rounds: list[tuple[float, float, float, float]] = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as name:
                floor_cold, floor_warm = floor(Path(name))
                cold, again = engine(make, Path(name))
                rounds.append((cold, cold / floor_cold, again, again / floor_warm))
        cold, cold_ratio, again, again_ratio = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        print(f"{make.__name__:<8} {cold:>8.1f} {cold_ratio:>8.1f} {again:>9.1f} {again_ratio:>8.1f}")


if __name__ == "__main__":
    main()

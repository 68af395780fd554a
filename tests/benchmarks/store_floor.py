"""What each operation of the store costs, beside the least that a durable memo costs in Python.

    python tests/benchmarks/store_floor.py [--calls 20000] [--rounds 3]

The floor is that of `memo_cost.py`. All figures are microseconds; the best of the rounds, each with new
databases and the floor before.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from blake3 import blake3
from memo import floor

from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import digest, encode

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
    "put 256 KiB",
    "get 256 KiB",
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
            least = floor.measure(Path(folder))
            figures = rows(Path(folder) / "store", chosen.calls)
            figures |= {"floor, cold": least["cold"] * 1e6, "floor, warm": least["warm"] * 1e6}
            for name, figure in figures.items():
                best[name] = min(figure, best.get(name, figure))
    for name in ORDER:
        print(f"{name:32}{best[name]:12.1f}")


def timed(count: int, work: Callable[[], object]) -> float:
    """Microseconds that `work` takes for each of `count`."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / count * 1e6


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
        figures["put 256 KiB"] = timed(
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
    return figures


def claimed(store: Store, key: Key) -> None:
    """Claim a key and give it back."""
    with store.claim(key) or Store.open(store.folder):
        pass


if __name__ == "__main__":
    main()

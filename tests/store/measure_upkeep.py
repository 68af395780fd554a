"""What upkeep costs on large stores: `python tests/store/measure_upkeep.py FOLDER [SMALL [FILES]]`.

Makes stores of SMALL small values with a row each (1,000,000) and of FILES entries of large values, without
the files (100,000), and prints the time of `gc`, of `stat` and of a salvage after the header was destroyed.
"""

from __future__ import annotations

import random
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nodegraph.store import Store
from nodegraph.store.blobs import pack_inline
from nodegraph.store.rows import Row, pack_row, seal, short_id
from nodegraph.types.wire import digest, encode

RUNS = 100


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what:44} {wall:7.2f} s  cpu {cpu:7.2f} s  peak {peak:5} MiB", flush=True)


def build(folder: Path, small: int, files: int) -> None:
    chance = random.Random(1)

    def values() -> Iterator[tuple[object, ...]]:
        for number in range(small):
            wire = encode([number, "x" * (number % 200)])
            name = digest(wire)
            cost = chance.choice([2e-6, 1e-4, 1e-2])
            yield short_id(name), number * RUNS // small + 1, cost, name, pack_inline(wire)

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(small):
            key = chance.randbytes(32)
            row = Row((chance.randbytes(32),), None, 0.1, number % 5, b"x" * 20, 1)
            yield short_id(key), key, seal("rows", key, pack_row(row))

    def contents() -> Iterator[tuple[object, ...]]:
        for number in range(files):
            name, cost = chance.randbytes(32), chance.choice([0.001, 0.1, 5.0])
            yield short_id(name), number * RUNS // files + 1, cost, name, 0, 20_000 + number, 1, 1, 1

    with Store.open(folder) as store:
        for _ in range(RUNS):
            store.finish_run(store.begin_run("graph", b""), True, b"")
        for name in ("a", "b", "c", "d", "e"):
            store.recipe(b"\x91\xa1" + name.encode())
        write = store._index.write
        write(lambda c: c.executemany("INSERT INTO small VALUES (?,?,?,?,?)", values()).rowcount)
        write(lambda c: c.executemany("INSERT INTO rows VALUES (?,?,?)", rows()).rowcount)
        write(lambda c: c.executemany("INSERT INTO contents VALUES (?,?,?,?,?,?,?,?,?)", contents()).rowcount)
        write(lambda c: c.execute("UPDATE totals SET bytes=(SELECT sum(size) FROM contents)").rowcount)


def measure_gc(folder: Path, name: str) -> None:
    for share in (0.9, 0.7):
        with Store.open(folder) as store:
            size = store.stored_bytes()
            with timed(f"gc of {name} to {share:.0%}"):
                evicted = store.gc(max_size=int(size * share))
            left = store.stored_bytes()
        print(f"  {evicted.entries:,} evicted, {size / 1e6:,.0f} MB to {left / 1e6:,.0f} MB")


def main(folder: Path, small: int = 1_000_000, files: int = 100_000) -> None:
    rows, contents = folder / "rows", folder / "contents"
    build(rows, small, 0)
    build(contents, 0, files)
    with Store.open(rows) as store, timed(f"stat of {small:,} rows"):
        store.stat()
    shutil.copytree(rows, folder / "damaged")
    with (folder / "damaged" / "index.db").open("r+b") as index:
        index.write(bytes(4096))
    with timed(f"salvage of {small:,} rows and as many values"):
        store = Store.open(folder / "damaged")
    with store:
        print("\n".join(store.warnings))
    measure_gc(rows, f"{small:,} small values")
    measure_gc(contents, f"{files:,} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))

"""Memory: values in flight are bounded whatever the dataset, and little is kept of each item."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import gc
import resource
import sys
import tracemalloc
from dataclasses import dataclass

import numpy as np

from nodegraph import Graph, Item, Stream, node, value


@value("memory.block", version=1)
@dataclass(frozen=True)
class Block:
    cells: np.ndarray


@node("memory.blocks", version=1)
def blocks(*, count: int, size: int) -> Stream[Block]:
    for index in range(count):
        yield Item(str(index), lambda index=index: Block(np.full(size, index % 251, dtype=np.uint8)))


@node("memory.change", version=1)
def change(block: Block, *, plus: int) -> Block:
    return Block(block.cells + np.uint8(plus))


@node("memory.lean", version=1, keep=False)
def lean(block: Block, *, plus: int) -> Block:
    return Block(block.cells + np.uint8(plus))


@node("memory.total", version=1)
def total(blocks: Stream[Block]) -> int:
    return sum(int(item.value.cells[0]) for item in blocks)


@node("memory.against", version=1)
def against(block: Block, total: int) -> Block:
    return Block(block.cells + np.uint8(total % 7))


@node("memory.numbers", version=1)
def numbers(*, count: int) -> Stream[int]:
    for number in range(count):
        yield Item(f"{number:08}", number)


@node("memory.add", version=1)
def add(number: int, *, plus: int) -> int:
    return number + plus


@node("memory.parts", version=1)
def parts(number: int) -> Stream[int]:
    for index in range(2):
        yield Item(str(index), 2 * number + index)


@node("memory.sum", version=1)
def sum_(numbers: Stream[int]) -> int:
    return sum(item.value for item in numbers)


def big(kind, count):
    graph = Graph("memory")
    source = graph.add(blocks, id="source", count=count, size=1 << 22)
    one = graph.add(lean if kind == "lean" else change, id="one", block=source, plus=1)
    two = graph.add(change, id="two", block=one, plus=2)
    last = graph.add(total, id="last", blocks=two)
    if kind == "late":
        again = graph.add(against, id="again", block=one, total=last)
        last = graph.add(total, id="sum", blocks=again)
    graph.output("last", last)
    return graph


def small(kind, count):
    graph = Graph("memory")
    source = graph.add(numbers, id="source", count=count)
    one = graph.add(add, id="one", number=source, plus=1)
    if kind == "nested":
        one = graph.add(sum_, id="inner", numbers=graph.add(parts, id="parts", number=one))
    last = graph.add(sum_, id="last", numbers=graph.add(add, id="two", number=one, plus=1))
    graph.output("last", last)
    return graph


kind, count, store = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if kind in ("plain", "lean", "late"):
    run = big(kind, count).run(store=store, jobs=2)
    assert run.ok, run.errors[0].message
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
else:
    small(kind, 500).run(store=store, jobs=1)
    tracemalloc.start()
    run = small(kind, count).run(store=store, jobs=1)
    assert run.ok, run.errors[0].message
    gc.collect()
    print(tracemalloc.get_traced_memory()[0])
"""


def memory(tmp_path: Path, kind: str, count: int) -> int:
    """Bytes that a process takes for a graph over `count` items: resident at most, or held at the end."""
    script = tmp_path / "memory_pack.py"
    script.write_text(SCRIPT)
    store = tmp_path / f"store-{kind}-{count}"
    ended = subprocess.run(
        [sys.executable, str(script), kind, str(count), str(store)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    shutil.rmtree(store)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.parametrize("kind", ["plain", "lean", "late"])
def test_memory_stays_flat_when_items_grow_tenfold(tmp_path, kind):
    few, many = memory(tmp_path, kind, 20), memory(tmp_path, kind, 200)
    assert many <= 1.25 * few, f"{few >> 20} MiB for 20 items, {many >> 20} MiB for 200"


@pytest.mark.parametrize(("kind", "count", "items"), [("flat", 1000, 1), ("nested", 300, 3)])
def test_little_is_kept_of_each_item(tmp_path, kind, count, items):
    few, many = memory(tmp_path, kind, count), memory(tmp_path, kind, 4 * count)
    kept = (many - few) / (3 * count * items)
    assert kept <= 300, f"{kept:.0f} bytes an item"

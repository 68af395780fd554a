"""The works as graphs of the engine, made of trivial nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from memo.works import CELLS, MODULUS, STAGES, Phase, Work, ends, expected, readers, stage_step, step
from nodegraph import Graph, Item, Stream, node, value
from nodegraph.run.result import Run


@value("bench.block", version=1, fields=("cells",))
@dataclass(frozen=True)
class Block:
    """An array of 1 KiB.

    Attributes:
        cells: (256,) int32, all of one value.
    """

    cells: np.ndarray


@node("bench.start", version=1)
def start(k: int) -> int:
    """Give a number."""
    return k


@node("bench.add", version=1)
def add(a: int, k: int) -> int:
    """Add a number."""
    return (a + k) % MODULUS


@node("bench.join3", version=1)
def join3(a: int, b: int, c: int, k: int) -> int:
    """Add three numbers and one more."""
    return (a + b + c + k) % MODULUS


@node("bench.join4", version=1)
def join4(a: int, b: int, c: int, d: int, k: int) -> int:
    """Add four numbers and one more."""
    return (a + b + c + d + k) % MODULUS


@node("bench.start_block", version=1)
def start_block(k: int) -> Block:
    """Give an array."""
    return Block(np.full(CELLS, k, np.int32))


@node("bench.add_block", version=1)
def add_block(a: Block, k: int) -> Block:
    """Add a number."""
    return Block((a.cells + k) % MODULUS)


@node("bench.join3_block", version=1)
def join3_block(a: Block, b: Block, c: Block, k: int) -> Block:
    """Add three arrays and a number."""
    return Block((a.cells + b.cells + c.cells + k) % MODULUS)


@node("bench.join4_block", version=1)
def join4_block(a: Block, b: Block, c: Block, d: Block, k: int) -> Block:
    """Add four arrays and a number."""
    return Block((a.cells + b.cells + c.cells + d.cells + k) % MODULUS)


@node("bench.numbers", version=1)
def numbers(n: int) -> Stream[int]:
    """Give numbers."""
    for index in range(n):
        yield Item(str(index), index)


NODES = (start, add, None, join3, join4)
BLOCK_NODES = (start_block, add_block, None, join3_block, join4_block)
"""By how many nodes they read."""


def graph_of(work: Work, phase: Phase) -> Graph:
    """The graph of a work; its outputs are what no node reads, but for the wide one, which declares none."""
    return _stream(work, phase) if work.shape == "stream" else _plain(work, phase)


def _plain(work: Work, phase: Phase) -> Graph:
    graph, nodes = Graph(f"{work.shape} {work.size}"), BLOCK_NODES if work.arrays else NODES
    made: list[Any] = []
    for index, reads in enumerate(readers(work)):
        links = {name: made[read] for name, read in zip("abcd", reads, strict=False)}
        node_ = nodes[len(reads)]
        assert node_ is not None
        made.append(graph.add(node_, id=f"n{index}", k=step(work, index, phase), **links))
    if work.shape != "wide":
        for index in ends(work):
            graph.output(f"out{index}", made[index])
    return graph


def _stream(work: Work, phase: Phase) -> Graph:
    graph = Graph(f"stream {work.size}")
    last = graph.add(numbers, n=work.size + (phase == "changed"))
    for stage in range(STAGES):
        last = graph.add(add, id=f"n{stage}", a=last, k=stage_step(stage))
    graph.output("out", last)
    return graph


def assert_right(work: Work, phase: Phase, run: Run) -> None:
    """Hold the outputs of a run against what they must be."""
    values = expected(work, phase)
    if work.shape == "stream":
        assert [item.value for item in run.items("out")] == values
        return
    for index in ends(work):
        got = run.value(f"n{index}.out")
        assert (got.cells == values[index]).all() if work.arrays else got == values[index], index

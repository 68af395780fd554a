"""The works that are measured, said without any engine: shape, size, and what a change makes run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Shape = Literal["chain", "wide", "layered", "stream"]
Phase = Literal["cold", "again", "changed"]

LAYER = 40
"""Nodes in a layer: 2,000 nodes are 50 layers."""
STAGES = 3
"""Mapped nodes after the source of a stream."""
CELLS = 256
"""Numbers of 32 bits in an array of 1 KiB."""
MODULUS = 1 << 24
"""Sums are taken modulo this: a few of them fit into 32 bits."""
CHANGED_STEP = 1_000_000
"""What a changed node adds: no value after it is one that was seen before."""


@dataclass(frozen=True)
class Work:
    """One graph to run.

    Attributes:
        size: nodes of the graph; for a stream its items.
        arrays: values are arrays of 1 KiB in place of ints.
    """

    shape: Shape
    size: int
    arrays: bool = False

    @property
    def calls(self) -> int:
        """Calls of a run from nothing."""
        return self.size * (1 + STAGES) if self.shape == "stream" else self.size

    def as_text(self) -> str:
        """The form in which a process is told its work."""
        return json.dumps(asdict(self))


def work_of(text: str) -> Work:
    """The work that `Work.as_text` told."""
    return Work(**json.loads(text))


def changed_node(work: Work) -> int | None:
    """The node whose param is another after the change, halfway through the graph; None for a stream."""
    return None if work.shape == "stream" else work.size // 2


def step(work: Work, index: int, phase: Phase) -> int:
    """What the node at `index` adds."""
    if phase == "changed" and index == changed_node(work):
        return CHANGED_STEP
    return 1 if work.shape == "chain" else index


def readers(work: Work) -> Iterator[tuple[int, ...]]:
    """For each node in order, the nodes it reads; the first has none.

    A layered graph of 2,000 nodes has 6,000 edges: three a node, none in the first layer, a fourth for
    the nodes that make up for these.
    """
    for index in range(work.size):
        if work.shape == "chain":
            yield (index - 1,) if index else ()
        elif work.shape == "wide":
            yield (0,) if index else ()
        else:
            yield _before(index)


def edges(work: Work) -> int:
    """How many links the graph has."""
    return sum(map(len, readers(work)))


def ends(work: Work) -> Sequence[int]:
    """The nodes that no node reads."""
    unread = dict.fromkeys(range(work.size))
    for reads in readers(work):
        for read in reads:
            unread.pop(read, None)
    return list(unread)


def affected(work: Work) -> int:
    """How many calls a change makes run: what depends on the changed node; for a stream, those of a new item.

    The source of a stream walks anew when its own param changed, so that all its items count as run.
    """
    if work.shape == "stream":
        return work.size + 1 + STAGES
    dirty: set[int] = set()
    for index, reads in enumerate(readers(work)):
        if index == changed_node(work) or not dirty.isdisjoint(reads):
            dirty.add(index)
    return len(dirty)


def expected(work: Work, phase: Phase) -> list[int]:
    """The value of every node; for a stream of every item after the last node."""
    if work.shape == "stream":
        items = work.size + (phase == "changed")
        return [index + sum(stage_step(stage) for stage in range(STAGES)) for index in range(items)]
    values: list[int] = []
    for index, reads in enumerate(readers(work)):
        values.append((sum(values[read] for read in reads) + step(work, index, phase)) % MODULUS)
    return values


def stage_step(stage: int) -> int:
    """What a mapped node of a stream adds: no two nodes see the same value."""
    return 1_000_000 * (stage + 1)


def _before(index: int) -> tuple[int, ...]:
    layer, place = divmod(index, LAYER)
    if layer == 0:
        return ()
    extra = (13,) if layer <= 3 else ()
    return tuple((layer - 1) * LAYER + (place + offset) % LAYER for offset in (0, 1, 7, *extra))

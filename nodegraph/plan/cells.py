"""What planning notes down: the items of each level, and for each call what the memo knows of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nodegraph.check.checked import Chain
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.store import Key, Row
from nodegraph.types.wire import Digest


class Blank:
    """A cell without digests."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNKNOWN: Final = Blank("unknown")
"""Only running can tell."""

LEFT_OUT: Final = Blank("left out")
"""Dropped, or without a value because of something before it."""

Cell = tuple[Digest, ...] | Blank
"""The digests of a call's outputs, or why there are none."""


@dataclass(slots=True)
class Table:
    """The items of one level.

    Attributes:
        paths: the item keys along the origin.
        parents: for each item, the index of its outer item.
        children: for each outer item, its items; None where only running can tell which there are.
    """

    paths: list[tuple[str, ...]]
    parents: list[int]
    children: list[range | None]

    @property
    def complete(self) -> bool:
        """Whether all items are known."""
        return all(inside is not None for inside in self.children)


@dataclass(slots=True)
class Foreseen:
    """The calls of one step: those the store knows, and those that would run, with why."""

    cached: int = 0
    run: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])

    def would_run(self, why: str) -> None:
        """Count a call that would run."""
        self.run += 1
        self.reasons[why] += 1


Read = tuple[Path, Digest | None]
"""A file that an item is read from, with the digest of its content where that was taken."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the walk has to say of one call, or of one item that a fan-out step gives.

    Attributes:
        why: why it would run; None if its result is in the store.
        key: its key; None where it has none, or only running can tell.
        row: what the store has of it.
        reads: the files that an item is made from.
    """

    why: str | None
    key: Key | None = None
    row: Row | None = None
    reads: Sequence[Read] = ()


class Notes:
    """What a walk found out about every call, for who asks why.

    Attributes:
        calls: per step, what is told of each cell of the grid; None for a call that was left out.
        listings: per fan-out step, what is told of each call that lists items.
    """

    def __init__(self) -> None:
        self.calls: defaultdict[int, list[Told | None]] = defaultdict(list)
        self.listings: defaultdict[int, list[Told | None]] = defaultdict(list)


class Grid:
    """The tables of all levels and the cells of all steps, and how a call finds its inputs in them.

    Attributes:
        tables: the items of every level.
        cells: per step, a cell per item of its own level (of a fan-out step: of the level it makes).
        left_out: per fan-out step, for which outer items it makes no stream, because they were left out.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.tables: dict[Chain, Table] = {(): Table([()], [0], [range(1)])}
        self.cells: dict[int, list[Cell]] = {}
        self.left_out: dict[int, list[bool]] = {}

    def complete(self, chain: Chain) -> bool:
        """Whether all items of a level are known."""
        return all(self.tables[chain[:depth]].complete for depth in range(1, len(chain) + 1))

    def above(self, chain: Chain, index: int, levels: int) -> tuple[Chain, int]:
        """The item that an item belongs to so many levels up."""
        for _ in range(levels):
            index = self.tables[chain].parents[index]
            chain = chain[:-1]
        return chain, index

    def stream(self, step: Step, feed: Feed, above: Chain, place: int) -> list[tuple[str, Digest]] | Blank:
        """The entries of a collected stream."""
        assert feed.collects is not None, "only streams are collected"
        if self.left_out[feed.collects][place]:
            return LEFT_OUT
        chain = (*above, self._program.steps[feed.collects].id)
        steps = {
            other.step
            for other in step.feeds
            if other.watch == other.step and other.collects == feed.collects
        }
        return self._present(feed, chain, place, steps)

    def nested(
        self, step: Step, feed: Feed, above: Chain, place: int
    ) -> list[tuple[str, list[tuple[str, Digest]]]] | Blank:
        """The entries of each inner stream of a stream of streams."""
        assert feed.collects is not None, "only streams are collected"
        assert feed.inner is not None, "only streams of streams are nested"
        outer_chain = (*above, self._program.steps[feed.collects].id)
        outer = self.tables[outer_chain]
        inside = outer.children[place]
        if inside is None:
            return UNKNOWN
        steps = {other.step for other in step.feeds if other.inner == feed.inner}
        found: list[tuple[str, list[tuple[str, Digest]]]] = []
        for index in inside:
            if self.left_out[feed.inner][index]:
                continue
            chain = (*outer_chain, self._program.steps[feed.inner].id)
            entries = self._present(feed, chain, index, steps)
            if isinstance(entries, Blank):
                return entries
            found.append((outer.paths[index][-1], entries))
        return found

    def _present(
        self, feed: Feed, chain: Chain, place: int, steps: set[int]
    ) -> list[tuple[str, Digest]] | Blank:
        """The entries of one stream, without the items that are missing from a step of `steps`."""
        table = self.tables[chain]
        inside = table.children[place]
        if inside is None:
            return UNKNOWN
        found: list[tuple[str, Digest]] = []
        for index in inside:
            cells = [self.cells[other][index] for other in steps]
            if any(cell is UNKNOWN for cell in cells):
                return UNKNOWN
            own = self.cells[feed.step][index]
            if not isinstance(own, Blank) and not any(isinstance(cell, Blank) for cell in cells):
                found.append((table.paths[index][-1], own[feed.output]))
        return found

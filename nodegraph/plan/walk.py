"""The walk: what the memo knows of every call of a program, found without running any.

Column by column in topological order: for each step, one cell per item. Sources are listed, their `make`
is not called. `plan` counts the cells; `get` and `Run.items` read digests from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nodegraph.check.checked import Chain
from nodegraph.node.context import Context
from nodegraph.plan.identity import (
    INPUTS_CHANGED,
    RUNS_EVERY_TIME,
    StepIdentity,
    identify,
    literal_arguments,
    reason,
)
from nodegraph.plan.keys import call_key, derived_seed, item_key, stream_digest
from nodegraph.plan.producers import (
    EVERYTHING,
    GeneratorProducer,
    Listed,
    ListingProducer,
    Producer,
    Selection,
)
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import BytesMissing, NestedStream, StoredStream, Values
from nodegraph.store import Key, Row, Store
from nodegraph.types.stream import Item
from nodegraph.types.wire import Digest, NotStorable, digest, encode


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


class Walk:
    """The walk over one program.

    Attributes:
        tables: the items of every level.
        cells: per step, a cell per item of its own level (of a fan-out step: of the level it makes).
        foreseen: per step, what would run.
        left_out: per fan-out step, for which outer items it makes no stream, because they were left out.
    """

    def __init__(
        self,
        program: Program,
        store: Store,
        *,
        selection: Selection = EVERYTHING,
        forced: frozenset[str] = frozenset(),
        from_history: bool = False,
    ) -> None:
        self.program = program
        self._store = store
        self._values = Values(store)
        self._selection = selection
        self._forced = forced
        self._from_history = from_history
        self.tables: dict[Chain, Table] = {(): Table([()], [0], [range(1)])}
        self.cells: dict[int, list[Cell]] = {}
        self.foreseen = [Foreseen() for _ in program.steps]
        self.left_out: dict[int, list[bool]] = {}
        for step in program.steps:
            self._walk(step)

    def complete(self, step: Step) -> bool:
        """Whether all items of a step's outputs are known."""
        return self._complete(step.node.output_chain)

    def entries(self, step: Step, output: int) -> Iterator[tuple[tuple[str, ...], Digest]]:
        """The (item key along the origin, digest) pairs of an output that the store knows."""
        for path, cell in zip(self.tables[step.node.output_chain].paths, self.cells[step.index], strict=True):
            if not isinstance(cell, Blank):
                yield path, cell[output]

    def _walk(self, step: Step) -> None:
        table = self.tables[step.chain]
        try:
            identity = identify(self.program, step, self._store)
        except OSError as error:
            self._cannot_read(step, table, error)
            return
        if step.fans_out:
            self._walk_fan_out(step, identity, table)
        else:
            self.cells[step.index] = [
                self._call(step, identity, table, index) for index in range(len(table.paths))
            ]
        if not self._complete(step.chain):
            self.foreseen[step.index].reasons[self._why_unknown(step, identity)] += 1

    def _complete(self, chain: Chain) -> bool:
        return all(self.tables[chain[:depth]].complete for depth in range(1, len(chain) + 1))

    def _cannot_read(self, step: Step, table: Table, error: OSError) -> None:
        for _ in table.paths:
            self.foreseen[step.index].would_run(f"cannot read {error.filename}: {error.strerror}")
        self.cells[step.index] = [UNKNOWN] * len(table.paths)
        if step.fans_out:
            self.cells[step.index] = []
            self.tables[step.node.output_chain] = Table([], [], [None] * len(table.paths))
            self.left_out[step.index] = [False] * len(table.paths)

    def _call(self, step: Step, identity: StepIdentity, table: Table, index: int) -> Cell:
        foreseen = self.foreseen[step.index]
        found = self._key(step, identity, table, index)
        if found is LEFT_OUT:
            return LEFT_OUT
        if isinstance(found, Blank):
            foreseen.would_run(self._why_unknown(step, identity))
            return UNKNOWN
        if not step.type.pure:
            foreseen.would_run(RUNS_EVERY_TIME)
            recorded = identity.before.outputs if self._from_history and identity.before is not None else ()
            return tuple(map(Digest, recorded)) or UNKNOWN
        key = found[0]
        row = self._row(step, key)
        if row is None:
            foreseen.would_run(reason(identity, key, self._store, forced=step.id in self._forced))
            return UNKNOWN
        foreseen.cached += 1
        return LEFT_OUT if row.dropped is not None else row.outputs

    def _row(self, step: Step, key: Key) -> Row | None:
        row = self._listing_row(step, key)
        fits = row is None or row.dropped is not None or len(row.outputs) == len(step.output_types)
        return row if fits else None

    def _listing_row(self, step: Step, key: Key) -> Row | None:
        return None if step.id in self._forced else self._store.lookup(key)

    def _why_unknown(self, step: Step, identity: StepIdentity) -> str:
        if step.id in self._forced:
            return "forced"
        return "; ".join(identity.changed) or INPUTS_CHANGED

    def _key(
        self, step: Step, identity: StepIdentity, table: Table, index: int
    ) -> tuple[Key, list[Digest], int | None] | Blank:
        """The key of a call with the digests and the seed in it, or why it has none."""
        digests: list[Digest] = []
        base = identity.base_seed
        unknown = False
        for feed in step.feeds:
            cell = self._input(step, feed, table, index)
            if cell is LEFT_OUT:
                return LEFT_OUT
            if isinstance(cell, Blank):
                unknown = True
            elif feed.name == step.linked_seed:
                seed = self._linked_seed(cell)
                unknown = unknown or seed is UNKNOWN
                base = seed if isinstance(seed, int) else base
            else:
                digests.append(cell)
        if unknown:
            return UNKNOWN
        seed = derived_seed(base, step.type.id, digests, table.paths[index]) if step.type.seeded else None
        return call_key(identity.prefix, digests, seed), digests, seed

    def _linked_seed(self, cell: Digest) -> int | Blank | None:
        try:
            return self._values.load(cell)
        except BytesMissing:
            return UNKNOWN

    def _input(self, step: Step, feed: Feed, table: Table, index: int) -> Digest | Blank:
        above, place = self._above(step.chain, index, feed.up)
        if feed.inner is not None:
            nested = self._nested(step, feed, above, place)
            if isinstance(nested, Blank):
                return nested
            return stream_digest((key, stream_digest(inside)) for key, inside in nested)
        if feed.collects is not None:
            entries = self._stream(step, feed, above, place)
            return entries if isinstance(entries, Blank) else stream_digest(entries)
        cell = self.cells[feed.step][place]
        return cell if isinstance(cell, Blank) else cell[feed.output]

    def _above(self, chain: Chain, index: int, levels: int) -> tuple[Chain, int]:
        for _ in range(levels):
            index = self.tables[chain].parents[index]
            chain = chain[:-1]
        return chain, index

    def _stream(self, step: Step, feed: Feed, above: Chain, place: int) -> list[tuple[str, Digest]] | Blank:
        assert feed.collects is not None
        if self.left_out[feed.collects][place]:
            return LEFT_OUT
        chain = (*above, self.program.steps[feed.collects].id)
        steps = {
            other.step
            for other in step.feeds
            if other.watch == other.step and other.collects == feed.collects
        }
        return self._present(feed, chain, place, steps)

    def _nested(
        self, step: Step, feed: Feed, above: Chain, place: int
    ) -> list[tuple[str, list[tuple[str, Digest]]]] | Blank:
        """The entries of each inner stream of a stream of streams."""
        assert feed.collects is not None
        assert feed.inner is not None
        outer_chain = (*above, self.program.steps[feed.collects].id)
        outer = self.tables[outer_chain]
        inside = outer.children[place]
        if inside is None:
            return UNKNOWN
        steps = {other.step for other in step.feeds if other.inner == feed.inner}
        found: list[tuple[str, list[tuple[str, Digest]]]] = []
        for index in inside:
            if self.left_out[feed.inner][index]:
                continue
            chain = (*outer_chain, self.program.steps[feed.inner].id)
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

    def _walk_fan_out(self, step: Step, identity: StepIdentity, outer: Table) -> None:
        table = Table([], [], [])
        cells: list[Cell] = []
        self.tables[step.node.output_chain] = table
        self.cells[step.index] = cells
        self.left_out[step.index] = [False] * len(outer.paths)
        for index in range(len(outer.paths)):
            first = len(table.paths)
            known = self._list_items(step, identity, outer, index, table, cells)
            table.parents.extend([index] * (len(table.paths) - first))
            table.children.append(range(first, len(table.paths)) if known else None)

    def _list_items(
        self, step: Step, identity: StepIdentity, outer: Table, index: int, table: Table, cells: list[Cell]
    ) -> bool:
        """Add the items of one fan-out call to a table; False if only running can tell them."""
        foreseen = self.foreseen[step.index]
        found = self._key(step, identity, outer, index)
        if isinstance(found, Blank):
            if found is UNKNOWN:
                foreseen.reasons[self._why_unknown(step, identity)] += 1
            self.left_out[step.index][index] = found is LEFT_OUT
            return found is LEFT_OUT
        key, digests, seed = found
        if step.type.pure:
            row = self._listing_row(step, key)
            if row is not None and row.dropped is not None:
                foreseen.cached += 1
                self.left_out[step.index][index] = True
                return True
            producer = self._listing(step, row)
            if producer is None:
                foreseen.reasons[reason(identity, key, self._store, forced=step.id in self._forced)] += 1
                return False
        else:
            producer = self._generator(step, outer, index)
            if producer is None:
                foreseen.reasons[INPUTS_CHANGED] += 1
                return False
        self._take_items(step, identity, producer, digests, seed, outer.paths[index], table, cells)
        return True

    def _selected(self, step: Step) -> Selection:
        return self._selection if step.is_source else EVERYTHING

    def _listing(self, step: Step, row: Row | None) -> Producer | None:
        if row is None:
            return None
        try:
            return ListingProducer(self._values.load(row.outputs[0]), self._selected(step))
        except BytesMissing:
            return None

    def _generator(self, step: Step, outer: Table, index: int) -> Producer | None:
        arguments = literal_arguments(step)
        try:
            for feed in step.feeds:
                above, place = self._above(step.chain, index, feed.up)
                if feed.inner is not None:
                    nested = self._nested(step, feed, above, place)
                    assert not isinstance(nested, Blank)
                    arguments[feed.name] = NestedStream(nested, self._values)
                elif feed.collects is not None:
                    entries = self._stream(step, feed, above, place)
                    assert not isinstance(entries, Blank)
                    arguments[feed.name] = StoredStream(entries, self._values)
                elif feed.name != step.linked_seed:
                    cell = self.cells[feed.step][place]
                    assert not isinstance(cell, Blank)
                    value = self._values.load(cell[feed.output])
                    arguments[feed.name] = feed.convert(value) if feed.convert is not None else value
        except BytesMissing:
            return None
        if step.type.signature.wants_context:
            arguments["ctx"] = Context.for_test(seed=None)
        return GeneratorProducer(iter(step.type.function(**arguments)), self._selected(step))

    def _take_items(
        self, step: Step, identity: StepIdentity, producer: Producer, digests: list[Digest], seed: int | None,
        path: tuple[str, ...], table: Table, cells: list[Cell],
    ) -> None:  # fmt: skip
        foreseen = self.foreseen[step.index]
        while (item := producer.next()) is not None:
            table.paths.append((*path, item.key))
            if isinstance(item, Listed):
                foreseen.cached += 1
                cells.append(LEFT_OUT if item.dropped is not None else item.digests)
            else:
                cells.append(self._item(step, identity, item, digests, seed))
        producer.close()

    def _item(
        self, step: Step, identity: StepIdentity, item: Item[Any], digests: list[Digest], seed: int | None
    ) -> Cell:
        foreseen = self.foreseen[step.index]
        if item.make is None:
            foreseen.would_run("listed anew")
            return self._given(step, item)
        try:
            reads = [self._store.file_digest(path) for path in item.reads]
        except OSError as error:
            foreseen.would_run(f"cannot read {error.filename}: {error.strerror}")
            return UNKNOWN
        uses = None if item.uses is None else digest(encode(item.uses))
        key = item_key(identity.item_prefix, digests, seed, item.key, reads, uses)
        row = self._row(step, key)
        if row is None:
            foreseen.would_run(reason(identity, key, self._store, forced=step.id in self._forced))
            return UNKNOWN
        foreseen.cached += 1
        return LEFT_OUT if row.dropped is not None else row.outputs

    def _given(self, step: Step, item: Item[Any]) -> Cell:
        values = item.value if step.type.signature.output_class is not None else (item.value,)
        try:
            return tuple(digest(encode(value)) for value in values)
        except NotStorable:
            return UNKNOWN

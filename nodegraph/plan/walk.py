"""The walk: what the memo knows of every call of a program, found without running any.

Column by column in topological order: for each step, one cell per item. Sources are listed, their `make`
is not called. `plan` counts the cells; `get` and `Run.items` read digests from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nodegraph.node.context import Context, Drop
from nodegraph.plan.cells import LEFT_OUT, UNKNOWN, Blank, Cell, Foreseen, Grid, Table
from nodegraph.plan.convert import as_declared
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
    Listing,
    ListingProducer,
    Producer,
    Selection,
)
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import BytesMissing, NestedStream, StoredItem, StoredStream, Values
from nodegraph.store import Key, Row, Store
from nodegraph.store.rows import recipe_id
from nodegraph.types.builtin import Artifact
from nodegraph.types.ports import Type
from nodegraph.types.stream import Item
from nodegraph.types.wire import Digest, NotStorable, digest, encode

CallIdentity = tuple[Key, list[Digest], int | None]
"""The key of a call, the digests of its linked inputs, and its derived seed."""


class Walk:
    """The walk over one program.

    Attributes:
        grid: the items of every level, and what is known of each call.
        foreseen: per step, what would run.
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
        self.grid = Grid(program)
        self.foreseen = [Foreseen() for _ in program.steps]
        for step in program.steps:
            self._walk(step)

    def complete(self, step: Step) -> bool:
        """Whether all items of a step's outputs are known."""
        return self.grid.complete(step.node.output_chain)

    def is_empty(self, step: Step) -> bool:
        """Whether it is known that a step's outputs have no items at all."""
        return self.complete(step) and not self.grid.tables[step.node.output_chain].paths

    def entries(self, step: Step, output: int) -> Iterator[tuple[tuple[str, ...], Digest]]:
        """The (item key along the origin, digest) pairs of an output that the store knows."""
        paths = self.grid.tables[step.node.output_chain].paths
        for path, cell in zip(paths, self.grid.cells[step.index], strict=True):
            if not isinstance(cell, Blank):
                yield path, cell[output]

    def _walk(self, step: Step) -> None:
        table = self.grid.tables[step.chain]
        try:
            identity = identify(self.program, step, self._store)
        except OSError as error:
            self._cannot_read(step, table, error)
            return
        if step.fans_out:
            self._walk_fan_out(step, identity, table)
        else:
            self.grid.cells[step.index] = [
                self._call(step, identity, table, index) for index in range(len(table.paths))
            ]
        if not self.grid.complete(step.chain):
            self.foreseen[step.index].reasons[self._why_unknown(step, identity)] += 1

    def _cannot_read(self, step: Step, table: Table, error: OSError) -> None:
        for _ in table.paths:
            self.foreseen[step.index].would_run(f"cannot read {error.filename}: {error.strerror}")
        self.grid.cells[step.index] = [UNKNOWN] * len(table.paths)
        if step.fans_out:
            self.grid.cells[step.index] = []
            self.grid.tables[step.node.output_chain] = Table([], [], [None] * len(table.paths))
            self.grid.left_out[step.index] = [False] * len(table.paths)

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
            foreseen.would_run(self._reason(step, identity, key))
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

    def _key(self, step: Step, identity: StepIdentity, table: Table, index: int) -> CallIdentity | Blank:
        """The key of a call with the digests and the seed in it, or why it has none."""
        digests: list[Digest] = []
        base = identity.base_seed
        unknown = False
        for feed in step.feeds:
            cell = self._input(step, feed, index)
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

    def _input(self, step: Step, feed: Feed, index: int) -> Digest | Blank:
        above, place = self.grid.above(step.chain, index, feed.up)
        if feed.inner is not None:
            nested = self.grid.nested(step, feed, above, place)
            if isinstance(nested, Blank):
                return nested
            streams = ((key, self._stream_digest(feed, inside)) for key, inside in nested)
            return _digest_of_known(streams) or UNKNOWN
        if feed.collects is not None:
            entries = self.grid.stream(step, feed, above, place)
            return entries if isinstance(entries, Blank) else self._stream_digest(feed, entries) or UNKNOWN
        cell = self.grid.cells[feed.step][place]
        return cell if isinstance(cell, Blank) else self._entering(feed, cell[feed.output]) or UNKNOWN

    def _stream_digest(self, feed: Feed, entries: list[tuple[str, Digest]]) -> Digest | None:
        return _digest_of_known((key, self._entering(feed, found)) for key, found in entries)

    def _entering(self, feed: Feed, found: Digest) -> Digest | None:
        """What enters a key for a linked value: of a path that is read by content, that; None if unknown."""
        if not feed.by_content:
            return found
        try:
            value = self._values.load(found)
            path = feed.convert(value) if feed.convert is not None else value
            return found if path is None else self._store.file_digest(path)
        except (BytesMissing, OSError):
            return None

    def _walk_fan_out(self, step: Step, identity: StepIdentity, outer: Table) -> None:
        table = Table([], [], [])
        cells: list[Cell] = []
        self.grid.tables[step.node.output_chain] = table
        self.grid.cells[step.index] = cells
        self.grid.left_out[step.index] = [False] * len(outer.paths)
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
            self.grid.left_out[step.index][index] = found is LEFT_OUT
            return found is LEFT_OUT
        key, _, seed = found
        row = self._listing_row(step, key) if step.type.pure else None
        if row is not None and row.dropped is not None:
            foreseen.cached += 1
            self.grid.left_out[step.index][index] = True
            return True
        why = self._reason(step, identity, key) if step.type.pure else "listed anew"
        producer = self._listing(step, row) or self._listed_now(step, index, seed)
        if producer is None:
            foreseen.reasons[why] += 1
            return False
        return self._take_items(step, identity, producer, found, why, index, table, cells)

    def _reason(self, step: Step, identity: StepIdentity, key: Key) -> str:
        return reason(identity, key, self._store, forced=step.id in self._forced)

    def _selected(self, step: Step) -> Selection:
        return self._selection if step.is_source else EVERYTHING

    def _listing(self, step: Step, row: Row | None) -> Producer | None:
        if row is None:
            return None
        try:
            listing = Listing.of_value(self._values.load(row.outputs[0]))
            return ListingProducer(listing, self._selected(step))
        except LookupError:
            return None

    def _listed_now(self, step: Step, index: int, seed: int | None) -> Producer | None:
        """The items that a generator gives now: of a source, or of a node that lists anew at every run."""
        if step.type.pure and (step.feeds or self._from_history):
            return None
        try:
            arguments = literal_arguments(step) | self._arguments(step, index)
        except BytesMissing:
            return None
        if step.type.signature.wants_context:
            arguments["ctx"] = Context.for_test(seed=seed)
        return GeneratorProducer(_generated(step, arguments), self._selected(step))

    def _arguments(self, step: Step, index: int) -> dict[str, Any]:
        """The linked inputs of a call whose key is known.

        Raises:
            BytesMissing: if the bytes of one are gone.
        """
        arguments: dict[str, Any] = {}
        for feed in step.feeds:
            above, place = self.grid.above(step.chain, index, feed.up)
            if feed.inner is not None:
                nested = self.grid.nested(step, feed, above, place)
                assert not isinstance(nested, Blank), "a call with a key has all its inputs"
                arguments[feed.name] = NestedStream(nested, self._values, feed.convert)
            elif feed.collects is not None:
                entries = self.grid.stream(step, feed, above, place)
                assert not isinstance(entries, Blank), "a call with a key has all its inputs"
                arguments[feed.name] = StoredStream(entries, self._values, feed.convert)
            elif feed.name != step.linked_seed:
                cell = self.grid.cells[feed.step][place]
                assert not isinstance(cell, Blank), "a call with a key has all its inputs"
                value = self._values.load(cell[feed.output])
                arguments[feed.name] = feed.convert(value) if feed.convert is not None else value
        return arguments

    def _take_items(
        self,
        step: Step,
        identity: StepIdentity,
        producer: Producer,
        call: CallIdentity,
        why: str,
        index: int,
        table: Table,
        cells: list[Cell],
    ) -> bool:
        """Add the items that a producer gives; False if it breaks off."""
        foreseen = self.foreseen[step.index]
        path = self.grid.tables[step.chain].paths[index]
        first = len(cells)
        try:
            while (item := producer.next()) is not None:
                table.paths.append((*path, item.key))
                cells.append(self._cell_of(step, identity, item, call, why))
        except Drop:
            foreseen.would_run(why)
            self.grid.left_out[step.index][index] = True
            return len(cells) == first
        except Exception as error:
            foreseen.reasons[f"cannot be listed: {str(error) or type(error).__name__}"] += 1
            return False
        finally:
            producer.close()
        return True

    def _cell_of(
        self, step: Step, identity: StepIdentity, item: Item[Any] | Listed, call: CallIdentity, why: str
    ) -> Cell:
        foreseen = self.foreseen[step.index]
        if isinstance(item, Listed):
            foreseen.cached += 1
            return LEFT_OUT if item.dropped is not None else item.digests
        if item.make is None:
            foreseen.would_run(why)
            return _given(step, item)
        if self._is_all_new(step, identity):
            foreseen.would_run(self._why_unknown(step, identity))
            return UNKNOWN
        return self._item(step, identity, item, call)

    def _is_all_new(self, step: Step, identity: StepIdentity) -> bool:
        """Whether no call like these was ever recorded, so that the files they read need not be hashed."""
        if step.id in self._forced:
            return True
        return bool(identity.changed) and self._store.recipe_record(recipe_id(identity.prefix)) is None

    def _item(self, step: Step, identity: StepIdentity, item: Item[Any], call: CallIdentity) -> Cell:
        foreseen = self.foreseen[step.index]
        try:
            reads = [self._store.file_digest(path) for path in item.reads]
        except OSError as error:
            foreseen.would_run(f"cannot read {error.filename}: {error.strerror}")
            return UNKNOWN
        uses = None if item.uses is None else digest(encode(item.uses))
        _, digests, seed = call
        key = item_key(identity.item_prefix, digests, seed, item.key, reads, uses)
        row = self._row(step, key)
        if row is None:
            foreseen.would_run(self._reason(step, identity, key))
            return UNKNOWN
        foreseen.cached += 1
        return LEFT_OUT if row.dropped is not None else row.outputs


def _digest_of_known(entries: Iterable[tuple[str, Digest | None]]) -> Digest | None:
    """The digest of a stream, None if an entry has none."""
    found = list(entries)
    known = [(key, digest) for key, digest in found if digest is not None]
    return stream_digest(known) if len(known) == len(found) else None


def _given(step: Step, item: Item[Any]) -> Cell:
    """The digests of an item that was given with its value."""
    values = item.carried if step.type.signature.output_class is not None else (item.carried,)
    try:
        return tuple(_digest_of(value, type_) for value, type_ in zip(values, step.output_types, strict=True))
    except (NotStorable, ValueError, TypeError):
        return UNKNOWN


def _digest_of(value: Any, type_: Type) -> Digest:
    if isinstance(value, StoredItem):
        return value.digest
    if isinstance(value, Artifact):
        raise NotStorable("an artifact has a digest once the store has its files")
    return digest(encode(as_declared(value, type_)))


def _generated(step: Step, arguments: dict[str, Any]) -> Iterator[Item[Any]]:
    """The items of a generator node; calling it may fail as well as going on with it."""
    yield from step.type.function(**arguments)

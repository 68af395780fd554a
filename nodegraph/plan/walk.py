"""The walk: what the memo knows of every call of a program, found without running any.

Column by column in topological order: for each step, one cell per item. Sources are listed, their `make`
is not called. `plan` counts the cells; `get` and `Run.items` read digests from them; `why` reads the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nodegraph.node.context import Context, Drop
from nodegraph.plan.cells import LEFT_OUT, UNKNOWN, Blank, Cell, Foreseen, Grid, Notes, Read, Table, Told
from nodegraph.plan.convert import as_declared
from nodegraph.plan.feeds import CallIdentity, Feeds
from nodegraph.plan.history import History
from nodegraph.plan.identity import (
    INPUTS_CHANGED,
    NOT_IN_STORE,
    RUNS_EVERY_TIME,
    StepIdentity,
    identify,
    literal_arguments,
    reason,
)
from nodegraph.plan.keys import item_key
from nodegraph.plan.marks import KNOWN, LOST, NOTHING, RUNS, Marks, Remaking
from nodegraph.plan.naming import named_anew, named_models, names_models, naming_key
from nodegraph.plan.producers import (
    EVERYTHING,
    GeneratorProducer,
    Listed,
    Listing,
    ListingProducer,
    Producer,
    Selection,
)
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import BytesMissing, StoredItem, Values
from nodegraph.store import Key, Row, Store
from nodegraph.types.builtin import Artifact, ModelRef
from nodegraph.types.ports import Type
from nodegraph.types.stream import Item
from nodegraph.types.wire import Digest, NotStorable, digest, encode


class Walk:
    """The walk over one program.

    Attributes:
        grid: the items of every level, and what is known of each call.
        feeds: reads the inputs of calls off the grid.
        marks: which calls run, and which are made again for their bytes.
        foreseen: per step, what would run.
        identities: what each step is made of; without those whose own files cannot be read.
        named: per step that only names models, what it names now.
    """

    def __init__(
        self,
        program: Program,
        store: Store,
        *,
        selection: Selection = EVERYTHING,
        forced: frozenset[str] = frozenset(),
        from_history: bool = False,
        notes: Notes | None = None,
    ) -> None:
        """Walk; with `from_history`, what runs every time is taken as it was last time."""
        self.program = program
        self._store = store
        self._values = Values(store)
        self._history = History(store, program.graph)
        self._selection = selection
        self._forced = forced
        self._from_history = from_history
        self._notes = notes
        self.grid = Grid(program)
        self.feeds = Feeds(program, self.grid, store, self._values)
        self.marks = Marks(program, self.grid, self.feeds, self._values)
        self.foreseen = [Foreseen() for _ in program.steps]
        self.identities: dict[int, StepIdentity] = {}
        self.named: dict[int, tuple[ModelRef, ...]] = {}
        for step in program.steps:
            self._walk(step)
        if not from_history:
            Remaking(program, self.grid, self.feeds, self._values, self.marks, self.foreseen, notes).count()

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
            identity = self.identities[step.index] = identify(self.program, step, self._store, self._history)
        except OSError as error:
            self._cannot_read(step, table, error)
            return
        if step.fans_out:
            self._walk_fan_out(step, identity, table)
        else:
            self.grid.cells[step.index] = [
                self._call(step, identity, index) for index in range(len(table.paths))
            ]
        if not self.grid.complete(step.chain):
            is_lost = self.marks.items_are_lost(step.chain)
            self.foreseen[step.index].reasons[self._why_unknown(step, identity, is_lost=is_lost)] += 1

    def _cannot_read(self, step: Step, table: Table, error: OSError) -> None:
        why = _unreadable(error)
        if not step.fans_out:
            self.grid.cells[step.index] = [self._would_run(step, why) for _ in table.paths]
            return
        for _ in table.paths:
            self.foreseen[step.index].would_run(why)
            self._note_listing(step, Told(why))
        self.grid.cells[step.index] = []
        self.grid.tables[step.node.output_chain] = Table([], [], [None] * len(table.paths))
        self.grid.left_out[step.index] = [False] * len(table.paths)

    def _call(self, step: Step, identity: StepIdentity, index: int) -> Cell:
        found = self.feeds.key(step, identity, index)
        if found is LEFT_OUT:
            self._note(step, None)
            return LEFT_OUT
        if isinstance(found, Blank):
            is_lost = self.marks.is_lost(step, index)
            return self._would_run(step, self._why_unknown(step, identity, is_lost=is_lost))
        if names_models(step.type):
            return self._named(step, identity)
        if not step.type.pure:
            self._would_run(step, RUNS_EVERY_TIME)
            recorded = identity.before.outputs if self._from_history and identity.before is not None else ()
            return tuple(map(Digest, recorded)) or UNKNOWN
        return self._looked_up(step, identity, found[0])

    def _named(self, step: Step, identity: StepIdentity) -> Cell:
        """The models that a node names now; it runs if it never named them before."""
        try:
            refs = named_models(step, self._store)
            digests = tuple(
                _digest_of(ref, type_) for ref, type_ in zip(refs, step.output_types, strict=True)
            )
        except Exception as error:
            return self._would_run(step, f"cannot name its model: {str(error) or type(error).__name__}")
        self.named[step.index] = refs
        key = naming_key(identity.prefix, digests)
        if self._row(step, key) is not None:
            return self._looked_up(step, identity, key)
        self._would_run(step, named_anew(self._reason(step, identity, key)), key)
        return digests

    def _looked_up(self, step: Step, identity: StepIdentity, key: Key, reads: Sequence[Read] = ()) -> Cell:
        row = self._row(step, key)
        if row is None:
            return self._would_run(step, self._reason(step, identity, key), key, reads)
        self.foreseen[step.index].cached += 1
        self._note(step, Told(None, key, row, reads))
        return LEFT_OUT if row.dropped is not None else row.outputs

    def _would_run(self, step: Step, why: str, key: Key | None = None, reads: Sequence[Read] = ()) -> Blank:
        self.foreseen[step.index].would_run(why)
        self._note(step, Told(why, key, None, reads))
        return UNKNOWN

    def _note(self, step: Step, told: Told | None) -> None:
        self.marks.calls[step.index].append(_mark(told))
        if self._notes is not None:
            self._notes.calls[step.index].append(told)

    def _note_listing(self, step: Step, told: Told | None) -> None:
        self.marks.listings[step.index].append(_mark(told))
        if self._notes is not None:
            self._notes.listings[step.index].append(told)

    def _row(self, step: Step, key: Key) -> Row | None:
        row = self._listing_row(step, key)
        fits = row is None or row.dropped is not None or len(row.outputs) == len(step.output_types)
        return row if fits else None

    def _listing_row(self, step: Step, key: Key) -> Row | None:
        return None if step.id in self._forced else self._store.lookup(key)

    def _why_unknown(self, step: Step, identity: StepIdentity, *, is_lost: bool) -> str:
        """Why calls would run whose inputs are not known; `is_lost`: since the store lost them."""
        if step.id in self._forced:
            return "forced"
        return identity.why_changed or (NOT_IN_STORE if is_lost else INPUTS_CHANGED)

    def _reason(self, step: Step, identity: StepIdentity, key: Key, *, has_row: bool = False) -> str:
        failed = self._store.failure(key) is not None
        return reason(identity, key, failed=failed, forced=step.id in self._forced, has_row=has_row)

    def _walk_fan_out(self, step: Step, identity: StepIdentity, outer: Table) -> None:
        table = Table([], [], [])
        cells: list[Cell] = []
        self.grid.tables[step.node.output_chain] = table
        self.grid.cells[step.index] = cells
        self.grid.left_out[step.index] = [False] * len(outer.paths)
        for index in range(len(outer.paths)):
            first = len(table.paths)
            known = self._list_items(step, identity, index, table, cells)
            table.parents.extend([index] * (len(table.paths) - first))
            table.children.append(range(first, len(table.paths)) if known else None)

    def _list_items(
        self, step: Step, identity: StepIdentity, index: int, table: Table, cells: list[Cell]
    ) -> bool:
        """Add the items of one fan-out call to a table; False if only running can tell them."""
        foreseen = self.foreseen[step.index]
        found = self.feeds.key(step, identity, index)
        if isinstance(found, Blank):
            why = self._why_unknown(step, identity, is_lost=self.marks.is_lost(step, index))
            if found is UNKNOWN:
                foreseen.reasons[why] += 1
            self._note_listing(step, Told(why) if found is UNKNOWN else None)
            self.grid.left_out[step.index][index] = found is LEFT_OUT
            return found is LEFT_OUT
        key, _, seed = found
        row = self._listing_row(step, key) if step.type.pure else None
        if row is not None and row.dropped is not None:
            foreseen.cached += 1
            self._note_listing(step, Told(None, key, row))
            self.grid.left_out[step.index][index] = True
            return True
        has_row = row is not None
        why = self._reason(step, identity, key, has_row=has_row) if step.type.pure else LISTED_ANEW
        listing = self._listing(step, row)
        self._note_listing(step, Told(why if listing is None else None, key, row))
        producer = listing or self._listed_now(step, index, seed)
        if producer is None:
            foreseen.reasons[why] += 1
            return False
        return self._take_items(step, identity, producer, found, why, index, table, cells)

    def _selected(self, step: Step) -> Selection:
        return self._selection if step.index in self.program.cut else EVERYTHING

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
            arguments = literal_arguments(step) | self.feeds.arguments(step, index)
        except BytesMissing:
            return None
        if step.type.signature.wants_context:
            arguments["ctx"] = Context.for_test(seed=seed)
        return GeneratorProducer(_generated(step, arguments), self._selected(step))

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
                cells.append(self._cell_of(step, identity, item, call, why))
                table.paths.append((*path, item.key))
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
        if isinstance(item, Listed):
            self.foreseen[step.index].cached += 1
            self._note(step, Told(None))
            return LEFT_OUT if item.dropped is not None else item.digests
        if item.make is None:
            self._would_run(step, why)
            return _given(step, item)
        if self._is_all_new(step, identity):
            reads = [(path, None) for path in item.reads]
            return self._would_run(step, self._why_unknown(step, identity, is_lost=False), reads=reads)
        return self._item(step, identity, item, call)

    def _is_all_new(self, step: Step, identity: StepIdentity) -> bool:
        """Whether no call like these was ever recorded, so that the files they read need not be hashed."""
        if step.id in self._forced:
            return True
        return bool(identity.why_changed) and self._store.recipe_record(identity.recipe) is None

    def _item(self, step: Step, identity: StepIdentity, item: Item[Any], call: CallIdentity) -> Cell:
        try:
            reads = [self._store.file_digest(path) for path in item.reads]
        except OSError as error:
            return self._would_run(step, _unreadable(error))
        uses = None if item.uses is None else digest(encode(item.uses))
        _, digests, seed = call
        key = item_key(identity.item_prefix, digests, seed, item.key, reads, uses)
        return self._looked_up(step, identity, key, list(zip(item.reads, reads, strict=True)))


LISTED_ANEW = "listed anew"
"""Why the items that a source gives with their values count as run."""


def _mark(told: Told | None) -> int:
    if told is None:
        return NOTHING
    if told.why is None:
        return KNOWN
    return LOST if told.why == NOT_IN_STORE else RUNS


def _unreadable(error: OSError) -> str:
    return f"cannot read {error.filename}: {error.strerror}"


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

"""The store: the persistent memo of one folder, shared by threads and processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from blake3 import blake3

from nodegraph.store.blobs import INLINE_BYTES, pack_inline
from nodegraph.store.claims import Claim, Claims
from nodegraph.store.contents import Kind
from nodegraph.store.errors import StoreError, store_error
from nodegraph.store.eviction import Evicted, SizeLimit, let_go, stored_bytes
from nodegraph.store.index import Index
from nodegraph.store.journal import Journal
from nodegraph.store.layout import Layout, free_bytes
from nodegraph.store.locks import exclusive
from nodegraph.store.pending import Pending, type_name
from nodegraph.store.presence import Presence, sweep
from nodegraph.store.profiles import (
    LoadRate,
    LoadSource,
    Measured,
    Profile,
    Setting,
    Subject,
    load_name,
    profile_name,
    unpack_load,
    unpack_profile,
)
from nodegraph.store.rows import Key, Row, pack, recipe_name, short_id, unpack, unseal
from nodegraph.store.runs import RunRecord, Runs
from nodegraph.store.shelf import Files, Values
from nodegraph.store.stat_cache import content_digest
from nodegraph.store.uses import Pace, Use, unpack_pace
from nodegraph.types.wire import Digest, Wire

if TYPE_CHECKING:
    import sqlite3

    from nodegraph.store.survey import Damage, Entry, StoreStat


_MEASURED_AT_ONCE = 1 << 18


class Store:
    """The memo in one folder; open it with `Store.open`, close it or use it as a context manager.

    All methods may be called from several threads, and any number of processes may have the same folder
    open. What is recorded is seen at once by all threads of this store; by others, and after a crash, once
    it is committed: at once where `durable` says so, within 100 ms else.

    Attributes:
        folder: the store's folder, absolute.
        read_only: whether it was opened for reading.
        warnings: what was found damaged or set aside since it was opened, each once.
    """

    def __init__(self, layout: Layout, *, read_only: bool, on_warning: Callable[[str], None] | None) -> None:
        self.folder = layout.folder
        self.read_only = read_only
        self.warnings: list[str] = []
        self._on_warning = on_warning
        self._layout = layout
        self._recipes: dict[int, bytes] = {}
        self._index = Index(layout, read_only=read_only, warn=self._warn, replaced=self._replaced)
        self._presence = None if read_only else Presence(layout.tmp)
        self._claims = None if read_only else Claims(layout.claims)
        self._runs = Runs(self._index, self._presence.name if self._presence else "")
        self._journal = Journal(self._index, self._warn)
        self._limit: SizeLimit | None = None
        self._unmeasured = 0
        damaged, journal = layout.damaged, self._journal
        self._values = Values(
            Kind.BLOB, layout.blobs, journal, damaged=damaged, new_path=self._new_path, warn=self._warn
        )
        self._files = Files(
            Kind.FILE, layout.files, journal, damaged=damaged, new_path=self._new_path, warn=self._warn
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        read_only: bool = False,
        size_limit: int | Callable[[Store], int] | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> Store:
        """Open the store in `folder`, making it where it is missing, mending what a crash has left.

        A store opened for reading changes nothing (SQLite may add its lock files beside the index); a missing
        one is then an empty one.

        Args:
            folder: where the store is; relative to the working directory.
            read_only: whether nothing is to be recorded.
            size_limit: bytes to stay under by evicting what is worth least; None for no limit.
            on_warning: called with each warning as it is given, from any thread.

        Raises:
            StoreError: if the folder cannot be used, or a newer nodegraph wrote it.
        """
        layout = Layout(folder.absolute())
        if read_only:
            return cls(layout, read_only=True, on_warning=on_warning)
        try:
            layout.create()
            with exclusive(layout.lock):
                store = cls(layout, read_only=False, on_warning=on_warning)
                sweep(layout.tmp)
        except OSError as error:
            raise store_error(layout.folder, error) from error
        # Not under the lock: reading may find damage, and replacing the index takes that lock.
        store._journal.run = store._runs.latest()
        if size_limit is not None:
            limit = (lambda: size_limit(store)) if callable(size_limit) else (lambda: size_limit)
            store._limit = SizeLimit(limit, store._journal, store._warn)
        return store

    # Calls

    def lookup(self, key: Key) -> Row | None:
        """What a call came to; marks its bytes as used in the present run."""
        return self._journal.row(key)

    def rows_of(self, prefixes: Iterable[bytes]) -> dict[bytes, Row]:
        """What calls came to of whose keys only the first 8 bytes are known; those that are recorded."""
        from nodegraph.store.lineage import rows_of

        self._journal.flush()
        return rows_of(self._index, prefixes)

    def record(self, key: Key, row: Row, *, durable: bool) -> None:
        """Record what a call came to, in place of an earlier row or failure of that key.

        Args:
            key: the call.
            row: what it came to; what it names must have been put before.
            durable: whether it is committed, with all recorded before, when this returns.
        """
        self._journal.record_row(key, row)
        if durable:
            self._journal.flush()

    def lookup_ids(self, ids: Iterable[int]) -> dict[Key, Row]:
        """What calls came to, by the first 64 bits of their keys; see `nodegraph.store.rows.short_id`.

        Their bytes are not marked as used.
        """
        return self._journal.rows_of_ids(ids)

    def record_result(self, key: Key, row: Row, wire: Wire) -> None:
        """Record a cheap call that has one output, together with that output's bytes.

        The same as `put` and `record`, not durable, in less time.
        """
        nbytes = wire.nbytes if wire.buffers else len(wire.header)
        if nbytes > INLINE_BYTES:
            self.put(row.outputs[0], wire, seconds=row.seconds)
            self._journal.record_row(key, row)
            return
        self._unmeasured += nbytes
        if self._unmeasured > _MEASURED_AT_ONCE and self._limit is not None:
            self._limit.make_room(self._unmeasured)
            self._unmeasured = 0
        self._journal.record_result(key, row, pack_inline(wire))

    def has_failures(self) -> bool:
        """Whether any call failed last time."""
        return self._journal.has_failures()

    def record_failure(self, key: Key, error: str, message: str) -> None:
        """Record that a call failed, with the name of the error and its text."""
        self._journal.record_failure(key, pack((error, message)))

    def failure(self, key: Key) -> tuple[str, str] | None:
        """The error and message of the last failure of a call that has not succeeded since."""
        payload = self._journal.failure(key)
        if payload is None:
            return None
        error, message = unpack(payload)
        return error, message

    def claim(self, key: Key) -> Claim | None:
        """Claim the right to compute a call, without waiting; None if another thread or process has it."""
        if self._claims is None:
            raise self._is_read_only()
        try:
            return self._claims.claim(key)
        except OSError as error:
            raise store_error(self._layout.claims, error) from error

    # Bytes

    def put(self, digest: Digest, wire: Wire, *, seconds: float = 0.0) -> None:
        """Keep the bytes of a value; putting it again only keeps the larger cost.

        Small values are committed together with rows, large ones are in their place when this returns, and
        synced soon after.

        Args:
            digest: the value's digest.
            wire: its wire form.
            seconds: what it took to compute, which is what evicting it would cost; 0 if that is not known.
        """
        if self._limit is not None:
            self._limit.make_room(wire.nbytes)
        self._values.put(digest, wire)
        if seconds:
            self._journal.record_value_cost(digest, seconds)

    def get(self, digest: Digest) -> Wire | None:
        """The bytes of a value, checked; None if they are not here any more.

        Arrays of large values are views of the mapped file: read-only, aligned to 64 bytes, not copied.
        """
        return self._values.get(digest)

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of a value are here; they are not checked."""
        return self._values.has(digest)

    def adopt(self, path: Path, *, seconds: float = 0.0) -> tuple[str, int]:
        """Move a regular file into the store; return the hex of its content's BLAKE3, and its size.

        Files of equal content are kept once. What is kept is read-only.

        Args:
            path: the file.
            seconds: what it took to make, 0 if that is not known.
        """
        if self._limit is not None:
            self._limit.make_room(path.lstat().st_size)
        hexdigest, size = self._files.adopt(path)
        if seconds:
            self._journal.record_value_cost(bytes.fromhex(hexdigest), seconds)
        return hexdigest, size

    def file(self, hexdigest: str) -> Path | None:
        """Where an adopted file lies, checked; None if it is not here any more."""
        return self._files.path(hexdigest)

    def file_digest(self, path: Path) -> Digest:
        """BLAKE3 of the content of any file, taken again only if its stat has changed.

        For a folder: of the relative names and contents of the files in it.

        Raises:
            OSError: if it cannot be read.
        """
        return content_digest(self._journal, path)

    # What calls are made of, and what they cost

    def recipe(self, record: bytes, name: bytes | None = None) -> int:
        """The id under which a recipe record is kept: equal records have equal ids, in every store.

        Args:
            record: a msgpack list that begins with the node type's id, or with a tag such as `nodegraph/x`
                and then the id.
            name: its BLAKE3, where that is at hand.
        """
        name = name or recipe_name(record)
        known = short_id(name)
        if known not in self._recipes:
            self._recipes[known] = record
            self._journal.record_fact("recipes", name, record)
        return known

    def recipe_record(self, id: int) -> bytes | None:
        """The record of a recipe."""
        record = self._recipes.get(id)
        if record is None:
            found = self._index.one("SELECT name, body FROM recipes WHERE id=?", (id,))
            record = unseal("recipes", found[0], found[1]) if found and isinstance(found[0], bytes) else None
        return record

    def known_recipes(self, ids: Sequence[int]) -> set[int]:
        """Those of the ids under which a recipe is kept; the records are not read."""
        known = self._recipes.keys() & ids
        if self._index.one("SELECT 1 FROM recipes LIMIT 1") is None:
            return known
        missing = set(ids) - known
        found = self._index.for_ids("SELECT id FROM recipes WHERE id IN ", missing)
        return known.union(id for (id,) in found)

    def remember_graph(self, graph: str, record: bytes) -> None:
        """Keep what the last run of a graph was made of."""
        self._journal.record_fact("graphs", _graph_name(graph), pack((graph, record)))

    def recall_graph(self, graph: str) -> bytes | None:
        """What the last run of a graph was made of."""
        payload = self._journal.fact("graphs", _graph_name(graph))
        return None if payload is None else unpack(payload)[1]

    def record_table(self, name: bytes, record: bytes) -> None:
        """Keep what is known of many calls together, under a name of 32 bytes."""
        self._journal.record_fact("tables", name, record)

    def table(self, name: bytes) -> bytes | None:
        """What is kept of many calls together."""
        return self._journal.fact("tables", name)

    def forget_tables(self) -> None:
        """Let go of all that is kept of many calls together: rows under it come out different."""
        self._journal.flush()
        self._index.write(lambda connection: connection.execute("DELETE FROM tables"))

    def record_use(self, type_id: str, *, executed: int, spent: float, cached: int, saved: float) -> None:
        """Add to what the memo was worth, over all runs.

        Args:
            type_id: the node type.
            executed: calls that ran.
            spent: the seconds they took.
            cached: calls that did not have to run.
            saved: the seconds those took when they ran.
        """
        self._journal.record_use(type_id, Use(executed, spent, cached, saved))

    def record_pace(self, type_id: str, pace: Pace) -> None:
        """Note what calls of a node type took."""
        self._journal.record_cost(type_id, pace)

    def pace(self, type_id: str) -> Pace:
        """What the calls of a node type took of late; empty if none was recorded."""
        payload = self._journal.fact("costs", type_name(type_id))
        return Pace() if payload is None else unpack_pace(payload)

    def expected_seconds(self, type_id: str) -> float | None:
        """What a call of a node type takes in the mean; None if none was recorded."""
        pace = self.pace(type_id)
        return pace.seconds / pace.calls if pace.calls else None

    def record_measured(self, subject: Subject, setting: Setting, measured: Measured) -> None:
        """Add what calls took to the profile of their node type and models."""
        self._journal.record_measured(subject, setting, measured)

    def record_load(self, device_kind: str, source: LoadSource, nbytes: int, seconds: float) -> None:
        """Note what loading a model onto a kind of device took."""
        self._journal.record_load(device_kind, source, LoadRate(nbytes, seconds))

    def profile(self, subject: Subject) -> Profile:
        """What calls of a node type with some models took, by setting; commits what waits first."""
        self._journal.flush()
        return unpack_profile(self._journal.fact("profiles", profile_name(subject)))

    def load_rate(self, device_kind: str, source: LoadSource) -> LoadRate:
        """How fast models are loaded onto a kind of device; commits what waits first."""
        self._journal.flush()
        return unpack_load(self._journal.fact("profiles", load_name(device_kind, source)))

    # Folders

    def workdir(self, key: Key) -> Path:
        """A folder that a call keeps across crashes."""
        return self._made(self._layout.work / key.hex())

    def discard_workdir(self, key: Key) -> None:
        """Remove the folder of a call that is done."""
        shutil.rmtree(self._layout.work / key.hex(), ignore_errors=True)

    def new_folder(self) -> Path:
        """An empty folder that is removed when this store is closed, or after its process died."""
        return self._made(self._new_path())

    # Runs

    def begin_run(self, graph: str, info: bytes) -> int:
        """Record that a run begins, and count bytes as used in it from now on."""
        self._journal.flush()
        run = self._runs.begin(graph, info)
        self._made(self._runs.folder(run))
        self._journal.run, self._journal.in_run = run, True
        return run

    def finish_run(self, run: int, ok: bool, report: bytes) -> None:
        """Commit everything and record that a run has ended."""
        self._journal.flush()
        self._runs.finish(run, ok=ok, report=report)
        self._journal.in_run = False

    def runs(self) -> list[RunRecord]:
        """Every run, the oldest first."""
        return self._runs.all()

    def run_folder(self, run: int) -> Path:
        """Where the events and reports of a run lie."""
        return self._runs.folder(run)

    # Upkeep

    def stored_bytes(self) -> int:
        """What values, files and the index take on the disk."""
        return stored_bytes(self._index)

    def stat(self) -> StoreStat:
        """What the store holds, in all and by node type."""
        from nodegraph.store.survey import survey

        self._journal.flush()
        return survey(self._index)

    def entries(self, type_id: str | None = None) -> list[Entry]:
        """The calls recorded, the latest last; only those of one node type where it is named."""
        from nodegraph.store.survey import entries

        self._journal.flush()
        return entries(self._index, type_id)

    def verify(self) -> list[Damage]:
        """Read and check everything; what is damaged is set aside and told."""
        from nodegraph.store.survey import verify

        self._journal.flush()
        return verify(self._index, self._journal, self._values, self._files)

    def gc(self, *, max_size: int | None = None, older_than: float | None = None) -> Evicted:
        """Evict bytes, the least recently used first, weighted by what they cost to compute.

        Never what a live process uses in its run.

        Args:
            max_size: bytes that values, files and index may take afterwards.
            older_than: seconds; bytes that no run begun since then has used are evicted, and the reports
                of older runs and the folders of older unfinished calls are removed.
        """
        from nodegraph.store.upkeep import collect

        self._journal.flush()
        return collect(self._index, max_size=max_size, older_than=older_than)

    def evict(self, digests: Sequence[Digest]) -> None:
        """Let go of the bytes of values that need not be kept; the rows that name them stay."""
        self._journal.flush()
        let_go(self._index, digests)

    def clear(self) -> None:
        """Remove everything.

        Raises:
            StoreError: if a live process is in a run on this store.
        """
        from nodegraph.store.upkeep import clear

        self._journal.flush()
        self._recipes.clear()
        clear(self._index)

    def flush(self) -> None:
        """Commit everything recorded so far."""
        self._journal.flush()

    def close(self) -> None:
        """Commit everything, give back claims and temporary folders, and close."""
        with ExitStack() as closing:
            # The last that is entered is the first that is closed; each is, whatever becomes of the others.
            if self._presence is not None:
                closing.callback(self._presence.close)
            if self._claims is not None:
                closing.callback(self._claims.close)
            closing.callback(self._index.close)
            closing.callback(self._journal.close)
            closing.callback(self._files.close)
            closing.callback(self._values.close)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            if self._on_warning is not None:
                self._on_warning(text)

    def _replaced(self, connection: sqlite3.Connection) -> None:
        """Enter in a new index what this process has told the old one and still relies on."""
        self._runs.begin_again(connection)
        recipes = {recipe_name(record): record for record in self._recipes.values()}
        Pending(facts={"recipes": recipes}).write(connection, 0)

    def _new_path(self) -> Path:
        if self._presence is None:
            raise self._is_read_only()
        try:
            return self._presence.new_path()
        except OSError as error:
            raise store_error(self._presence.folder, error) from error

    def _made(self, folder: Path) -> Path:
        if self.read_only:
            raise self._is_read_only()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error(folder, error) from error
        return folder

    def _is_read_only(self) -> StoreError:
        return StoreError(f"{self.folder}: the store was opened for reading only")


def can_be_written(folder: Path) -> bool:
    """Whether the modes of the store in `folder` allow its index, locks and folders to be written."""
    layout = Layout(folder.absolute())
    parts = (layout.folder, layout.blobs, layout.files, layout.index(), layout.lock, layout.claims)
    return all(os.access(part, os.W_OK) for part in parts if part.exists())


def default_size_limit(folder: Path) -> int:
    """Bytes that the store in `folder` may take: half of what the disk would have free without it."""
    with Store.open(folder, read_only=True) as store:
        return half_of_free(store)


def half_of_free(store: Store) -> int:
    """Half of the bytes that the disk of a store would have free without it."""
    return (free_bytes(store.folder) + store.stored_bytes()) // 2


def _graph_name(graph: str) -> bytes:
    return blake3(graph.encode()).digest()

"""The store: the persistent memo of one folder, shared by threads and processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nodegraph.store.blobs import INLINE_BYTES, pack_inline
from nodegraph.store.claims import Claim
from nodegraph.store.errors import store_error
from nodegraph.store.eviction import Evicted, let_go, stored_bytes
from nodegraph.store.layout import Layout, free_bytes
from nodegraph.store.notes import Notes
from nodegraph.store.rows import Key, Row, pack, unpack
from nodegraph.store.runs import RunRecord
from nodegraph.store.stat_cache import content_digest
from nodegraph.types.wire import Digest, Wire

if TYPE_CHECKING:
    from nodegraph.store.survey import Damage, Entry, StoreStat


_MEASURED_AT_ONCE = 1 << 18


class Store(Notes):
    """The memo in one folder; open it with `Store.open`, close it or use it as a context manager.

    All methods may be called from several threads, and any number of processes may have the same folder
    open. What is recorded is seen at once by all threads of this store; by others, and after a crash, once
    it is committed: at once where `durable` says so, within 100 ms else.

    Attributes:
        folder: the store's folder, absolute.
        read_only: whether it was opened for reading.
        warnings: what was found damaged or set aside since it was opened, each once.
    """

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

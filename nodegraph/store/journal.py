"""The entries of the index as this process sees them: what is committed, and what waits to be.

Recording only puts an entry in memory. A thread commits what has gathered within 100 ms; a caller that
needs its entry to survive commits it, and all before it, at once. Reading looks at what waits first, so
a thread never misses what another one has recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nodegraph.store.contents import Content, Kind
from nodegraph.store.errors import StoreError
from nodegraph.store.index import Index
from nodegraph.store.pending import Pending
from nodegraph.store.profiles import LoadRate, LoadSource, Measured, Setting, Subject
from nodegraph.store.rows import Key, Row, short_id, unpack_row, unseal
from nodegraph.store.schema import FACTS
from nodegraph.store.uses import Pace, Use
from nodegraph.types.wire import Digest

if TYPE_CHECKING:
    import sqlite3

_GATHER_S = 0.02
_MOST_WAITING = 4 << 20
_ROW_BYTES = 600
_SELECT_FACT = {table: f"SELECT name, body FROM {table} WHERE id=?" for table in FACTS}
_SELECT_SMALL = "SELECT name, body FROM small WHERE id=?"
_SELECT_CONTENT = "SELECT name, kind, size, mtime_ns, ctime_ns, inode FROM contents WHERE id=?"


class Journal:
    """Entries of one index, committed in groups.

    Attributes:
        index: where they are committed to.
        run: the run that bytes are marked as used in.
        in_run: whether a run was begun, so that using bytes is worth a mark.
    """

    def __init__(self, index: Index, warn: Callable[[str], None]) -> None:
        self.index = index
        self.run = 0
        self.in_run = False
        self._warn = warn
        self._examined = False
        self._examining = threading.Lock()
        self._guard = threading.Lock()
        self._pending = Pending()
        self._committing = Pending()
        self._committing_guard = threading.Lock()
        self._refusal = _read_only(index) if index.read_only else None
        self._wake = threading.Event()
        self._awake = False
        self._closing = threading.Event()
        self._flusher: threading.Thread | None = None

    def row(self, key: Key) -> Row | None:
        """The row of a key."""
        row = self._pending.rows.get(key) or self._committing.rows.get(key)
        if row is None:
            payload = self._committed("rows", key)
            if payload is None:
                return None
            row = unpack_row(payload)
        if self.in_run:
            self.use(row.outputs)
        return row

    def rows_of_ids(self, ids: Iterable[int]) -> dict[Key, Row]:
        """The rows of the keys that begin with those 64 bits. What waits to be committed is left out."""
        found: dict[Key, Row] = {}
        for _, name, body in self.index.for_ids("SELECT id, name, body FROM rows WHERE id IN ", ids):
            payload = unseal("rows", name, body) if type(name) is bytes else None
            # A damaged one is dropped when it is looked up by its key.
            if payload is not None:
                found[Key(name)] = unpack_row(payload)
        return found

    def has_failures(self) -> bool:
        """Whether any failure is recorded."""
        if self._pending.failures or self._committing.failures:
            return True
        return self.index.one("SELECT 1 FROM failures LIMIT 1") is not None

    def failure(self, key: Key) -> bytes | None:
        """The payload of a recorded failure that no row has superseded."""
        for waiting in (self._pending, self._committing):
            if key in waiting.failures:
                return waiting.failures[key]
            if key in waiting.rows:
                return None
        return self._committed("failures", key)

    def fact(self, table: str, name: bytes) -> bytes | None:
        """The payload that stands in `table` under `name`."""
        for waiting in (self._pending, self._committing):
            payload = waiting.facts.get(table, {}).get(name)
            if payload is not None:
                return payload
        return self._committed(table, name)

    def small(self, digest: Digest) -> object:
        """The body of a small value, as it was read; None if there is none."""
        body = self._pending.small.get(digest) or self._committing.small.get(digest)
        if body is None:
            found = self.index.one(_SELECT_SMALL, (short_id(digest),))
            if found is None:
                return None
            if found[0] != digest:
                self.drop("small", [short_id(digest)])
                return None
            body = found[1]
        return body

    def content(self, digest: bytes, kind: Kind) -> Content | None:
        """What is known of the file of a digest."""
        content = self._pending.contents.get(digest) or self._committing.contents.get(digest)
        if content is None:
            found = self.index.one(_SELECT_CONTENT, (short_id(digest),))
            if found is None or found[0] != digest:
                return None
            content = Content(digest, *found[1:])
        return content if content.kind == kind else None

    def record_row(self, key: Key, row: Row) -> None:
        """Record a row; a failure of that key is forgotten."""
        with self._guard:
            pending = self._pending
            pending.rows[key] = row
            if pending.failures:
                pending.failures.pop(key, None)
            full = self._added(_ROW_BYTES)
        if full:
            self.flush()

    def record_result(self, key: Key, row: Row, body: bytes) -> None:
        """Record a row and the bytes of its one small value."""
        with self._guard:
            pending = self._pending
            pending.rows[key] = row
            pending.small[row.outputs[0]] = body
            if pending.failures:
                pending.failures.pop(key, None)
            pending.nbytes += 2 * _ROW_BYTES + len(body)
            full = pending.nbytes > _MOST_WAITING
            if not self._awake or self._refusal is not None:
                self._added(0)
        if full:
            self.flush()

    def record_failure(self, key: Key, payload: bytes) -> None:
        """Record a failure."""
        with self._guard:
            self._pending.failures[key] = payload
            self._added(_ROW_BYTES)

    def record_fact(self, table: str, name: bytes, payload: bytes) -> None:
        """Record a payload under a name of 32 bytes."""
        with self._guard:
            self._pending.facts.setdefault(table, {})[name] = payload
            self._added(_ROW_BYTES)

    def record_small(self, digest: Digest, body: bytes) -> None:
        """Record the bytes of a small value."""
        with self._guard:
            self._pending.small[digest] = body
            full = self._added(_ROW_BYTES + len(body))
        if full:
            self.flush()

    def record_value_cost(self, digest: bytes, seconds: float) -> None:
        """Record what it took to compute the value, or to make the file, of a digest put before."""
        with self._guard:
            known = self._pending.value_costs
            if seconds > known.get(digest, 0.0):
                known[digest] = seconds
                self._added(0)

    def record_content(self, content: Content) -> None:
        """Record a file that has been written or checked."""
        with self._guard:
            self._pending.contents[content.digest] = content
            self._added(_ROW_BYTES)

    def record_cost(self, type_id: str, pace: Pace) -> None:
        """Add to what the calls of a node type have cost."""
        with self._guard:
            self._pending.costs[type_id] = self._pending.costs.get(type_id, Pace()).plus(pace)
            self._added(0)

    def record_use(self, type_id: str, use: Use) -> None:
        """Add to what was used of the memo for a node type."""
        with self._guard:
            self._pending.uses[type_id] = self._pending.uses.get(type_id, Use()).plus(use)
            self._added(0)

    def record_measured(self, subject: Subject, setting: Setting, measured: Measured) -> None:
        """Add to what calls of a setting have taken."""
        with self._guard:
            self._pending.measured.add(subject, setting, measured)
            self._added(0)

    def record_load(self, device_kind: str, source: LoadSource, rate: LoadRate) -> None:
        """Add to what loading models has taken."""
        with self._guard:
            self._pending.measured.add_load(device_kind, source, rate)
            self._added(0)

    def use(self, digests: Iterable[bytes]) -> None:
        """Mark bytes as used in the present run, if there is one."""
        if self.in_run:
            with self._guard:
                self._pending.used.update(digests)
                self._added(0)

    def drop(self, table: str, ids: Iterable[object]) -> None:
        """Remove the damaged entries of some ids, and warn; where more is damaged, the whole index goes."""
        present = self.index.present
        # A thread that finds damage meanwhile waits: should the index go, that is all there is to tell.
        with self._examining:
            if not self._examined:
                self._examined = True
                self.index.examine()
        if self.index.present is not present:
            return
        found = [(id,) for id in ids]

        def delete(connection: sqlite3.Connection) -> int:
            count = connection.executemany(f"DELETE FROM {table} WHERE id IS ?", found).rowcount
            if table == "rows":
                # They say of many rows together what each of them says.
                connection.execute("DELETE FROM tables")
            return count

        if not (self.index.read_only or self.index.write(delete)):
            # They were read from an index that another thread has meanwhile replaced.
            return
        self._warn(
            f"{self.index.path} had damaged entries; they were dropped, and what they held is computed again"
        )

    def flush(self) -> None:
        """Commit what waits.

        Raises:
            StoreError: if that is not possible; it goes on waiting.
        """
        if self.index.read_only:
            return
        with self._committing_guard:
            with self._guard:
                self._committing, self._pending = self._pending, Pending()
                self._awake = False
                self._wake.clear()
            if not self._committing:
                return
            committing, run = self._committing, self.run
            try:
                self.index.write(lambda connection: committing.write(connection, run))
            except StoreError as error:
                with self._guard:
                    self._pending = committing.under(self._pending)
                    self._refusal = error
                raise
            finally:
                self._committing = Pending()
            self._refusal = None

    def close(self) -> None:
        """Commit what waits and stop.

        Raises:
            StoreError: if it cannot be committed.
        """
        self._closing.set()
        self._wake.set()
        if self._flusher is not None:
            self._flusher.join()
        self.flush()

    def _committed(self, table: str, name: bytes) -> bytes | None:
        found: Any = self.index.one(_SELECT_FACT[table], (short_id(name),))
        if found is None:
            return None
        # Two hashes that agree in the bits of an id are rarer than a flipped bit.
        payload = unseal(table, name, found[1]) if found[0] == name else None
        if payload is None:
            self.drop(table, [short_id(name)])
        return payload

    def _added(self, nbytes: int) -> bool:
        """Count what was just added, the guard being held; whether it should be committed at once."""
        if self._refusal is not None:
            raise StoreError(str(self._refusal))
        self._pending.nbytes += nbytes
        if not self._awake:
            self._awake = True
            self._wake.set()
            if self._flusher is None:
                self._flusher = threading.Thread(target=self._commit_groups, daemon=True, name="store")
                self._flusher.start()
        return self._pending.nbytes > _MOST_WAITING

    def _commit_groups(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_GATHER_S)
            try:
                self.flush()
            except StoreError:
                # Kept as the refusal that the next one to record gets; trying again is up to them.
                self._wake.clear()


def _read_only(index: Index) -> StoreError:
    return StoreError(
        f"{index.layout.folder}: the store was opened for reading only; nothing can be recorded"
    )

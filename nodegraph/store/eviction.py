"""Making room: bytes go that are worth least, their rows stay.

A byte is worth what it took to compute, divided by the number of runs since it was last used: what was not
used for longest goes first, but what is n times as dear stays n times as long. Use is recorded by run. What
a live process has used in its present run is never evicted, so nothing that was used in the oldest live
run or later is.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nodegraph.store.contents import Content, ContentFolder, Kind
from nodegraph.store.index import Index
from nodegraph.store.journal import Journal
from nodegraph.store.layout import Layout
from nodegraph.store.pending import forget_contents, forget_small
from nodegraph.store.presence import is_alive
from nodegraph.store.rows import short_id

# What a byte is worth: the seconds it took to compute, in steps so wide that what one run has computed at
# about the same expense goes in the order in which it stands in the index, and pages become free as a whole.
# Below the first step, writing a byte again takes as long as computing it: there, only the time of the last
# use counts. Every entry takes some bytes besides its own.
LOWEST = 1e-8
STEP = 4
STEPS = 14
_ENTRY_BYTES = 100
_LEVELS = " ".join(
    f"WHEN cost < {LOWEST * STEP**step!r} * (size + {_ENTRY_BYTES}) THEN {STEP**step}.0"
    for step in range(1, STEPS)
)
# The casts and conditions leave out what flipped bytes made of an entry.
_CANDIDATES = """
    SELECT kind, age, name, CAST(size AS INTEGER), CAST(inode AS INTEGER) FROM (
        SELECT used, cost, rowid AS age, -1 AS kind, NULL AS name, length(body) AS size, 0 AS inode
        FROM small WHERE used < :before
        UNION ALL
        SELECT used, cost, rowid AS age, kind, name, size, inode FROM contents WHERE used < :before
    ) WHERE (kind = -1 OR (kind IN (0, 1) AND typeof(name) = 'blob' AND length(name) = 32))
    AND size >= 0 AND :now > used
"""
_WORTH_LEAST = f"""
    ORDER BY (CASE WHEN typeof(cost) <> 'real' THEN 1.0 {_LEVELS} ELSE {STEP**STEPS}.0 END)
    / (:now - used), used, age
"""
_UNFINISHED = (
    "SELECT id, CAST(process AS BLOB) FROM runs WHERE finished IS NULL AND process NOT NULL ORDER BY id"
)
_HEADROOM = 10
_SHARE = 4
_AT_ONCE = 100_000
_FILES_AT_ONCE = 1000
"""Other processes wait for the index while these are removed: some ten milliseconds."""
_IN_A_STATEMENT = 2000
_CLOCK_S = 2
"""How far the clocks of a file system and of the processes may be apart."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """What was evicted.

    Attributes:
        entries: how many values and files.
        nbytes: the bytes they took.
        inline: how many of those bytes in the index, where they leave gaps.
    """

    entries: int
    nbytes: int
    inline: int = 0

    def plus(self, other: Evicted) -> Evicted:
        """Both together."""
        return Evicted(self.entries + other.entries, self.nbytes + other.nbytes, self.inline + other.inline)


class SizeLimit:
    """Keeps a store under a number of bytes while it is written to.

    What is stored is measured only when a quarter of the room found by the last measurement is used up,
    so that several processes on one store overshoot by little and one pays next to nothing.
    """

    def __init__(self, limit: Callable[[], int], journal: Journal, warn: Callable[[str], None]) -> None:
        """Take what tells the limit in bytes; it is asked when something is written first."""
        self._tell_limit = limit
        self._limit: int | None = None
        self._journal = journal
        self._warn = warn
        self._allowance = 0
        self._guard = threading.Lock()

    def make_room(self, nbytes: int) -> None:
        """Evict what is needed before `nbytes` are written."""
        with self._guard:
            self._allowance -= nbytes
            if self._allowance < 0:
                self._measure(nbytes)

    def _measure(self, nbytes: int) -> None:
        index = self._journal.index
        self._journal.flush()
        if self._limit is None:
            self._limit = self._tell_limit()
        room = self._limit - stored_bytes(index) - nbytes
        if room < 0:
            wanted = self._limit // _HEADROOM - room
            room += evict(index, wanted, before=first_live_run(index)).nbytes
        if room < 0:
            self._warn(
                f"{index.layout.folder}: this run needs more than the size limit of {self._limit} bytes; "
                "the store grows beyond it (--store-size sets the limit)"
            )
            room = self._limit // _HEADROOM
        self._allowance = room // _SHARE


def stored_bytes(index: Index) -> int:
    """What values, files and the index take."""
    files = index.one("SELECT coalesce(CAST(bytes AS INTEGER), 0) FROM totals")[0]
    size = index.one("PRAGMA page_size")[0]
    pages = index.one("PRAGMA page_count")[0] - index.one("PRAGMA freelist_count")[0]
    return int(files) + int(size) * int(pages)


def first_live_run(index: Index) -> int:
    """The oldest run that a live process has not finished; one after the last if there is none."""
    tmp = index.layout.tmp
    for run, process in index.all(_UNFINISHED):
        if is_alive(tmp, process.decode(errors="replace")):
            return int(run)
    return int(index.one("SELECT coalesce(max(id), 0) + 1 FROM runs")[0])


def evict(index: Index, nbytes: int | None, *, before: int) -> Evicted:
    """Evict bytes last used in a run earlier than `before`, until `nbytes` are free (None: all)."""
    started = time.time()
    small, contents = _choose(index, nbytes, before)
    evicted = Evicted(0, 0)
    # In the order of the table, so that each transaction touches few of its pages.
    rows = array("q", sorted(small))
    for start in range(0, len(rows), _AT_ONCE):
        evicted = evicted.plus(_evict_small(index, rows[start : start + _AT_ONCE], before))
    for start in range(0, len(contents), _FILES_AT_ONCE):
        group = contents[start : start + _FILES_AT_ONCE]
        evicted = evicted.plus(_evict_files(index, group, before, started))
    return evicted


def _choose(index: Index, nbytes: int | None, before: int) -> tuple[array[int], list[Content]]:
    """What is worth least, until it makes up `nbytes`: the rows of small values, and files."""

    def choose(connection: sqlite3.Connection) -> tuple[array[int], list[Content]]:
        small, contents, freed = array("q"), list[Content](), 0
        present = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0]
        query = _CANDIDATES if nbytes is None else _CANDIDATES + _WORTH_LEAST
        for kind, rowid, name, size, inode in connection.execute(query, {"before": before, "now": present}):
            if nbytes is not None and freed >= nbytes:
                break
            freed += size
            if kind < 0:
                small.append(rowid)
            else:
                contents.append(Content(name, Kind(kind), size, inode=inode))
        return small, contents

    return index.read(choose)


def _evict_small(index: Index, rows: array[int], before: int) -> Evicted:
    def forget(connection: sqlite3.Connection) -> Evicted:
        sizes = _delete_unused(connection, "small", "rowid", rows, "length(body)", before)
        return Evicted(len(sizes), sum(sizes), sum(sizes))

    return index.write(forget)


def _evict_files(index: Index, contents: Sequence[Content], before: int, started: float) -> Evicted:
    by_id = {short_id(content.digest): content for content in contents}

    def forget(connection: sqlite3.Connection) -> list[Content]:
        ids = _delete_unused(connection, "contents", "id", sorted(by_id), "id", before)
        gone = [by_id[id] for id in ids]
        connection.execute("UPDATE totals SET bytes=bytes-?", (sum(content.size for content in gone),))
        _remove(index.layout, gone, started)
        return gone

    gone = index.write(forget)
    return Evicted(len(gone), sum(content.size for content in gone))


def let_go(index: Index, digests: Sequence[bytes]) -> None:
    """Evict the bytes of these values."""
    small_ids = {short_id(digest): digest for digest in digests}
    started = time.time()

    def forget(connection: sqlite3.Connection) -> None:
        found: list[Content] = []
        for id, digest in small_ids.items():
            row = connection.execute("SELECT size, inode FROM contents WHERE id=?", (id,)).fetchone()
            if row is not None:
                found.append(Content(digest, Kind.BLOB, row[0], inode=row[1]))
        forget_small(connection, digests)
        forget_contents(connection, found)
        _remove(index.layout, found, started)

    index.write(forget)


def _delete_unused(
    connection: sqlite3.Connection, table: str, key: str, keys: Sequence[int], returning: str, before: int
) -> list[int]:
    """Delete entries, except those used in the run `before` or later; return a column of those deleted."""
    gone: list[int] = []
    for start in range(0, len(keys), _IN_A_STATEMENT):
        group = keys[start : start + _IN_A_STATEMENT]
        where = f"used<{before:d} AND {key} IN ({','.join('?' * len(group))})"
        statement = f"DELETE FROM {table} WHERE {where} RETURNING {returning}"
        gone += [value for (value,) in connection.execute(statement, group)]
    return gone


def _remove(layout: Layout, contents: Sequence[Content], started: float) -> None:
    """Remove files, unless another process has put a new one in the place of one since the time `started`.

    This belongs into the transaction that forgets them: whoever finds a file and then commits its use either
    keeps it, or finds it gone as soon as the commit is made.
    """
    for content in contents:
        root = layout.blobs if content.kind == Kind.BLOB else layout.files
        path = ContentFolder(root).path(content.digest)
        with suppress(FileNotFoundError):
            found = path.lstat()
            # In a store that was copied, no file is the one that was recorded.
            if content.inode in (0, found.st_ino) or found.st_ctime < started - _CLOCK_S:
                path.unlink()

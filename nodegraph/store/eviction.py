"""Making room: the bytes that were not used for longest go first, their rows stay.

Use is recorded by run. What a live process has used in its present run is never evicted, so nothing
that was used in the oldest live run or later is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nodegraph.store.contents import Content, ContentFolder, Kind
from nodegraph.store.index import Index
from nodegraph.store.journal import Journal
from nodegraph.store.layout import Layout
from nodegraph.store.pending import forget_contents, forget_small
from nodegraph.store.presence import is_alive
from nodegraph.store.rows import short_id

# The casts and conditions leave out what flipped bytes made of an entry.
_LEAST_RECENTLY_USED = """
    SELECT kind, name, CAST(size AS INTEGER), CAST(inode AS INTEGER) FROM (
        SELECT used, rowid AS age, -1 AS kind, name, length(body) AS size, 0 AS inode
        FROM small WHERE used < :before
        UNION ALL
        SELECT used, rowid AS age, kind, name, size, inode FROM contents WHERE used < :before
    ) WHERE kind IN (-1, 0, 1) AND typeof(name) = 'blob' AND length(name) = 32 AND size >= 0
    ORDER BY used, age
"""
_UNFINISHED = (
    "SELECT id, CAST(process AS BLOB) FROM runs WHERE finished IS NULL AND process NOT NULL ORDER BY id"
)
_HEADROOM = 10
_SHARE = 4


@dataclass(frozen=True, slots=True)
class Evicted:
    """What was evicted: how many values and files, and how many bytes they took."""

    entries: int
    nbytes: int


class SizeLimit:
    """Keeps a store under a number of bytes while it is written to.

    What is stored is measured only when a quarter of the room found by the last measurement is used up,
    so that several processes on one store overshoot by little and one pays next to nothing.
    """

    def __init__(self, limit: int, journal: Journal, warn: Callable[[str], None]) -> None:
        self._limit = limit
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

    def choose(connection: sqlite3.Connection) -> list[tuple[int, bytes, int, int]]:
        chosen: list[tuple[int, bytes, int, int]] = []
        freed = 0
        for candidate in connection.execute(_LEAST_RECENTLY_USED, {"before": before}):
            if nbytes is not None and freed >= nbytes:
                break
            chosen.append(candidate)
            freed += candidate[2]
        return chosen

    chosen = index.read(choose)
    small = [name for kind, name, _, _ in chosen if kind < 0]
    contents = [
        Content(name, Kind(kind), size, inode=inode) for kind, name, size, inode in chosen if kind >= 0
    ]

    def forget(connection: sqlite3.Connection) -> None:
        forget_small(connection, small)
        forget_contents(connection, contents)

    # Entries first: a file without one is only found again, an entry without its file is taken for damage.
    index.write(forget)
    for content in contents:
        _remove(index.layout, content)
    return Evicted(len(chosen), sum(size for _, _, size, _ in chosen))


def let_go(index: Index, digests: Sequence[bytes]) -> None:
    """Evict the bytes of these values."""
    small_ids = {short_id(digest): digest for digest in digests}

    def forget(connection: sqlite3.Connection) -> list[Content]:
        found: list[Content] = []
        for id, digest in small_ids.items():
            row = connection.execute("SELECT size, inode FROM contents WHERE id=?", (id,)).fetchone()
            if row is not None:
                found.append(Content(digest, Kind.BLOB, row[0], inode=row[1]))
        forget_small(connection, digests)
        forget_contents(connection, found)
        return found

    for content in index.write(forget):
        _remove(index.layout, content)


def _remove(layout: Layout, content: Content) -> None:
    """Remove a file, unless another process has put a new one in its place meanwhile."""
    root = layout.blobs if content.kind == Kind.BLOB else layout.files
    path = ContentFolder(root).path(content.digest)
    try:
        if content.inode in (0, path.lstat().st_ino):
            path.unlink()
    except FileNotFoundError:
        return

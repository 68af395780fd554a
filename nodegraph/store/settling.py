"""Files on their way to the disk: in place at once, synced in groups, and known by their stat from then on.

A file that is in place survives the death of its process, but after a power failure it may hold anything. So
until it is synced the index has no stat of it, and whoever finds it then hashes it. Syncing each file before
it is moved to its place would be as safe, and would let every call with a large result wait for the disk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING

from nodegraph.store.contents import Content, ContentFolder
from nodegraph.store.errors import StoreError
from nodegraph.store.rows import short_id

if TYPE_CHECKING:
    import sqlite3

    from nodegraph.store.journal import Journal

_GATHER_S = 0.1
# A disk makes many files durable in little more time than one.
_SYNCED_AT_ONCE = 8
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
# Many in one statement: between two of them a busy process may take milliseconds to go on.
_AT_ONCE = 2000


class Settling:
    """The files of one folder that this process has written or checked, and has not yet synced."""

    def __init__(self, folder: ContentFolder, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal
        self._guard = threading.Lock()
        self._waiting: dict[bytes, Content] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def content(self, digest: bytes) -> Content | None:
        """What is known of a file that is not yet synced; good for this process, while it lives."""
        return self._waiting.get(digest)

    def add(self, content: Content) -> None:
        """Enter a file that is in place and sound, and have it synced soon."""
        self._journal.record_content(content.unchecked())
        with self._guard:
            self._waiting[content.digest] = content
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, daemon=True, name="store: sync")
                self._thread.start()
        self._wake.set()

    def forget(self, digest: bytes) -> None:
        """Leave out a file that is not there any more, or not sound."""
        with self._guard:
            self._waiting.pop(digest, None)

    def close(self) -> None:
        """Sync what waits, and stop."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        while self._waiting:
            self._settle()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_GATHER_S)
            self._wake.clear()
            self._settle()

    def _settle(self) -> None:
        """Sync all files that wait; those that cannot be are hashed when they are next read."""
        with self._guard:
            waiting = list(self._waiting.values())
        if not waiting:
            return
        synced = self._synced(waiting)
        with suppress(StoreError):
            # Their entries first: there may be none to change yet.
            self._journal.flush()
            self._journal.index.write(lambda connection: _settle(connection, synced))
        with self._guard:
            for content in waiting:
                if self._waiting.get(content.digest) is content:
                    del self._waiting[content.digest]

    def _synced(self, contents: list[Content]) -> list[Content]:
        try:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(len(contents), _SYNCED_AT_ONCE), "store: sync") as threads:
                return list(compress(contents, threads.map(self._sync, contents)))
        except RuntimeError:
            # Python is about to end: it starts no threads any more, nor lets a pool of them be imported.
            return [content for content in contents if self._sync(content)]

    def _sync(self, content: Content) -> bool:
        """Have a file on the disk; whether it is still the one that was entered."""
        try:
            descriptor = os.open(self._folder.place_of(content.digest), _OPEN)
            try:
                os.fdatasync(descriptor)
                return content.unchanged(os.fstat(descriptor))
            finally:
                os.close(descriptor)
        except OSError:
            return False


def _settle(connection: sqlite3.Connection, contents: Sequence[Content]) -> None:
    """Enter the stats of files; what was evicted meanwhile does not come back."""
    for start in range(0, len(contents), _AT_ONCE):
        group = contents[start : start + _AT_ONCE]
        stats = ",".join(["(?,?,?,?,?,?)"] * len(group))
        connection.execute(
            f"WITH known(id, name, size, mtime_ns, ctime_ns, inode) AS (VALUES {stats}) "
            "UPDATE contents SET mtime_ns=known.mtime_ns, ctime_ns=known.ctime_ns, inode=known.inode "
            "FROM known WHERE contents.id=known.id AND contents.name=known.name AND contents.size=known.size",
            [
                entry
                for c in group
                for entry in (short_id(c.digest), c.digest, c.size, c.mtime_ns, c.ctime_ns, c.inode)
            ],
        )

"""One database file and the open connections to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nodegraph.store import schema
from nodegraph.store.errors import primary_code

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]

_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
}
_SCHEMA_LOST = ("no such table", "no such column", "malformed")
_UNUSABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}
_IOERR_SHORT_READ = sqlite3.SQLITE_IOERR | 2 << 8
# Flipped bytes in a message that SQLite composes surface as UnicodeDecodeError.
Failure = (sqlite3.Error, UnicodeDecodeError)


class ReplacedError(Exception):
    """The file is not at its place any more: another process has set it aside, or it was removed."""


class Database:
    """A database file, with a connection that writes and as many as are needed to read.

    Attributes:
        path: where the file is, or would be.
        writer: the connection that writes.
    """

    def __init__(
        self, path: Path, writer: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]
    ) -> None:
        self.path = path
        self.writer = writer
        self._connect = connect
        self._file = _identity(path)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @classmethod
    def open(cls, path: Path, mode: schema.Mode = "rwc", *, fill: Change[object] | None = None) -> Database:
        """Open a database, checking its schema; in mode `rwc`, lay it out and `fill` it if it is empty.

        In the other modes an empty one, which another process is just beginning, is one in memory.
        """
        connection = schema.connect(path, mode)
        try:
            if schema.is_empty(connection):
                if mode != "rwc":
                    connection.close()
                    return cls.in_memory(path)
                # A power failure can only take an index that holds nothing yet: nobody waits for the disk.
                with schema.unsynced(connection):
                    connection.execute("PRAGMA journal_mode=WAL")
                    schema.create(connection)
                if fill is not None:
                    commit(connection, fill)
            elif mode == "rwc":
                connection.execute("PRAGMA journal_mode=WAL")
            schema.check(connection)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, lambda: schema.connect(path, "rw" if mode == "rwc" else mode))

    @classmethod
    def in_memory(cls, path: Path, *, fill: Change[object] | None = None) -> Database:
        """A database in memory that stands for the one at `path`, to be read."""
        name = Path(f"/{os.urandom(8).hex()}")
        connection = schema.connect(name, "memory")
        schema.create(connection)
        if fill is not None:
            commit(connection, fill)
        return cls(path, connection, lambda: schema.connect(name, "memory"))

    def borrow(self) -> sqlite3.Connection:
        """A connection to read with, given back or closed by the caller."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next reader."""
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def commit(self, change: Change[T]) -> T:
        """Make a change in one transaction.

        Raises:
            ReplacedError: if the file was set aside before the commit, so that nobody will read it again.
        """
        result = commit(self.writer, change)
        if not self.is_in_place():
            raise ReplacedError
        return result

    def is_in_place(self) -> bool:
        """Whether the file is still at its path."""
        return _identity(self.path) == self._file

    def close(self) -> None:
        """Close the connections; one that is being read with is closed when it is given back."""
        self._closed = True
        self._close_idle()
        self.writer.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


def is_damage(error: BaseException) -> bool:
    """Whether SQLite failed because of what stands in the database's files."""
    if isinstance(error, UnicodeDecodeError | schema.WrongSchemaError):
        return True
    if getattr(error, "sqlite_errorcode", 0) == _IOERR_SHORT_READ:
        return True
    if primary_code(error) == sqlite3.SQLITE_ERROR:
        return str(error).startswith(_SCHEMA_LOST)
    return primary_code(error) in _DAMAGE


def is_unusable(error: BaseException) -> bool:
    """Whether SQLite was not let at the database's files."""
    return primary_code(error) in _UNUSABLE


def commit(connection: sqlite3.Connection, change: Change[T]) -> T:
    """Make a change in one transaction: whole, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = change(connection)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except Failure:
        # The first error is the one that counts; a connection that cannot roll back is replaced.
        return


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another that takes its place."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

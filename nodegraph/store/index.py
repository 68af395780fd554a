"""The index: one SQLite database, replaced by a new one when it turns out to be damaged.

Reads take any idle connection, so threads do not wait for each other; writes take turns. Whatever SQLite
reports as damage, at any time, ends the same way: the database is renamed, a new one is begun with what
the content-addressed folders still hold, one warning is given, and the operation is done again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nodegraph.store import schema
from nodegraph.store.contents import ContentFolder, Kind
from nodegraph.store.errors import StoreError, primary_code, store_error
from nodegraph.store.layout import Layout
from nodegraph.store.locks import exclusive
from nodegraph.store.rows import short_id

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
_ATTEMPTS = 3
_AT_ONCE = 2000
_TRIAL_BYTES = 65536
# Flipped bytes in a message that SQLite composes surface as UnicodeDecodeError.
Failure = (sqlite3.Error, UnicodeDecodeError)


class Index:
    """The index of one store folder, with its present database.

    Attributes:
        layout: the folder.
        read_only: whether nothing is ever written.
        replaced: called after a new database was begun, with it.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        read_only: bool,
        warn: Callable[[str], None],
        replaced: Callable[[sqlite3.Connection], None],
    ) -> None:
        """Open the present database, or begin one; the store's lock file must be held by the caller."""
        self.layout = layout
        self.read_only = read_only
        self.replaced = replaced
        self._warn = warn
        self._writing = threading.RLock()
        self._database = self._open_readable() if read_only else self._open_or_replace()

    @property
    def path(self) -> Path:
        """The present database file."""
        return self._database.path

    def one(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query's result, or None."""
        database = self._database
        try:
            connection = database.borrow()
            try:
                found = connection.execute(query, parameters).fetchone()
            except BaseException:
                connection.close()
                raise
        except Failure as error:
            self._recover(database, error)
            return self.read(lambda connection: connection.execute(query, parameters).fetchone())
        database.give_back(connection)
        return found

    def all(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query's result."""
        return self.read(lambda connection: connection.execute(query, parameters).fetchall())

    def for_ids(self, query: str, ids: Iterable[int]) -> list[Any]:
        """All rows of a query that ends in `IN`, for any number of ids."""
        every = list(ids)
        found: list[Any] = []
        for start in range(0, len(every), _AT_ONCE):
            group = every[start : start + _AT_ONCE]
            found += self.all(f"{query}({','.join('?' * len(group))})", group)
        return found

    def read(self, query: Change[T]) -> T:
        """What `query` gets from a connection of its own.

        Raises:
            StoreError: if the database cannot be read and that is not for damage.
        """
        for _ in range(_ATTEMPTS):
            database = self._database
            try:
                connection = database.borrow()
                try:
                    result = query(connection)
                except BaseException:
                    connection.close()
                    raise
            except Failure as error:
                self._recover(database, error)
            else:
                database.give_back(connection)
                return result
        raise StoreError(f"{self.path}: new indexes are damaged as soon as they are made; check the disk")

    def write(self, change: Change[T]) -> T:
        """Make a change in one transaction; it is committed when this returns, and made whole or not at all.

        Raises:
            StoreError: if it cannot be committed, or the store was opened for reading; nothing of it is
                then stored.
        """
        if self.read_only:
            raise StoreError(f"{self.layout.folder}: the store was opened for reading only")
        with self._writing:
            for _ in range(_ATTEMPTS):
                database = self._database
                try:
                    return database.commit(change)
                except Failure as error:
                    self._recover(database, error)
        raise StoreError(f"{self.path}: new indexes are damaged as soon as they are made; check the disk")

    def execute(self, statement: str) -> None:
        """Run a statement that must stand outside of transactions, such as VACUUM."""
        with self._writing:
            database = self._database
            try:
                database.writer.execute(statement)
            except Failure as error:
                self._recover(database, error)

    def examine(self) -> str | None:
        """Check the whole database; None if it is sound, else what is wrong, after it was set aside."""
        database = self._database
        answers = self.all("PRAGMA integrity_check(1)")
        if self._database is database and answers != [(b"ok",)]:
            text = b"; ".join(answer for (answer,) in answers).decode(errors="replace")
            self._recover(database, schema.WrongSchemaError(" ".join(text.split())))
        return None if self._database is database else "damaged"

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            self._database.close()

    def _recover(self, database: _Database, error: sqlite3.Error | UnicodeDecodeError) -> None:
        """Have a sound database in place of one that failed, or raise what a person can act on."""
        with self._writing:
            if self._database is not database:
                return
            if not self._is_lost(error) and database.path.exists():
                raise store_error(database.path, error) from error
            database.close()
            if self.read_only:
                self._database = self._without(database.path, error)
                return
            with exclusive(self.layout.lock):
                if self.layout.index() == database.path:
                    self._set_aside(database.path, error)
                self._database = self._open_or_replace()
            self.write(self.replaced)

    def _is_lost(self, error: BaseException) -> bool:
        """Whether the database, not the place where it lies, is what makes SQLite fail."""
        return is_damage(error) or (is_unusable(error) and _is_writable(self.layout.folder))

    def _open_readable(self) -> _Database:
        path = self.layout.index()
        if not path.exists():
            return _Database.empty(path)
        try:
            return _Database.open(path, read_only=True)
        except schema.NewerFormatError as newer:
            raise _newer(path, newer) from None
        except Failure as error:
            return self._without(path, error)

    def _without(self, path: Path, error: sqlite3.Error | UnicodeDecodeError) -> _Database:
        self._warn(f"{path} is damaged ({error}); reading goes on as if nothing were stored")
        return _Database.empty(path)

    def _open_or_replace(self) -> _Database:
        path = self.layout.index()
        lost = not (path.exists() and path.stat().st_size) and _has_content(self.layout)
        try:
            database = self._open_at(path)
        except schema.NewerFormatError as newer:
            raise _newer(path, newer) from None
        except Failure as error:
            if not self._is_lost(error):
                raise store_error(path, error) from error
            self._set_aside(path, error)
            return self._open_at(self.layout.index())
        if lost and not self.layout.set_aside():
            self._warn(
                f"{path} is missing or empty; a new index is begun, and what it recorded is computed again"
            )
        return database

    def _open_at(self, path: Path) -> _Database:
        return _Database.open(path, fill=lambda connection: _recount(connection, self.layout))

    def _set_aside(self, path: Path, error: sqlite3.Error | UnicodeDecodeError) -> None:
        aside = self.layout.folder / f"index.db.damaged-{self.layout.set_aside() + 1}"
        for suffix in ("-wal", "-shm", ""):
            source = Path(f"{path}{suffix}")
            if source.exists() or source.is_symlink():
                source.rename(f"{aside}{suffix}")
        self._warn(
            f"{path} is damaged ({error}); it was set aside as {aside.name}, "
            "and what it recorded is computed again"
        )


class _Database:
    """One database file and the open connections to it."""

    def __init__(self, path: Path, writer: sqlite3.Connection, *, read_only: bool) -> None:
        self.path = path
        self.writer = writer
        self._read_only = read_only
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool = False, fill: Callable[[sqlite3.Connection], None] | None = None
    ) -> _Database:
        """Open a database, checking its schema; lay it out and `fill` it if it is empty."""
        connection = schema.connect(path, "ro" if read_only else "rwc")
        try:
            if not read_only:
                connection.execute("PRAGMA journal_mode=WAL")
                if schema.is_empty(connection):
                    schema.create(connection)
                    if fill is not None:
                        _commit(connection, fill)
            schema.check(connection)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, read_only=read_only)

    @classmethod
    def empty(cls, path: Path) -> _Database:
        """A database in memory that stands for one that is not there."""
        connection = schema.connect(Path(), "memory")
        schema.create(connection)
        database = cls(path, connection, read_only=True)
        database._idle.append(connection)
        return database

    def borrow(self) -> sqlite3.Connection:
        """A connection to read with, given back or closed by the caller."""
        try:
            return self._idle.pop()
        except IndexError:
            return schema.connect(self.path, "ro" if self._read_only else "rw")

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Keep a connection for the next reader."""
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def commit(self, change: Change[T]) -> T:
        """Make a change in one transaction."""
        return _commit(self.writer, change)

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


def _commit(connection: sqlite3.Connection, change: Change[T]) -> T:
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


def _newer(path: Path, newer: schema.NewerFormatError) -> StoreError:
    return StoreError(
        f"{path}: written by a newer nodegraph (format {newer.args[0]}, this one knows {schema.FORMAT}); "
        "install that version, or name another folder with --store"
    )


def _has_content(layout: Layout) -> bool:
    return any(True for root in (layout.blobs, layout.files, layout.runs) for _ in root.iterdir())


def _is_writable(folder: Path) -> bool:
    """Whether a file of some size can be made there: if not, the index is not to blame."""
    trial = folder / f"trial-{os.urandom(4).hex()}"
    try:
        trial.write_bytes(bytes(_TRIAL_BYTES))
    except OSError:
        return False
    finally:
        trial.unlink(missing_ok=True)
    return True


def _recount(connection: sqlite3.Connection, layout: Layout) -> None:
    """Enter what the folders still hold; unchecked, so that each file is hashed when first loaded."""
    total = 0
    for kind, root in ((Kind.BLOB, layout.blobs), (Kind.FILE, layout.files)):
        for digest, stat in ContentFolder(root).entries():
            total += stat.st_size
            connection.execute(
                "INSERT OR IGNORE INTO contents VALUES (?,0,0,?,?,?,0,0,0)",
                (short_id(digest), digest, kind, stat.st_size),
            )
    connection.execute("UPDATE totals SET bytes=?", (total,))
    present = [int(run.name) for run in layout.runs.iterdir() if run.name.isdigit()]
    if present:
        connection.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (max(present),))

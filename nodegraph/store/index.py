"""The index: one SQLite database, replaced by a new one when it turns out to be damaged.

Reads take any idle connection, so threads do not wait for each other; writes take turns. Whatever SQLite
reports as damage, at any time, ends the same way: the database is set aside, a new one is begun with what can
still be read of it, one warning is given, and the operation is done again. Where another process has done
that, its new database is taken, and what was committed to the old one too late is committed again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nodegraph.store import schema
from nodegraph.store.database import Change, Database, Failure, ReplacedError, is_damage, is_unusable
from nodegraph.store.errors import StoreError, store_error
from nodegraph.store.layout import Layout
from nodegraph.store.locks import exclusive
from nodegraph.store.opening import is_lost, open_index, read_damaged, read_index, replace_index

T = TypeVar("T")

_ATTEMPTS = 3
_AT_ONCE = 2000


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
        self._database = read_index(layout, warn) if read_only else open_index(layout, warn)

    @property
    def path(self) -> Path:
        """The present database file."""
        return self._database.path

    @property
    def present(self) -> object:
        """What stands for the present database: something else once that has been replaced."""
        return self._database

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
                except ReplacedError:
                    database.close()
                    self._replace(database, None)
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

    def _recover(self, database: Database, error: sqlite3.Error | UnicodeDecodeError) -> None:
        """Have a sound database in place of one that failed, or raise what a person can act on."""
        with self._writing:
            if self._database is not database:
                return
            if self.read_only:
                self._database = self._read_again(database, error)
                return
            if not is_lost(self.layout, error) and database.path.exists():
                raise store_error(database.path, error) from error
            database.close()
            self._replace(database, error)

    def _read_again(self, database: Database, error: sqlite3.Error | UnicodeDecodeError) -> Database:
        """What takes the place of a database that fails to be read."""
        if not (is_damage(error) or is_unusable(error)):
            raise store_error(database.path, error) from error
        database.close()
        if is_damage(error):
            return read_damaged(self.layout, database.path, error, self._warn)
        return read_index(self.layout, self._warn)

    def _replace(self, database: Database, error: BaseException | None) -> None:
        """Open what is in place of a closed database; first set that aside if it failed and is there."""
        try:
            self.layout.create()
            with exclusive(self.layout.lock):
                if error is not None and self.layout.index() == database.path and database.is_in_place():
                    self._database = replace_index(self.layout, database.path, error, self._warn)
                else:
                    self._database = open_index(self.layout, self._warn)
        except OSError as failure:
            raise store_error(self.layout.folder, failure) from failure
        self.write(self.replaced)

"""The tables of the index, and how an index is told from something else.

Every table finds its entries by `id`, 64 bits of a 32-byte hash, the `name`, that stands beside it.
Tables grow at their end and only the narrow index over `id` is hit at random: with the hash itself as
primary key, each recorded row dirties a page of its own and costs three times as much.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

FORMAT = 1
"""Number of the format; a store with a greater one is refused."""

FACTS = ("rows", "failures", "recipes", "graphs", "tables", "costs", "uses", "stats", "profiles")
"""Tables of sealed payloads: see `nodegraph.store.rows.seal`."""

PAGE_BYTES = 4096

_APPLICATION = 0x6E6F6467

_SYNCHRONOUS = "NORMAL"
_PATIENCE_S = 60
_SETTINGS = (
    f"page_size={PAGE_BYTES}",
    f"synchronous={_SYNCHRONOUS}",
    "temp_store=MEMORY",
    "cache_size=-16000",
    "secure_delete=OFF",
    "cell_size_check=ON",
    "trusted_schema=OFF",
    "wal_autocheckpoint=4000",
)

_TABLES = {
    **{fact: f"CREATE TABLE {fact}(id INTEGER UNIQUE, name BLOB, body BLOB)" for fact in FACTS},
    "small": "CREATE TABLE small(id INTEGER UNIQUE, used INTEGER, cost REAL, name BLOB, body BLOB)",
    "contents": (
        "CREATE TABLE contents(id INTEGER UNIQUE, used INTEGER, cost REAL, name BLOB, kind INTEGER, "
        "size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER)"
    ),
    "runs": (
        "CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, started REAL, finished REAL, ok INTEGER, "
        "process BLOB, body BLOB, report BLOB)"
    ),
    "totals": "CREATE TABLE totals(format INTEGER, bytes INTEGER)",
}
# What every version writes; flipped bytes in it rarely look like it.
_STATEMENT = re.compile(rb"CREATE TABLE [a-z]+\([A-Za-z0-9_, ]+\)")


class WrongSchemaError(sqlite3.DatabaseError):
    """A database that is not a sound index."""


class OtherVersionError(WrongSchemaError):
    """An index whose tables are those of another version of nodegraph."""


class NewerFormatError(Exception):
    """An index that a newer version of nodegraph made."""


Mode = Literal["ro", "immutable", "rw", "rwc", "memory"]


def connect(path: Path, mode: Mode) -> sqlite3.Connection:
    """A connection with the settings that every one has; text comes as bytes.

    In mode `memory` all connections of one path share a database, which lasts as long as one of them. In
    mode `immutable` the log is not read, and nothing is locked.

    Raises:
        sqlite3.Error: if the database cannot be opened, or in mode `rw` is not there.
    """
    options = {"immutable": "ro&immutable=1", "memory": "memory&cache=shared"}.get(mode, mode)
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={options}",
        uri=True,
        timeout=_PATIENCE_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.text_factory = bytes
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Lay out an empty database."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id={_APPLICATION}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    for statement in _TABLES.values():
        connection.execute(statement)
    connection.execute("INSERT INTO totals VALUES (?, 0)", (FORMAT,))
    connection.execute("COMMIT")


@contextmanager
def unsynced(connection: sqlite3.Connection) -> Generator[None]:
    """Do without waiting for the disk, at all, while the context lasts."""
    connection.execute("PRAGMA synchronous=OFF")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS}")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the database has no table at all."""
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def check(connection: sqlite3.Connection) -> None:
    """Refuse a database that is not an index of this format.

    Raises:
        NewerFormatError: if it is a sound index of a later format.
        OtherVersionError: if it is an index with other tables.
        WrongSchemaError: if it is anything else.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type='table'").fetchall())
    total = connection.execute("SELECT format FROM totals").fetchone() if b"totals" in found else None
    if application == _APPLICATION and version > FORMAT and total == (version,):
        raise NewerFormatError(version)
    expected = {name.encode(): statement.encode() for name, statement in _TABLES.items()}
    found.pop(b"sqlite_sequence", None)
    if application == _APPLICATION and version == FORMAT and total == (FORMAT,) and found == expected:
        return
    if application == _APPLICATION and total == (version,) and all(map(_is_statement, found.values())):
        raise OtherVersionError("its tables are those of another version of nodegraph")
    raise WrongSchemaError("its tables are not those of an index")


def _is_statement(sql: object) -> bool:
    return isinstance(sql, bytes) and _STATEMENT.fullmatch(sql) is not None

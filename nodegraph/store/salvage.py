"""Filling a new index with what can be read of a damaged one, and with the files that are there.

An entry is taken if it says of itself that it is whole: sealed payloads by their seal, which also tells
their table, small values by their digest, files by being there. So it does not matter where in the damaged
files an entry was found. Of several entries of one name the one that was recorded last is taken.
"""

from __future__ import annotations

import math
import sqlite3
from itertools import islice
from pathlib import Path
from typing import Any, cast

from nodegraph.store import schema
from nodegraph.store.blobs import parse_inline
from nodegraph.store.contents import ContentFolder, Kind
from nodegraph.store.database import commit
from nodegraph.store.layout import Layout
from nodegraph.store.pages import Pages, Record
from nodegraph.store.rows import RUN_BEGUN, short_id, table_of, unseal
from nodegraph.types.wire import Digest

_NAME_BYTES = 32
_MOST_ROWID = 1 << 48
_MOST_RUN = 1 << 31
_AT_ONCE = 1000
_COLUMNS = {
    "small": ("used", "cost", "name", "body"),
    "contents": ("used", "cost", "name", "kind", "size", "mtime_ns", "ctime_ns", "inode"),
}
_FACT = ("name", "body")
_TAKE_RUN = "INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?)"

Entry = tuple[str, tuple[Any, ...]]


def begin_from(damaged: Path, path: Path, layout: Layout) -> int:
    """Make a new index at `path`, of which nothing is seen before all is; return the number of entries.

    Raises:
        sqlite3.Error: if it cannot be written.
        OSError: the same.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        count = _fill(part, damaged, layout)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def take_over(connection: sqlite3.Connection, damaged: Path, layout: Layout) -> int:
    """Enter what can be read of the database at `damaged`, and all files; return the number of entries.

    To be called within a transaction on an empty index.
    """
    count = 0
    with Pages(damaged) as pages:
        found = (entry for record in pages.records() if (entry := _entry(record, layout)) is not None)
        while group := list(islice(found, _AT_ONCE)):
            by_table: dict[str, list[tuple[Any, ...]]] = {}
            for table, values in group:
                by_table.setdefault(table, []).append(values)
            for table, entries in by_table.items():
                connection.executemany(_statement(table), entries)
            count += len(group)
    connection.execute("DELETE FROM failures WHERE id IN (SELECT id FROM rows)")
    recount(connection, layout)
    _mend_uses(connection)
    return count


def recount(connection: sqlite3.Connection, layout: Layout) -> None:
    """Enter the files that have no entry, and go on from the number of the last run."""
    enter_files(connection, layout, math.inf)
    latest = max((int(run.name) for run in layout.runs.glob("*") if run.name.isdecimal()), default=0)
    known = connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0]
    connection.execute("DELETE FROM sqlite_sequence")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('runs', ?)", (max(latest, known),))


def enter_files(connection: sqlite3.Connection, layout: Layout, before: float) -> None:
    """Enter the files that have no entry and were there at the time `before`; add up all files.

    They are entered unchecked, so that each is hashed when it is first loaded.
    """
    for kind, root in ((Kind.BLOB, layout.blobs), (Kind.FILE, layout.files)):
        present = ContentFolder(root).entries() if root.is_dir() else ()
        connection.executemany(
            "INSERT OR IGNORE INTO contents VALUES (?,0,0,?,?,?,0,0,0)",
            (
                (short_id(digest), digest, kind, stat.st_size)
                for digest, stat in present
                if stat.st_ctime < before
            ),
        )
    connection.execute("UPDATE totals SET bytes=(SELECT coalesce(sum(size), 0) FROM contents)")


def _fill(part: Path, damaged: Path, layout: Layout) -> int:
    connection = schema.connect(part, "rwc")
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        schema.create(connection)
        return commit(connection, lambda writing: take_over(writing, damaged, layout))
    finally:
        connection.close()


def _entry(record: Record, layout: Layout) -> Entry | None:
    """The table and the values of a row that is whole."""
    if not 0 < record.rowid < _MOST_ROWID:
        return None
    match len(record.values):
        case 3:
            return _fact(record)
        case 5:
            return _small(record)
        case 7:
            return _run(record)
        case 9:
            return _content(record, layout)
        case _:
            return None


def _fact(record: Record) -> Entry | None:
    id, name, body = record.values
    if not _is_named(id, name):
        return None
    table = table_of(cast("bytes", name), body)
    if table == "tables":
        # Deleted pages may still hold those that were void; they are made again by the next run.
        return None
    return None if table is None else (table, (record.rowid, id, name, body))


def _small(record: Record) -> Entry | None:
    id, used, cost, name, body = record.values
    if not _is_named(id, name) or parse_inline(Digest(cast("bytes", name)), body) is None:
        return None
    return "small", (record.rowid, id, _count(used), _seconds(cost), name, body)


def _content(record: Record, layout: Layout) -> Entry | None:
    id, used, cost, name, kind, *stat = record.values
    if not _is_named(id, name) or kind not in (Kind.BLOB, Kind.FILE):
        return None
    root = layout.blobs if kind == Kind.BLOB else layout.files
    try:
        size = ContentFolder(root).path(cast("bytes", name)).lstat().st_size
    except OSError:
        return None
    if stat[0] != size or not all(isinstance(number, int) for number in stat):
        return None
    return "contents", (record.rowid, id, _count(used), _seconds(cost), name, kind, *stat)


def _run(record: Record) -> Entry | None:
    _, started, finished, ok, process, body, report = record.values
    if record.rowid >= _MOST_RUN or unseal("runs", RUN_BEGUN, body) is None:
        return None
    if not isinstance(started, int | float) or not isinstance(process, bytes):
        return None
    ended = finished if isinstance(finished, int | float) else None
    return "runs", (record.rowid, started, ended, ok, process, body, report)


def _is_named(id: object, name: object) -> bool:
    return isinstance(name, bytes) and len(name) == _NAME_BYTES and id == short_id(name)


def _count(used: object) -> int:
    return used if isinstance(used, int) and 0 <= used < _MOST_RUN else 0


def _seconds(cost: object) -> float:
    return float(cost) if isinstance(cost, int | float) and cost >= 0 else 0.0


def _statement(table: str) -> str:
    """The insertion of an entry with the rowid it had; one of the same name yields if it is not later."""
    if table == "runs":
        return _TAKE_RUN
    columns = _COLUMNS.get(table, _FACT)
    updates = ", ".join(f"{column}=excluded.{column}" for column in columns)
    return (
        f"INSERT INTO {table}(rowid, id, {', '.join(columns)}) VALUES (?,?{',?' * len(columns)}) "
        f"ON CONFLICT(id) DO UPDATE SET rowid=excluded.rowid, {updates} WHERE excluded.rowid>={table}.rowid "
        f"ON CONFLICT(rowid) DO UPDATE SET id=excluded.id, {updates}"
    )


def _mend_uses(connection: sqlite3.Connection) -> None:
    """Count what claims to be used in a run that there was not yet as used in the last one."""
    latest = connection.execute("SELECT seq FROM sqlite_sequence").fetchone()[0]
    for table in ("small", "contents"):
        connection.execute(f"UPDATE {table} SET used=?1 WHERE used>?1", (latest,))

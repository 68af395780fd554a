"""Opening the index of a store, with a new one in place of one that cannot be used.

A damaged database is renamed, with its log, and a new one under a name never used before is made of what
can still be read of it: whoever dies in the middle of that leaves it to the next one. Whatever happens, a
store gives one warning.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nodegraph.store import schema
from nodegraph.store.database import Database, Failure, is_damage, is_unusable
from nodegraph.store.errors import StoreError, store_error
from nodegraph.store.layout import Layout
from nodegraph.store.log import committed_frames
from nodegraph.store.presence import anyone_alive
from nodegraph.store.salvage import begin_from, recount, take_over

Warn = Callable[[str], None]

_TRIAL_BYTES = 65536


def open_index(layout: Layout, warn: Warn) -> Database:
    """Open the present database, or begin one. The store's lock file must be held.

    Raises:
        StoreError: if that is not possible, or a newer nodegraph wrote it.
    """
    path = layout.index()
    if _is_empty(path):
        return _open_missing(layout, path, warn)
    if _set_aside_cut_log(layout, path):
        return _begin_anew(layout, f"{path} is damaged (its log lacks what was committed to it)", warn)
    try:
        return Database.open(path, fill=lambda connection: recount(connection, layout))
    except schema.NewerFormatError as newer:
        raise _newer(path, newer) from None
    except Failure as error:
        if not is_lost(layout, error):
            raise store_error(path, error) from error
        return replace_index(layout, path, error, warn)


def replace_index(layout: Layout, path: Path, reason: BaseException, warn: Warn) -> Database:
    """Set the database at `path` aside and open a new one. The store's lock file must be held.

    Raises:
        StoreError: if that is not possible.
    """
    set_aside(path, layout.next_aside())
    return _begin_anew(layout, f"{path} {_problem(reason)}", warn)


def read_index(layout: Layout, warn: Warn) -> Database:
    """Open the present database for reading; what can be read of one that is damaged is kept in memory.

    Raises:
        StoreError: if a newer nodegraph wrote it.
    """
    path = layout.index()
    if not path.exists():
        return Database.in_memory(path)
    try:
        return _open_to_read(layout, path)
    except schema.NewerFormatError as newer:
        raise _newer(path, newer) from None
    except Failure as error:
        return read_damaged(layout, path, error, warn)


def read_damaged(layout: Layout, path: Path, reason: BaseException, warn: Warn) -> Database:
    """What can be read of the database at `path`, in memory; nothing on the disk is changed."""
    warn(f"{path} {_problem(reason)}; only what can still be read of it is used")
    return _copy(layout, path)


def set_aside(path: Path, aside: Path) -> None:
    """Rename a database and what SQLite keeps beside it."""
    for suffix in ("-wal", "-shm", ""):
        source = Path(f"{path}{suffix}")
        if os.path.lexists(source):
            source.rename(f"{aside}{suffix}")


def is_lost(layout: Layout, error: BaseException) -> bool:
    """Whether the database, not the place where it lies, is what makes SQLite fail."""
    return is_damage(error) or (is_unusable(error) and _is_writable(layout.folder))


def _open_to_read(layout: Layout, path: Path) -> Database:
    try:
        return Database.open(path, "ro")
    except Failure as error:
        if not is_unusable(error):
            raise
    # Beside a log SQLite wants its shared memory file, which cannot be made in a folder of somebody else.
    return _copy(layout, path) if committed_frames(_log(path)) else Database.open(path, "immutable")


def _copy(layout: Layout, path: Path) -> Database:
    return Database.in_memory(path, fill=lambda connection: take_over(connection, path, layout))


def _open_missing(layout: Layout, path: Path, warn: Warn) -> Database:
    if committed_frames(_log(path)):
        # SQLite would remove the log of an empty database.
        path.touch()
        set_aside(path, layout.next_aside())
    if layout.set_aside() is not None:
        return _begin_anew(layout, f"{path} is missing or empty", warn)
    if _has_content(layout):
        warn(f"{path} is missing or empty; a new index is begun, and what it recorded is computed again")
    try:
        return Database.open(path, fill=lambda connection: recount(connection, layout))
    except Failure as error:
        raise store_error(path, error) from error


def _begin_anew(layout: Layout, problem: str, warn: Warn) -> Database:
    """Make a new database of what was set aside last."""
    aside, path = layout.set_aside(), layout.index()
    if aside is None:
        raise StoreError(f"{problem}, and disappeared while it was set aside; run again")
    try:
        count = begin_from(aside, path, layout)
        database = Database.open(path)
    except (OSError, *Failure) as error:
        raise store_error(path, error) from error
    warn(
        f"{problem}; it is set aside as {aside.name}, {count:,} entries could be read of it, "
        "and what else it recorded is computed again"
    )
    return database


def _set_aside_cut_log(layout: Layout, path: Path) -> bool:
    """Set a database aside if SQLite does not take all that was committed to its log, which it never tells.

    That is so only where nobody else has the database open; else its log has been judged already, and
    may be begun anew at any moment.
    """
    promised = committed_frames(_log(path))
    if not promised or anyone_alive(layout.tmp):
        return False
    try:
        connection = schema.connect(path, "rw")
    except Failure:
        return False
    try:
        busy, taken, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if busy or taken >= promised:
            return False
        # Before the connection is closed: that removes the log under its old name.
        set_aside(path, layout.next_aside())
    except Failure:
        return False
    finally:
        connection.close()
    return True


def _problem(reason: BaseException) -> str:
    if isinstance(reason, schema.OtherVersionError):
        return "is of another version of nodegraph"
    return f"is damaged ({reason})" if is_damage(reason) else f"cannot be opened ({reason})"


def _log(path: Path) -> Path:
    return Path(f"{path}-wal")


def _newer(path: Path, newer: schema.NewerFormatError) -> StoreError:
    return StoreError(
        f"{path}: written by a newer nodegraph (format {newer.args[0]}, this one knows {schema.FORMAT}); "
        "install that version, or name another folder with --store"
    )


def _is_empty(path: Path) -> bool:
    """Whether there is nothing at a path, or a file of no bytes; a link to nowhere is something."""
    return not os.path.lexists(path) or (path.is_file() and path.stat().st_size == 0)


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

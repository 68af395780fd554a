"""What the store tells a person when it cannot go on."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from nodegraph.store.layout import free_bytes

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_LEAST_FREE = 1 << 18
_KEPT = "what was stored before is kept"


class StoreError(Exception):
    """The store cannot do what was asked; the text says what, where and what to do."""


def store_error(place: Path, error: OSError | sqlite3.Error | UnicodeDecodeError) -> StoreError:
    """The error to show for a failure of the file system or of the index at `place`."""
    if _is_full(place, error):
        return StoreError(
            f"{place}: no space left for the store; free some, or run `nodegraph cache gc --max-size SIZE`, "
            f"and run again: {_KEPT}"
        )
    if _is_denied(error):
        return StoreError(
            f"{_exact(place, error)}: the store cannot be written ({_reason(error)}); "
            "give yourself write permission there, or name another folder with --store"
        )
    if isinstance(error, sqlite3.Error) and primary_code(error) == sqlite3.SQLITE_BUSY:
        return StoreError(
            f"{place}: another process has kept the store's index locked for too long; end it and run again"
        )
    return StoreError(
        f"{_exact(place, error)}: the store failed ({_reason(error)}); "
        f"check the disk and run again, or use --store: {_KEPT}"
    )


def primary_code(error: BaseException) -> int:
    """The primary SQLite result code of an error, 0 if it carries none."""
    code: object = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF if isinstance(code, int) else 0


def _exact(place: Path, error: BaseException) -> str:
    """The file that an error names, else the place."""
    named = error.filename if isinstance(error, OSError) else None
    return named if isinstance(named, str) else str(place)


def _reason(error: BaseException) -> str:
    """What an error says besides the file and its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _is_full(place: Path, error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    # Where there is no room for its log or its shared memory, SQLite only tells that it failed to write.
    is_cramped = primary_code(error) == sqlite3.SQLITE_IOERR and free_bytes(place) < _LEAST_FREE
    return is_cramped or primary_code(error) == sqlite3.SQLITE_FULL


def _is_denied(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _DENIED
    return primary_code(error) in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN}

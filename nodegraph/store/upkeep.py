"""Removing from a store: garbage collection, and clearing it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

from nodegraph.store.errors import StoreError
from nodegraph.store.eviction import Evicted, evict, first_live_run, stored_bytes
from nodegraph.store.index import Index
from nodegraph.store.salvage import enter_files
from nodegraph.store.schema import FACTS, PAGE_BYTES

_WASTE = 10
"""One part in how many an index may consist of gaps."""
_SETTLED_S = 60
"""How long ago a file was put in its place, for its entry not to be still on its way."""


def collect(index: Index, *, max_size: int | None, older_than: float | None) -> Evicted:
    """Evict by age, then by size, and remove what was set aside as damaged."""
    before = first_live_run(index)
    evicted = Evicted(0, 0)
    since = time.time()
    _enter_strays(index)
    if older_than is not None:
        since -= older_than
        cutoff = index.one("SELECT min(id) FROM runs WHERE started>=?", (since,))[0]
        evicted = evict(index, None, before=before if cutoff is None else min(before, int(cutoff)))
        _remove_older(index, since, before)
    _remove_damaged(index)
    _compact(index, before, evicted.inline)
    while max_size is not None and (excess := stored_bytes(index) - max_size) > 0:
        more = evict(index, excess, before=before)
        evicted = evicted.plus(more)
        # Small values leave gaps in the pages of the index, which count until they are closed.
        if not (more.entries and _compact(index, before, more.inline)):
            break
    return evicted


def clear(index: Index) -> None:
    """Remove all entries and files, refusing where a live process is in a run."""
    latest = int(index.one("SELECT coalesce(max(id), 0) FROM runs")[0])
    live = first_live_run(index)
    if live <= latest:
        raise StoreError(
            f"{index.layout.folder}: run {live} is still going on; wait for it, or end its process, "
            "and clear the store then"
        )

    def forget(connection: sqlite3.Connection) -> None:
        for table in (*FACTS, "small", "contents", "runs"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE totals SET bytes=0")

    index.write(forget)
    layout = index.layout
    for folder in (layout.blobs, layout.files, layout.work, layout.runs):
        _empty(folder)
    _remove_damaged(index)
    _compact(index, latest + 1, 0)


def _remove_older(index: Index, since: float, before: int) -> None:
    """Remove the reports of runs, and the folders of unfinished calls, that are older."""
    query = "SELECT id FROM runs WHERE started<? AND id<?"
    for (run,) in index.all(query, (since, before)):
        shutil.rmtree(index.layout.runs / str(run), ignore_errors=True)
    for folder in index.layout.work.iterdir():
        if folder.stat().st_mtime < since:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_damaged(index: Index) -> None:
    if index.layout.damaged.is_dir():
        _empty(index.layout.damaged)
    for path in index.layout.folder.glob("index*.db.damaged-*"):
        _remove(path)


def _enter_strays(index: Index) -> None:
    """Enter files that have no entry, left by a process that died or by an index that was lost."""
    settled = time.time() - _SETTLED_S
    index.write(lambda connection: enter_files(connection, index.layout, settled))


def _compact(index: Index, before: int, nbytes: int) -> bool:
    """Close the gaps in the index, where nobody is in a run and they are large; whether that was done.

    Args:
        index: the index.
        before: the oldest live run.
        nbytes: what was removed from it at most, besides its free pages.
    """
    free = int(index.one("PRAGMA freelist_count")[0]) * PAGE_BYTES + nbytes
    latest = int(index.one("SELECT coalesce(max(id), 0) FROM runs")[0])
    if before <= latest or free * _WASTE < int(index.one("PRAGMA page_count")[0]) * PAGE_BYTES:
        return False
    # The copy that is made of the index may be larger than memory.
    for statement in ("PRAGMA temp_store=FILE", "VACUUM", "PRAGMA temp_store=MEMORY"):
        index.execute(statement)
    return True


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

"""Removing from a store: garbage collection, and clearing it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

from nodegraph.store.errors import StoreError
from nodegraph.store.eviction import Evicted, evict, first_live_run, stored_bytes
from nodegraph.store.index import Index
from nodegraph.store.schema import FACTS

_WASTE = 4


def collect(index: Index, *, max_size: int | None, older_than: float | None) -> Evicted:
    """Evict by age, then by size, and remove what was set aside as damaged."""
    before = first_live_run(index)
    evicted = Evicted(0, 0)
    if older_than is not None:
        since = time.time() - older_than
        cutoff = index.one("SELECT min(id) FROM runs WHERE started>=?", (since,))[0]
        evicted = evict(index, None, before=before if cutoff is None else min(before, int(cutoff)))
        _remove_older(index, since, before)
    if max_size is not None:
        excess = stored_bytes(index) - max_size
        if excess > 0:
            more = evict(index, excess, before=before)
            evicted = Evicted(evicted.entries + more.entries, evicted.nbytes + more.nbytes)
    _remove_damaged(index)
    _compact(index, before)
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
    _compact(index, latest + 1)


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


def _compact(index: Index, before: int) -> None:
    """Give the free pages of the index back to the disk, where nobody is in a run and there are many."""
    free = int(index.one("PRAGMA freelist_count")[0])
    latest = int(index.one("SELECT coalesce(max(id), 0) FROM runs")[0])
    if before > latest and free * _WASTE > int(index.one("PRAGMA page_count")[0]):
        index.execute("VACUUM")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

"""Where everything lies in a store folder, and where that folder is when nobody says.

index.db, index-N.db      the index (N after the N-th damaged one was set aside)
index.db.damaged-N        an index that could not be used, with its -wal and -shm
index-N.db.part           the index that is being made of the N-th damaged one
blobs/ab/<hex>            large values by the digest of their wire form
files/ab/<hex>            adopted files by the BLAKE3 of their content, read-only
work/<key>/               what long calls keep to resume from
runs/<id>/                events and report of a run
tmp/<process>/            what a live process is writing; swept when it is dead
damaged/                  blobs and files that were found damaged
lock, claims              files that only ever carry kernel locks
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_INDEX = re.compile(r"index(?:-(\d+))?\.db")
_SET_ASIDE = re.compile(r".+\.damaged-(\d+)")


@dataclass(frozen=True, slots=True)
class Layout:
    """The places in one store folder."""

    folder: Path

    @property
    def blobs(self) -> Path:
        """Large values."""
        return self.folder / "blobs"

    @property
    def files(self) -> Path:
        """Adopted files."""
        return self.folder / "files"

    @property
    def work(self) -> Path:
        """Folders that long calls resume from."""
        return self.folder / "work"

    @property
    def runs(self) -> Path:
        """Events and reports."""
        return self.folder / "runs"

    @property
    def tmp(self) -> Path:
        """What live processes are writing."""
        return self.folder / "tmp"

    @property
    def damaged(self) -> Path:
        """Blobs and files set aside."""
        return self.folder / "damaged"

    @property
    def lock(self) -> Path:
        """Locked while the index is opened or replaced."""
        return self.folder / "lock"

    @property
    def claims(self) -> Path:
        """Carries the byte-range locks of calls being computed."""
        return self.folder / "claims"

    def create(self) -> None:
        """Make the folder and its parts.

        Raises:
            OSError: if that is not possible.
        """
        for part in (self.blobs, self.files, self.work, self.runs, self.tmp):
            part.mkdir(parents=True, exist_ok=True)

    def index(self) -> Path:
        """The path of the present index, which may not exist yet."""
        names = self._names()
        present = [(int(found[1] or 0), found[0]) for name in names if (found := _INDEX.fullmatch(name))]
        if present:
            return self.folder / max(present)[1]
        # Never a name used before: a process that still has a damaged index open removes that one's
        # write-ahead log by name when it closes.
        damaged = self._last_aside()
        return self.folder / (f"index-{damaged}.db" if damaged else "index.db")

    def set_aside(self) -> Path | None:
        """The database that was set aside last."""
        damaged = self._last_aside()
        return self._aside(damaged) if damaged else None

    def next_aside(self) -> Path:
        """Where the present database goes if it is damaged."""
        present = _INDEX.fullmatch(self.index().name)
        return self._aside(1 + max(self._last_aside(), int(present[1] or 0) if present else 0))

    def _aside(self, number: int) -> Path:
        return self.folder / f"index.db.damaged-{number}"

    def _last_aside(self) -> int:
        """The greatest N of `*.damaged-N`."""
        return max(
            (int(found[1]) for name in self._names() if (found := _SET_ASIDE.fullmatch(name))), default=0
        )

    def _names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []


def default_store_folder() -> Path:
    """`$NODEGRAPH_STORE`, else `.nodegraph` in the working directory; absolute."""
    return Path(os.environ.get("NODEGRAPH_STORE") or ".nodegraph").absolute()


def free_bytes(folder: Path) -> int:
    """Bytes that can still be written to the disk that holds, or will hold, `folder`."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free

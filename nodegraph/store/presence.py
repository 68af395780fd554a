"""Which processes have a store open, and the temporary folder of each."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from nodegraph.store.locks import is_locked, open_lock_file, try_lock

_SUFFIX = ".alive"


class Presence:
    """One open store: a name, a lock that is held while its process lives, and a folder of its own.

    To be made while the store's lock file is held, so that nobody sweeps it half made.
    """

    def __init__(self, tmp: Path) -> None:
        self.name = f"{os.getpid()}-{os.urandom(6).hex()}"
        self.folder = tmp / self.name
        self._mark = tmp / (self.name + _SUFFIX)
        self._descriptor = open_lock_file(self._mark)
        if not try_lock(self._descriptor, 0):
            raise OSError(f"{self._mark}: locked by another process")

    def new_path(self) -> Path:
        """A path in the folder that nothing has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / os.urandom(8).hex()

    def close(self) -> None:
        """Remove the folder and the mark."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self._mark.unlink()
        os.close(self._descriptor)


def is_alive(tmp: Path, name: str) -> bool:
    """Whether the process of that presence is still there."""
    return is_locked(tmp / (name + _SUFFIX))


def anyone_alive(tmp: Path) -> bool:
    """Whether the process of any presence is still there."""
    return any(is_locked(mark) for mark in tmp.glob(f"*{_SUFFIX}"))


def sweep(tmp: Path) -> None:
    """Remove what dead processes left. To be called while the store's lock file is held."""
    for entry in list(tmp.iterdir()):
        name = entry.name.removesuffix(_SUFFIX)
        if not is_alive(tmp, name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with suppress(OSError):
                    entry.unlink()

"""Claims: which call is being computed by whom, so that a call two processes want is computed once."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from nodegraph.store.locks import open_lock_file, try_lock, unlock
from nodegraph.store.rows import Key


class Claim:
    """The right to compute one key, until released or until its process ends."""

    __slots__ = ("_claims", "_offset")

    def __init__(self, claims: Claims, offset: int) -> None:
        self._claims = claims
        self._offset: int | None = offset

    def release(self) -> None:
        """Give the claim back; a second call does nothing."""
        offset, self._offset = self._offset, None
        if offset is not None:
            self._claims.release(offset)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Claims:
    """The claims that one open store holds.

    All lie on one descriptor, so between the threads of this store a set decides, and between stores
    and processes the kernel: one byte for each key, at an offset taken from it. Two keys that share an
    offset (62 bits) only wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = open_lock_file(path)
        self._held: set[int] = set()
        self._guard = threading.Lock()

    def claim(self, key: Key) -> Claim | None:
        """Claim a key without waiting; None if another thread or process holds it.

        Raises:
            OSError: if the kernel grants no lock at all, as on file systems without them.
        """
        offset = int.from_bytes(key[:8], "little") >> 2
        with self._guard:
            if offset in self._held or not try_lock(self._descriptor, offset):
                return None
            self._held.add(offset)
        return Claim(self, offset)

    def release(self, offset: int) -> None:
        """Free one byte."""
        with self._guard:
            if offset in self._held:
                unlock(self._descriptor, offset)
                self._held.discard(offset)

    def close(self) -> None:
        """Give back everything still held."""
        with self._guard:
            self._held.clear()
            os.close(self._descriptor)

"""Claims: which call is being computed by whom, so that a call two processes want is computed once."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from nodegraph.store.locks import open_lock_file, try_lock_at, unlock_at
from nodegraph.store.rows import Key

# The highest byte of a place stays zero, so that as an offset it is never negative.
_KEY_BYTES = 7


class Claim:
    """The right to compute one key, until released or until its process ends."""

    __slots__ = ("_claims", "_place")

    def __init__(self, claims: Claims, place: bytes) -> None:
        self._claims = claims
        self._place = place

    def release(self) -> None:
        """Give the claim back; a second call does nothing."""
        self._claims.release(self._place, self)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._claims.release(self._place, self)


class Claims:
    """The claims that one open store holds.

    All lie on one descriptor, so between the threads of this store a dict decides, and between stores
    and processes the kernel: one byte for each key, at an offset taken from it. Two keys that share an
    offset (56 bits) only wait for each other.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = open_lock_file(path)
        self._held: dict[bytes, Claim] = {}

    def claim(self, key: Key) -> Claim | None:
        """Claim a key without waiting; None if another thread or process holds it.

        Raises:
            OSError: if the kernel grants no lock at all, as on file systems without them.
        """
        place = key[:_KEY_BYTES] + b"\0"
        claim = Claim(self, place)
        # One operation of the interpreter: of two threads one gets in, without a lock around each claim.
        if self._held.setdefault(place, claim) is not claim:
            return None
        granted = False
        try:
            granted = try_lock_at(self._descriptor, place)
        finally:
            if not granted:
                del self._held[place]
        return claim if granted else None

    def release(self, place: bytes, claim: Claim) -> None:
        """Free a byte, if it is still that claim which holds it."""
        if self._held.get(place) is claim:
            # Unlocked first: until then no thread of this store may lock it again.
            unlock_at(self._descriptor, place)
            self._held.pop(place, None)

    def close(self) -> None:
        """Give back everything still held."""
        self._held.clear()
        os.close(self._descriptor)

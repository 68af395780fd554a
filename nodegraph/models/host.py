"""Models in host memory: moved off a device, or read from disk before they are needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from nodegraph.models.changes import What
from nodegraph.models.modes import Mode
from nodegraph.models.tensors import collect, release_cached, tensor_bytes, watch
from nodegraph.types.builtin import ModelRef

_GRACE_S = 3.0
"""How long closing waits for a model that is being read; it is let go of when it is there."""


class Tell(Protocol):
    """Tells of a change in host memory, and the bytes that are tracked after it, of those there are."""

    def __call__(self, what: What, tracked: int, budget: int, /, **details: Any) -> None:
        """Tell it."""
        ...


@dataclass(slots=True, eq=False)
class HostCopy:
    """A model in host memory; `loaded` is None while it is on its way."""

    ref: ModelRef
    nbytes: int
    loaded: Any = None


class HostMemory:
    """Models in host memory, and the thread that reads ahead. It shares its lock with the devices.

    Args:
        budget: bytes that models may take here; none if 0.
        lock: held whenever the books change.
        load: loads a model from disk onto a device in a mode.
        size: bytes of a model that is held whole.
        to_host, to_device: move a model; they give None for one that has to be loaded again instead.
        files: the files that loading a model reads.
        next_use: rank of a model in the order in which devices will need it.
        by_parts: bytes of host memory behind models that devices hold by parts; copies make way for them.
        tell: is told of every change, while the lock is held.
        clock: the time in seconds.
    """

    def __init__(
        self,
        budget: int,
        *,
        lock: threading.Condition,
        load: Callable[[ModelRef, str, Mode], Any],
        size: Callable[[ModelRef], int],
        to_host: Callable[[ModelRef, Any], Any] | None,
        to_device: Callable[[ModelRef, Any, str], Any] | None,
        files: Callable[[ModelRef], Iterable[Path]] | None,
        next_use: Callable[[ModelRef], float],
        by_parts: Callable[[], int],
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self.budget = budget
        self._lock = lock
        self._load = load
        self._size = size
        self._to_host = to_host
        self._to_device = to_device
        self._files = files
        self._next_use = next_use
        self._by_parts = by_parts
        self._tell = tell
        self._clock = clock
        self._copies: dict[ModelRef, HostCopy] = {}
        self._pending: dict[ModelRef, Future[None]] = {}
        self._reader: threading.Thread | None = None
        self._wanted: SimpleQueue[tuple[Future[None], ModelRef, bool] | None] = SimpleQueue()
        self._is_closed = False

    @property
    def tracked(self) -> int:
        """Bytes that models take here; to be read with the lock held."""
        return sum(copy.nbytes for copy in self._copies.values())

    def keep(self, ref: ModelRef, nbytes: int, loaded: Any, needed: Collection[ModelRef]) -> bool:
        """Move a model here from a device, if there is room and it can be moved; gives whether it was.

        Models that are `needed` now do not leave for it. What cannot be moved, for whatever reason, can be
        loaded again from disk.
        """
        copy = self._reserve(ref, nbytes, needed)
        if copy is None or self._to_host is None:
            return False
        moved = None
        try:
            moved = self._to_host(ref, loaded)
        except Exception:
            return False
        finally:
            with self._lock:
                copy.loaded = moved
                if moved is None or self._is_closed:
                    self._forget(copy)
        return moved is not None

    def take(self, ref: ModelRef, device: str) -> Any:
        """A model from here, moved to a device; None if it is not here. Waits while it is being read."""
        with self._lock:
            pending = self._pending.get(ref)
        if pending is not None and not pending.cancel():
            wait([pending])
        with self._lock:
            copy = self._copies.get(ref)
            if copy is None or copy.loaded is None or self._to_device is None:
                return None
            loaded, copy.loaded = copy.loaded, None
        try:
            return self._to_device(ref, loaded, device)
        finally:
            with self._lock:
                self._forget(copy)

    def make_way(self) -> None:
        """Drop copies, farthest next use first, that take room of models which devices hold by parts."""
        with self._lock:
            candidates = [copy for copy in self._copies.values() if copy.loaded is not None]
            leaving = self._who_leaves(candidates, -self._free)
            watched = self._drop(candidates if leaving is None else leaving)
        _let_go(watched)

    def prefetch(self, ref: ModelRef, *, is_whole: bool) -> None:
        """Read a model in the background, unless it is here or on its way; the lock is held.

        One that will not be held whole on a device stays on disk; its files are read ahead.
        """
        if ref in self._copies or ref in self._pending or self._is_closed:
            return
        if self._reader is None:
            # No executor: the interpreter would wait for its thread, and so for the model, at its end.
            self._reader = threading.Thread(target=self._read_all, name="nodegraph-prefetch", daemon=True)
            self._reader.start()
        future = self._pending[ref] = Future()
        future.add_done_callback(lambda _: self._ended(ref))
        self._wanted.put((future, ref, is_whole))

    def close(self) -> None:
        """Let go of all models, and end the thread."""
        with self._lock:
            self._is_closed = True
            watched = [watch(copy.loaded) for copy in self._copies.values()]
            self._copies.clear()
            reader, self._reader = self._reader, None
        if reader is not None:
            self._wanted.put(None)
            reader.join(_GRACE_S)
        _let_go(watched)
        with self._lock:
            self._tell("closed", 0, self.budget)

    def _read_all(self) -> None:
        """What the thread does: read one model after the other."""
        while (wanted := self._wanted.get()) is not None:
            future, ref, is_whole = wanted
            if future.set_running_or_notify_cancel():
                self._read_ahead(ref, is_whole)
                future.set_result(None)

    def _read_ahead(self, ref: ModelRef, is_whole: bool) -> None:
        # Whatever goes wrong here goes wrong again for the call that uses the model, and is told there.
        try:
            if not (is_whole and self._read(ref)) and self._files is not None:
                advise(self._files(ref))
        except Exception:
            return

    def _read(self, ref: ModelRef) -> bool:
        """Read a model into host memory; False if there is no room for it."""
        begun = self._clock()
        copy = self._reserve(ref, self._size(ref)) if self.budget else None
        if copy is None or self._to_host is None:
            return False
        loaded = None
        try:
            loaded = self._to_host(ref, self._load(ref, "cpu", "resident"))
        finally:
            with self._lock:
                actual = tensor_bytes(loaded)
                copy.nbytes = copy.nbytes if actual is None else actual
                if loaded is None or self._is_closed or self._free < 0:
                    self._forget(copy)
                else:
                    copy.loaded = loaded
                    self._change("prefetched", copy, seconds=self._clock() - begun)
        return True

    def _ended(self, ref: ModelRef) -> None:
        with self._lock:
            self._pending.pop(ref, None)
            self._lock.notify_all()

    def _reserve(self, ref: ModelRef, nbytes: int, needed: Collection[ModelRef] = ()) -> HostCopy | None:
        """Room for a model; those leave for it that are needed later. None if there is not enough."""
        with self._lock:
            if ref in self._copies or self._is_closed:
                return None
            rank = self._next_use(ref)
            later = [c for c in self._copies.values() if c.loaded is not None and c.ref not in needed]
            later = [copy for copy in later if self._next_use(copy.ref) > rank]
            leaving = self._who_leaves(later, nbytes - self._free)
            if leaving is None:
                return None
            watched = self._drop(leaving)
            copy = self._copies[ref] = HostCopy(ref, nbytes)
            self._change("admitted", copy)
        _let_go(watched)
        return copy

    @property
    def _free(self) -> int:
        return self.budget - self.tracked - self._by_parts()

    def _drop(self, leaving: Iterable[HostCopy]) -> list[Callable[[], Any]]:
        """Take copies off the books; gives what tells whether they are alive."""
        watched: list[Callable[[], Any]] = []
        for copy in leaving:
            watched.append(watch(copy.loaded))
            copy.loaded = None
            self._forget(copy)
        return watched

    def _who_leaves(self, candidates: Iterable[HostCopy], nbytes: int) -> list[HostCopy] | None:
        """Of some copies those that free so many bytes, farthest next use first; None if they do not."""
        leaving: list[HostCopy] = []
        for copy in sorted(candidates, key=lambda copy: -self._next_use(copy.ref)):
            if nbytes <= 0:
                break
            leaving.append(copy)
            nbytes -= copy.nbytes
        return leaving if nbytes <= 0 else None

    def _forget(self, copy: HostCopy) -> None:
        if self._copies.get(copy.ref) is copy:
            del self._copies[copy.ref]
            self._change("released", copy)

    def _change(self, what: What, copy: HostCopy, **details: Any) -> None:
        about = {"model": copy.ref, "mode": "resident", "nbytes": copy.nbytes}
        self._tell(what, self.tracked, self.budget, **about, **details)


def _let_go(watched: list[Callable[[], Any]]) -> None:
    """Have the memory of dropped copies back."""
    if watched:
        collect(watched)
        release_cached("cpu")


def advise(paths: Iterable[Path]) -> None:
    """Ask the system to read files ahead into its page cache, where it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)

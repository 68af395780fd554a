"""Producers: where the items of a stream come from, one at a time: a generator, or a listing in the store."""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]

from nodegraph.types.stream import BadItemKey, Item
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items of the sources a run takes: at most `limit`, and those whose key matches `pattern`."""

    limit: int | None = None
    pattern: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is cut."""
        return self.limit is None and self.pattern is None

    def takes(self, key: str) -> bool:
        """Whether the pattern lets an item through."""
        return self.pattern is None or fnmatch.fnmatchcase(key, self.pattern)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Listed:
    """An item of a stored listing: the digests of its outputs, or why it was dropped."""

    key: str
    digests: tuple[Digest, ...]
    dropped: str | None


class Producer(Protocol):
    """Gives the items of one stream in order. Used by one thread at a time."""

    def next(self) -> Item[Any] | Listed | None:
        """The next selected item, None when there are no more."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class ReadFiles:
    """The files that each item of a stream is read from, in the order of the items: 10 to 20 bytes each."""

    def __init__(self) -> None:
        self._packed = bytearray()
        self._last = b""

    def add(self, paths: Sequence[Path]) -> None:
        """Note the files of the next item."""
        self._packed += msgpack.packb([self._shortened(os.fsencode(path)) for path in paths])

    def _shortened(self, path: bytes) -> tuple[int, bytes]:
        """How many bytes a path has in common with the one before it, and the rest of it."""
        shared = len(os.path.commonprefix((self._last, path)))  # noqa: RUF071 -- bytes are meant
        self._last = path
        return shared, path[shared:]

    def __iter__(self) -> Iterator[list[Path]]:
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(self._packed)
        last = b""
        for entries in unpacker:
            paths: list[Path] = []
            for shared, rest in entries:
                last = last[:shared] + rest
                paths.append(Path(os.fsdecode(last)))
            yield paths


class GeneratorProducer:
    """The items that a node's generator yields. Raises `BadItemKey` if a key occurs twice.

    Attributes:
        reads: the files of the items given so far.
    """

    def __init__(self, items: Iterator[Item[Any]], selection: Selection) -> None:
        self.reads = ReadFiles()
        self._items = items
        self._selection = selection
        self._seen: set[str] = set()
        self._given = 0

    def next(self) -> Item[Any] | None:
        """The next selected item."""
        while self._selection.limit is None or self._given < self._selection.limit:
            item = next(self._items, None)
            if item is None:
                return None
            if not isinstance(item, Item):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"a stream node yields Item(key, value), not {type(item).__name__}")
            if item.key in self._seen:
                raise BadItemKey(f"item key {item.key!r} occurs twice in one stream")
            self._seen.add(item.key)
            if self._selection.takes(item.key):
                self._given += 1
                self.reads.add(item.reads)
                return item
        return None

    def close(self) -> None:
        """Let the generator clean up."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


class ListingProducer:
    """The items of a listing that the store has, from a pure generator that ended before."""

    def __init__(self, listing: Sequence[Any], selection: Selection) -> None:
        self._entries = iter(listing)
        self._selection = selection
        self._given = 0

    def next(self) -> Listed | None:
        """The next selected item."""
        if self._selection.limit is not None and self._given >= self._selection.limit:
            return None
        for key, digests, dropped in self._entries:
            if self._selection.takes(key):
                self._given += 1
                return Listed(key, tuple(Digest(digest) for digest in digests), dropped)
        return None

    def close(self) -> None:
        """Nothing to clean up."""


class Regenerator:
    """Runs a generator again to make the values of items whose bytes are gone. Use it under its `lock`."""

    def __init__(self, start: Callable[[], Iterator[Item[Any]]]) -> None:
        self.lock = threading.Lock()
        self._start = start
        self._items: Iterator[Item[Any]] | None = None

    def item(self, key: str) -> Item[Any]:
        """The item of a key; the generator is resumed where it stands, and begun again if it is past the key.

        Raises:
            KeyError: if the generator does not give the key any more.
        """
        for _ in range(2):
            if self._items is None:
                self._items = self._start()
            for item in self._items:
                if item.key == key:
                    return item
            self._items = None
        raise KeyError(key)

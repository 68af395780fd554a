"""Producers: where the items of a stream come from, one at a time: a generator, or a listing in the store."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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

EXAMPLES = 10
"""How many of the keys that a pattern does not let through are kept, and one more if there are more."""

_DIGEST = 32
_LISTING = "nodegraph/listing/1"


@dataclass(frozen=True, slots=True)
class Listed:
    """An item of a stored listing: the digests of its outputs, or why it was dropped."""

    key: str
    digests: tuple[Digest, ...]
    dropped: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """All items of a pure generator that ended, packed: what the store keeps of its call.

    Attributes:
        keys: the item keys in source order.
        digests: for each output, 32 bytes per item.
        drops: why items were dropped, by place.
    """

    keys: Sequence[str]
    digests: tuple[bytes, ...]
    drops: Mapping[int, str]

    def to_value(self) -> list[Any]:
        """The listing as a JSON value with bytes."""
        drops = [list(drop) for drop in sorted(self.drops.items())]
        return [_LISTING, list(self.keys), list(self.digests), drops]

    @classmethod
    def of_value(cls, value: Any) -> Listing:
        """Read a listing back.

        Raises:
            LookupError: if it was written in another form, by another version.
        """
        if type(value) is not list or value[:1] != [_LISTING]:
            raise LookupError("the listing was written in another form")
        _, keys, digests, drops = cast("list[Any]", value)
        return cls(keys, tuple(digests), dict(drops))

    def item(self, place: int) -> Listed:
        """One item."""
        if place in self.drops:
            return Listed(self.keys[place], (), self.drops[place])
        digests = (packed[_DIGEST * place : _DIGEST * (place + 1)] for packed in self.digests)
        return Listed(self.keys[place], tuple(map(Digest, digests)), None)


class Producer(Protocol):
    """Gives the items of one stream in order. Used by one thread at a time.

    Attributes:
        keys: of the items given so far, in order.
        left_out: the first keys that the pattern did not let through.
    """

    keys: dict[str, None]
    left_out: list[str]

    def next(self) -> Item[Any] | Listed | None:
        """The next selected item, None when there are no more."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class GeneratorProducer:
    """The items that a node's generator yields. Raises `BadItemKey` if a key occurs twice.

    Attributes:
        keys: of the items given so far, in order.
        left_out: the first keys that the pattern did not let through.
    """

    def __init__(self, items: Iterator[Item[Any]], selection: Selection) -> None:
        self.keys: dict[str, None] = {}
        self.left_out: list[str] = []
        self._items = items
        self._selection = selection

    def next(self) -> Item[Any] | None:
        """The next selected item."""
        while self._selection.limit is None or len(self.keys) < self._selection.limit:
            item = next(self._items, None)
            if item is None:
                return None
            if not isinstance(item, Item):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"a stream node yields Item(key, value), not {type(item).__name__}")
            if item.key in self.keys:
                raise BadItemKey(f"item key {item.key!r} occurs twice in one stream")
            if self._selection.takes(item.key):
                self.keys[item.key] = None
                return item
            if len(self.left_out) <= EXAMPLES:
                self.left_out.append(item.key)
        return None

    def close(self) -> None:
        """Let the generator clean up."""
        close = getattr(self._items, "close", None)
        if close is not None:
            close()


class ListingProducer:
    """The items of a listing that the store has, from a pure generator that ended before."""

    def __init__(self, listing: Listing, selection: Selection) -> None:
        self.keys: dict[str, None] = {}
        self.left_out: list[str] = []
        self._listing = listing
        self._selection = selection
        self._place = 0

    def next(self) -> Listed | None:
        """The next selected item."""
        limit = self._selection.limit
        while self._place < len(self._listing.keys) and (limit is None or len(self.keys) < limit):
            item = self._listing.item(self._place)
            self._place += 1
            if self._selection.takes(item.key):
                self.keys[item.key] = None
                return item
            if len(self.left_out) <= EXAMPLES:
                self.left_out.append(item.key)
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

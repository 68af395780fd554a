"""Streams and batches: what a node function receives and yields for many items.

A stream is an ordered, lazy sequence of items, each with a stable string key.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    overload,
    runtime_checkable,
)

if TYPE_CHECKING:
    _ProtocolMeta = ABCMeta
else:
    _ProtocolMeta = type(Protocol)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _BatchMarker:
    """Tells `Batch[T]` from a plain `list[T]` in a signature."""

    def __repr__(self) -> str:
        return "Batch"


BATCH = _BatchMarker()

Batch: TypeAlias = Annotated[list[T], BATCH]
"""A list of values, one per item; the engine picks how many share a call."""


class BadItemKey(ValueError):
    """An item key that is not a relative POSIX name, or that occurs twice in one stream."""


def check_item_key(key: object) -> str:
    """Return `key` if it is a non-empty relative POSIX name without `..`, else raise `BadItemKey`."""
    if type(key) is not str:
        raise BadItemKey(f"an item key must be a str, not {type(key).__name__}: {key!r}")
    if not key or key.startswith("/") or "\\" in key or "\0" in key:
        raise BadItemKey(f"an item key must be a non-empty relative POSIX name, not {key!r}")
    if ".." in key and ".." in key.split("/"):
        raise BadItemKey(f"an item key must not contain '..': {key!r}")
    return key


_UNMADE = object()


class Item(Generic[T_co]):
    """One element of a stream.

    A generator node yields `Item(key, value)`, or `Item(key, make, reads=[...], uses=...)` where
    `make` is a function without arguments that is called only if the memo does not know its result.
    A node that reads a stream gets items whose `value` is loaded on first use.

    Args:
        key: non-empty relative POSIX name, unique in its stream.
        value: the value, or a callable that makes it.
        reads: the files `make` reads; their contents (not their names) enter the memo key.
        uses: any storable value that `make` depends on; it enters the memo key by content.
    """

    __slots__ = ("_make", "_value", "key", "reads", "uses")

    @overload
    def __init__(
        self, key: str, value: Callable[[], T_co], *, reads: Iterable[Path | str] = (), uses: object = None
    ) -> None: ...
    @overload
    def __init__(
        self, key: str, value: T_co, *, reads: Iterable[Path | str] = (), uses: object = None
    ) -> None: ...
    def __init__(
        self, key: str, value: Any, *, reads: Iterable[Path | str] = (), uses: object = None
    ) -> None:
        self.key = check_item_key(key)
        self.reads = tuple(Path(path) for path in reads)
        self.uses = uses
        self._make = cast("Callable[[], T_co]", value) if callable(value) else None
        self._value: Any = _UNMADE if callable(value) else value
        if self._make is None and (self.reads or uses is not None):
            raise TypeError(
                f"item {key!r}: 'reads' and 'uses' say what a make function depends on; a value has neither"
            )

    @property
    def make(self) -> Callable[[], T_co] | None:
        """The function that makes the value, or None if the value was given directly."""
        return self._make

    @property
    def value(self) -> T_co:
        """The item's value; made on first use and then kept as long as the item."""
        if self._value is _UNMADE and self._make is not None:
            self._value = self._make()
        return self._value

    @property
    def carried(self) -> T_co:
        """What to yield to pass the value on under another key, without loading or copying it."""
        return self.value

    def __repr__(self) -> str:
        return f"Item({self.key!r})"


class _StreamMeta(_ProtocolMeta):
    """Carries `Stream.of`, so that a plain generator still satisfies the `Stream` protocol."""

    def of(cls, items: Iterable[Item[T] | T] | Mapping[str, T]) -> Collected[T]:  # noqa: N805 -- a metaclass
        """Make a stream from values (keys `"0"`, `"1"`, ...), items, or a mapping of keys to values."""
        return ListStream(_as_items(items))


class Stream(Protocol[T_co], metaclass=_StreamMeta):
    """An ordered sequence of `Item[T]`, iterated any number of times in source order.

    As the return type of a node it marks a generator of items.
    """

    def __iter__(self) -> Iterator[Item[T_co]]: ...


@runtime_checkable
class Collected(Stream[T_co], Protocol[T_co]):
    """A stream whose length and keys are known; iterating it is still lazy in the values."""

    def __len__(self) -> int: ...
    def keys(self) -> Sequence[str]:
        """The item keys in source order."""
        ...

    def __getitem__(self, key: str, /) -> Item[T_co]: ...


class ListStream(Generic[T_co]):
    """A stream over items that are at hand. Raises `BadItemKey` if a key occurs twice."""

    def __init__(self, items: Iterable[Item[T_co]]) -> None:
        self._items: dict[str, Item[T_co]] = {}
        for item in items:
            if item.key in self._items:
                raise BadItemKey(f"item key {item.key!r} occurs twice in one stream")
            self._items[item.key] = item

    def __iter__(self) -> Iterator[Item[T_co]]:
        return iter(self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> Sequence[str]:
        """The item keys in source order."""
        return list(self._items)

    def __getitem__(self, key: str, /) -> Item[T_co]:
        return self._items[key]


def _as_items(items: Iterable[Item[T] | T] | Mapping[str, T]) -> Iterator[Item[T]]:
    if isinstance(items, Mapping):
        for key, value in cast("Mapping[str, T]", items).items():
            yield Item(key, value)
        return
    for index, entry in enumerate(items):
        if isinstance(entry, Item):
            yield cast("Item[T]", entry)
        else:
            yield Item(str(index), entry)

"""Values out of the store: one at a time, or as a stream whose items load on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from nodegraph.types.builtin import Artifact
from nodegraph.types.ports import ValueOf
from nodegraph.types.stream import Item, check_item_key
from nodegraph.types.wire import Digest, UnknownValueType, Wire, decode

ARTIFACT = ValueOf("artifact")

_DIGEST = 32


class BytesMissing(LookupError):
    """The bytes behind a digest are not in the store: never kept, evicted or damaged."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the bytes of {digest.hex()[:12]} are not in the store")
        self.digest = digest


class ByteStore(Protocol):
    """The part of the store that values are read from."""

    def get(self, digest: Digest, /) -> Wire | None:
        """The bytes of a value, if they are there."""
        ...

    def has(self, digest: Digest, /) -> bool:
        """Whether they are."""
        ...

    def file(self, hexdigest: str, /) -> Path | None:
        """Where an artifact's file lies, if it is there."""
        ...

    def new_folder(self) -> Path:
        """An empty folder."""
        ...


class Values:
    """Decodes stored values; an artifact gets a folder of read-only links to its files."""

    def __init__(self, store: ByteStore) -> None:
        self._store = store

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of a value are there, as far as can be told without reading them."""
        return self._store.has(digest)

    def can_load(self, digest: Digest) -> bool:
        """Whether `load` would succeed."""
        wire = self._store.get(digest)
        if wire is None:
            return False
        try:
            value = decode(wire)
        except UnknownValueType:
            return False
        return type(value) is not Artifact or all(
            self._store.file(content) is not None for content, _ in value.files.values()
        )

    def load(self, digest: Digest) -> Any:
        """The value behind a digest.

        Raises:
            BytesMissing: if its bytes are gone, or were written by another version of its type.
        """
        wire = self._store.get(digest)
        if wire is None:
            raise BytesMissing(digest)
        return self.decode(wire, digest)

    def decode(self, wire: Wire, digest: Digest) -> Any:
        """The value of a wire form that is at hand."""
        try:
            value = decode(wire)
        except UnknownValueType:
            raise BytesMissing(digest) from None
        return self._with_folder(value, digest) if type(value) is Artifact else value

    def _with_folder(self, artifact: Artifact, digest: Digest) -> Artifact:
        folder = self._store.new_folder()
        for name, (content, _) in artifact.files.items():
            stored = self._store.file(content)
            if stored is None:
                raise BytesMissing(digest)
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(stored, target)
        return Artifact(folder, artifact.made_from, artifact.files)


Convert = Callable[[Any], Any] | None


class StoredItem(Item[Any]):
    """An item of a stored stream: its value is loaded on first use.

    Yielded again by a generator, it passes its value on by digest, without loading it.
    """

    __slots__ = ("_convert", "_values", "digest")

    def __init__(self, key: str, digest: Digest, values: Values, convert: Convert = None) -> None:
        super().__init__(key, None)
        self.digest = digest
        self._values = values
        self._convert = convert

    @property
    def value(self) -> Any:
        """The value; loaded on first use and then kept as long as the item."""
        if self._value is None:
            value = self._values.load(self.digest)
            self._value = value if self._convert is None else self._convert(value)
        return self._value

    @property
    def carried(self) -> Any:
        """The item itself: the engine passes its value on by digest. What had to be converted is loaded."""
        return self if self._convert is None else self.value


class NestedStream:
    """A stream of streams over the store."""

    def __init__(
        self,
        streams: Iterable[tuple[str, Iterable[tuple[str, Digest]]]],
        values: Values,
        convert: Convert = None,
    ) -> None:
        self._streams = {key: StoredStream(entries, values, convert) for key, entries in streams}

    def __iter__(self) -> Iterator[Item[Any]]:
        for key, stream in self._streams.items():
            yield Item(key, stream)

    def __len__(self) -> int:
        return len(self._streams)

    def keys(self) -> Sequence[str]:
        """The outer item keys in source order."""
        return list(self._streams)

    def __getitem__(self, key: str, /) -> Item[Any]:
        return Item(key, self._streams[key])


class StoredStream:
    """A collected stream over the store: `len`, `keys` and `[key]` cost nothing, values load one by one."""

    def __init__(
        self, entries: Iterable[tuple[str, Digest]], values: Values, convert: Convert = None
    ) -> None:
        self._keys: list[str] = []
        self._digests = bytearray()
        for key, digest in entries:
            self._keys.append(key)
            self._digests += digest
        self._values = values
        self._convert = convert

    def __iter__(self) -> Iterator[Item[Any]]:
        return map(self._item, range(len(self._keys)))

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> Sequence[str]:
        """The item keys in source order."""
        return list(self._keys)

    def __getitem__(self, key: str, /) -> Item[Any]:
        return self._item(self._places[check_item_key(key)])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self._keys)}

    def _item(self, place: int) -> StoredItem:
        digest = Digest(bytes(self._digests[_DIGEST * place : _DIGEST * (place + 1)]))
        return StoredItem(self._keys[place], digest, self._values, self._convert)

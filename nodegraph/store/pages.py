"""Reading the rows of a database from its pages, without SQLite: for one that SQLite refuses.

Of the file format (https://www.sqlite.org/fileformat2.html) this knows the leaf pages of tables, the records
in them, overflow pages, the list of free pages and the write-ahead log. That is enough to find every row,
whatever has become of the schema and of the pages above the leaves. What comes out is what stands there:
that it is what once was written has to be told by its content.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from nodegraph.store.log import Log
from nodegraph.store.schema import PAGE_BYTES

_LEAF = 0x0D
_NO_ROWS = {0x02, 0x05, 0x0A}
_LEAF_HEADER_BYTES = 8
_FIRST_HEADER_BYTES = 100
_MOST_INLINE = PAGE_BYTES - 35
_LEAST_INLINE = (PAGE_BYTES - 12) * 32 // 255 - 23
_OVERFLOW_BYTES = PAGE_BYTES - 4
_TRUNK_ENTRIES = PAGE_BYTES // 4 - 2
_INT_BYTES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
_FIRST_BLOB = 12
_REAL = 7
_ONE = 9
_READ_AT_ONCE = 256


class Record(NamedTuple):
    """A row as it stands in a leaf page; texts come as bytes, like blobs."""

    rowid: int
    values: tuple[int | float | bytes | None, ...]


class Pages:
    """The newest version of each page of a database, from its file and its log.

    A page of the log that is not what was written is not taken for the newest of its number: it comes as
    well, and so does the version before it.
    """

    def __init__(self, path: Path) -> None:
        """Open the files beside each other at `path`; one that cannot be read counts as empty."""
        # The log first: what another process moves from it to the file meanwhile is then seen twice,
        # not never.
        self._log = Log.read(path.with_name(f"{path.name}-wal"))
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._count = os.fstat(self._file).st_size // PAGE_BYTES
        except OSError:
            self._file, self._count = -1, 0

    def __enter__(self) -> Pages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            os.close(self._file)

    def records(self) -> Iterator[Record]:
        """Every row in a page that is not free, older versions before newer ones."""
        free = self._free_pages()
        for number, page in self._in_file():
            if number not in self._log.pages and number not in free:
                yield from self._in_page(page)
        for number, page in self._log.pages.items():
            if number not in free:
                yield from self._in_page(page)
        for page in self._log.unsound:
            yield from self._in_page(page)

    def _in_file(self) -> Iterator[tuple[int, bytes]]:
        for first in range(0, self._count, _READ_AT_ONCE):
            try:
                content = os.pread(self._file, _READ_AT_ONCE * PAGE_BYTES, first * PAGE_BYTES)
            except OSError:
                yield from self._one_by_one(first)
                continue
            for start in range(0, len(content) - PAGE_BYTES + 1, PAGE_BYTES):
                yield first + start // PAGE_BYTES + 1, content[start : start + PAGE_BYTES]

    def _one_by_one(self, first: int) -> Iterator[tuple[int, bytes]]:
        """The pages of a stretch in which the disk cannot read some."""
        for number in range(first + 1, min(first + _READ_AT_ONCE, self._count) + 1):
            page = self._page(number)
            if page is not None:
                yield number, page

    def _page(self, number: int) -> bytes | None:
        if number in self._log.pages:
            return self._log.pages[number]
        if not 0 < number <= self._count:
            return None
        try:
            page = os.pread(self._file, PAGE_BYTES, (number - 1) * PAGE_BYTES)
        except OSError:
            return None
        return page if len(page) == PAGE_BYTES else None

    def _free_pages(self) -> set[int]:
        """The pages that are free; none, so that each is looked at, where the list of them is not sound."""
        first = self._page(1)
        if first is None:
            return set()
        trunk, count = struct.unpack_from(">II", first, 32)
        free: set[int] = set()
        while trunk and len(free) < count:
            page = self._page(trunk)
            if page is None or trunk in free:
                return set()
            following, entries = struct.unpack_from(">II", page)
            if entries > _TRUNK_ENTRIES:
                return set()
            free.add(trunk)
            free.update(struct.unpack_from(f">{entries}I", page, 8))
            trunk = following
        return free if trunk == 0 and len(free) == count else set()

    def _in_page(self, page: bytes) -> Iterator[Record]:
        if page[0] in _NO_ROWS:
            return
        cells = int.from_bytes(page[3:5], "big")
        # A damaged count is no reason to leave out the cells that are there.
        room = min(cells, (PAGE_BYTES - _LEAF_HEADER_BYTES) // 2) if page[0] == _LEAF else 0
        for position in struct.unpack_from(f">{room}H", page, _LEAF_HEADER_BYTES):
            try:
                record = self._cell(page, position)
            except (IndexError, struct.error):
                continue
            if record is not None:
                yield record

    def _cell(self, page: bytes, position: int) -> Record | None:
        size, position = _varint(page, position)
        rowid, position = _varint(page, position)
        if size <= _MOST_INLINE:
            payload = page[position : position + size]
        else:
            payload = self._with_overflow(page, position, size)
        if payload is None or len(payload) != size:
            return None
        values = _values(payload)
        return None if values is None else Record(rowid, values)

    def _with_overflow(self, page: bytes, position: int, size: int) -> bytes | None:
        """A payload that goes on in pages of its own."""
        if size > self._count * PAGE_BYTES + self._log.nbytes:
            return None
        inline = _LEAST_INLINE + (size - _LEAST_INLINE) % _OVERFLOW_BYTES
        if inline > _MOST_INLINE:
            inline = _LEAST_INLINE
        pieces = [page[position : position + inline]]
        following = int.from_bytes(page[position + inline : position + inline + 4], "big")
        for _ in range(-(-(size - inline) // _OVERFLOW_BYTES)):
            overflow = self._page(following)
            if overflow is None:
                return None
            pieces.append(overflow[4:])
            following = int.from_bytes(overflow[:4], "big")
        return b"".join(pieces)[:size]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The number of variable length at a position, and the position after it."""
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    value = 0
    for index in range(8):
        byte = data[position + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + index + 1
    return value << 8 | data[position + 8], position + 9


def _values(payload: bytes) -> tuple[int | float | bytes | None, ...] | None:
    """The values of a record; None if its parts do not fill it."""
    body, position = _varint(payload, 0)
    start = body
    values: list[int | float | bytes | None] = []
    while position < start:
        kind, position = _varint(payload, position)
        size = _INT_BYTES[kind] if kind < 10 else (kind - _FIRST_BLOB) // 2
        if kind in (10, 11) or body + size > len(payload):
            return None
        values.append(_value(kind, payload[body : body + size]))
        body += size
    return tuple(values) if body == len(payload) and position == start else None


def _value(kind: int, content: bytes) -> int | float | bytes | None:
    if kind >= _FIRST_BLOB:
        return content
    if kind == 0:
        return None
    if kind == _REAL:
        return float(struct.unpack(">d", content)[0])
    return int.from_bytes(content, "big", signed=True) if content else int(kind == _ONE)

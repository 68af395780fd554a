"""How the wire form of a value lies in bytes: in one index entry when small, in a file when large.

An entry is: four times the length of the header, plus 1 if there are buffers, plus 2 if they are encoded
(u32); the header; if they are encoded, the encoding (u8) and the stored length (u32) of each; the buffers. A
file is: magic (8 bytes), length of the header (u64), the header, the encoding (u8) and the stored length
(u64) of each buffer, and the buffers, each beginning at a multiple of 64. All numbers are little-endian. How
many buffers there are, and their sizes when decoded, follow from the header.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from nodegraph.store.encodings import Part, decoded, encoded
from nodegraph.types.wire import Buffer, BufferSpec, Digest, Wire, buffer_specs, digest

INLINE_BYTES = 8192
"""Values up to this size lie in the index. Above it, a file costs less than the pages it would touch."""

_MAGIC = b"ngblob\0\2"
_PROLOGUE = struct.Struct("<8sQ")
_FILE_PART = struct.Struct("<BQ")
_INLINE_PROLOGUE = struct.Struct("<I")
_INLINE_PART = struct.Struct("<BI")
_HAS_BUFFERS, _ENCODED = 1, 2
_ALIGNMENT = 64
# Python keeps a file descriptor open for each mapping. A quarter of what the process may have is taken for
# them, and never more than a quarter of the mappings that Linux allows.
_SHARE_OF_DESCRIPTORS = 4
_MOST_MAPPED = 16_000
_MANY_AT_ONCE = 512
# What the disk begins to write while the rest is still being handed over.
_PORTION = 8 << 20
_NO_MORE_MAPS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_mapped: WeakSet[mmap.mmap] = WeakSet()


@dataclass(frozen=True, slots=True)
class Stored:
    """A value as it is kept: its header, and its buffers encoded in the way that suits each."""

    header: bytes
    parts: tuple[Part, ...]

    @property
    def nbytes(self) -> int:
        """Size in bytes of header and encoded buffers."""
        return len(self.header) + sum(map(_nbytes, (part.content for part in self.parts)))


def stored_form(wire: Wire) -> Stored:
    """How a large value is kept; that of a small one is its wire form."""
    specs = buffer_specs(wire.header)
    parts = tuple(encoded(buffer, spec.dtype) for buffer, spec in zip(wire.buffers, specs, strict=True))
    return Stored(wire.header, parts)


def pack_inline(value: Wire | Stored) -> bytes:
    """The bytes of a small value, as an index entry holds them."""
    header = value.header
    if isinstance(value, Wire):
        if not value.buffers:
            return _INLINE_PROLOGUE.pack(len(header) << 2) + header
        return b"".join((_INLINE_PROLOGUE.pack(len(header) << 2 | _HAS_BUFFERS), header, *value.buffers))
    table = [_INLINE_PART.pack(part.encoding, _nbytes(part.content)) for part in value.parts]
    contents = [part.content for part in value.parts]
    prologue = _INLINE_PROLOGUE.pack(len(header) << 2 | _HAS_BUFFERS | _ENCODED)
    return b"".join((prologue, header, *table, *contents))


def parse_inline(expected: Digest, body: object) -> Wire | None:
    """The wire form in an index entry, its buffers copied; None unless it has the expected digest."""
    if type(body) is not bytes or len(body) < _INLINE_PROLOGUE.size:
        return None
    prologue = _INLINE_PROLOGUE.unpack_from(body)[0]
    end = _INLINE_PROLOGUE.size + (prologue >> 2)
    header = body[_INLINE_PROLOGUE.size : end]
    if not prologue & _HAS_BUFFERS:
        wire = Wire(header) if end == len(body) else None
    elif prologue & _ENCODED:
        wire = _parse_encoded(header, body, end)
    else:
        wire = _parse_raw(header, body, end)
    return wire if wire is not None and digest(wire) == expected else None


def _parse_raw(header: bytes, body: bytes, start: int) -> Wire | None:
    buffers: list[Buffer] = []
    for spec in _specs(header) or ():
        buffers.append(body[start : start + spec.nbytes])
        start += spec.nbytes
    return Wire(header, tuple(buffers)) if start == len(body) else None


def _parse_encoded(header: bytes, body: bytes, start: int) -> Wire | None:
    specs = _specs(header)
    if specs is None or len(body) < start + len(specs) * _INLINE_PART.size:
        return None
    buffers: list[Buffer] = []
    table, start = start, start + len(specs) * _INLINE_PART.size
    for index, spec in enumerate(specs):
        encoding, length = _INLINE_PART.unpack_from(body, table + index * _INLINE_PART.size)
        buffer = decoded(encoding, memoryview(body)[start : start + length], spec.nbytes)
        if buffer is None:
            return None
        buffers.append(buffer)
        start += length
    return Wire(header, tuple(buffers)) if start == len(body) else None


def write_blob(path: Path, stored: Stored) -> None:
    """Write a new file for a large value. It is not synced: see `nodegraph.store.settling`.

    Raises:
        OSError: if it cannot be written in full; the path is then left free.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        _write_all(descriptor, _pieces(stored))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def load_blob(descriptor: int, size: int) -> Wire | None:
    """The wire form in an open file of `size` bytes; buffers kept raw are read-only views of its bytes.

    None if the file is not a whole blob. The digest is not checked here: see `digest`.
    """
    if size < _PROLOGUE.size:
        return None
    content = _content(descriptor, size)
    if len(content) != size:
        return None
    magic, header_length = _PROLOGUE.unpack_from(content)
    if magic != _MAGIC or header_length > size - _PROLOGUE.size:
        return None
    table = _PROLOGUE.size + header_length
    header = bytes(content[_PROLOGUE.size : table])
    specs = _specs(header)
    if specs is None or size < table + len(specs) * _FILE_PART.size:
        return None
    buffers = _buffers(content, table, specs)
    return None if buffers is None else Wire(header, tuple(buffers))


def _buffers(content: memoryview, table: int, specs: Sequence[BufferSpec]) -> list[Buffer] | None:
    """The buffers in a file, of which the table begins at `table`; None unless they fill the file."""
    buffers: list[Buffer] = []
    offset = table + len(specs) * _FILE_PART.size
    for index, spec in enumerate(specs):
        encoding, length = _FILE_PART.unpack_from(content, table + index * _FILE_PART.size)
        start = _aligned(offset)
        offset = start + length
        buffer = decoded(encoding, content[start:offset], spec.nbytes) if offset <= len(content) else None
        if buffer is None:
            return None
        buffers.append(buffer)
    return buffers if offset == len(content) else None


def _content(descriptor: int, size: int) -> memoryview:
    """The bytes of a file: mapped, or copied where many files are mapped already."""
    if len(_mapped) < _most_mapped():
        try:
            pages = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        except OSError as error:
            if error.errno not in _NO_MORE_MAPS:
                raise
        else:
            _mapped.add(pages)
            return memoryview(pages)
    return _copied(descriptor, size)


def _most_mapped() -> int:
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed == resource.RLIM_INFINITY:
        return _MOST_MAPPED
    return min(allowed // _SHARE_OF_DESCRIPTORS, _MOST_MAPPED)


def _copied(descriptor: int, size: int) -> memoryview:
    """The bytes of a file in memory of their own, that begins at a page."""
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    filled = 0
    with memoryview(pages) as room:
        while filled < size:
            count = os.preadv(descriptor, [room[filled:]], filled)
            if count == 0:
                break
            filled += count
    return memoryview(pages).toreadonly()[:filled]


def _specs(header: bytes) -> Sequence[BufferSpec] | None:
    """What a header tells of its buffers; None where a damaged one does not tell."""
    try:
        return buffer_specs(header)
    except Exception:
        # msgpack, struct and int parsing fail in many ways on bytes that are not what was written.
        return None


def _pieces(stored: Stored) -> list[Buffer]:
    table = b"".join(_FILE_PART.pack(part.encoding, _nbytes(part.content)) for part in stored.parts)
    pieces: list[Buffer] = [_PROLOGUE.pack(_MAGIC, len(stored.header)), stored.header, table]
    offset = _PROLOGUE.size + len(stored.header) + len(table)
    for part in stored.parts:
        start = _aligned(offset)
        if start > offset:
            pieces.append(bytes(start - offset))
        pieces.append(part.content)
        offset = start + _nbytes(part.content)
    return pieces


def _nbytes(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)


def _write_all(descriptor: int, pieces: Sequence[Buffer]) -> None:
    offset = 0
    for views in _portions(pieces):
        size = sum(view.nbytes for view in views)
        _write_views(descriptor, views)
        if size >= _PORTION:
            # This has the disk begin, and drops nothing: pages that are being written stay.
            os.posix_fadvise(descriptor, offset, size, os.POSIX_FADV_DONTNEED)
        offset += size


def _portions(pieces: Sequence[Buffer]) -> Iterator[list[memoryview]]:
    """The pieces in lists that are written at once."""
    views: list[memoryview] = []
    size = 0
    for piece in pieces:
        whole = memoryview(piece)
        for start in range(0, whole.nbytes, _PORTION):
            views.append(whole[start : start + _PORTION])
            size += views[-1].nbytes
            if size >= _PORTION or len(views) == _MANY_AT_ONCE:
                yield views
                views, size = [], 0
    if views:
        yield views


def _write_views(descriptor: int, views: list[memoryview]) -> None:
    while views:
        written = os.writev(descriptor, views)
        while views and written >= views[0].nbytes:
            written -= views.pop(0).nbytes
        if written:
            views[0] = views[0][written:]


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT

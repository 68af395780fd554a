"""How the wire form of a value lies in bytes: in one index entry when small, in a file when large.

An entry is: header length times two, plus one if there are buffers (u32), header, buffers. A file is:
magic (8 bytes), encoding (u32), header length (u64), header, padding to a multiple of 64, then the buffers
one after the other, each beginning at a multiple of 64. All numbers are little-endian. Encoding 0 is
raw, the only one so far. The sizes of the buffers follow from the header.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from pathlib import Path
from weakref import WeakSet

from nodegraph.types.wire import Buffer, Digest, Wire, buffer_sizes, digest

INLINE_BYTES = 8192
"""Values up to this size lie in the index. Above it, a file costs less than the pages it would touch."""

_MAGIC = b"ngblob\0\1"
_RAW = 0
_PROLOGUE = struct.Struct("<8sIQ")
_HEADER_LENGTH = struct.Struct("<I")
_ALIGNMENT = 64
# Python keeps a file descriptor open for each mapping, of which a process has as few as 1,024.
_MOST_MAPPED = 256
_MANY_AT_ONCE = 512
_NO_MORE_MAPS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_mapped: WeakSet[mmap.mmap] = WeakSet()


def pack_inline(wire: Wire) -> bytes:
    """The bytes of a small value, as an index entry holds them."""
    prologue = _HEADER_LENGTH.pack(len(wire.header) << 1 | bool(wire.buffers))
    return b"".join((prologue, wire.header, *wire.buffers))


def parse_inline(expected: Digest, body: object) -> Wire | None:
    """The wire form in an index entry, its buffers copied; None unless it has the expected digest."""
    if type(body) is not bytes or len(body) < _HEADER_LENGTH.size:
        return None
    length = _HEADER_LENGTH.unpack_from(body)[0]
    start = _HEADER_LENGTH.size + (length >> 1)
    header = body[_HEADER_LENGTH.size : start]
    if not length & 1:
        wire = Wire(header)
        return wire if start == len(body) and digest(wire) == expected else None
    buffers: list[Buffer] = []
    for size in _sizes(header) or ():
        buffers.append(body[start : start + size])
        start += size
    wire = Wire(header, tuple(buffers))
    return wire if start == len(body) and digest(wire) == expected else None


def write_blob(path: Path, wire: Wire) -> None:
    """Write a new file for a large value and have it on the disk when this returns.

    Raises:
        OSError: if it cannot be written in full; the path is then left free.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        _write_all(descriptor, _pieces(wire))
        os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def load_blob(descriptor: int, size: int) -> Wire | None:
    """The wire form in an open file of `size` bytes, its buffers read-only views of its bytes.

    None if the file is not a whole blob. The digest is not checked here: see `digest`.
    """
    if size < _PROLOGUE.size:
        return None
    content = _content(descriptor, size)
    if len(content) != size:
        return None
    magic, encoding, header_length = _PROLOGUE.unpack_from(content)
    if magic != _MAGIC or encoding != _RAW or header_length > size - _PROLOGUE.size:
        return None
    offset = _PROLOGUE.size + header_length
    header = bytes(content[_PROLOGUE.size : offset])
    sizes = _sizes(header)
    if sizes is None:
        return None
    buffers: list[Buffer] = []
    for length in sizes:
        start = _aligned(offset)
        offset = start + length
        buffers.append(content[start:offset])
    return Wire(header, tuple(buffers)) if offset == size else None


def _content(descriptor: int, size: int) -> memoryview:
    """The bytes of a file: mapped, or copied where many files are mapped already."""
    if len(_mapped) < _MOST_MAPPED:
        try:
            pages = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        except OSError as error:
            if error.errno not in _NO_MORE_MAPS:
                raise
        else:
            _mapped.add(pages)
            return memoryview(pages)
    return _copied(descriptor, size)


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


def _sizes(header: bytes) -> list[int] | None:
    """The sizes of the buffers; None where a damaged header does not tell."""
    try:
        return buffer_sizes(header)
    except Exception:
        # msgpack, struct and int parsing fail in many ways on bytes that are not what was written.
        return None


def _pieces(wire: Wire) -> list[Buffer]:
    pieces: list[Buffer] = [_PROLOGUE.pack(_MAGIC, _RAW, len(wire.header)), wire.header]
    offset = _PROLOGUE.size + len(wire.header)
    for buffer in wire.buffers:
        start = _aligned(offset)
        if start > offset:
            pieces.append(bytes(start - offset))
        pieces.append(buffer)
        offset = start + (buffer.nbytes if isinstance(buffer, memoryview) else len(buffer))
    return pieces


def _write_all(descriptor: int, pieces: list[Buffer]) -> None:
    views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
    first = 0
    while first < len(views):
        written = os.writev(descriptor, views[first : first + _MANY_AT_ONCE])
        while first < len(views) and written >= views[first].nbytes:
            written -= views[first].nbytes
            first += 1
        if written:
            views[first] = views[first][written:]


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT

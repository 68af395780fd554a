"""The write-ahead log of a database: its pages, and whether it holds more than SQLite would take from it.

SQLite believes a log up to the first frame whose checksum is wrong. That is right for a log that was cut
off, but drops all that was committed behind a single flipped byte, in silence.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nodegraph.store.schema import PAGE_BYTES

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_FRAME_BYTES = _FRAME.size + PAGE_BYTES
_MAGIC = 0x377F0682
_SALTS = slice(8, 16)
_SUMMED = 8
_WORD = 0xFFFFFFFF


class Log(NamedTuple):
    """What a log holds, up to the last commit of its present generation.

    Attributes:
        pages: the newest sound version of each page, by number.
        unsound: pages in frames that are not what was written.
        nbytes: what all of them take.
    """

    pages: dict[int, bytes]
    unsound: list[bytes]
    nbytes: int

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read the log at `path`; one that is not there or cannot be read is empty."""
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        pages: dict[int, bytes] = {}
        unsound: list[bytes] = []
        for number, page, sound in _frames(content):
            if sound:
                pages[number] = page
            else:
                unsound.append(page)
        return cls(pages, unsound, len(content))


def committed_frames(path: Path) -> int:
    """The number of the last frame of a log that ends a transaction of its present generation.

    Only headers of frames are looked at: where SQLite takes fewer frames from this log, some are damaged.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return _last_commit(file.fileno())
    except OSError:
        return 0


def _last_commit(descriptor: int) -> int:
    frames = (os.fstat(descriptor).st_size - _HEADER.size) // _FRAME_BYTES
    header = os.pread(descriptor, _HEADER.size + _FRAME.size, 0)
    last = 0
    if frames > 0:
        salts = _salts(header)
        for number in range(1, frames + 1):
            frame = os.pread(descriptor, _FRAME.size, _HEADER.size + (number - 1) * _FRAME_BYTES)
            if frame[_SALTS] == salts and frame[4:8] != bytes(4):
                last = number
    return last


def _frames(content: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Number and content of the page in each frame, and whether its checksum says that it is sound."""
    if len(content) < _HEADER.size + _FRAME_BYTES:
        return
    salts = _salts(content)
    starts = range(_HEADER.size, len(content) - _FRAME_BYTES + 1, _FRAME_BYTES)
    headers = [content[start : start + _FRAME.size] for start in starts]
    commits = [n for n, header in enumerate(headers) if header[_SALTS] == salts and header[4:8] != bytes(4)]
    order = _order(content)
    stored = content[24:32]
    for start, header in zip(starts[: commits[-1] + 1 if commits else 0], headers, strict=False):
        page = content[start + _FRAME.size : start + _FRAME_BYTES]
        sound = header[_SALTS] == salts and _checksum(order, stored, header[:_SUMMED] + page) == header[16:]
        yield int.from_bytes(header[:4], "big"), page, sound
        # Each frame's checksum goes on from the one before it, which is stored.
        stored = header[16:]


def _salts(content: bytes) -> bytes:
    """What marks the frames of the present generation; from the first one if the header is damaged."""
    order = _order(content)
    if _checksum(order, bytes(8), content[:24]) == content[24:32]:
        return content[16:24]
    return content[_HEADER.size :][_SALTS]


def _order(content: bytes) -> str:
    """The byte order of the words that are summed; the one common today if the header is damaged."""
    return ">" if int.from_bytes(content[:4], "big") == _MAGIC | 1 else "<"


def _checksum(order: str, before: bytes, summed: bytes) -> bytes:
    """SQLite's checksum of some bytes, going on from that of what comes before them."""
    first, second = struct.unpack(">II", before)
    words = iter(struct.unpack(f"{order}{len(summed) // 4}I", summed))
    for even, odd in zip(words, words, strict=True):
        first = first + even + second & _WORD
        second = second + odd + first & _WORD
    return struct.pack(">II", first, second)

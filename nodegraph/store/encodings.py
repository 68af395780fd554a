"""How the buffers of large values are encoded on disk, chosen by what they hold: docs/decisions/0009.

Encodings do not count in a digest, which is over the buffers as they are.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from nodegraph.types.wire import Buffer

RAW = 0
"""As it is, so that it can be mapped."""
BITS = 1
"""A mask, eight pixels a byte, the first in the highest bit; deflated."""

_BOOL = "|b1"
_LEAST_SIZE = 4096
_LEVEL = 1
_SAMPLE = 4096
# What saves less than this is better mapped.
_LEAST_SAVING = 10
_NOISE = 0.7
# The most that deflate can make of a byte.
_MOST_INFLATED = 1032


class Part(NamedTuple):
    """A buffer as it is kept."""

    encoding: int
    content: Buffer


def encoded(buffer: Buffer, dtype: str) -> Part:
    """A buffer in the encoding that suits it; `dtype` is that of its array, "" where it is bytes."""
    if dtype == _BOOL and len(buffer) >= _LEAST_SIZE:
        bits = _deflated_bits(buffer)
        if bits is not None:
            return Part(BITS, bits)
    return Part(RAW, buffer)


def decoded(encoding: int, content: memoryview, nbytes: int) -> Buffer | None:
    """The buffer of `nbytes` that was encoded, read-only; None where that cannot be.

    It takes at most 8,256 times the memory of `content`, whatever stands there.
    """
    if encoding == RAW:
        return content if len(content) == nbytes else None
    return _inflated_bits(content, nbytes) if encoding == BITS else None


def _deflated_bits(mask: Buffer) -> bytes | None:
    """None where that saves too little, or loses something: bytes of a mask may be other than 0 and 1."""
    import numpy as np

    pixels = np.frombuffer(mask, np.uint8)
    if pixels.max() > 1:
        return None
    bits = np.packbits(pixels)
    sample = bits[len(bits) // 2 :][:_SAMPLE]
    # Noise takes long to deflate.
    if len(zlib.compress(sample.data, _LEVEL)) > len(sample) * _NOISE:
        return None
    deflated = zlib.compress(bits.data, _LEVEL)
    return deflated if len(deflated) * _LEAST_SAVING <= len(pixels) else None


def _inflated_bits(content: memoryview, nbytes: int) -> Buffer | None:
    import numpy as np

    size = -(-nbytes // 8)
    if not 0 < size <= len(content) * _MOST_INFLATED:
        return None
    inflater = zlib.decompressobj()
    try:
        bits = inflater.decompress(content, size)
        beyond = inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error:
        return None
    if len(bits) != size or beyond or not inflater.eof or inflater.unused_data:
        return None
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=nbytes).data.toreadonly()

"""How buffers are kept: what was put in comes back bit for bit, and damaged bytes never as something else."""

from __future__ import annotations

import tracemalloc
import zlib

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.store.encodings import BITS, RAW, decoded, encoded

MASK = np.zeros((60, 203), bool)
MASK[10:50, 30:120] = True


def kept(buffer: bytes, dtype: str = "|b1") -> tuple[int, bytes]:
    part = encoded(buffer, dtype)
    return part.encoding, bytes(part.content)


@pytest.mark.parametrize("width", range(4096, 4105))
def test_mask_of_any_width_comes_back_from_a_tenth_of_its_size_or_less(width):
    mask = np.arange(width) % 1000 < 300
    encoding, content = kept(mask.tobytes())
    assert encoding == BITS
    assert len(content) * 10 <= mask.nbytes
    back = decoded(encoding, memoryview(content), mask.nbytes)
    assert back is not None
    assert bytes(back) == mask.tobytes()
    assert memoryview(back).readonly


@given(st.integers(0, 9000), st.integers(1, 2000), st.sampled_from([0, 1, 2, 255]))
def test_buffer_of_a_mask_comes_back_whatever_its_bytes(size, run, high):
    buffer = ((np.arange(size) // run % 2) * high).astype(np.uint8).tobytes()
    encoding, content = kept(buffer)
    back = decoded(encoding, memoryview(content), size)
    assert back is not None
    assert bytes(back) == buffer


def test_mask_of_bytes_other_than_0_and_1_is_kept_as_it_is():
    assert kept((MASK.view(np.uint8) * 2).tobytes())[0] == RAW


def test_mask_of_noise_is_kept_as_it_is_and_can_be_mapped():
    noise = np.random.default_rng(0).random(100_000) < 0.5
    assert kept(noise.tobytes()) == (RAW, noise.tobytes())


@pytest.mark.parametrize("dtype", ["|u1", "<f4", ""])
def test_buffer_that_is_no_mask_is_kept_as_it_is(dtype):
    assert kept(bytes(100_000), dtype) == (RAW, bytes(100_000))


@given(arrays.arrays(np.uint8, st.integers(0, 80)), st.integers(-1, 90), st.sampled_from([RAW, BITS, 2, 255]))
def test_any_bytes_decode_to_the_size_that_was_told_or_not_at_all(content, nbytes, encoding):
    back = decoded(encoding, content.data, nbytes)
    assert back is None or memoryview(back).nbytes == nbytes


def test_every_flipped_byte_and_every_cut_of_deflated_bits_is_noticed():
    encoding, content = kept(MASK.tobytes())
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 0x41
        # What deflate takes no notice of (such as the level in its first two bytes) does not change the mask.
        back = decoded(encoding, memoryview(bytes(flipped)), MASK.size)
        assert back is None or bytes(back) == MASK.tobytes()
        assert decoded(encoding, memoryview(content[:position]), MASK.size) is None
    assert decoded(encoding, memoryview(content + b"\0"), MASK.size) is None


@pytest.mark.parametrize("difference", [-8, 8])
def test_bits_of_another_mask_than_the_header_tells_of_are_refused(difference):
    encoding, content = kept(MASK.tobytes())
    assert decoded(encoding, memoryview(content), MASK.size + difference) is None


@pytest.mark.parametrize("claimed", [1 << 62, 400_000_000])
def test_hostile_content_takes_no_memory_beyond_what_its_own_size_allows(claimed):
    content = zlib.compress(bytes(20_000_000), 9)
    tracemalloc.start()
    try:
        assert decoded(BITS, memoryview(content), 8 * 1000) is None
        assert decoded(BITS, memoryview(content[:1000]), claimed) is None
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()

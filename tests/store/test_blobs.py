"""Large values in files: mapped, aligned, shared by equal content, and never wrong for damaged bytes."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.store import Store
from nodegraph.store.blobs import INLINE_BYTES, load_blob, pack_inline, parse_inline, stored_form, write_blob
from nodegraph.types.wire import Wire, decode, digest, encode

DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(sizes=(16, 32, 64)),
    arrays.complex_number_dtypes(),
)
ARRAYS = arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
LARGE = st.builds(
    lambda array, times, order: np.asarray(np.tile(array, times), order=order),
    ARRAYS,
    st.sampled_from([1, 5, 700]),
    st.sampled_from(["C", "F"]),
)
VALUES = st.lists(st.one_of(LARGE, st.sampled_from([b"x" * 5000, "text", -0.0])), max_size=4)


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


def written(path: Path, wire: Wire) -> bytes:
    write_blob(path, stored_form(wire))
    return path.read_bytes()


def loaded(path: Path) -> Wire | None:
    with path.open("rb") as file:
        return load_blob(file.fileno(), path.stat().st_size)


@given(value=VALUES)
def test_both_stored_forms_give_back_the_very_bytes(value, tmp_path_factory):
    wire = encode(value)
    path = tmp_path_factory.getbasetemp() / "blob"
    path.unlink(missing_ok=True)
    write_blob(path, stored_form(wire))
    for back in (
        loaded(path),
        parse_inline(digest(wire), pack_inline(wire)),
        parse_inline(digest(wire), pack_inline(stored_form(wire))),
    ):
        assert back is not None
        assert back.header == wire.header
        assert [bytes(buffer) for buffer in back.buffers] == [bytes(buffer) for buffer in wire.buffers]


@given(data=st.data())
def test_damaged_blob_is_never_taken_for_sound(data, tmp_path_factory):
    value = [np.arange(3000, dtype=np.int16), np.arange(9000) % 700 < 90, "beside", np.zeros((0, 3))]
    wire = encode(value)
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.unlink(missing_ok=True)
    content = bytearray(written(path, wire))
    start = data.draw(st.integers(0, len(content) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=12))
    content[start : start + len(patch)] = patch
    path.write_bytes(content)
    back = loaded(path)
    same = [bytes(part) for part in encode(value).buffers]
    assert back is None or digest(back) != digest(wire) or [bytes(part) for part in back.buffers] == same


@given(data=st.data())
def test_damaged_entry_of_an_encoded_value_is_never_taken_for_sound(data):
    mask = np.arange(9000) % 700 < 90
    body = bytearray(pack_inline(stored_form(encode(mask))))
    start = data.draw(st.integers(0, len(body) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=12))
    body[start : start + len(patch)] = patch
    back = parse_inline(digest(encode(mask)), bytes(body))
    assert back is None or np.array_equal(decode(back), mask)


def test_mask_takes_a_fraction_of_its_size_and_comes_back(folder, wired):
    masks = np.zeros((4, 16, 120, 160), bool)
    for frame in range(16):
        masks[:, frame, 20:90, 30 + frame : 70 + frame] = True
    own, wire = wired([masks, np.arange(20_000)])
    with Store.open(folder) as store:
        store.put(own, wire)
    assert sum(path.stat().st_size for path in files(folder)) < masks.nbytes // 50 + 8 * 20_000 + 4096
    with Store.open(folder) as store:
        back = decode(store.get(own))
        assert back[0].dtype == bool
        assert np.array_equal(back[0], masks)
        assert not back[0].flags.writeable
        assert store.verify() == []


def test_mask_that_is_small_once_encoded_needs_no_file(folder, wired):
    mask = np.arange(600 * 400).reshape(600, 400) % 400 < 100
    own, wire = wired(mask)
    assert wire.nbytes > 10 * INLINE_BYTES
    with Store.open(folder) as store:
        store.put(own, wire)
        assert np.array_equal(decode(store.get(own)), mask)
    assert files(folder) == []
    with Store.open(folder) as store:
        assert np.array_equal(decode(store.get(own)), mask)
        assert store.verify() == []


def test_values_of_equal_content_share_one_file(store, wired, large, folder):
    array = large(1)
    for alike in (array, np.asfortranarray(array), array.copy(), array.astype(">i4")):
        store.put(*wired(alike))
    assert len(files(folder)) == 1


def test_array_of_a_large_value_is_the_mapped_file(store, wired, folder):
    own, wire = wired(np.arange(1_000_000, dtype=np.float32))
    store.put(own, wire)
    array = decode(store.get(own))
    (file,) = files(folder)
    ranges = [
        [int(bound, 16) for bound in line.split()[0].split("-")]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(file))
    ]
    address = array.ctypes.data
    assert any(start <= address and address + array.nbytes <= end for start, end in ranges)
    assert address % 64 == 0


def test_value_of_which_the_stat_is_unchanged_is_not_read(folder, wired, monkeypatch):
    own, wire = wired(np.arange(1_000_000, dtype=np.float32))
    with Store.open(folder) as store:
        store.put(own, wire)
    (file,) = files(folder)
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with Store.open(folder) as store:
        monkeypatch.setattr("nodegraph.store.shelf.digest_of", None)
        assert decode(store.get(own))[-1] == 999_999


@pytest.mark.parametrize("portions", [1, 3])
def test_value_larger_than_what_is_written_at_once_comes_back(tmp_path, monkeypatch, portions):
    monkeypatch.setattr("nodegraph.store.blobs._PORTION", 1 << 16)
    wire = encode(
        [np.arange((portions << 14) + extra, dtype=np.int32) for extra in (0, 1, 5)] + [b"y" * 70_000]
    )
    written(tmp_path / "blob", wire)
    back = loaded(tmp_path / "blob")
    assert back is not None
    assert digest(back) == digest(wire)

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph.store import Store, StoreError
from nodegraph.store.blobs import INLINE_BYTES, load_blob, pack_inline, parse_inline, stored_form, write_blob
from nodegraph.types.wire import decode, digest, encode

VALUES = [
    0,
    None,
    "text",
    [1, 2.5, True, {"a": "b"}],
    np.zeros((3, 4), np.uint8),
    np.zeros((0, 4), np.float32),
    [np.arange(5), np.ones(3, np.float16)],
    np.arange(100_000, dtype=np.float64),
    [np.arange(5000), np.zeros((0, 2)), np.ones((33, 7), np.uint8), "beside"],
    b"x" * 50_000,
    "y" * 50_000,
    np.zeros((1200, 1000), np.uint8),
]


def equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, list):
        return isinstance(other, list) and all(itertools.starmap(equal, zip(one, other, strict=True)))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(type(value).__name__))
def test_every_value_comes_back_equal_at_once_and_after_reopening(folder, wired, value):
    own, wire = wired(value)
    with Store.open(folder) as store:
        assert not store.has(own)
        assert store.get(own) is None
        store.put(own, wire)
        store.put(own, wire)
        assert store.has(own)
        assert equal(decode(store.get(own)), value)
    with Store.open(folder) as store:
        assert store.has(own)
        assert equal(decode(store.get(own)), value)
        assert store.warnings == []


def test_buffers_of_a_large_value_are_aligned_and_read_only(store, wired):
    own, wire = wired([np.arange(3000, dtype=np.uint8), np.arange(300_000), np.ones(7)])
    store.put(own, wire)
    for array in decode(store.get(own)):
        assert array.ctypes.data % 64 == 0
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_value_stays_readable_after_its_file_is_gone(store, wired, folder):
    value = np.arange(1_000_000)
    own, wire = wired(value)
    store.put(own, wire)
    loaded = decode(store.get(own))
    (file,) = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    file.unlink()
    assert np.array_equal(loaded, value)


def test_any_number_of_large_values_may_be_held_at_once(store, wired, large):
    import resource

    for number in range(300):
        store.put(*wired(large(number)))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Of what is open already, by other tests in this process, there is no counting on.
    most = max(320, 2 * len(list(Path("/proc/self/fd").iterdir())) + 40)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, limits[1]))
    try:
        held = [decode(store.get(wired(large(number))[0])) for number in range(300)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert all(np.array_equal(held[number], large(number)) for number in range(300))
    assert all(array.ctypes.data % 64 == 0 for array in held)


def test_only_what_is_larger_than_the_inline_size_becomes_a_file(store, wired, folder):
    for value in ("s" * (INLINE_BYTES - 10), "l" * (INLINE_BYTES + 10)):
        store.put(*wired(value))
    assert len([path for path in (folder / "blobs").rglob("*") if path.is_file()]) == 1
    assert store.stat().small[0] == 1


def test_putting_an_unchanged_large_value_again_writes_nothing(store, wired, folder, large):
    own, wire = wired(large(1))
    store.put(own, wire)
    (file,) = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    before = file.stat()
    store.put(own, wire)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_value_put_by_one_process_is_there_for_another(folder, wired, large):
    with Store.open(folder) as one, Store.open(folder) as other:
        own, wire = wired(large(2))
        one.put(own, wire)
        assert np.array_equal(decode(other.get(own)), large(2))
        assert one.warnings == other.warnings == []


arrays = st.integers(0, 40).map(lambda size: np.arange(size, dtype=np.int16))
nested = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(allow_nan=False) | arrays,
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(value=nested)
def test_inline_and_file_forms_give_back_what_was_put_in(value, tmp_path_factory):
    wire = encode(value)
    body = pack_inline(wire)
    parsed = parse_inline(digest(wire), body)
    assert parsed is not None
    assert equal(decode(parsed), value)
    path = tmp_path_factory.mktemp("blob") / "blob"
    write_blob(path, stored_form(wire))
    with path.open("rb") as file:
        loaded = load_blob(file.fileno(), path.stat().st_size)
    assert loaded is not None
    assert digest(loaded) == digest(wire)


def test_every_flipped_byte_of_an_inline_value_is_noticed(wired):
    own, wire = wired([1, "two", np.arange(20)])
    body = pack_inline(wire)
    for position in range(len(body)):
        flipped = bytearray(body)
        flipped[position] ^= 0x55
        assert parse_inline(own, bytes(flipped)) is None
    assert parse_inline(own, body[:-1]) is None
    assert parse_inline(own, b"") is None


def test_every_cut_of_a_blob_is_noticed(tmp_path, wired):
    _, wire = wired([1, np.arange(20), np.arange(30)])
    whole = tmp_path / "whole"
    write_blob(whole, stored_form(wire))
    content = whole.read_bytes()
    for size in range(len(content)):
        cut = tmp_path / "cut"
        cut.write_bytes(content[:size])
        with cut.open("rb") as file:
            assert load_blob(file.fileno(), size) is None


def test_a_blob_that_cannot_be_written_leaves_nothing_behind(folder, wired, large):
    with Store.open(folder) as store:
        blocked = folder / "tmp"
        for path in blocked.iterdir():
            if path.is_dir():
                path.rmdir()
        blocked.rename(folder / "moved")
        blocked.write_text("in the way")
        with pytest.raises(StoreError, match="tmp"):
            store.put(*wired(large(3)))
        blocked.unlink()
        (folder / "moved").rename(blocked)
    assert [path for path in (folder / "blobs").rglob("*") if path.is_file()] == []

"""Headers of weight files: what they say is read without loading, and nothing damaged is believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import LONGEST_HEADER, StoredTensor, read_header


def test_names_dtypes_shapes_and_bytes_are_read_in_the_order_of_the_bytes(disk):
    path = disk.weights("w.safetensors", {"b": ("F16", (2, 3)), "a": ("I64", (4,)), "none": ("F32", (0, 3))})
    assert read_header(path) == (
        StoredTensor("b", "F16", (2, 3), 12),
        StoredTensor("a", "I64", (4,), 32),
        StoredTensor("none", "F32", (0, 3), 0),
    )


def test_files_that_safetensors_writes_are_read(tmp_path):
    import torch
    from safetensors.torch import save_file

    types = (torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.bool, torch.complex64)
    save_file(
        {str(dtype): torch.zeros(3, 2, dtype=dtype) for dtype in types},
        tmp_path / "w.safetensors",
        {"by": "us"},
    )
    found = {tensor.name: tensor for tensor in read_header(tmp_path / "w.safetensors")}
    assert {name: tensor.nbytes for name, tensor in found.items()} == {
        str(dtype): 6 * dtype.itemsize for dtype in types
    }


def test_dtype_not_known_is_taken_at_its_bytes(disk):
    path = disk.raw("w.safetensors", {"a": {"dtype": "F3", "shape": [8], "data_offsets": [0, 3]}}, b"abc")
    assert read_header(path) == (StoredTensor("a", "F3", (8,), 3),)


def one(**changes):
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("header", "data", "says"),
    [
        (one(), b"1234567", "it is truncated: its tensors take 8 bytes, and 7 are there"),
        (one(), b"123456789", "1 bytes at its end belong to no tensor"),
        (one(data_offsets=[4, 12]), bytes(12), "tensor 'a' begins at byte 4 where 0 was expected"),
        (one(data_offsets=[8, 0]), bytes(8), "tensor 'a' has no valid offsets"),
        (one(data_offsets=[-8, 0]), bytes(8), "tensor 'a' has no valid offsets"),
        (one(data_offsets=[0, 8.0]), bytes(8), "tensor 'a' has no valid offsets"),
        (one(data_offsets=[False, 8]), bytes(8), "tensor 'a' has no valid offsets"),
        (one(data_offsets=[0, 4, 8]), bytes(8), "tensor 'a' has no valid offsets"),
        (one(shape=[3]), bytes(8), "tensor 'a' takes 8 bytes, which is not F32 of shape [3]"),
        (one(shape=[-2]), bytes(8), "tensor 'a' has no valid dtype and shape"),
        (one(shape=None), bytes(8), "tensor 'a' has no valid dtype and shape"),
        (one(dtype=7), bytes(8), "tensor 'a' has no valid dtype and shape"),
        ({"a": []}, b"", "tensor 'a' has no valid offsets"),
        ({**one(), "b": one()["a"]}, bytes(8), "tensor 'b' begins at byte 0 where 8 was expected"),
        ([], b"", "its header is not a JSON object"),
        (b"{", b"", "its header is not valid JSON"),
        (b"\xff\xfe", b"", "its header is not valid JSON"),
        (b"[" * 100_000, b"", "its header is not valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", b"", "its header is not valid JSON"),
    ],
)
def test_damaged_file_is_refused_with_what_is_wrong(disk, header, data, says):
    path = disk.raw("w.safetensors", header, data)
    with pytest.raises(ModelError) as error:
        read_header(path)
    assert str(error.value) == f"{path}: {says}; fetch or copy the file again"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it has 0 bytes, too few for a safetensors file"),
        (b"PK\x03\x04abcdefgh", "it is no safetensors file: its header would take"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "it is a pointer of Git LFS, which"),
        (b"\n<!DOCTYPE html><html></html>", "it is a web page, no weights; fetch or copy the file again"),
        ((LONGEST_HEADER + 1).to_bytes(8, "little"), f"its header would take {LONGEST_HEADER + 1} bytes"),
        ((9).to_bytes(8, "little") + b"{}", "it is truncated: its header takes 9 bytes, and 2 are there"),
    ],
)
def test_file_too_short_for_its_header_is_refused(disk, content, says):
    with pytest.raises(ModelError) as error:
        read_header(disk.bytes("w.safetensors", content))
    assert says in str(error.value)


def test_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.safetensors: cannot be read: No such file"):
        read_header(tmp_path / "gone.safetensors")


def test_every_truncation_of_a_file_is_noticed(disk):
    whole = disk.weights("w.safetensors", {"a": ("F32", (2,)), "b": ("U8", (3,))}).read_bytes()
    assert json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    for length in range(len(whole)):
        with pytest.raises(ModelError):
            read_header(disk.bytes("cut.safetensors", whole[:length]))


@given(st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=3), st.integers(0, 3)), max_size=4))
def test_file_with_other_bytes_anywhere_is_refused_or_whole(tmp_path, edits):
    one = {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}
    text = json.dumps({"a": one, "b": {**one, "data_offsets": [3, 6]}}).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(6)
    for at, new, gone in edits:
        content = content[:at] + new + content[at + gone :]
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    try:
        tensors = read_header(path)
    except ModelError:
        return
    length = 8 + int.from_bytes(content[:8], "little")
    assert length + sum(tensor.nbytes for tensor in tensors) == len(content)

"""What a safetensors file holds, from its header: names, dtypes, shapes and bytes, without loading any.

The format: eight bytes with the length of the header (little-endian), the header in JSON, the bytes of the
tensors. https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

from nodegraph.models.errors import ModelError

LONGEST_HEADER = 100_000_000
"""Bytes; safetensors itself reads no longer ones."""

_LENGTH = 8
_AGAIN = "fetch or copy the file again"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_BEGINNING = len(_LFS_POINTER)
_DTYPES_OF_BITS = {
    4: ("F4",),
    6: ("F6_E2M3", "F6_E3M2"),
    8: ("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0"),
    16: ("F16", "BF16", "I16", "U16"),
    32: ("F32", "I32", "U32"),
    64: ("F64", "I64", "U64", "C64"),
}
_BITS = {dtype: bits for bits, dtypes in _DTYPES_OF_BITS.items() for dtype in dtypes}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a weight file.

    Attributes:
        name: such as `encoder.layers.0.weight`.
        dtype: as safetensors writes it, such as `F16`; "" where it is not known without loading.
        shape: the lengths of its sides; empty where not known.
        nbytes: the bytes that it takes in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


def read_header(path: Path) -> tuple[StoredTensor, ...]:
    """The tensors of a safetensors file, in the order of their bytes; reads the header alone.

    Raises:
        ModelError: if the file is missing, truncated or damaged: an offset outside of the file, bytes that
            belong to no tensor or to two, sizes that do not match dtype and shape.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            refuse_stand_in(path, file)
            header, room = _header(path, file, size)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    return _tensors(path, header, room)


def refuse_stand_in(path: Path, file: BinaryIO) -> None:
    """Refuse what stands in the place of weights after a download that brought none; leaves `file` at 0.

    Raises:
        ModelError: if it is a pointer of Git LFS, or a web page.
    """
    beginning = file.read(_LONGEST_BEGINNING)
    file.seek(0)
    if beginning == _LFS_POINTER:
        raise ModelError(
            f"{path}: it is a pointer of Git LFS, which stands in the place of the file; run git lfs pull in "
            "its folder, or fetch the model with hf download"
        )
    if beginning.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _damaged(path, "it is a web page, no weights")


def _header(path: Path, file: BinaryIO, size: int) -> tuple[Mapping[str, Any], int]:
    """The header, and how many bytes there are for tensors."""
    if size < _LENGTH:
        raise _damaged(path, f"it has {size} bytes, too few for a safetensors file")
    length = int.from_bytes(file.read(_LENGTH), "little")
    if length > LONGEST_HEADER:
        raise _damaged(path, f"it is no safetensors file: its header would take {length} bytes")
    if length > size - _LENGTH:
        raise _damaged(
            path, f"it is truncated: its header takes {length} bytes, and {size - _LENGTH} are there"
        )
    text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path, "its header is not valid JSON") from None
    if not isinstance(header, dict):
        raise _damaged(path, "its header is not a JSON object")
    return cast("dict[str, Any]", header), size - _LENGTH - length


def _tensors(path: Path, header: Mapping[str, Any], room: int) -> tuple[StoredTensor, ...]:
    spans = sorted(
        (*_span(path, name, entry), name) for name, entry in header.items() if name != "__metadata__"
    )
    reached = 0
    for begin, end, name in spans:
        if begin != reached:
            raise _damaged(path, f"tensor {name!r} begins at byte {begin} where {reached} was expected")
        reached = end
    if reached > room:
        raise _damaged(path, f"it is truncated: its tensors take {reached} bytes, and {room} are there")
    if reached < room:
        raise _damaged(path, f"{room - reached} bytes at its end belong to no tensor")
    return tuple(_tensor(path, name, header[name], end - begin) for begin, end, name in spans)


def _span(path: Path, name: str, entry: Any) -> tuple[int, int]:
    fields = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    offsets = _sizes(fields.get("data_offsets"))
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(path, f"tensor {name!r} has no valid offsets")
    return offsets[0], offsets[1]


def _tensor(path: Path, name: str, entry: Mapping[str, Any], nbytes: int) -> StoredTensor:
    dtype, shape = entry.get("dtype"), _sizes(entry.get("shape"))
    if not isinstance(dtype, str) or shape is None:
        raise _damaged(path, f"tensor {name!r} has no valid dtype and shape")
    bits = _BITS.get(dtype)
    if bits is not None and prod(shape) * bits != nbytes * 8:
        raise _damaged(
            path, f"tensor {name!r} takes {nbytes} bytes, which is not {dtype} of shape {list(shape)}"
        )
    return StoredTensor(name, dtype, shape, nbytes)


def _sizes(value: Any) -> tuple[int, ...] | None:
    """A JSON list of whole numbers from 0 up; None for anything else."""
    if not isinstance(value, list):
        return None
    entries = cast("list[Any]", value)
    return tuple(entries) if all(type(entry) is int and entry >= 0 for entry in entries) else None


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: {what}; {_AGAIN}")

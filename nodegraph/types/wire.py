"""The wire form of values: msgpack with out-of-band array buffers, and the digest over it.

A value is encoded as a `Wire`: a msgpack header, and the raw little-endian C-order bytes of its arrays
and large byte strings beside it. The header is self-describing: it carries type ids, versions, dtypes and
shapes, so two different values never have equal wire forms. A value that was computed and one that was
loaded reach a node the same way, by `decode`, as fresh containers around read-only buffers.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NewType, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]
from blake3 import blake3

from nodegraph.types.values import value_type_by_id, value_type_of

if TYPE_CHECKING:
    import numpy as np

msgpack = cast("Any", untyped_msgpack)

Digest = NewType("Digest", bytes)
"""32 bytes: BLAKE3 over a value's wire form."""

Buffer = bytes | memoryview

_ARRAY, _VALUE, _TUPLE, _BYTES = 1, 2, 3, 4
_OUT_OF_BAND = 4096
_DTYPE_KINDS = "biufc"
_PLATFORM_DTYPES = "gG"
"""Long doubles: their width differs between machines, and their padding bytes hold anything."""
_VALUE_TAG = b"nodegraph/value/1\0"


class NotStorable(TypeError):
    """A value of a type that has no wire form."""


class UnknownValueType(LookupError):
    """A stored value whose type is not registered, or registered at another version."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A value's wire form: the msgpack header and the buffers beside it."""

    header: bytes
    buffers: tuple[Buffer, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size in bytes of header and buffers."""
        return len(self.header) + sum(_nbytes(buffer) for buffer in self.buffers)

    def owned(self) -> Wire:
        """A wire form that shares no memory with the value it was made from."""
        return Wire(self.header, tuple(bytes(buffer) for buffer in self.buffers)) if self.buffers else self


def encode(value: Any) -> Wire:
    """Encode a JSON value, a value type instance, or a list, dict or tuple of them.

    Raises:
        NotStorable: if the value, or anything in it, is of another type; says where.
    """
    kind = cast("Any", type(value))
    buffers: list[Buffer] = []
    try:
        if kind is bool or kind is float or value is None:
            return Wire(_pack(value))
        header = _pack(_plain(value, buffers, ""))
    except UnicodeEncodeError as error:
        raise NotStorable(f"{error.object!r} is not valid Unicode text") from None
    except (RecursionError, ValueError):
        raise NotStorable("the value is nested too deeply, or holds itself") from None
    return Wire(header, tuple(buffers))


def digest(wire: Wire) -> Digest:
    """The content hash of a wire form."""
    if not wire.buffers:
        return Digest(blake3(_VALUE_TAG + wire.header).digest())
    hasher = blake3(_VALUE_TAG + len(wire.header).to_bytes(8, "little") + wire.header)
    for buffer in wire.buffers:
        hasher.update(buffer)
    return Digest(hasher.digest())


def decode(wire: Wire) -> Any:
    """Rebuild the value of a wire form; its arrays are read-only views of the buffers.

    Raises:
        UnknownValueType: if a value type in it is not registered at that version.
    """
    return _Decoder(wire.buffers).unpack(wire.header)


def buffer_sizes(header: bytes) -> list[int]:
    """The size in bytes of each buffer that a header speaks of, in order."""
    sizes: list[int] = []

    def visit(code: int, data: bytes) -> None:
        if code == _ARRAY:
            dtype, shape = _unpack(data)
            sizes.append(int(dtype[2:]) * prod(shape))
        elif code == _BYTES:
            sizes.append(cast("int", _unpack(data)))
        else:
            msgpack.unpackb(data, ext_hook=visit, strict_map_key=False)

    msgpack.unpackb(header, ext_hook=visit, strict_map_key=False)
    return sizes


def _plain(value: Any, buffers: list[Buffer], where: str) -> Any:
    """Replace in `value` all that msgpack does not know by extension types, moving buffers out of band."""
    kind = cast("Any", type(value))
    if value is None or kind is bool or kind is str or kind is float:
        return value
    if kind is int:
        if not -(2**63) <= value < 2**63:
            raise NotStorable(f"{where or 'value'}: {value} does not fit in 64 bits")
        return value
    if kind is list:
        return [_plain(entry, buffers, f"{where}[{index}]") for index, entry in enumerate(value)]
    if kind is dict:
        return {_key(key, where): _plain(entry, buffers, f"{where}[{key!r}]") for key, entry in value.items()}
    if kind is tuple:
        entries = [_plain(entry, buffers, f"{where}[{index}]") for index, entry in enumerate(value)]
        return msgpack.ExtType(_TUPLE, _pack(entries))
    if kind is bytes:
        if len(value) < _OUT_OF_BAND:
            return value
        buffers.append(value)
        return msgpack.ExtType(_BYTES, _pack(len(value)))
    declared = value_type_of(kind)
    if declared is not None:
        fields = [_plain(getattr(value, name), buffers, f"{where}.{name}") for name in declared.fields]
        return msgpack.ExtType(_VALUE, _pack([declared.id, declared.version, fields]))
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        return _array(value, buffers, where)
    if isinstance(value, enum.Enum):
        return _plain(value.value, buffers, where)
    if hasattr(kind, "model_json_schema"):
        return _plain(value.model_dump(mode="json"), buffers, where)
    if hasattr(kind, "__fspath__"):
        return str(value)
    hint = "; convert it with .item()" if kind.__module__ == "numpy" else ""
    raise NotStorable(
        f"{where or 'value'} is of type {kind.__module__}.{kind.__qualname__}, "
        f"which a link cannot carry{hint}"
    )


def _key(key: Any, where: str) -> str:
    if type(key) is not str:
        raise NotStorable(f"{where or 'value'}: key {key!r} of a dict is not a str")
    return key


def _array(array: np.ndarray[Any, Any], buffers: list[Buffer], where: str) -> Any:
    import numpy as np

    dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
    if dtype.kind not in _DTYPE_KINDS or dtype.char in _PLATFORM_DTYPES:
        raise NotStorable(f"{where or 'value'}: an array of dtype {array.dtype} cannot be carried by a link")
    plain = np.ascontiguousarray(array, dtype=dtype)
    buffers.append(plain.reshape(-1).view(np.uint8).data.toreadonly())
    return msgpack.ExtType(_ARRAY, _pack([dtype.str, list(array.shape)]))


class _Decoder:
    """Rebuilds what msgpack does not know. A class, since a nested function that names itself is a reference
    cycle, which would hold the buffers until the garbage collector comes by.
    """

    __slots__ = ("_remaining",)

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._remaining = iter(buffers)

    def unpack(self, data: bytes) -> Any:
        """Decode one msgpack record."""
        return msgpack.unpackb(data, ext_hook=self._extension, strict_map_key=False, raw=False)

    def _extension(self, code: int, data: bytes) -> Any:
        if code == _ARRAY:
            return self._array(*_unpack(data))
        if code == _BYTES:
            return bytes(next(self._remaining))
        fields = self.unpack(data)
        if code == _TUPLE:
            return tuple(fields)
        type_id, version, values = fields
        declared = value_type_by_id(type_id)
        if declared is None or declared.version != version:
            raise UnknownValueType(f"value type {type_id!r} version {version} is not registered")
        return declared.cls(**dict(zip(declared.fields, values, strict=True)))

    def _array(self, dtype: str, shape: Sequence[int]) -> np.ndarray[Any, Any]:
        import numpy as np

        array = np.frombuffer(next(self._remaining), dtype=_dtype(dtype)).reshape(shape)
        array.flags.writeable = False
        return array


@lru_cache
def _dtype(name: str) -> np.dtype[Any]:
    import numpy as np

    return np.dtype(name)


def _pack(value: Any) -> bytes:
    return cast("bytes", msgpack.packb(value))


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data)


def _nbytes(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)

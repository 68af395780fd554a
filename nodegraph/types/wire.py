"""The wire form of values: msgpack with out-of-band array buffers, and the digest over it.

A value is encoded as a `Wire`: a msgpack header, and the raw little-endian C-order bytes of its arrays
and large byte strings beside it. The header is self-describing: it carries type ids, versions, dtypes and
shapes, so two different values never have equal wire forms. A value that was computed and one that was
loaded reach a node the same way, by `decode`, as fresh containers around read-only buffers.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, NewType, TypeAlias, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]
from blake3 import blake3

from nodegraph.types.json_form import LossyForm, model_form
from nodegraph.types.values import value_type_by_id, value_type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

msgpack = cast("Any", untyped_msgpack)

Digest = NewType("Digest", bytes)
"""32 bytes: BLAKE3 over a value's wire form."""

Buffer = bytes | memoryview
_ArrayOver: TypeAlias = "Callable[[Buffer], np.ndarray[Any, Any]]"

_ARRAY, _VALUE, _TUPLE, _BYTES = 1, 2, 3, 4
_OUT_OF_BAND = 4096
# Copying this much costs less than keeping a view of it.
_COPIED_AT_ONCE = 4096
# From here on, more threads hash faster than one.
_THREADED = 1 << 20
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
# Longer ones are not worth remembering.
_SHORT_HEADER = 64
_PLAIN_TYPES = frozenset({type(None), bool, float, str})
_DTYPE_KINDS = "biufc"
_PLATFORM_DTYPES = "gG"
"""Long doubles: their width differs between machines, and their padding bytes hold anything."""
_VALUE_TAG = b"nodegraph/value/1\0"

_pack = cast("Callable[[Any], bytes]", msgpack.packb)
_unpack = cast("Callable[..., Any]", msgpack.unpackb)
# Packing a number makes nothing that the garbage collector counts, so no other thread gets in between, and
# one packer serves all of them. Containers do, and get a packer each.
_pack_number = cast("Callable[[float], bytes]", msgpack.Packer(buf_size=64).pack)
_array_types: set[type] = set()
"""`numpy.ndarray`, once an array was seen: this module does not import numpy."""
_Where = tuple[Any, str, Any]
"""The place of a part: that of the whole (None at the top), how it is written, and its index or name."""


_hash_threads = blake3.AUTO


def _hash_alone() -> None:
    # A child lacks the threads that blake3 has started in its parent, and would wait for them.
    global _hash_threads
    _hash_threads = 1


os.register_at_fork(after_in_child=_hash_alone)


class NotStorable(TypeError):
    """A value of a type that has no wire form."""


class UnknownValueType(LookupError):
    """A stored value whose type is not registered, or registered at another version."""


@dataclass(slots=True)
class Wire:
    """A value's wire form: the msgpack header and the buffers beside it. Not to be changed.

    It is not frozen, since that would triple the time it takes to make one.
    """

    header: bytes
    buffers: tuple[Buffer, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size in bytes of header and buffers."""
        if not self.buffers:
            return len(self.header)
        return len(self.header) + sum(map(_nbytes, self.buffers))

    def owned(self) -> Wire:
        """A wire form that shares no memory with the value it was made from."""
        return Wire(self.header, tuple(map(bytes, self.buffers))) if self.buffers else self


def encode(value: Any) -> Wire:
    """Encode a JSON value, a value type instance, or a list, dict or tuple of them.

    Raises:
        NotStorable: if the value, or anything in it, is of another type; says where.
    """
    kind = cast("Any", type(value))
    if kind is float or (kind is int and _LEAST_INT <= value <= _MOST_INT):
        return Wire(_pack_number(value))
    if kind in _array_types:
        return _array_wire(value)
    buffers: list[Buffer] = []
    try:
        header = _pack(value if kind in _PLAIN_TYPES else _plain(value, buffers, None))
    except UnicodeEncodeError as error:
        raise NotStorable(f"{error.object!r} is not valid Unicode text") from None
    except (RecursionError, ValueError):
        raise NotStorable("the value is nested too deeply, or holds itself") from None
    return Wire(header, tuple(buffers))


def digest(wire: Wire) -> Digest:
    """The content hash of a wire form."""
    header, buffers = wire.header, wire.buffers
    if not buffers:
        return Digest(blake3(_VALUE_TAG + header).digest())
    prefix = _VALUE_TAG + len(header).to_bytes(8, "little") + header
    if len(buffers) == 1 and _nbytes(buffers[0]) <= _COPIED_AT_ONCE:
        return Digest(blake3(prefix + bytes(buffers[0])).digest())
    hasher = blake3(prefix, max_threads=_hash_threads if wire.nbytes >= _THREADED else 1)
    for buffer in buffers:
        hasher.update(buffer)
    return Digest(hasher.digest())


def decode(wire: Wire) -> Any:
    """Rebuild the value of a wire form; its arrays are read-only views of the buffers.

    Raises:
        UnknownValueType: if a value type in it is not registered at that version.
    """
    header, buffers = wire.header, wire.buffers
    if not buffers:
        return _WITHOUT_BUFFERS.unpack(header)
    if len(buffers) == 1 and len(header) <= _SHORT_HEADER:
        array_over = _lone_array(header)
        if array_over is not None:
            return _read_only(array_over(buffers[0]))
    return _Decoder(buffers).unpack(header)


class BufferSpec(NamedTuple):
    """What a header tells of a buffer: its array's dtype as NumPy writes it ("": bytes), and its size."""

    dtype: str
    nbytes: int


def buffer_specs(header: bytes) -> tuple[BufferSpec, ...]:
    """What a header tells of its buffers, in order.

    A header that is not what `encode` made may raise anything.
    """
    return _known_specs(header) if len(header) <= _SHORT_HEADER else _specs(header)


def _specs(header: bytes) -> tuple[BufferSpec, ...]:
    specs: list[BufferSpec] = []

    def visit(code: int, data: bytes) -> None:
        if code == _ARRAY:
            dtype, shape = _unpack(data)
            if any(side < 0 for side in shape):
                raise ValueError("a side of an array is below 0")
            specs.append(BufferSpec(dtype, int(dtype[2:]) * prod(shape)))
        elif code == _BYTES:
            specs.append(BufferSpec("", cast("int", _unpack(data))))
        else:
            _unpack(data, ext_hook=visit, strict_map_key=False)

    _unpack(header, ext_hook=visit, strict_map_key=False)
    return tuple(specs)


_known_specs = lru_cache(maxsize=1024)(_specs)


def _plain(value: Any, buffers: list[Buffer], where: _Where | None) -> Any:
    """Replace in `value` all that msgpack does not know by extension types, moving buffers out of band."""
    kind = cast("Any", type(value))
    if kind in _PLAIN_TYPES:
        return value
    if kind is int:
        if not _LEAST_INT <= value <= _MOST_INT:
            raise NotStorable(f"{_place(where)}: {value} does not fit in 64 bits")
        return value
    if kind is list:
        return _entries(value, buffers, where)
    if kind is dict:
        return _members(value, buffers, where)
    if kind is tuple:
        return msgpack.ExtType(_TUPLE, _pack(_entries(value, buffers, where)))
    if kind is bytes:
        if len(value) < _OUT_OF_BAND:
            return value
        buffers.append(value)
        return msgpack.ExtType(_BYTES, _pack(len(value)))
    declared = value_type_of(kind)
    if declared is not None:
        fields = [_plain(getattr(value, name), buffers, (where, ".{}", name)) for name in declared.fields]
        return msgpack.ExtType(_VALUE, _pack([declared.id, declared.version, fields]))
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        _array_types.add(kind)
        return _array(value, buffers, where)
    return _json_form(value, buffers, where)


def _entries(entries: Iterable[Any], buffers: list[Buffer], where: _Where | None) -> list[Any]:
    return [
        entry
        if type(entry) in _PLAIN_TYPES or (type(entry) is int and _LEAST_INT <= entry <= _MOST_INT)
        else _plain(entry, buffers, (where, "[{!r}]", index))
        for index, entry in enumerate(entries)
    ]


def _members(members: dict[Any, Any], buffers: list[Buffer], where: _Where | None) -> dict[str, Any]:
    for key in members:
        if type(key) is not str:
            raise NotStorable(f"{_place(where)}: key {key!r} of a dict is not a str")
    return {
        key: entry
        if type(entry) in _PLAIN_TYPES or (type(entry) is int and _LEAST_INT <= entry <= _MOST_INT)
        else _plain(entry, buffers, (where, "[{!r}]", key))
        for key, entry in members.items()
    }


def _json_form(value: Any, buffers: list[Buffer], where: _Where | None) -> Any:
    kind = cast("Any", type(value))
    if isinstance(value, enum.Enum):
        return _plain(value.value, buffers, where)
    if hasattr(kind, "model_json_schema"):
        try:
            return _plain(model_form(value), buffers, where)
        except LossyForm as error:
            raise NotStorable(f"{_place(where)}: {error}") from None
    if hasattr(kind, "__fspath__"):
        return str(value)
    hint = "; convert it with .item()" if kind.__module__ == "numpy" else ""
    raise NotStorable(
        f"{_place(where)} is of type {kind.__module__}.{kind.__qualname__}, which a link cannot carry{hint}"
    )


def _place(where: _Where | None) -> str:
    parts: list[str] = []
    while where is not None:
        where, template, name = where
        parts.append(template.format(name))
    return "".join(reversed(parts)) or "value"


def _array_wire(array: np.ndarray[Any, Any]) -> Wire:
    header = _lone_array_header(array.dtype, array.shape)
    if header is not None and array.nbytes <= _COPIED_AT_ONCE:
        return Wire(header, (array.tobytes(),))
    buffers: list[Buffer] = []
    described = _array(array, buffers, None)
    return Wire(header or _pack(described), tuple(buffers))


def _array(array: np.ndarray[Any, Any], buffers: list[Buffer], where: _Where | None) -> Any:
    import numpy as np

    dtype = array.dtype.newbyteorder("<") if array.dtype.byteorder == ">" else array.dtype
    described = _array_record(dtype, array.shape)
    if described is None:
        raise NotStorable(f"{_place(where)}: an array of dtype {array.dtype} cannot be carried by a link")
    plain = np.ascontiguousarray(array, dtype=dtype)
    buffers.append(plain.reshape(-1).view(np.uint8).data.toreadonly())
    return described


@lru_cache(maxsize=1024)
def _array_record(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """How a header tells of an array in little-endian order; None for a dtype that has no wire form."""
    if dtype.kind not in _DTYPE_KINDS or dtype.char in _PLATFORM_DTYPES or dtype.byteorder == ">":
        return None
    return msgpack.ExtType(_ARRAY, _pack([dtype.str, shape]))


@lru_cache(maxsize=1024)
def _lone_array_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes | None:
    """The header of an array that is all there is to a value; None where `_array` has to look at it."""
    described = _array_record(dtype, shape)
    return None if described is None else _pack(described)


class _Decoder:
    """Rebuilds what msgpack does not know. A class, since a nested function that names itself is a reference
    cycle, which would hold the buffers until the garbage collector comes by.
    """

    __slots__ = ("_remaining",)

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self._remaining = iter(buffers)

    def unpack(self, data: bytes) -> Any:
        """Decode one msgpack record."""
        return _unpack(data, ext_hook=self._extension, strict_map_key=False)

    def _extension(self, code: int, data: bytes) -> Any:
        if code == _ARRAY:
            return _read_only(_array_over(data)(next(self._remaining)))
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


_WITHOUT_BUFFERS = _Decoder(())


@lru_cache(maxsize=1024)
def _lone_array(header: bytes) -> _ArrayOver | None:
    """What `_array_over` gives, where an array is all that a header speaks of; else None."""
    described = _unpack(header, strict_map_key=False)
    if type(described) is not msgpack.ExtType or described.code != _ARRAY:
        return None
    return _array_over(described.data)


@lru_cache(maxsize=1024)
def _array_over(data: bytes) -> _ArrayOver:
    """What makes the described array over a buffer of its size."""
    import numpy as np

    dtype, shape = _unpack(data)
    return partial(np.ndarray, tuple(shape), np.dtype(dtype))


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array.setflags(write=False)
    return array


def _nbytes(buffer: Buffer) -> int:
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)

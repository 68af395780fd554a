"""What the index keeps of a call, and the seal that tells a damaged entry from a sound one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NewType, cast
from zlib import crc32

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]
from blake3 import blake3

from nodegraph.store.schema import FACTS
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)
_packb = cast("Callable[[object], bytes]", msgpack.packb)
_unpackb = cast("Callable[[bytes], Any]", msgpack.unpackb)

Key = NewType("Key", bytes)
"""32 bytes: the fingerprint of a call."""

RUN_BEGUN = b"begun"
RUN_REPORT = b"report"
"""The names in the seals of what is noted at the beginning and at the end of a run."""

_DIGEST_BYTES = 32
_SEAL_BYTES = 4
_SEAL = struct.Struct("<I")
_TABLE_SEALS = {table: crc32(table.encode()) for table in (*FACTS, "runs")}


class Row(NamedTuple):
    """What a finished call came to.

    Attributes:
        outputs: the digest of each output, in the order of the node type's outputs.
        dropped: the reason, if the call left its item out.
        seconds: what the call took.
        recipe: the id of its recipe record, see `Store.recipe`.
        inputs: where its inputs came from, a record of the engine's.
        run: the run that computed it.
    """

    outputs: tuple[Digest, ...]
    dropped: str | None
    seconds: float
    recipe: int
    inputs: bytes
    run: int


def short_id(name: bytes) -> int:
    """The 64 bits of a 32-byte hash by which the index finds it."""
    return id_of(name)[0]


id_of = struct.Struct("<q").unpack_from
"""`short_id` as a tuple of one, for where every tenth of a microsecond counts."""


def recipe_name(record: bytes) -> bytes:
    """The name of a recipe record, whose `short_id` is its id: the same in every process and store."""
    return blake3(record).digest()


def pack_row(row: Row) -> bytes:
    """The payload that `unpack_row` reads."""
    outputs, dropped, seconds, recipe, inputs, run = row
    joined = outputs[0] if len(outputs) == 1 else b"".join(outputs)
    return _packb((joined, dropped, seconds, recipe, inputs, run))


def unpack_row(payload: bytes) -> Row:
    """The row of a payload."""
    joined, dropped, seconds, recipe, inputs, run = _unpackb(payload)
    return Row(split_outputs(joined), dropped, seconds, recipe, inputs, run)


def split_outputs(joined: bytes) -> tuple[Digest, ...]:
    """The digests that were joined."""
    if len(joined) == _DIGEST_BYTES:
        return (Digest(joined),)
    starts = range(0, len(joined), _DIGEST_BYTES)
    return tuple([Digest(joined[start : start + _DIGEST_BYTES]) for start in starts])


def sealed(table: str, payloads: Iterable[tuple[bytes, bytes]]) -> list[Any]:
    """The id, name and sealed payload of each entry, one after the other."""
    values: list[Any] = []
    start, pack_seal = _TABLE_SEALS[table], _SEAL.pack
    for name, payload in payloads:
        values += (*id_of(name), name, pack_seal(crc32(payload, crc32(name, start))) + payload)
    return values


def seal(table: str, name: bytes, payload: bytes) -> bytes:
    """Payload behind a checksum over its table, its name and itself."""
    return _SEAL.pack(crc32(payload, crc32(name, _TABLE_SEALS[table]))) + payload


def unseal(table: str, name: bytes, body: object) -> bytes | None:
    """The payload of a sealed body; None if table, name or body is not what was sealed."""
    if type(body) is not bytes:
        return None
    payload = body[_SEAL_BYTES:]
    sealed = crc32(payload, crc32(name, _TABLE_SEALS[table]))
    return payload if sealed.to_bytes(_SEAL_BYTES, "little") == body[:_SEAL_BYTES] else None


def table_of(name: bytes, body: object) -> str | None:
    """The table of facts that an entry was sealed for; None if it is not what was sealed."""
    return next((table for table in FACTS if unseal(table, name, body) is not None), None)


def pack(value: object) -> bytes:
    """The msgpack of a plain value."""
    return cast("bytes", msgpack.packb(value))


def unpack(payload: bytes) -> Any:
    """The plain value of msgpack bytes; maps may have keys of any type."""
    return msgpack.unpackb(payload, strict_map_key=False)

"""Keys: what a call would compute, as a fingerprint. Every pre-image of the memo is in this file.

A key is BLAKE3 over a tagged record of type id, version or code hash, params, input digests and, for
seeded nodes, the derived seed. It never holds node ids, order, absolute paths, time or machine. A change
of a record's form is a new number in its tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]
from blake3 import blake3

from nodegraph.node.code import CodeFingerprint, fingerprint
from nodegraph.node.signature import NodeType, to_json
from nodegraph.store import Key
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)
_pack = cast("Callable[[Any], bytes]", msgpack.packb)

_PLAIN = frozenset({bool, int, float, str, type(None)})
_NOTHING = _pack([])
_CALL = "nodegraph/call/1"
_ITEM = "nodegraph/item/1"
_SEED = b"nodegraph/seed/1\0"
_STREAM = b"nodegraph/stream/1\0"
_TABLE = b"nodegraph/table/1\0"
_GRAPH_ROWS = b"nodegraph/graph rows/1\0"


def identity(node_type: NodeType) -> Any:
    """What stands for a node type's behaviour in its keys: the author's version, or the hash of its code."""
    if node_type.version is not None:
        return ["version", node_type.version]
    return ["code", code_of(node_type).digest]


def code_of(node_type: NodeType) -> CodeFingerprint:
    """The fingerprint of a node type's code, read once per process."""
    return _fingerprint(node_type.function)


_fingerprint = lru_cache(maxsize=None)(fingerprint)


def key_params(node_type: NodeType, params: Mapping[str, Any]) -> dict[str, Any]:
    """The params that enter a key, in JSON form by name: no paths, no seed."""
    return {
        port.name: to_json(port, params[port.name])
        for port in node_type.key_ports
        if port.name in params and not isinstance(params[port.name], Path)
    }


def call_prefix(
    node_type: NodeType,
    params: Mapping[str, Any],
    files: Mapping[str, Digest],
    linked: Sequence[tuple[str, bool]],
) -> bytes:
    """The part of a call's record that is the same for all its items.

    Args:
        node_type: the type of the node.
        params: validated literals by input name.
        files: content digests of the inputs that are read by content.
        linked: name of each linked input, and whether it is a stream, in the order of their digests.
    """
    return _record(_CALL, node_type, params, files, linked)


def item_prefix(
    node_type: NodeType,
    params: Mapping[str, Any],
    files: Mapping[str, Digest],
    linked: Sequence[tuple[str, bool]],
) -> bytes:
    """The part of the record of one item of a fan-out node that is the same for all of them."""
    return _record(_ITEM, node_type, params, files, linked)


def call_key(prefix: bytes, inputs: Iterable[Digest], seed: int | None) -> Key:
    """The key of a call: prefix, the digests of its linked inputs in order, and its derived seed."""
    tail = b"" if seed is None else seed.to_bytes(8, "little")
    return Key(blake3(b"".join([prefix, *inputs, tail])).digest())


def item_key(
    prefix: bytes,
    inputs: Iterable[Digest],
    seed: int | None,
    key: str,
    reads: Sequence[Digest],
    uses: Digest | None,
) -> Key:
    """The key of one `make()`: as of a call, with the item key, the files' contents and `uses`."""
    tail = msgpack.packb([key, list(reads), uses])
    return Key(blake3(b"".join([call_key(prefix, inputs, seed), tail])).digest())


def derived_seed(seed: int, type_id: str, inputs: Iterable[Digest], path: Sequence[str]) -> int:
    """63 bits out of the graph's seed, the type, the linked inputs and the item key, not of params."""
    record = msgpack.packb([seed, type_id, list(inputs), list(path)])
    return int.from_bytes(blake3(_SEED + record).digest(8), "little") >> 1


def stream_digest(entries: Iterable[tuple[str, Digest]]) -> Digest:
    """The digest of a stream: BLAKE3 over its ordered (item key, digest) pairs."""
    hasher = blake3(_STREAM)
    for key, digest in entries:
        hasher.update(msgpack.packb([key, digest]))
    return Digest(hasher.digest())


def table_key(prefix: bytes, seed: int | None, inputs: Iterable[bytes]) -> bytes:
    """The key of a step over all items of a stream: of what its calls share, and of what it reads."""
    return blake3(_TABLE + cast("bytes", msgpack.packb([prefix, seed, list(inputs)]))).digest()


def graph_rows_name(graph: str) -> bytes:
    """The name under which the rows of a graph are kept together."""
    return blake3(_GRAPH_ROWS + graph.encode()).digest()


class Recipe(NamedTuple):
    """What the record of a call tells of it: all but its inputs and seed.

    Attributes:
        version: the author's version; None where the code counts.
        code: the hash of the code; None where the version counts.
        linked: the names of the linked inputs whose digests enter the key.
    """

    type_id: str
    version: int | str | None
    code: bytes | None
    params: dict[str, Any]
    files: dict[str, bytes]
    linked: tuple[str, ...]


def read_record(prefix: bytes) -> Recipe:
    """Read what `call_prefix` or `item_prefix` made."""
    _, type_id, (kind, behaviour), params, files, linked, _ = msgpack.unpackb(prefix, strict_map_key=False)
    return Recipe(
        type_id,
        behaviour if kind == "version" else None,
        behaviour if kind == "code" else None,
        dict(params),
        dict(files),
        tuple(name for name, _ in linked),
    )


def _record(
    tag: str,
    node_type: NodeType,
    params: Mapping[str, Any],
    files: Mapping[str, Digest],
    linked: Sequence[tuple[str, bool]],
) -> bytes:
    literals: list[tuple[str, Any]] = []
    for port in node_type.key_ports:
        name = port.name
        if name in params:
            value = params[name]
            if type(value) in _PLAIN:
                literals.append((name, value))
            elif not isinstance(value, Path):
                literals.append((name, to_json(port, value)))
    head, tail = _frame(tag, node_type, tuple(linked))
    contents = _pack(sorted(files.items())) if files else _NOTHING
    return head + _pack(literals) + contents + tail


def _frame(tag: str, node_type: NodeType, linked: tuple[tuple[str, bool], ...]) -> tuple[bytes, bytes]:
    """What stands before the params in the record of a node type, and what stands behind the files."""
    known = node_type.record_frames.get((tag, linked))
    if known is None:
        head = [tag, node_type.id, identity(node_type)]
        tail = [linked, node_type.seeded]
        # An array of seven, of which two stand in between.
        known = b"\x97" + b"".join(map(_pack, head)), b"".join(map(_pack, tail))
        node_type.record_frames[tag, linked] = known
    return known


def read_files(node_type: NodeType, params: Mapping[str, Any]) -> dict[str, Path]:
    """The paths among the params whose contents enter the key."""
    return {
        port.name: params[port.name] for port in node_type.file_ports if params.get(port.name) is not None
    }

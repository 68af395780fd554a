"""Looking over a whole store: what it holds, and whether all of it is sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nodegraph.store.blobs import parse_inline
from nodegraph.store.contents import ContentFolder, Kind
from nodegraph.store.eviction import stored_bytes
from nodegraph.store.index import Index
from nodegraph.store.rows import Key, Row, short_id, unpack, unpack_row, unseal
from nodegraph.store.schema import FACTS
from nodegraph.types.wire import Digest

if TYPE_CHECKING:
    from nodegraph.store.journal import Journal
    from nodegraph.store.shelf import Files, Values

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class TypeStat:
    """What is recorded of one node type: calls, what they took, and the bytes of their outputs."""

    type_id: str
    calls: int
    seconds: float
    nbytes: int


@dataclass(frozen=True, slots=True)
class StoreStat:
    """What a store holds.

    Attributes:
        nbytes: what all of it takes.
        rows: recorded calls.
        small: values in the index, and their bytes.
        blobs: values in files, and their bytes.
        files: adopted files, and their bytes.
        failures: calls that failed last time.
        runs: recorded runs.
        types: by node type, the largest first; bytes that two types share count for both.
    """

    nbytes: int
    rows: int
    small: tuple[int, int]
    blobs: tuple[int, int]
    files: tuple[int, int]
    failures: int
    runs: int
    types: tuple[TypeStat, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded call: its node type, and the bytes of its outputs that are here."""

    key: Key
    type_id: str
    row: Row
    nbytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in the store that is not what was written."""

    place: str
    message: str


def survey(index: Index) -> StoreStat:
    """Count what an index holds."""
    return StoreStat(
        stored_bytes(index),
        _count(index, "rows"),
        index.one("SELECT count(*), coalesce(sum(length(body)), 0) FROM small"),
        _count_kind(index, Kind.BLOB),
        _count_kind(index, Kind.FILE),
        _count(index, "failures"),
        _count(index, "runs"),
        _by_type(index),
    )


def entries(index: Index, type_id: str | None) -> list[Entry]:
    """The sound rows of an index in the order of recording, of one node type or of all."""
    types = _types(index)
    sizes = _sizes(index)
    found: list[Entry] = []
    for name, body in _scan(index, "rows"):
        payload = unseal("rows", name, body)
        if payload is not None:
            row = unpack_row(payload)
            own = types.get(row.recipe, "")
            if type_id in (None, own):
                nbytes = sum(sizes.get(short_id(output), 0) for output in row.outputs)
                found.append(Entry(Key(name), own, row, nbytes))
    return found


def verify(index: Index, journal: Journal, values: Values, files: Files) -> list[Damage]:
    """Check every entry and every file; what is damaged is set aside or dropped, where that is allowed."""
    found = _verify_database(index)
    for table in FACTS:
        found += _verify_entries(index, journal, table)
    found += _verify_small(index, journal)
    for shelf, kind, root in (
        (values, Kind.BLOB, index.layout.blobs),
        (files, Kind.FILE, index.layout.files),
    ):
        recorded = "SELECT name FROM contents WHERE kind=? AND typeof(name)='blob' AND length(name)=32"
        digests = {name for (name,) in index.all(recorded, (kind,))}
        digests.update(digest for digest, _ in ContentFolder(root).entries())
        for digest in sorted(digests):
            message = shelf.examine(digest)
            if message is not None:
                found.append(Damage(str(root / digest.hex()[:2] / digest.hex()), message))
    return found


def _verify_database(index: Index) -> list[Damage]:
    path = index.path
    message = index.examine()
    return [] if message is None else [Damage(str(path), message)]


def _verify_entries(index: Index, journal: Journal, table: str) -> list[Damage]:
    damaged = [name for name, body in _scan(index, table) if unseal(table, name, body) is None]
    return _drop(index, journal, table, damaged)


def _verify_small(index: Index, journal: Journal) -> list[Damage]:
    damaged = [name for name, body in _scan(index, "small") if parse_inline(Digest(name), body) is None]
    return _drop(index, journal, "small", damaged)


def _drop(index: Index, journal: Journal, table: str, damaged: list[bytes]) -> list[Damage]:
    if damaged:
        journal.drop(table, damaged)
    return [Damage(f"{index.path}: {table}/{name.hex()}", "damaged entry") for name in damaged]


def _scan(index: Index, table: str) -> Iterator[tuple[bytes, Any]]:
    """Names and bodies of a table, a page at a time, so that no read lasts long."""
    last = 0
    query = f"SELECT rowid, CAST(name AS BLOB), body FROM {table} WHERE rowid>? ORDER BY rowid LIMIT {_PAGE}"
    while page := index.all(query, (last,)):
        yield from ((name or b"", body) for _, name, body in page)
        last = page[-1][0]


def _count(index: Index, table: str) -> int:
    return int(index.one(f"SELECT count(*) FROM {table}")[0])


def _count_kind(index: Index, kind: Kind) -> tuple[int, int]:
    return index.one("SELECT count(*), coalesce(sum(size), 0) FROM contents WHERE kind=?", (kind,))


def _types(index: Index) -> dict[int, str]:
    """The node type of each recipe."""
    types: dict[int, str] = {}
    for name, body in _scan(index, "recipes"):
        payload = unseal("recipes", name, body)
        if payload is not None:
            types[short_id(name)] = _type_of(payload)
    return types


def _type_of(record: bytes) -> str:
    """The node type's id in a recipe record: the first text that is no tag, which has a slash in it."""
    entries: Any = unpack(record)
    parts = cast("list[Any]", entries) if isinstance(entries, list) else []
    return next((part for part in parts if isinstance(part, str) and "/" not in part), "")


def _sizes(index: Index) -> dict[int, int]:
    """The size of everything that has bytes here, by short id."""
    query = "SELECT id, length(body) FROM small UNION ALL SELECT id, size FROM contents"
    return {short: size for short, size in index.all(query) if isinstance(size, int)}


def _by_type(index: Index) -> tuple[TypeStat, ...]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries(index, None):
        groups.setdefault(entry.type_id, []).append(entry)
    sizes = _sizes(index)
    stats = [
        TypeStat(
            type_id,
            len(group),
            sum(entry.row.seconds for entry in group),
            sum(sizes.get(short, 0) for short in {short_id(o) for entry in group for o in entry.row.outputs}),
        )
        for type_id, group in groups.items()
    ]
    return tuple(sorted(stats, key=lambda stat: (-stat.nbytes, stat.type_id)))

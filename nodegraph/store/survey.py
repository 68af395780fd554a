"""Looking over a whole store: what it holds, and whether all of it is sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from nodegraph.store.blobs import parse_inline
from nodegraph.store.contents import ContentFolder, Kind
from nodegraph.store.eviction import stored_bytes
from nodegraph.store.index import Index
from nodegraph.store.rows import RUN_BEGUN, RUN_REPORT, Key, Row, short_id, unpack, unpack_row, unseal
from nodegraph.store.schema import FACTS
from nodegraph.store.uses import Use, unpack_use
from nodegraph.types.wire import Digest

if TYPE_CHECKING:
    from nodegraph.store.journal import Journal
    from nodegraph.store.shelf import Files, Values

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class TypeStat:
    """What is recorded of one node type.

    Attributes:
        type_id: the node type.
        calls: calls that have a row.
        seconds: what they took.
        nbytes: the bytes of their outputs that are here.
        use: what ran and what did not have to, over all runs.
    """

    type_id: str
    calls: int
    seconds: float
    nbytes: int
    use: Use


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
        use: what ran and what did not have to, over all runs.
        types: by node type, the largest first; bytes that two types share count for both.
    """

    nbytes: int
    rows: int
    small: tuple[int, int]
    blobs: tuple[int, int]
    files: tuple[int, int]
    failures: int
    runs: int
    use: Use
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
    uses = _uses(index)
    return StoreStat(
        stored_bytes(index),
        _count(index, "rows"),
        index.one("SELECT count(*), coalesce(sum(length(body)), 0) FROM small"),
        _count_kind(index, Kind.BLOB),
        _count_kind(index, Kind.FILE),
        _count(index, "failures"),
        _count(index, "runs"),
        reduce(Use.plus, uses.values(), Use()),
        _by_type(index, uses),
    )


def entries(index: Index, type_id: str | None) -> list[Entry]:
    """The sound rows of an index in the order of recording, of one node type or of all."""
    types = _types(index)
    sizes = _sizes(index)
    return [
        Entry(key, own, row, sum(sizes.get(short_id(output), 0) for output in row.outputs))
        for key, row in _rows(index)
        if type_id in (None, own := types.get(row.recipe, ""))
    ]


def verify(index: Index, journal: Journal, values: Values, files: Files) -> list[Damage]:
    """Check every entry and every file; what is damaged is set aside or dropped, where that is allowed."""
    found = _verify_database(index)
    for table in FACTS:
        found += _verify_entries(index, journal, table)
    found += _verify_small(index, journal)
    found += _verify_runs(index)
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
    damaged = [(id, name) for id, name, body in _scan(index, table) if unseal(table, name, body) is None]
    return _drop(index, journal, table, damaged)


def _verify_small(index: Index, journal: Journal) -> list[Damage]:
    found = _scan(index, "small")
    damaged = [(id, name) for id, name, body in found if parse_inline(Digest(name), body) is None]
    return _drop(index, journal, "small", damaged)


def _verify_runs(index: Index) -> list[Damage]:
    damaged = [
        run
        for run, body, report in index.all("SELECT id, body, report FROM runs")
        if unseal("runs", RUN_BEGUN, body) is None
        or (report is not None and unseal("runs", RUN_REPORT, report) is None)
    ]
    if damaged and not index.read_only:
        runs = [(run,) for run in damaged]
        index.write(lambda connection: connection.executemany("DELETE FROM runs WHERE id=?", runs).rowcount)
    return [Damage(f"{index.path}: runs/{run}", "damaged entry") for run in damaged]


def _drop(
    index: Index, journal: Journal, table: str, damaged: Sequence[tuple[object, bytes]]
) -> list[Damage]:
    if damaged:
        # Not by their names, which may be what is damaged.
        journal.drop(table, [id for id, _ in damaged])
    return [Damage(f"{index.path}: {table}/{name.hex()}", "damaged entry") for _, name in damaged]


def _scan(index: Index, table: str) -> Iterator[tuple[object, bytes, Any]]:
    """Ids, names and bodies of a table, a page at a time, so that no read lasts long."""
    last = 0
    columns = "rowid, id, CAST(name AS BLOB), body"
    query = f"SELECT {columns} FROM {table} WHERE rowid>? ORDER BY rowid LIMIT {_PAGE}"
    while page := index.all(query, (last,)):
        yield from ((id, name or b"", body) for _, id, name, body in page)
        last = page[-1][0]


def _count(index: Index, table: str) -> int:
    return int(index.one(f"SELECT count(*) FROM {table}")[0])


def _count_kind(index: Index, kind: Kind) -> tuple[int, int]:
    return index.one("SELECT count(*), coalesce(sum(size), 0) FROM contents WHERE kind=?", (kind,))


def _types(index: Index) -> dict[int, str]:
    """The node type of each recipe."""
    types: dict[int, str] = {}
    for _, name, body in _scan(index, "recipes"):
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


def _rows(index: Index) -> Iterator[tuple[Key, Row]]:
    """The sound rows in the order of recording."""
    for _, name, body in _scan(index, "rows"):
        payload = unseal("rows", name, body)
        if payload is not None:
            yield Key(name), unpack_row(payload)


def _uses(index: Index) -> dict[str, Use]:
    """What was used of the memo, by node type."""
    payloads = (unseal("uses", name, body) for _, name, body in _scan(index, "uses"))
    return dict(unpack_use(payload) for payload in payloads if payload is not None)


class _Count:
    """What the rows of one node type come to, with the outputs they name."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        self.outputs: set[int] = set()

    def add(self, row: Row) -> None:
        self.calls += 1
        self.seconds += row.seconds
        self.outputs.update(map(short_id, row.outputs))


def _by_type(index: Index, uses: dict[str, Use]) -> tuple[TypeStat, ...]:
    types = _types(index)
    counts: dict[str, _Count] = {type_id: _Count() for type_id in uses}
    for _, row in _rows(index):
        counts.setdefault(types.get(row.recipe, ""), _Count()).add(row)
    sizes = _sizes(index)
    stats = [
        TypeStat(
            type_id,
            count.calls,
            count.seconds,
            sum(sizes.get(output, 0) for output in count.outputs),
            uses.get(type_id, Use()),
        )
        for type_id, count in counts.items()
    ]
    return tuple(sorted(stats, key=lambda stat: (-stat.nbytes, stat.type_id)))

"""What waits for the next group commit, and how it is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from blake3 import blake3

from nodegraph.store.contents import Content
from nodegraph.store.profiles import Measurements
from nodegraph.store.rows import Key, Row, id_of, pack_row, sealed, short_id, unseal
from nodegraph.store.uses import Pace, Use, pack_pace, pack_use, unpack_pace, unpack_use
from nodegraph.types.wire import Digest

# Python gives up its lock once for each statement. In a busy process it takes up to 5 ms to have it back,
# so a group is written by few statements of many rows, within SQLite's limit of 32,766 parameters.
_AT_ONCE = 500
_COST_MEMORY = 1000
# An entry that is there already is written over whole: that mends one with flipped bytes.
# Of its costs the largest stays, unless flipped bytes made something else of it.
_LARGER_COST = (
    "cost=CASE WHEN typeof(cost)='real' AND cost>excluded.cost THEN cost ELSE excluded.cost END, "
    "name=excluded.name, "
)
_INSERT_SMALL = f" ON CONFLICT(id) DO UPDATE SET used=excluded.used, {_LARGER_COST}body=excluded.body"
_INSERT_CONTENT = (
    f" ON CONFLICT(id) DO UPDATE SET used=excluded.used, {_LARGER_COST}kind=excluded.kind, "
    "size=excluded.size, mtime_ns=excluded.mtime_ns, ctime_ns=excluded.ctime_ns, inode=excluded.inode"
)


@dataclass(slots=True)
class Pending:
    """Entries that are recorded but not committed yet.

    Attributes:
        facts: payloads by name, for each of the tables of sealed payloads except rows and failures.
        used: digests whose bytes were used in this run.
        value_costs: the seconds it took to compute the value, or to make the file, of a digest.
        costs: what calls took, to add, by type id.
        uses: what was used of the memo, to add, by type id.
        measured: what calls that use models took, to add.
        nbytes: about how much memory all that takes.
    """

    rows: dict[Key, Row] = field(default_factory=dict[Key, Row])
    failures: dict[Key, bytes] = field(default_factory=dict[Key, bytes])
    facts: dict[str, dict[bytes, bytes]] = field(default_factory=dict[str, dict[bytes, bytes]])
    small: dict[Digest, bytes] = field(default_factory=dict[Digest, bytes])
    contents: dict[bytes, Content] = field(default_factory=dict[bytes, Content])
    used: set[bytes] = field(default_factory=set[bytes])
    value_costs: dict[bytes, float] = field(default_factory=dict[bytes, float])
    costs: dict[str, Pace] = field(default_factory=dict[str, Pace])
    uses: dict[str, Use] = field(default_factory=dict[str, Use])
    measured: Measurements = field(default_factory=Measurements)
    nbytes: int = 0

    def __bool__(self) -> bool:
        return bool(
            self.rows
            or self.small
            or self.used
            or self.facts
            or self.contents
            or self.failures
            or self.value_costs
            or self.costs
            or self.uses
            or self.measured
        )

    def under(self, later: Pending) -> Pending:
        """This and what was recorded after it, as one."""
        facts = {
            table: {**self.facts.get(table, {}), **later.facts.get(table, {})}
            for table in {**self.facts, **later.facts}
        }
        costs = dict(self.costs)
        for type_id, pace in later.costs.items():
            costs[type_id] = costs.get(type_id, Pace()).plus(pace)
        value_costs = dict(self.value_costs)
        for digest, seconds in later.value_costs.items():
            value_costs[digest] = max(seconds, value_costs.get(digest, 0.0))
        uses = dict(self.uses)
        for type_id, use in later.uses.items():
            uses[type_id] = uses.get(type_id, Use()).plus(use)
        failures = {key: body for key, body in self.failures.items() if key not in later.rows}
        return Pending(
            {**self.rows, **later.rows},
            {**failures, **later.failures},
            facts,
            {**self.small, **later.small},
            {**self.contents, **later.contents},
            self.used | later.used,
            value_costs,
            costs,
            uses,
            self.measured.under(later.measured),
            self.nbytes + later.nbytes,
        )

    def write(self, connection: sqlite3.Connection, run: int) -> None:
        """Write everything within the transaction that `connection` is in, as used in `run`."""
        for table, payloads in self.facts.items():
            _insert_facts(connection, table, payloads.items())
        value_costs = self.value_costs
        small: list[Any] = []
        for digest, body in self.small.items():
            cost = value_costs.get(digest, 0.0) if value_costs else 0.0
            small += (*id_of(digest), run, cost, digest, body)
        _insert(connection, "small", 5, small, _INSERT_SMALL)
        write_contents(connection, list(self.contents.values()), run, value_costs)
        known = value_costs.keys() - self.small.keys() - self.contents.keys()
        _raise_costs(connection, {digest: value_costs[digest] for digest in known})
        _insert_facts(connection, "rows", [(key, pack_row(row)) for key, row in self.rows.items()])
        if self.rows and connection.execute("SELECT 1 FROM failures LIMIT 1").fetchone():
            _for_ids(connection, "DELETE FROM failures WHERE id IN ", map(short_id, self.rows))
        _insert_facts(connection, "failures", self.failures.items())
        for type_id, pace in self.costs.items():
            _add_cost(connection, type_id, pace)
        for type_id, use in self.uses.items():
            _add_use(connection, type_id, use)
        if self.measured:
            profiles = self.measured.merged(partial(_fact, connection, "profiles"), run)
            _insert_facts(connection, "profiles", list(profiles))
        if self.used:
            touch(connection, self.used, run)


def type_name(type_id: str) -> bytes:
    """The name under which what concerns a node type stands."""
    return blake3(type_id.encode()).digest()


def touch(connection: sqlite3.Connection, digests: Iterable[bytes], run: int) -> None:
    """Mark bytes as used in `run`."""
    ids = sorted(map(short_id, digests))
    for table in ("small", "contents"):
        _for_ids(connection, f"UPDATE {table} SET used={run:d} WHERE used<{run:d} AND id IN ", ids)


def write_contents(
    connection: sqlite3.Connection, contents: Sequence[Content], run: int, costs: Mapping[bytes, float]
) -> None:
    """Enter files, new or seen again, with the seconds they cost, and keep the total of their sizes."""
    if not contents:
        return
    known = _sum_sizes(connection, contents)
    values: list[Any] = []
    for c in contents:
        values += (short_id(c.digest), run, costs.get(c.digest, 0.0), c.digest, int(c.kind))
        values += (c.size, c.mtime_ns, c.ctime_ns, c.inode)
    _insert(connection, "contents", 9, values, _INSERT_CONTENT)
    added = sum(content.size for content in contents) - known
    connection.execute("UPDATE totals SET bytes=bytes+?", (added,))


def forget_contents(connection: sqlite3.Connection, contents: Sequence[Content]) -> bool:
    """Leave out files that are no longer there; whether any of them had an entry."""
    known = _sum_sizes(connection, contents)
    before = connection.total_changes
    _for_ids(connection, "DELETE FROM contents WHERE id IN ", [short_id(c.digest) for c in contents])
    had_entries = connection.total_changes > before
    connection.execute("UPDATE totals SET bytes=bytes-?", (known,))
    return had_entries


def forget_small(connection: sqlite3.Connection, digests: Iterable[bytes]) -> None:
    """Leave out the bytes of small values."""
    _for_ids(connection, "DELETE FROM small WHERE id IN ", map(short_id, digests))


def _sum_sizes(connection: sqlite3.Connection, contents: Sequence[Content]) -> int:
    total = 0
    for content in contents:
        query = "SELECT size FROM contents WHERE id=?"
        found = connection.execute(query, (short_id(content.digest),)).fetchone()
        if found is not None and isinstance(found[0], int):
            total += found[0]
    return total


def _insert_facts(
    connection: sqlite3.Connection, table: str, payloads: Iterable[tuple[bytes, bytes]]
) -> None:
    _insert(connection, table, 3, sealed(table, payloads))


def _insert(
    connection: sqlite3.Connection, table: str, width: int, values: Sequence[Any], on_conflict: str = ""
) -> None:
    """Insert entries of `width` values each, one after the other in `values`."""
    at_once = _AT_ONCE * width
    for start in range(0, len(values), at_once):
        group = values[start : start + at_once]
        connection.execute(_insert_statement(table, width, len(group) // width, on_conflict), group)


@lru_cache(maxsize=64)
def _insert_statement(table: str, width: int, count: int, on_conflict: str) -> str:
    entry = f"({','.join('?' * width)})"
    verb = "INSERT" if on_conflict else "INSERT OR REPLACE"
    return f"{verb} INTO {table} VALUES {','.join([entry] * count)}{on_conflict}"


def _for_ids(connection: sqlite3.Connection, statement: str, ids: Iterable[int]) -> None:
    """Run a statement that ends in `IN` for all ids."""
    every = list(ids)
    for start in range(0, len(every), _AT_ONCE):
        group = every[start : start + _AT_ONCE]
        connection.execute(f"{statement}({','.join('?' * len(group))})", group)


def _raise_costs(connection: sqlite3.Connection, costs: Mapping[bytes, float]) -> None:
    """Raise the cost of values that were there already to what computing them took this time."""
    known = [(seconds, short_id(digest)) for digest, seconds in costs.items()]
    for table in ("small", "contents"):
        statement = f"UPDATE {table} SET cost=?1 WHERE id=?2 AND (cost<?1 OR typeof(cost)<>'real')"
        connection.executemany(statement, known)


def _add_cost(connection: sqlite3.Connection, type_id: str, pace: Pace) -> None:
    """Add to the cost of a type; what is long ago counts less and less."""
    name = type_name(type_id)
    payload = _fact(connection, "costs", name)
    if payload is not None:
        known = unpack_pace(payload)
        share = min(1.0, _COST_MEMORY / known.calls) if known.calls else 0.0
        pace = pace.plus(Pace(known.seconds * share, known.calls * share, known.slow * share))
    _insert_facts(connection, "costs", [(name, pack_pace(type_id, pace))])


def _add_use(connection: sqlite3.Connection, type_id: str, use: Use) -> None:
    """Add to what was used of the memo for a type."""
    name = type_name(type_id)
    payload = _fact(connection, "uses", name)
    known = Use() if payload is None else unpack_use(payload)[1]
    _insert_facts(connection, "uses", [(name, pack_use(type_id, known.plus(use)))])


def _fact(connection: sqlite3.Connection, table: str, name: bytes) -> bytes | None:
    found = connection.execute(f"SELECT body FROM {table} WHERE id=?", (short_id(name),)).fetchone()
    return unseal(table, name, found[0]) if found else None

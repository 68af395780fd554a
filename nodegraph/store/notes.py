"""What a store notes besides results: what calls and graphs were made of, and what calls cost."""

from __future__ import annotations

from collections.abc import Sequence

from blake3 import blake3

from nodegraph.store.opened import OpenStore
from nodegraph.store.pending import type_name
from nodegraph.store.profiles import (
    LoadRate,
    LoadSource,
    Measured,
    Profile,
    Setting,
    Subject,
    load_name,
    profile_name,
    unpack_load,
    unpack_profile,
)
from nodegraph.store.rows import pack, recipe_name, short_id, unpack, unseal
from nodegraph.store.uses import Pace, Use, unpack_pace


class Notes(OpenStore):
    """The part of a store that tells what calls and graphs were made of, and what calls cost."""

    def recipe(self, record: bytes, name: bytes | None = None) -> int:
        """The id under which a recipe record is kept: equal records have equal ids, in every store.

        Args:
            record: a msgpack list that begins with the node type's id, or with a tag such as `nodegraph/x`
                and then the id.
            name: its BLAKE3, where that is at hand.
        """
        name = name or recipe_name(record)
        known = short_id(name)
        if known not in self._recipes:
            self._recipes[known] = record
            self._journal.record_fact("recipes", name, record)
        return known

    def recipe_record(self, id: int) -> bytes | None:
        """The record of a recipe."""
        record = self._recipes.get(id)
        if record is None:
            found = self._index.one("SELECT name, body FROM recipes WHERE id=?", (id,))
            record = unseal("recipes", found[0], found[1]) if found and isinstance(found[0], bytes) else None
        return record

    def known_recipes(self, ids: Sequence[int]) -> set[int]:
        """Those of the ids under which a recipe is kept; the records are not read."""
        known = self._recipes.keys() & ids
        if self._index.one("SELECT 1 FROM recipes LIMIT 1") is None:
            return known
        missing = set(ids) - known
        found = self._index.for_ids("SELECT id FROM recipes WHERE id IN ", missing)
        return known.union(id for (id,) in found)

    def remember_graph(self, graph: str, record: bytes) -> None:
        """Keep what the last run of a graph was made of."""
        self._journal.record_fact("graphs", _graph_name(graph), pack((graph, record)))

    def recall_graph(self, graph: str) -> bytes | None:
        """What the last run of a graph was made of."""
        payload = self._journal.fact("graphs", _graph_name(graph))
        return None if payload is None else unpack(payload)[1]

    def record_table(self, name: bytes, record: bytes) -> None:
        """Keep what is known of many calls together, under a name of 32 bytes."""
        self._journal.record_fact("tables", name, record)

    def table(self, name: bytes) -> bytes | None:
        """What is kept of many calls together."""
        return self._journal.fact("tables", name)

    def forget_tables(self) -> None:
        """Let go of all that is kept of many calls together: rows under it come out different."""
        self._journal.flush()
        self._index.write(lambda connection: connection.execute("DELETE FROM tables"))

    def record_use(self, type_id: str, *, executed: int, spent: float, cached: int, saved: float) -> None:
        """Add to what the memo was worth, over all runs.

        Args:
            type_id: the node type.
            executed: calls that ran.
            spent: the seconds they took.
            cached: calls that did not have to run.
            saved: the seconds those took when they ran.
        """
        self._journal.record_use(type_id, Use(executed, spent, cached, saved))

    def record_pace(self, type_id: str, pace: Pace) -> None:
        """Note what calls of a node type took."""
        self._journal.record_cost(type_id, pace)

    def pace(self, type_id: str) -> Pace:
        """What the calls of a node type took of late; empty if none was recorded."""
        payload = self._journal.fact("costs", type_name(type_id))
        return Pace() if payload is None else unpack_pace(payload)

    def expected_seconds(self, type_id: str) -> float | None:
        """What a call of a node type takes in the mean; None if none was recorded."""
        pace = self.pace(type_id)
        return pace.seconds / pace.calls if pace.calls else None

    def record_measured(self, subject: Subject, setting: Setting, measured: Measured) -> None:
        """Add what calls took to the profile of their node type and models."""
        self._journal.record_measured(subject, setting, measured)

    def record_load(self, device_kind: str, source: LoadSource, nbytes: int, seconds: float) -> None:
        """Note what loading a model onto a kind of device took."""
        self._journal.record_load(device_kind, source, LoadRate(nbytes, seconds))

    def profile(self, subject: Subject) -> Profile:
        """What calls of a node type with some models took, by setting; commits what waits first."""
        self._journal.flush()
        return unpack_profile(self._journal.fact("profiles", profile_name(subject)))

    def load_rate(self, device_kind: str, source: LoadSource) -> LoadRate:
        """How fast models are loaded onto a kind of device; commits what waits first."""
        self._journal.flush()
        return unpack_load(self._journal.fact("profiles", load_name(device_kind, source)))


def _graph_name(graph: str) -> bytes:
    return blake3(graph.encode()).digest()

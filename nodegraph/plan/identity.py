"""What all calls of a step share in their keys, and what changed in it since its last run."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from nodegraph.plan.history import History, NodeEntry, NodeRecord, changes, describe, short_keys
from nodegraph.plan.keys import call_prefix, item_prefix, read_files
from nodegraph.plan.program import Program, Step
from nodegraph.store import Key, Store
from nodegraph.store.rows import recipe_name, short_id
from nodegraph.types.wire import Digest


class StepIdentity:
    """What a step is made of, apart from the items it is called for.

    Attributes:
        prefix: the part of a call's key that is the same for all items.
        base_seed: of a seeded node.
    """

    # Made for every node of every run: `functools.cached_property` would take a lock each time.
    __slots__ = (
        "_before", "_calls_before", "_changed", "_files", "_history", "_item_prefix", "_linked", "_name",
        "_recipe", "_step", "base_seed", "prefix",
    )  # fmt: skip

    def __init__(
        self,
        step: Step,
        files: Mapping[str, Digest],
        linked: Sequence[tuple[str, bool]],
        seed: int,
        history: History,
    ) -> None:
        self._step = step
        self._files = files
        self._linked = linked
        self._history = history
        self.base_seed = seed
        self.prefix = call_prefix(step.type, step.node.params, files, linked)
        self._recipe: int | None = None
        self._name: bytes | None = None
        self._item_prefix: bytes | None = None
        self._before: NodeRecord | None = None
        self._changed: str | None = None
        self._calls_before: frozenset[bytes] | None = None

    @property
    def fans_out(self) -> bool:
        """Whether the step makes items."""
        return self._step.fans_out

    @property
    def recipe(self) -> int:
        """The id under which the store knows `prefix`."""
        if self._recipe is None:
            self._recipe = short_id(self.name)
        return self._recipe

    @property
    def name(self) -> bytes:
        """The name under which the store keeps `prefix`."""
        if self._name is None:
            self._name = recipe_name(self.prefix)
        return self._name

    def found_as(self, recipe: int) -> None:
        """Take the recipe's id from a row that was found by a key with `prefix` in it."""
        self._recipe = recipe

    @property
    def item_prefix(self) -> bytes:
        """The part of a key that is the same for all items that a fan-out step makes."""
        if self._item_prefix is None:
            step = self._step
            self._item_prefix = item_prefix(step.type, step.node.params, self._files, self._linked)
        return self._item_prefix

    @property
    def last(self) -> NodeEntry | None:
        """What was written down of the step's last run."""
        return self._history.entries.get(self._step.id)

    @property
    def before(self) -> NodeRecord | None:
        """What the last run was made of; None if that is not known."""
        if self._before is None:
            self._before = self._history.record(self._step.id)
        return self._before

    @property
    def now(self) -> NodeRecord:
        """What this run is made of."""
        return describe(self._step, self._files, self.base_seed)

    @property
    def changed(self) -> tuple[str, ...]:
        """What the step is made of now that its last run was not."""
        last = self.last
        if last is None:
            return ("new",)
        if last.made_of == self._made_now().made_of:
            return ()
        return changes(self.before, self.now)

    @property
    def has_returned(self) -> bool:
        """Whether the step is made of what an earlier run was, but not the last one.

        Its calls of then are in the store, so what runs does for its inputs, whatever changed since.
        """
        last = self.last
        if last is None or not last.earlier:
            return False
        now = self._made_now().made_of
        return now != last.made_of and now in last.earlier

    @property
    def why_changed(self) -> str:
        """Why all of the step's calls that run do, as it is told; empty if only inputs can tell."""
        if self._changed is None:
            self._changed = "" if self.has_returned else "; ".join(self.changed)
        return self._changed

    def had(self, key: Key) -> bool:
        """Whether a call of that key was part of the last run."""
        if self._calls_before is None:
            self._calls_before = frozenset(short_keys(self.last.calls)) if self.last else frozenset()
        return key[:8] in self._calls_before

    def entry(self, calls: bytes, outputs: tuple[bytes, ...]) -> NodeEntry:
        """What is to be written down of this run."""
        now, last = self._made_now(calls, outputs), self.last
        return last if last is not None and last[:5] == now[:5] else now.following(last)

    def _made_now(self, calls: bytes = b"", outputs: tuple[bytes, ...] = ()) -> NodeEntry:
        seed = self.base_seed if self._step.type.seeded else None
        return NodeEntry(self.recipe, seed, self._step.linked_seed is not None, calls, outputs)


def identify(program: Program, step: Step, store: Store, history: History) -> StepIdentity:
    """Find out what a step is made of.

    Raises:
        OSError: if a file that the node reads by content cannot be read.
    """
    params = step.node.params
    files: dict[str, Digest] = {}
    if step.type.file_ports:
        files = {name: store.file_digest(path) for name, path in read_files(step.type, params).items()}
    feeds = step.feeds
    if step.linked_seed is not None:
        feeds = [feed for feed in feeds if feed.name != step.linked_seed]
    linked = tuple([(feed.name, feed.collects is not None) for feed in feeds])
    own_seed = params.get("seed") if step.type.seeded else None
    seed = program.graph.seed if own_seed is None else int(own_seed)
    return StepIdentity(step, files, linked, seed, history)


def reason(identity: StepIdentity, key: Key, *, failed: bool, forced: bool, has_row: bool = False) -> str:
    """Why a call runs.

    Args:
        identity: what its step is made of.
        key: the call.
        failed: it was tried before.
        forced: results in the store do not count.
        has_row: what it came to is in the store, but not the bytes of it.
    """
    if forced:
        return "forced"
    if failed:
        return "failed last time"
    if has_row:
        return NOT_IN_STORE
    if why := identity.why_changed:
        return why
    return NOT_IN_STORE if identity.had(key) else INPUTS_CHANGED


IMMUTABLE = frozenset({bool, int, float, str, type(None)})
"""Types of params that no function can change."""

INPUTS_CHANGED = "inputs changed"
NOT_IN_STORE = "not in the store"
RUNS_EVERY_TIME = "runs every time"


def literal_arguments(step: Step) -> dict[str, Any]:
    """The params of a step as its function takes them; containers are fresh: a function may change them."""
    return {
        name: value if type(value) in IMMUTABLE or isinstance(value, Path | Enum) else copy.deepcopy(value)
        for name, value in step.node.params.items()
        if not (name == "seed" and step.type.seeded)
    }

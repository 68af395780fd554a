"""What all calls of a step share in their keys, and what changed in it since its last run."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from nodegraph.plan.history import NodeRecord, changes, describe, recall
from nodegraph.plan.keys import call_prefix, item_prefix, read_files
from nodegraph.plan.program import Program, Step
from nodegraph.store import Key, Store


@dataclass(frozen=True, slots=True)
class StepIdentity:
    """What a step is made of, apart from the items it is called for.

    Attributes:
        prefix: the part of a call's key that is the same for all items; item_prefix: of a fan-out's items.
        base_seed: of a seeded node.
        before, now: what the last run was made of, and what this one is.
        changed: why all of its calls run, if that is so.
    """

    prefix: bytes
    item_prefix: bytes
    base_seed: int
    before: NodeRecord | None
    now: NodeRecord
    changed: tuple[str, ...]


def identify(program: Program, step: Step, store: Store) -> StepIdentity:
    """Find out what a step is made of.

    Raises:
        OSError: if a file that the node reads by content cannot be read.
    """
    params = step.node.params
    files = {name: store.file_digest(path) for name, path in read_files(step.type, params).items()}
    linked = [(feed.name, feed.collects is not None) for feed in step.feeds if feed.name != step.linked_seed]
    own_seed = params.get("seed") if step.type.seeded else None
    seed = program.graph.seed if own_seed is None else int(own_seed)
    now = describe(step, files, seed)
    before = recall(store, program.graph, step)
    return StepIdentity(
        prefix=call_prefix(step.type, params, files, linked),
        item_prefix=item_prefix(step.type, params, files, linked),
        base_seed=seed,
        before=before,
        now=now,
        changed=changes(before, now),
    )


def reason(identity: StepIdentity, key: Key, store: Store, *, forced: bool) -> str:
    """Why a call whose result is not in the store runs."""
    if forced:
        return "forced"
    if store.failure(key) is not None:
        return "failed last time"
    if identity.changed:
        return "; ".join(identity.changed)
    assert identity.before is not None, "a node without history is new"
    return "not in the store" if identity.before.had(key) else INPUTS_CHANGED


_IMMUTABLE = (bool, int, float, str, Path, Enum, type(None))
INPUTS_CHANGED = "inputs changed"
RUNS_EVERY_TIME = "runs every time"


def literal_arguments(step: Step) -> dict[str, Any]:
    """The params of a step as its function takes them; containers are fresh: a function may change them."""
    return {
        name: value if isinstance(value, _IMMUTABLE) else copy.deepcopy(value)
        for name, value in step.node.params.items()
        if not (name == "seed" and step.type.seeded)
    }

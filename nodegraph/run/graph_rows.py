"""The rows of a graph's calls outside of streams, kept together, so that a new process reads them at once.

Each graph has one such record, of its last run that came to an end. It says nothing that the rows themselves
do not say, and is void as tables are: when a row comes out different or is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]
from blake3 import blake3

from nodegraph.plan.history import history_id
from nodegraph.plan.keys import call_key, graph_rows_name
from nodegraph.plan.program import Step
from nodegraph.run.frames import Done, Frame
from nodegraph.run.machine import Machine
from nodegraph.store import Key, Row
from nodegraph.store.rows import split_outputs
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)

_LEAST = 8
"""Fewer calls are looked up one by one as quickly."""
_PREFIX = 8

_Kept = tuple[Key, bytes, float, int]
"""Key, joined digests of the outputs, seconds and recipe of a call."""


def may_be_known(step: Step) -> bool:
    """Whether the key of a call outside of streams follows from the digests of its inputs alone."""
    if step.chain or step.fans_out or not step.type.pure or step.linked_seed is not None:
        return False
    return step.is_simple or not any(feed.by_content for feed in step.feeds)


@dataclass(frozen=True, slots=True)
class GraphRows:
    """The rows that are kept of a graph.

    Attributes:
        nodes: stands for the ids of the nodes that they are of, in order.
        rows: by key, without what made the inputs of the calls.
    """

    nodes: bytes
    rows: Mapping[Key, Row]


def find_rows(machine: Machine) -> GraphRows | None:
    """The rows that are kept of the graph; None if none are."""
    packed = machine.store.table(_name(machine))
    if packed is None:
        return None
    nodes, kept = _unpacked(packed)
    rows = {
        key: Row(split_outputs(outputs), None, seconds, recipe, b"", 0)
        for key, outputs, seconds, recipe in kept
    }
    return GraphRows(nodes, rows)


def stands_for(steps: Iterable[Step]) -> bytes:
    """What stands for the ids of nodes."""
    return blake3("\n".join([step.id for step in steps]).encode()).digest()


def record_rows(machine: Machine, root: Frame) -> None:
    """Keep the rows of a run that came to an end, unless they are those that are kept already."""
    steps = [step for step in machine.program.steps if _has_row(machine, step, root)]
    if len(steps) < _LEAST:
        return
    name = _name(machine)
    nodes = stands_for(steps)
    calls = b"".join([machine.tally.steps[step.index].calls for step in steps])
    packed = machine.store.table(name)
    if packed is not None:
        known, kept = _unpacked(packed)
        if nodes == known and calls == b"".join([entry[0][:_PREFIX] for entry in kept]):
            return
    record = [nodes, [_kept(machine, step, root) for step in steps]]
    machine.store.record_table(name, msgpack.packb(record))


def _has_row(machine: Machine, step: Step, root: Frame) -> bool:
    """Whether a step's one call has a result that its row tells, and a key that is quickly told again."""
    return (
        not step.chain
        and step.is_simple
        and step.type.pure
        and not step.fans_out
        and type(root.results[step.position]) is Done
        and len(machine.tally.steps[step.index].calls) == _PREFIX
    )


def _kept(machine: Machine, step: Step, root: Frame) -> _Kept:
    counts = machine.tally.steps[step.index]
    identity = machine.state(step).identity
    inputs = [_outputs(root, feed.place)[feed.output] for feed in step.feeds]
    key = call_key(identity.prefix, inputs, machine.seed(step, identity.base_seed, inputs, root))
    outputs = _outputs(root, step.position)
    return key, b"".join(outputs), counts.seconds + counts.saved, identity.recipe


def _outputs(root: Frame, position: int) -> Sequence[Digest]:
    result = root.results[position]
    assert isinstance(result, Done), "a call has a result only if what it reads has one"
    return result.digests


def _unpacked(packed: bytes) -> tuple[bytes, Sequence[_Kept]]:
    return msgpack.unpackb(packed, use_list=False)


def _name(machine: Machine) -> bytes:
    return graph_rows_name(history_id(machine.program.graph, machine.store.folder))

"""Streams that did not change: what is kept of each as a whole, so that it need not be walked item by item.

A table is a step seen over all items of a stream outside of others. Its key follows from the key of the
stream's listing and from those of the tables it reads. What is kept under it says how many calls there were
and, where someone reads the stream as a whole, its digest. Only tables without a gap are kept: no call of the
stream failed or left its item out. Rows that come out different make all tables void.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]

from nodegraph.plan.keys import stream_digest, table_key
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import ARTIFACT
from nodegraph.run.frames import Done, Frame, Scope
from nodegraph.run.graph_rows import record_rows
from nodegraph.run.machine import Machine
from nodegraph.run.streamrun import stream_run
from nodegraph.store import Store
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)


class Table(NamedTuple):
    """What is kept of a step over all items of a stream.

    Attributes:
        items: how many calls there were; of a fan-out step, its items.
        seconds: what they took when they ran.
        digests: the stream digest of each output that someone reads as a whole.
    """

    items: int
    seconds: float
    digests: Mapping[int, Digest]


def find_table(store: Store, key: bytes) -> Table | None:
    """What is kept under a table's key."""
    packed = store.table(key)
    return None if packed is None else Table._make(msgpack.unpackb(packed, strict_map_key=False))


def may_stay_unwalked(program: Program, fan_out: Step) -> bool:
    """Whether a stream is of the kind that tables are kept of: one level of plain calls."""
    if fan_out.chain or not fan_out.type.pure or not fan_out.is_simple:
        return False
    chain = fan_out.node.output_chain
    if any(other[:1] == chain and other != chain for other in program.levels):
        return False
    members = [program.steps[index] for index in program.levels[chain].members[1:]]
    if any(not step.is_simple or not step.type.pure or step.late for step in members):
        return False
    return not any(
        index in program.levels[chain].members and program.steps[index].output_types[output] == ARTIFACT
        for _, index, output in program.outputs
    )


def key_of_listing(call: bytes, listing: Digest) -> bytes:
    """The key of the table of a fan-out step itself."""
    return table_key(call, None, [listing])


def key_of_step(
    machine: Machine, step: Step, keys: Mapping[int, bytes], results: Mapping[int, Done]
) -> bytes | None:
    """The key of a step's table; None if something that it reads has none.

    Args:
        machine: tells what the step is made of.
        step: a step of a stream outside of others.
        keys: of the tables before it, by step.
        results: of the calls outside of streams, by position.
    """
    inputs: list[bytes] = []
    for feed in step.feeds:
        if feed.up:
            result = results.get(feed.place)
            found = None if result is None else result.digests[feed.output]
        else:
            found = keys.get(feed.step)
        if found is None:
            return None
        inputs.extend((found, feed.output.to_bytes(4, "little")))
    try:
        identity = machine.state(step).identity
    except OSError:
        return None
    return table_key(identity.prefix, identity.base_seed if step.type.seeded else None, inputs)


def record_tables(machine: Machine, root: Frame) -> None:
    """Keep what a run that has finished found of the streams that it walked, and its rows outside of them."""
    record_rows(machine, root)
    results = {place: result for place, result in enumerate(root.results) if isinstance(result, Done)}
    for scope in root.scopes.values():
        fan_out = machine.program.steps[scope.step]
        if may_stay_unwalked(machine.program, fan_out) and _is_whole(machine, scope):
            for key, table in _tables(machine, fan_out, scope, results):
                if machine.store.table(key) is None:
                    machine.store.record_table(key, msgpack.packb(table))


def _is_whole(machine: Machine, scope: Scope) -> bool:
    """Whether every call of a stream has a result."""
    if not scope.ended or scope.broken or scope.later:
        return False
    for index in scope.level.members:
        counts = machine.tally.steps[index]
        if (
            counts.executed + counts.cached != scope.count
            or counts.dropped
            or counts.failed
            or counts.skipped
        ):
            return False
    return True


def _tables(
    machine: Machine, fan_out: Step, scope: Scope, results: Mapping[int, Done]
) -> Iterator[tuple[bytes, Table]]:
    call = stream_run(scope).call.key
    row = machine.store.lookup(call)
    if row is None or row.dropped is not None:
        return
    keys = {fan_out.index: key_of_listing(call, row.outputs[0])}
    for index in scope.level.members:
        step = machine.program.steps[index]
        if index != fan_out.index:
            key = key_of_step(machine, step, keys, results)
            if key is None:
                return
            keys[index] = key
        counts = machine.tally.steps[index]
        column = scope.columns.get(index)
        digests = (
            {}
            if column is None
            else {output: stream_digest(scope.present(index, output)) for output in column.digests}
        )
        yield keys[index], Table(scope.count, counts.seconds + counts.saved, digests)

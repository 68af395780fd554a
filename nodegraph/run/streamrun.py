"""The stream of one fan-out call while it runs, and the listing that it leaves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from nodegraph.plan.producers import Listing, Regenerator
from nodegraph.run.call import Call
from nodegraph.run.frames import Scope
from nodegraph.run.machine import Machine
from nodegraph.types.wire import digest, encode


@dataclass(eq=False)
class StreamRun:
    """The stream of one fan-out call while it runs.

    Attributes:
        call: the call that lists the items.
        listed: the listing was in the store, so all of its items are.
        reason: why the generator runs.
        is_quick: the last item came at once.
        whole: no item failed, so that the listing may be stored.
        drops: the reasons of dropped items by index.
    """

    call: Call
    listed: bool
    reason: str
    regenerator: Regenerator
    started: float
    is_quick: bool = False
    whole: bool = True
    drops: dict[int, str] = field(default_factory=dict[int, str])


def stream_run(scope: Scope) -> StreamRun:
    """What is known of a stream besides its flow."""
    assert isinstance(scope.stream, StreamRun)
    return scope.stream


def write_listing(machine: Machine, scope: Scope, run: StreamRun) -> None:
    """Store the ordered (key, digests) list of a pure generator once every item is resolved."""
    step = run.call.step
    cut = step.index in machine.program.cut and not machine.selection.is_all
    if not step.type.pure or run.listed or cut:
        return
    with machine.lock:
        if run.listed or scope.broken or not run.whole or not scope.complete(step.index):
            return
        run.listed = True
    column = scope.columns[step.index]
    if any(not there and index not in run.drops for index, there in enumerate(column.present)):
        return
    digests = tuple(bytes(column.digests[output]) for output in range(len(step.output_types)))
    wire = encode(Listing(tuple(scope.keys), digests, run.drops).to_value())
    found = digest(wire)
    machine.store.put(found, wire)
    seconds = time.perf_counter() - run.started
    machine.record(run.call.key, run.call.state, [found], b"".join(run.call.inputs), seconds)
    if step.type.signature.wants_context:
        machine.store.discard_workdir(run.call.key)

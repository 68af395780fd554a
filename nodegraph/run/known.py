"""The calls outside of streams whose results are known before anything runs.

Their rows are read together, by what the last run of the graph recorded of their keys, and resolved in one
sweep in topological order. What it leaves open, the flow takes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nodegraph.plan.keys import call_key
from nodegraph.plan.program import Step
from nodegraph.run.frames import Done
from nodegraph.run.machine import Machine, StepState
from nodegraph.store import Key, Row
from nodegraph.store.rows import short_id
from nodegraph.types.wire import Digest


def known_calls(machine: Machine) -> dict[int, Done]:
    """The results, by position in the outermost level, of calls that need not run; they are counted as cached."""
    results: dict[int, Done] = {}
    steps = [
        step
        for step in machine.program.steps
        if step.is_simple
        and not step.chain
        and not step.fans_out
        and step.type.pure
        and step.id not in machine.forced
    ]
    rows = _Rows(machine, steps)
    for step in steps:
        digests: list[Digest] | None = []
        for feed in step.feeds:
            source = results.get(feed.place)
            if source is None:
                digests = None
                break
            digests.append(source.digests[feed.output])
        if digests is None:
            continue
        try:
            state = machine.state(step)
        except OSError:
            continue
        identity = state.identity
        seed = machine.seed(step, identity.base_seed, digests, machine.flow.root)
        key = call_key(identity.prefix, digests, seed)
        row = rows.get(key, state)
        if row is not None and row.dropped is None and len(row.outputs) == len(step.output_types):
            identity.found_as(row.recipe)
            results[step.position] = Done(row.outputs)
            machine.found(step, key, row)
    return results


class _Rows:
    """The rows of calls: those of the graph's last run at once, others one by one where there may be some."""

    def __init__(self, machine: Machine, steps: Sequence[Step]) -> None:
        self._machine = machine
        self._steps = steps
        self._looked_up = False
        entries = machine.history.entries
        last = (entries[step.id].calls[:8] for step in steps if step.id in entries)
        self._rows: Mapping[Key, Row] = machine.store.lookup_ids([short_id(call) for call in last if call])

    def get(self, key: Key, state: StepState) -> Row | None:
        """The row of a key."""
        row = self._rows.get(key)
        if row is None and not self._is_new(state):
            row = self._machine.store.lookup(key)
        return row

    def _is_new(self, state: StepState) -> bool:
        if not self._looked_up:
            self._looked_up = True
            self._machine.look_up_recipes(self._steps)
        return self._machine.is_new(state)

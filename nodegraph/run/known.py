"""What is known before anything runs: calls outside of streams, and streams that did not change as a whole.

The rows of calls are read together, as the last run of the graph kept them or by what it recorded of their
keys, and resolved in one sweep in topological order. A stream stays unwalked if all of its tables are kept,
and nothing that has to run reads it. What the sweep leaves open, the flow takes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nodegraph.plan.keys import call_key
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Feed, Step
from nodegraph.run.frames import Done
from nodegraph.run.graph_rows import find_rows, may_be_known, stands_for
from nodegraph.run.machine import Machine
from nodegraph.run.states import StepState
from nodegraph.run.tables import Table, find_table, key_of_listing, key_of_step, may_stay_unwalked
from nodegraph.store import Key, Row
from nodegraph.store.rows import short_id
from nodegraph.types.wire import Digest


class Known:
    """What is known of a program before it runs.

    Attributes:
        results: of the calls that need not run, by position in the outermost level; they count as cached.
        tables: of the steps whose streams are not walked, by step.
    """

    def __init__(self, machine: Machine, selection: Selection) -> None:
        """Sweep over the program."""
        self.results: dict[int, Done] = {}
        self.tables: dict[int, Table] = {}
        self._machine = machine
        self._program = machine.program
        self._takes_tables = selection.is_all and not machine.forced
        self._keys: dict[int, bytes] = {}
        self._walked: set[int] = set()
        self._rows = _Rows(machine)
        self._fan_outs = {step.id: step.index for step in self._program.steps if step.fans_out}
        for step in self._program.steps:
            if step.chain:
                self._look_at_mapped(step)
            elif step.fans_out:
                self._look_at_fan_out(step)
            else:
                self._look_at_call(step)
        self._leave_unwalked()

    def is_last_run(self) -> bool:
        """Whether all there is are the calls of the graph's last run: nothing is to be noted again."""
        steps, rows = self._program.steps, self._rows
        return len(self.results) == len(steps) and not rows.others and rows.nodes == stands_for(steps)

    def _look_at_call(self, step: Step) -> None:
        machine = self._machine
        digests = self._inputs(step) if may_be_known(step) and step.id not in machine.forced else None
        if digests is None:
            return
        try:
            state = machine.state(step)
        except OSError:
            return
        identity = state.identity
        seed = None
        if step.type.seeded:
            seed = machine.seed(step, identity.base_seed, digests, machine.flow.root)
        row = self._rows.get(key := call_key(identity.prefix, digests, seed), state)
        if row is not None and row.dropped is None and len(row.outputs) == len(step.output_types):
            identity.found_as(row.recipe)
            self.results[step.position] = Done(row.outputs)
            machine.found(step, key, row)

    def _inputs(self, step: Step) -> list[Digest] | None:
        """The digests of a step's linked inputs; None if one is not known."""
        digests: list[Digest] = []
        for feed in step.feeds:
            if feed.collects is not None:
                digest = self._stream(feed)
                if digest is None:
                    return None
                digests.append(digest)
                continue
            source = self.results.get(feed.place)
            if source is None:
                return None
            digests.append(source.digests[feed.output])
        return digests

    def _stream(self, feed: Feed) -> Digest | None:
        """The digest of a collected stream; None if only walking it can tell."""
        table = self.tables.get(feed.step)
        return table.digests.get(feed.output) if table is not None and feed.inner is None else None

    def _look_at_fan_out(self, step: Step) -> None:
        """Take a stream for one that did not change, if its listing and the table of its items are kept."""
        machine = self._machine
        if not self._takes_tables or not may_stay_unwalked(self._program, step):
            return
        digests = self._inputs(step)
        if digests is None:
            return
        try:
            identity = machine.state(step).identity
        except OSError:
            return
        seed = machine.seed(step, identity.base_seed, digests, machine.flow.root)
        call = call_key(identity.prefix, digests, seed)
        row = machine.store.lookup(call)
        # Who looks at the items of a stream that was not walked finds them by its listing.
        if row is not None and row.dropped is None and machine.store.has(row.outputs[0]):
            self._take(step, key_of_listing(call, row.outputs[0]))

    def _look_at_mapped(self, step: Step) -> None:
        fan_out = self._fan_outs[step.chain[0]]
        if fan_out in self._keys and not step.fans_out:
            self._take(step, key_of_step(self._machine, step, self._keys, self.results))

    def _take(self, step: Step, key: bytes | None) -> None:
        table = None if key is None else find_table(self._machine.store, key)
        if key is not None and table is not None:
            self._keys[step.index] = key
            self.tables[step.index] = table

    def _leave_unwalked(self) -> None:
        """Keep the tables of those streams only that nobody has to walk, and count their calls as cached."""
        if not self._fan_outs:
            return
        for step in self._program.steps:
            if not self._is_settled(step):
                self._walk({self._fan_outs[name] for name in step.chain[:1]})
                self._walk(feed.collects for feed in step.feeds if feed.collects is not None)
        for _, index, output in self._program.outputs:
            step = self._program.steps[index]
            if step.node.output_chain and (
                index not in self.tables or output not in self.tables[index].digests
            ):
                self._walk([self._fan_outs[step.node.output_chain[0]]])
        for index in list(self.tables):
            step = self._program.steps[index]
            if self._fan_outs[step.node.output_chain[0]] in self._walked:
                del self.tables[index]
            elif step.fans_out:
                self.results[step.position] = Done(())
        for index, table in self.tables.items():
            counts = self._machine.tally.steps[index]
            counts.cached, counts.saved = table.items, table.seconds

    def _is_settled(self, step: Step) -> bool:
        if step.index in self.tables:
            return True
        return not step.chain and not step.fans_out and step.position in self.results

    def _walk(self, fan_outs: Iterable[int]) -> None:
        self._walked.update(fan_outs)


class _Rows:
    """The rows of calls: those of the graph's last run at once, others one by one where there may be some.

    Attributes:
        nodes: stands for the nodes that the rows of the last run are of; empty if they are not kept together.
        others: how many rows were asked for that are not among those.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._looked_up = False
        kept = find_rows(machine)
        self.nodes = b"" if kept is None else kept.nodes
        self._rows: Mapping[Key, Row] = self._of_last_calls() if kept is None else kept.rows
        self.others = 0

    def _of_last_calls(self) -> Mapping[Key, Row]:
        entries = self._machine.history.entries
        last = (entries[step.id].calls[:8] for step in self._steps if step.id in entries)
        return self._machine.store.lookup_ids([short_id(call) for call in last if call])

    def get(self, key: Key, state: StepState) -> Row | None:
        """The row of a key."""
        row = self._rows.get(key)
        if row is None:
            self.others += 1
            if not self._is_new(state):
                row = self._machine.store.lookup(key)
        return row

    def _is_new(self, state: StepState) -> bool:
        if not self._looked_up:
            self._looked_up = True
            self._machine.look_up_recipes(self._steps)
        return self._machine.is_new(state)

    @property
    def _steps(self) -> Sequence[Step]:
        return [step for step in self._machine.program.steps if may_be_known(step)]

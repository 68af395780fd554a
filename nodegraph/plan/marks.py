"""Marks: which calls of a walk run, and which that the store knows are made again because bytes are lost.

Rows outlive the bytes that they name: bytes are evicted, or were never kept. A call that runs reads bytes of
its inputs; where those are gone, the calls that gave them are made again, which read their own inputs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from nodegraph.check.checked import Chain
from nodegraph.plan.cells import Blank, Foreseen, Grid, Notes, Told
from nodegraph.plan.feeds import Feeds
from nodegraph.plan.identity import NOT_IN_STORE
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import ARTIFACT, Values
from nodegraph.types.ports import is_json
from nodegraph.types.wire import Digest

NOTHING, KNOWN, RUNS, LOST, AGAIN = range(5)
"""What a mark says of a call: it has no value; its result is known; it runs; it runs though nothing need have
changed, since what the store knew of it is lost; its result is known, but made again for its bytes."""


class Marks:
    """A mark for each cell of a grid, and for each call that lists items.

    Attributes:
        calls: per step, the marks of its cells.
        listings: per fan-out step, those of its calls, by outer item.
    """

    def __init__(self, program: Program, grid: Grid, feeds: Feeds, values: Values) -> None:
        self.calls = [bytearray() for _ in program.steps]
        self.listings = [bytearray() for _ in program.steps]
        self._program = program
        self._grid = grid
        self._feeds = feeds
        self._values = values
        self._lost_streams: dict[tuple[int, int, int], bool] = {}

    def is_lost(self, step: Step, index: int) -> bool:
        """Whether all that hides the key of a call is lost bytes and rows."""
        return all(self._is_lost_or_known(step, feed, index) for feed in step.feeds)

    def items_are_lost(self, chain: Chain) -> bool:
        """Whether all that hides some items of a level is lost bytes and rows."""
        for depth in range(1, len(chain) + 1):
            fan_out = self._program.step(chain[depth - 1]).index
            children = self._grid.tables[chain[:depth]].children
            if any(
                inside is None and self.listings[fan_out][at] != LOST for at, inside in enumerate(children)
            ):
                return False
        return True

    def _is_lost_or_known(self, step: Step, feed: Feed, index: int) -> bool:
        if not isinstance(self._feeds.digest(step, feed, index), Blank):
            return True
        above, place = self._grid.above(step.chain, index, feed.up)
        if feed.collects is None:
            return self._hides(feed, place)
        stream = feed.step, feed.collects, place
        if stream not in self._lost_streams:
            members, unlisted = self._feeds.members(feed, above, place)
            self._lost_streams[stream] = all(
                self.listings[fan_out][at] == LOST for fan_out, at in unlisted
            ) and all(self._hides(feed, member) for member in members)
        return self._lost_streams[stream]

    def _hides(self, feed: Feed, place: int) -> bool:
        """Whether a call that a key waits for changed in nothing that is known."""
        mark = self.calls[feed.step][place]
        if not feed.by_content or mark != KNOWN:
            return mark != RUNS
        cell = self._grid.cells[feed.step][place]
        return isinstance(cell, Blank) or not self._values.has(cell[feed.output])


class Remaking:
    """Counts the calls that are made again, from the last step to the first.

    What a stream is read for is made again with all else of its step that has no bytes, as a run does.
    """

    def __init__(
        self,
        program: Program,
        grid: Grid,
        feeds: Feeds,
        values: Values,
        marks: Marks,
        foreseen: Sequence[Foreseen],
        notes: Notes | None,
    ) -> None:
        """Take a walk that has come to its end; its counts and notes are brought up to date by `count`."""
        self._program = program
        self._grid = grid
        self._feeds = feeds
        self._values = values
        self._marks = marks
        self._foreseen = foreseen
        self._notes = notes
        self._needed: defaultdict[int, set[int]] = defaultdict(set)
        self._needed_whole: set[int] = set()
        self._read: set[tuple[int, int, int, int]] = set()

    def count(self) -> None:
        """Mark and count what is made again."""
        for _, index, output in self._program.outputs:
            step = self._program.steps[index]
            if not step.node.output_chain and is_json(step.output_types[output]):
                self._need(index, output, 0)
        for step in reversed(self._program.steps):
            if step.index in self._needed_whole:
                self._look_at_all(step)
            for index in self._needed.pop(step.index, ()):
                self._make_again(step, index)
            self._supply(step)

    def _look_at_all(self, step: Step) -> None:
        for index in range(len(self._marks.calls[step.index])):
            for output in range(len(step.output_types)):
                self._need(step.index, output, index)

    def _need(self, step: int, output: int, index: int) -> bool:
        """Have a value that is known; whether it is to be made again for that."""
        cell = self._grid.cells[step][index]
        if self._marks.calls[step][index] != KNOWN or isinstance(cell, Blank):
            return False
        if index not in self._needed[step] and not self._is_there(step, output, cell[output]):
            self._needed[step].add(index)
        return index in self._needed[step]

    def _is_there(self, step: int, output: int, digest: Digest) -> bool:
        if self._program.steps[step].output_types[output] == ARTIFACT:
            return self._values.can_load(digest)
        return self._values.has(digest)

    def _make_again(self, step: Step, index: int) -> None:
        self._marks.calls[step.index][index] = AGAIN
        foreseen = self._foreseen[step.index]
        foreseen.cached -= 1
        foreseen.would_run(NOT_IN_STORE)
        if self._notes is not None:
            calls = self._notes.calls[step.index]
            calls[index] = replace(calls[index] or Told(None), why=NOT_IN_STORE)

    def _supply(self, step: Step) -> None:
        """Have what the calls of a step that run read."""
        if not self._grid.complete(step.chain):
            self._needed_whole.update(feed.step for feed in step.feeds)
        calls = self._marks.calls[step.index]
        if not step.fans_out:
            for index, mark in enumerate(calls):
                if mark >= RUNS:
                    self._supply_call(step, index)
            return
        generated = {index for index, mark in enumerate(self._marks.listings[step.index]) if mark >= RUNS}
        parents = self._grid.tables[step.node.output_chain].parents
        generated.update(parents[index] for index, mark in enumerate(calls) if mark == AGAIN)
        for index in generated:
            self._supply_call(step, index)

    def _supply_call(self, step: Step, index: int) -> None:
        for feed in step.feeds:
            above, place = self._grid.above(step.chain, index, feed.up)
            if feed.collects is not None:
                self._supply_stream(feed, above, place)
            elif self._need(feed.step, feed.output, place) and step.fans_out:
                self._needed_whole.add(feed.step)

    def _supply_stream(self, feed: Feed, above: Chain, place: int) -> None:
        assert feed.collects is not None, "only streams are collected"
        stream = feed.step, feed.output, feed.collects, place
        if stream in self._read:
            return
        self._read.add(stream)
        members, _ = self._feeds.members(feed, above, place)
        if any(self._need(feed.step, feed.output, member) for member in members):
            self._needed_whole.add(feed.step)

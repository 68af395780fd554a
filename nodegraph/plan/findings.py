"""What is found of a call that would run, or gives another result, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from nodegraph.check.checked import Chain
from nodegraph.plan.cells import Blank, Notes, Told
from nodegraph.plan.identity import INPUTS_CHANGED, NOT_IN_STORE
from nodegraph.plan.marks import LOST, RUNS
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.reads import names_of
from nodegraph.plan.recorded import LastCalls
from nodegraph.plan.walk import Walk
from nodegraph.store import Store

FILE_CHANGED = "file changed"
OTHER_FILES = "made from other files"

_SHOWN_NAMES = 3


class Kind(IntEnum):
    """What a place is: in the order in which they follow from one another within a step."""

    LISTING = 0
    """The call that lists items for the item at a place."""
    CALL = 1
    """The call for the item at a place; of a fan-out step, the making of an item of the level it gives."""
    STREAM = 2
    """All calls of a step in the stream that belongs to the item at a place."""


class Place(NamedTuple):
    """One or more calls of a step; of a stream, `level` is the fan-out step that it is taken off by."""

    step: int
    kind: Kind
    at: int
    level: int = -1


@dataclass(frozen=True, slots=True)
class Finding:
    """Why, in words; the places where the reason comes from; and the files that it names, item by item."""

    why: str
    follow: tuple[Place, ...] = ()
    files: tuple[str, ...] = ()


class Findings:
    """Tells of calls why they would run, from the notes of a walk and what the last run recorded.

    Attributes:
        stale: per step, for each cell, whether it would run or is another than in the last run.
    """

    def __init__(self, program: Program, store: Store, walk: Walk, notes: Notes) -> None:
        """Look at all steps of a program that was walked with notes."""
        self._steps = program.steps
        self._by_id = {step.id: step for step in program.steps}
        self._store = store
        self._walk = walk
        self._notes = notes
        self._last: dict[int, LastCalls] = {}
        self._gone: dict[int, tuple[str, ...]] = {}
        self.stale: dict[int, list[bool]] = {}
        self._stale_streams: dict[tuple[int, Chain, int], bool] = {}
        self._streams: dict[Place, Finding] = {}
        self._returned: set[int] = set()
        for step in program.steps:
            self.stale[step.index] = self._stale(step)

    # What is no longer what it was

    def last(self, step: Step) -> LastCalls:
        """The calls of a step's last run."""
        if step.index not in self._last:
            identity = self._walk.identities.get(step.index)
            self._last[step.index] = LastCalls(step, identity.before if identity else None, self._store)
        return self._last[step.index]

    def _stale(self, step: Step) -> list[bool]:
        if self._has_returned(step) or any(feed.step in self._returned for feed in step.feeds):
            self._returned.add(step.index)
        parents = self._walk.grid.tables[step.node.output_chain].parents if step.fans_out else ()
        listed: dict[int, bool] = {}
        found: list[bool] = []
        marks = self._walk.marks.calls[step.index]
        for index, told in enumerate(self._notes.calls[step.index]):
            if told is None:
                found.append(False)
            elif marks[index] in (RUNS, LOST):
                found.append(True)
            elif told.key is not None:
                found.append(self._is_other(step, told, index))
            else:
                parent = parents[index]
                if parent not in listed:
                    listed[parent] = self._listing_is_stale(step, parent)
                found.append(listed[parent])
        return found

    def _is_other(self, step: Step, told: Told, index: int) -> bool:
        """Whether a call that need not run is another than in the last run.

        What has returned to an earlier state of the graph is none, as long as its inputs are not.
        """
        if self._had(step, told):
            return False
        if step.index not in self._returned:
            return True
        at = self._walk.grid.tables[step.node.output_chain].parents[index] if step.fans_out else index
        return self._is_changed(step) or any(self._feed_is_stale(step, feed, at) for feed in step.feeds)

    def _has_returned(self, step: Step) -> bool:
        identity = self._walk.identities.get(step.index)
        return identity is not None and identity.has_returned

    def _is_changed(self, step: Step) -> bool:
        """Whether what a step itself is made of changed since its last run, or since it was made of that."""
        identity = self._walk.identities.get(step.index)
        return identity is not None and bool(identity.why_changed)

    def _had(self, step: Step, told: Told) -> bool:
        return told.key is not None and self.last(step).had(told.key)

    def _listing_is_stale(self, step: Step, index: int) -> bool:
        told = self._notes.listings[step.index][index]
        if told is None:
            return False
        if told.why is not None or self._is_changed(step):
            return True
        return any(self._feed_is_stale(step, feed, index) for feed in step.feeds)

    def _feed_is_stale(self, step: Step, feed: Feed, index: int) -> bool:
        above, place = self._walk.grid.above(step.chain, index, feed.up)
        if feed.collects is None:
            return self.stale[feed.step][place]
        key = (feed.step, above, place)
        if key not in self._stale_streams:
            members, unlisted = self._members(feed, above, place)
            stale = any(self.stale[feed.step][member] for member in members)
            self._stale_streams[key] = bool(stale or unlisted or self.gone(feed))
        return self._stale_streams[key]

    def _members(self, feed: Feed, above: Chain, place: int) -> tuple[Sequence[int], list[Place]]:
        """The items of a collected stream, and the calls that have to list some of them first."""
        members, unlisted = self._walk.feeds.members(feed, above, place)
        return members, [Place(fan_out, Kind.LISTING, at) for fan_out, at in unlisted]

    def gone(self, feed: Feed) -> tuple[str, ...]:
        """The items of the last run that a collected stream lost, as far as its source remembers them."""
        assert feed.collects is not None, "only streams are collected"
        return () if feed.inner is not None else self.gone_of(self._steps[feed.collects])

    def gone_of(self, source: Step) -> tuple[str, ...]:
        """The items of the last run that a source does not list any more."""
        table = self._walk.grid.tables.get(source.node.output_chain)
        if not source.is_source or table is None or not table.complete:
            return ()
        if source.index not in self._gone:
            present = {path[-1] for path in table.paths}
            before = {made.key for made in self.last(source).items.values()}
            self._gone[source.index] = tuple(sorted(before - present))
        return self._gone[source.index]

    def _is_new(self, chain: Chain, index: int) -> bool:
        """Whether an item, or one that it belongs to, was not there in the last run."""
        while chain:
            step, table = self._by_id[chain[-1]], self._walk.grid.tables[chain]
            told = self._notes.calls[step.index][index]
            items = self.last(step).items if step.is_source else {}
            known = told is not None and told.key is not None and bool(items)
            if known and (b"", table.paths[index][-1]) not in items:
                return True
            index, chain = table.parents[index], chain[:-1]
        return False

    # Why

    def of(self, place: Place) -> Finding:
        """Why a call would run, or gives something else than last time.

        Of a stream that a finding before has led to: how many of its items, and which.
        """
        step = self._steps[place.step]
        if place.kind is Kind.STREAM:
            return self._streams[place]
        if place.kind is Kind.LISTING:
            told = self._notes.listings[step.index][place.at]
            return self._own(step, told) or self._inputs(step, place.at)
        told = self._notes.calls[step.index][place.at]
        if step.fans_out:
            return self._of_item(step, told, place.at)
        return self._own(step, told) or self._inputs(step, place.at)

    def _own(self, step: Step, told: Told | None) -> Finding | None:
        """What lies in the node itself; None if the reason comes in by its inputs."""
        if told is None:
            return Finding("left out")
        waits = told.why == INPUTS_CHANGED or (told.why == NOT_IN_STORE and told.key is None)
        if told.why is not None and not waits:
            return Finding(told.why + self._failure(told))
        if told.why is None and told.row is not None and self._had(step, told):
            return Finding(f"its result, made in run {told.row.run}, is another than the one read last time")
        changed = self._walk.identities[step.index].why_changed
        return Finding(changed) if told.why is None and changed else None

    def _failure(self, told: Told) -> str:
        failure = self._store.failure(told.key) if told.key is not None else None
        if failure is None:
            return ""
        lines = failure[1].splitlines() or [""]
        return f": {failure[0]}: {lines[0]}".removesuffix(": ")

    def _of_item(self, step: Step, told: Told | None, index: int) -> Finding:
        table = self._walk.grid.tables[step.node.output_chain]
        parent = table.parents[index]
        if told is None or told.key is None:
            if told is not None and told.why not in (None, INPUTS_CHANGED):
                return Finding(told.why or "", files=self._names(step, told))
            return self.of(Place(step.index, Kind.LISTING, parent))
        own = self._own(step, told)
        if own is not None:
            return own
        if any(self._feed_is_stale(step, feed, parent) for feed in step.feeds):
            return self._inputs(step, parent)
        return self._of_files(step, told, table.paths[index][-1], parent)

    def _of_files(self, step: Step, told: Told, key: str, parent: int) -> Finding:
        """What has changed in the files that an item is made from, and in what it uses."""
        digests = [self._walk.feeds.digest(step, feed, parent) for feed in step.feeds]
        joined = b"".join(digest for digest in digests if not isinstance(digest, Blank))
        items = self.last(step).items
        before = items.get((joined, key))
        if before is None:
            return Finding("new item" if items else "new or changed", files=self._names(step, told))
        reads = [digest for _, digest in told.reads]
        if tuple(reads) == before.reads:
            return Finding("what its source says of it changed")
        if not reads:
            return Finding("no longer read from a file")
        if len(reads) != len(before.reads):
            return Finding(OTHER_FILES, files=self._names(step, told))
        changed = [
            path for (path, digest), known in zip(told.reads, before.reads, strict=True) if digest != known
        ]
        return Finding(FILE_CHANGED, files=names_of(step, changed))

    def _names(self, step: Step, told: Told) -> tuple[str, ...]:
        return names_of(step, [path for path, _ in told.reads])

    def _inputs(self, step: Step, index: int) -> Finding:
        """Which inputs of a call are others, or may be once what they come from has run."""
        if step.chain and self._is_new(step.chain, index):
            return Finding("new item", (Place(self._by_id[step.chain[-1]].index, Kind.CALL, index),))
        told = _Inputs()
        for feed in self._blamed(step, index):
            self._of_feed(step, feed, index, told)
        why = told.why or "; ".join(self._walk.identities[step.index].changed) or INPUTS_CHANGED
        return Finding(why, tuple(dict.fromkeys(told.follow)))

    def _blamed(self, step: Step, index: int) -> list[Feed]:
        """The inputs that are not known yet and those that are others than in the last run."""
        digests = {feed.name: self._walk.feeds.digest(step, feed, index) for feed in step.feeds}
        entering = [feed for feed in step.feeds if feed.name != step.linked_seed]
        known = [digest for feed in entering if not isinstance(digest := digests[feed.name], Blank)]
        if not any(isinstance(digest, Blank) for digest in digests.values()):
            changed = self.last(step).changed(known)
            if changed is not None:
                seeds = [feed for feed in step.feeds if feed.name == step.linked_seed]
                return [entering[at] for at in changed] or seeds
        return [
            feed
            for feed in step.feeds
            if isinstance(digests[feed.name], Blank) or self._feed_is_stale(step, feed, index)
        ]

    def _of_feed(self, step: Step, feed: Feed, index: int, told: _Inputs) -> None:
        """Add what is found of one input."""
        above, place = self._walk.grid.above(step.chain, index, feed.up)
        known = not isinstance(self._walk.feeds.digest(step, feed, index), Blank)
        if not known:
            told.waiting[feed.name] = self._steps[feed.step].id
        elif feed.by_content and feed.collects is None and not self.stale[feed.step][place]:
            told.others.append(f"the file of input {feed.name} changed")
            return
        else:
            told.changed.append(feed.name)
        if feed.collects is None:
            told.follow.append(Place(feed.step, Kind.CALL, place))
        else:
            self._of_stream(feed, above, place, told)

    def _of_stream(self, feed: Feed, above: Chain, place: int, told: _Inputs) -> None:
        assert feed.collects is not None, "only streams are collected"
        stream = Place(feed.step, Kind.STREAM, place, feed.collects)
        if stream not in self._streams:
            self._streams[stream] = self._in_stream(feed, above, place)
        told.follow.append(stream)
        if self._streams[stream].why:
            told.counts[self._streams[stream].why] = None

    def _in_stream(self, feed: Feed, above: Chain, place: int) -> Finding:
        """How many items of a collected stream are new, changed or gone, and where they come from."""
        members, unlisted = self._members(feed, above, place)
        stale = [member for member in members if self.stale[feed.step][member]]
        chain = self._steps[feed.step].node.output_chain
        new = sum(self._is_new(chain, member) for member in stale)
        gone = self.gone(feed)
        counts = [
            f"{new:,} new" if new else "",
            f"{len(stale) - new:,} changed" if len(stale) > new else "",
            f"{len(gone):,} gone ({_some(gone)})" if gone else "",
        ]
        text = ", ".join(filter(None, counts))
        follow = (*unlisted, *(Place(feed.step, Kind.CALL, member) for member in stale))
        return Finding(f"{text} of {len(members):,} items" if text and not unlisted else "", follow)


@dataclass(slots=True)
class _Inputs:
    """What is found of the inputs of a call, to be told in one sentence.

    Attributes:
        waiting: inputs that are not known yet, with the node they come from.
        changed: inputs that are known to be others.
        counts: how many items of collected streams are new, changed or gone; once for equal ones.
        others: what else there is to say.
        follow: where it all comes from.
    """

    waiting: dict[str, str] = field(default_factory=dict[str, str])
    changed: list[str] = field(default_factory=list[str])
    counts: dict[str, None] = field(default_factory=dict[str, None])
    others: list[str] = field(default_factory=list[str])
    follow: list[Place] = field(default_factory=list[Place])

    @property
    def why(self) -> str:
        """The sentence; empty if nothing was found."""
        parts = list(self.others)
        if self.changed:
            parts.append(f"{_inputs_named(self.changed)} changed")
        if self.waiting:
            nodes = list(dict.fromkeys(self.waiting.values()))
            depend = "depends" if len(self.waiting) == 1 else "depend"
            give = "gives" if len(nodes) == 1 else "give"
            parts.append(f"{_inputs_named(self.waiting)} {depend} on what {_and(nodes)} {give}")
        return "; ".join(parts) + (f" ({'; '.join(self.counts)})" if self.counts else "")


def _inputs_named(names: Iterable[str]) -> str:
    every = list(names)
    return f"input {every[0]}" if len(every) == 1 else f"inputs {_and(every)}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")

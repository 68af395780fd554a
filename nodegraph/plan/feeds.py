"""What enters the calls of a walk: digests of linked inputs, keys, and the values behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nodegraph.check.checked import Chain
from nodegraph.plan.cells import LEFT_OUT, UNKNOWN, Blank, Grid
from nodegraph.plan.identity import StepIdentity
from nodegraph.plan.keys import call_key, derived_seed, stream_digest
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import BytesMissing, NestedStream, StoredStream, Values
from nodegraph.store import Key, Store
from nodegraph.types.wire import Digest

CallIdentity = tuple[Key, list[Digest], int | None]
"""The key of a call, the digests of its linked inputs, and its derived seed."""


class Feeds:
    """Reads the inputs of calls off a grid, as far as the grid has been filled."""

    def __init__(self, program: Program, grid: Grid, store: Store, values: Values) -> None:
        self._program = program
        self._grid = grid
        self._store = store
        self._values = values
        self._streams: dict[tuple[int, str, int], Digest | Blank] = {}

    def key(self, step: Step, identity: StepIdentity, index: int) -> CallIdentity | Blank:
        """The key of a call with the digests and the seed in it, or why it has none."""
        digests: list[Digest] = []
        base = identity.base_seed
        unknown = False
        for feed in step.feeds:
            cell = self.digest(step, feed, index)
            if cell is LEFT_OUT:
                return LEFT_OUT
            if isinstance(cell, Blank):
                unknown = True
            elif feed.name == step.linked_seed:
                seed = self._linked_seed(cell)
                unknown = unknown or seed is UNKNOWN
                base = seed if isinstance(seed, int) else base
            else:
                digests.append(cell)
        if unknown:
            return UNKNOWN
        path = self._grid.tables[step.chain].paths[index]
        seed = derived_seed(base, step.type.id, digests, path) if step.type.seeded else None
        return call_key(identity.prefix, digests, seed), digests, seed

    def digest(self, step: Step, feed: Feed, index: int) -> Digest | Blank:
        """What one input brings into the key of a call, or why it brings nothing."""
        above, place = self._grid.above(step.chain, index, feed.up)
        if feed.collects is None:
            cell = self._grid.cells[feed.step][place]
            return cell if isinstance(cell, Blank) else self._entering(feed, cell[feed.output]) or UNKNOWN
        stream = (step.index, feed.name, place)
        if stream not in self._streams:
            self._streams[stream] = self._collected(step, feed, above, place)
        return self._streams[stream]

    def _collected(self, step: Step, feed: Feed, above: Chain, place: int) -> Digest | Blank:
        if feed.inner is None:
            entries = self._grid.stream(step, feed, above, place)
            return entries if isinstance(entries, Blank) else self._stream_digest(feed, entries) or UNKNOWN
        nested = self._grid.nested(step, feed, above, place)
        if isinstance(nested, Blank):
            return nested
        streams = ((key, self._stream_digest(feed, inside)) for key, inside in nested)
        return _digest_of_known(streams) or UNKNOWN

    def members(self, feed: Feed, above: Chain, place: int) -> tuple[Sequence[int], list[tuple[int, int]]]:
        """The items of a collected stream, and the (fan-out step, outer item) of calls that list the rest."""
        assert feed.collects is not None, "only streams are collected"
        chain = (*above, self._program.steps[feed.collects].id)
        outer = self._grid.tables[chain].children[place]
        if outer is None:
            return (), [(feed.collects, place)]
        if feed.inner is None:
            return outer, []
        children = self._grid.tables[(*chain, self._program.steps[feed.inner].id)].children
        unlisted = [(feed.inner, index) for index in outer if children[index] is None]
        return [member for index in outer for member in children[index] or ()], unlisted

    def arguments(self, step: Step, index: int) -> dict[str, Any]:
        """The linked inputs of a call whose key is known.

        Raises:
            BytesMissing: if the bytes of one are gone.
        """
        arguments: dict[str, Any] = {}
        for feed in step.feeds:
            above, place = self._grid.above(step.chain, index, feed.up)
            if feed.inner is not None:
                nested = self._grid.nested(step, feed, above, place)
                assert not isinstance(nested, Blank), "a call with a key has all its inputs"
                arguments[feed.name] = NestedStream(nested, self._values, feed.convert)
            elif feed.collects is not None:
                entries = self._grid.stream(step, feed, above, place)
                assert not isinstance(entries, Blank), "a call with a key has all its inputs"
                arguments[feed.name] = StoredStream(entries, self._values, feed.convert)
            elif feed.name != step.linked_seed:
                cell = self._grid.cells[feed.step][place]
                assert not isinstance(cell, Blank), "a call with a key has all its inputs"
                value = self._values.load(cell[feed.output])
                arguments[feed.name] = feed.convert(value) if feed.convert is not None else value
        return arguments

    def _linked_seed(self, cell: Digest) -> int | Blank | None:
        try:
            return self._values.load(cell)
        except BytesMissing:
            return UNKNOWN

    def _stream_digest(self, feed: Feed, entries: list[tuple[str, Digest]]) -> Digest | None:
        return _digest_of_known((key, self._entering(feed, found)) for key, found in entries)

    def _entering(self, feed: Feed, found: Digest) -> Digest | None:
        """What enters a key for a linked value: of a path that is read by content, that; None if unknown."""
        if not feed.by_content:
            return found
        try:
            value = self._values.load(found)
            path = feed.convert(value) if feed.convert is not None else value
            return found if path is None else self._store.file_digest(path)
        except (BytesMissing, OSError):
            return None


def _digest_of_known(entries: Iterable[tuple[str, Digest | None]]) -> Digest | None:
    """The digest of a stream, None if an entry has none."""
    found = list(entries)
    known = [(key, digest) for key, digest in found if digest is not None]
    return stream_digest(known) if len(known) == len(found) else None

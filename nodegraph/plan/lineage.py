"""Lineage: from an item of any stream back to the items of sources that it was made from.

An item below a fan-out node belongs to the outer item that the node was called for. What a node gave that
collects streams, such as a zip, is found in them by content: which of its inputs have the digests of the
item's outputs, the nearest key first. So both sides of a pair are found, whatever the keys became.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodegraph.check.checked import Chain
from nodegraph.plan.cells import Blank, Notes
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.reads import names_of
from nodegraph.plan.walk import Walk
from nodegraph.types.wire import Digest

Level = tuple[Chain, int]
"""An item: the level it is at, and its place in that."""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """An item of a source that something was made from.

    Attributes:
        node: the source's id.
        item: the item's key; None for all that the source gave.
        files: the names of the files it was read from, each with the digest of its content.
    """

    node: str
    item: str | None
    files: tuple[tuple[str, Digest | None], ...] = ()


@dataclass(frozen=True, slots=True)
class _Member:
    """An entry of a collected stream: its place in the level, its key in the stream, its place there."""

    level: Level
    key: str
    order: int


class Lineage:
    """The lineage of every item that a walk knows."""

    def __init__(self, program: Program, walk: Walk, notes: Notes) -> None:
        """Take a walk that was made with notes."""
        self._steps = program.steps
        self._by_id = {step.id: step for step in program.steps}
        self._walk = walk
        self._grid = walk.grid
        self._notes = notes
        self._labels: dict[Chain, dict[str, int]] = {}
        self._members: dict[tuple[int, int, str], dict[Digest, list[_Member]]] = {}

    def behind(self, step: Step, outer: str, items: Sequence[str]) -> list[SourceItem]:
        """The source items behind some items of the streams that a step collects.

        Args:
            step: the step.
            outer: the item it was called for, "" if it is not mapped.
            items: keys in the streams that it collects; without any, what the call as a whole was made from.
        """
        taken = dict.fromkeys(self._collected(feed) for feed in step.feeds if feed.collects is not None)
        found: dict[SourceItem, None] = {}
        for item in items:
            label = f"{outer}/{item}" if outer else item
            levels = [(chain, self._label(chain)[label]) for chain in taken if label in self._label(chain)]
            found |= self._sources(levels) or dict.fromkeys(self._named(step, label))
        if not found and outer:
            known = self._label(step.chain).get(outer)
            found = self._sources([] if known is None else [(step.chain, known)])
        return list(found or dict.fromkeys(self._whole(step)))

    def _collected(self, feed: Feed) -> Chain:
        """The level that the items of a stream input are at."""
        taken = feed.collects if feed.inner is None else feed.inner
        assert taken is not None, "only streams are collected"
        return self._steps[taken].node.output_chain

    def _label(self, chain: Chain) -> dict[str, int]:
        if chain not in self._labels:
            paths = self._grid.tables[chain].paths if chain in self._grid.tables else []
            self._labels[chain] = {"/".join(path): at for at, path in enumerate(paths)}
        return self._labels[chain]

    def _sources(self, levels: Sequence[Level]) -> dict[SourceItem, None]:
        found: dict[SourceItem, None] = {}
        seen: set[Level] = set()
        waiting = list(reversed(levels))
        while waiting:
            level = waiting.pop()
            if level in seen:
                continue
            seen.add(level)
            chain, at = level
            fan_out = self._by_id[chain[-1]]
            if at == _WHOLE:
                found |= dict.fromkeys(self._whole(fan_out))
                continue
            above = list(self._above(fan_out, level))
            item = self._source_item(fan_out, at)
            if item.files or not above:
                found[item] = None
            waiting.extend(reversed(above))
        return found

    def _source_item(self, source: Step, at: int) -> SourceItem:
        told = self._notes.calls[source.index][at]
        path = self._grid.tables[source.node.output_chain].paths[at]
        reads = told.reads if told is not None else ()
        names = names_of(source, (path for path, _ in reads))
        files = tuple(zip(names, (digest for _, digest in reads), strict=True))
        return SourceItem(source.id, "/".join(path), files or self._own_files(source))

    def _own_files(self, source: Step) -> tuple[tuple[str, Digest | None], ...]:
        """The files that a source itself was given; they stand for those of items listed in the store."""
        identity = self._walk.identities.get(source.index)
        if identity is None or source.chain:
            return ()
        paths = ((name, value) for name, value in source.node.params.items() if isinstance(value, Path))
        contents = identity.now.files
        return tuple(
            (path.name, Digest(contents[name]) if name in contents else None) for name, path in paths
        )

    def _above(self, fan_out: Step, level: Level) -> Iterator[Level]:
        """What an item that a fan-out step gave was made from."""
        chain, at = level
        parent = self._grid.tables[chain].parents[at]
        if chain[:-1]:
            yield chain[:-1], parent
        yield from dict.fromkeys(self._joined(fan_out, chain, at, parent))

    def _joined(self, fan_out: Step, chain: Chain, at: int, parent: int) -> Iterator[Level]:
        """The entries of collected streams that an item goes back to."""
        feeds = [feed for feed in fan_out.feeds if feed.collects is not None]
        inside = self._grid.tables[chain].children[parent]
        key, order = self._grid.tables[chain].paths[at][-1], at - (inside.start if inside else at)
        cell = self._grid.cells[fan_out.index][at]
        explained: set[str] = set()
        names = [port.name for port in fan_out.type.signature.outputs]
        for output, digest in enumerate(() if isinstance(cell, Blank) else cell):
            own = [feed for feed in feeds if feed.name == names[output]] or feeds
            near = [
                (_distance(feed, member, key, order), feed, member)
                for feed in own
                for member in self._entries(fan_out, feed, parent).get(digest, ())
            ]
            best = min((distance for distance, _, _ in near), default=0)
            yield from (member.level for distance, _, member in near if distance == best)
            if near:
                type_ = fan_out.output_types[output]
                explained.update(feed.name for feed in own if self._type(feed) == type_)
        for feed in feeds:
            if feed.name not in explained:
                yield from self._by_key(fan_out, feed, parent, key)

    def _type(self, feed: Feed) -> object:
        return self._steps[feed.step].output_types[feed.output]

    def _by_key(self, fan_out: Step, feed: Feed, parent: int, key: str) -> Iterator[Level]:
        """The entries whose key an item of another content bears; the stream as a whole if none does."""
        every = self._entries(fan_out, feed, parent).values()
        distances = {
            member.level: distance
            for same in every
            for member in same
            if (distance := _distance(feed, member, key, -1)) < _OTHER
        }
        best = min(distances.values(), default=_OTHER)
        yield from (level for level, distance in distances.items() if distance == best)
        if not distances:
            yield self._collected(feed), _WHOLE

    def _entries(self, fan_out: Step, feed: Feed, parent: int) -> dict[Digest, list[_Member]]:
        """The entries of a stream that a fan-out step collects, by content."""
        known = self._members.get((fan_out.index, parent, feed.name))
        if known is None:
            known = defaultdict[Digest, list[_Member]](list)
            for order, (level, key) in enumerate(self._stream(fan_out, feed, parent)):
                cell = self._grid.cells[feed.step][level[1]]
                if not isinstance(cell, Blank):
                    known[cell[feed.output]].append(_Member(level, key, order))
            self._members[fan_out.index, parent, feed.name] = known
        return known

    def _stream(self, fan_out: Step, feed: Feed, parent: int) -> Iterator[tuple[Level, str]]:
        """The items of a collected stream, with their keys in it, `outer/inner` in a stream of streams."""
        chain = self._collected(feed)
        assert feed.collects is not None, "only streams are collected"
        _, place = self._grid.above(fan_out.chain, parent, feed.up)
        places = self._grid.tables[self._steps[feed.collects].node.output_chain].children[place] or ()
        if feed.inner is not None:
            children = self._grid.tables[chain].children
            places = [at for outer in places for at in children[outer] or ()]
        width = 1 if feed.inner is None else 2
        paths = self._grid.tables[chain].paths
        for at in places:
            yield (chain, at), "/".join(paths[at][-width:])

    def _named(self, step: Step, label: str) -> list[SourceItem]:
        """Source items by key, where an item is not known: those whose key it begins with, or has."""
        parts = label.split("/")
        leading = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        inside = [
            "/".join(parts[at:end]) for at in range(1, len(parts)) for end in range(at + 1, len(parts) + 1)
        ]
        for keys in (leading, inside):
            found = [
                self._source_item(source, labels[key])
                for source in self._sources_before(step)
                for key in keys
                if key in (labels := self._label(source.node.output_chain))
            ]
            if found:
                return found
        return []

    def _whole(self, step: Step) -> list[SourceItem]:
        return [SourceItem(source.id, None) for source in self._sources_before(step)]

    def _sources_before(self, step: Step) -> list[Step]:
        found = {step.index}
        waiting = [step]
        while waiting:
            for feed in waiting.pop().feeds:
                if feed.step not in found:
                    found.add(feed.step)
                    waiting.append(self._steps[feed.step])
        return [step for index in sorted(found) if _begins(step := self._steps[index])]


_WHOLE = -1
_SAME, _PART, _PLACE, _OTHER = range(4)


def _begins(step: Step) -> bool:
    """Whether a stream begins at a step: what it lists belongs to no item and joins no streams."""
    return step.fans_out and not step.chain and all(feed.collects is None for feed in step.feeds)


def _distance(feed: Feed, member: _Member, key: str, order: int) -> int:
    """How far the key of an entry of a stream is from that of an item with the same content."""
    if key in (member.key, f"{feed.name}/{member.key}"):
        return _SAME
    if key.startswith(f"{member.key}/") or key.endswith(f"/{member.key}"):
        return _PART
    return _PLACE if member.order == order else _OTHER

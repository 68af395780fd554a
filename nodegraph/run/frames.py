"""Frames and scopes: the state of items in flight.

A `Frame` holds the results of one item at one level while the item flows through; the root frame holds
those of the nodes that are not mapped. A `Scope` is one stream: the items that a fan-out node gave for one
item of its own level. When an item is through, its frame goes, and of it the scope keeps only the digests
that some collecting node or output of the graph will read: 32 bytes and the item's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from nodegraph.types.stream import Item
from nodegraph.types.wire import Digest, Wire

if TYPE_CHECKING:
    from nodegraph.plan.producers import Producer
    from nodegraph.plan.program import Level, Watch
    from nodegraph.store import Key


class Status:
    """Why a call has no result."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


FAILED: Final = Status("failed")
SKIPPED: Final = Status("skipped")
ABSENT: Final = Status("absent")
"""The item was dropped, or failed at an earlier node of its stream: it does not count here."""
LATER: Final = Status("later")
"""Another pass has to make bytes again first; streams with such an item are not collected in this pass."""

NOT_HELD: Final = object()
"""In place of the value of a result that is not at hand as such."""


class Done:
    """The result of a call.

    Attributes:
        digests: of each output.
        wires: their wire forms, while they are at hand.
        fresh: whether it was made in this run.
        nbytes: bytes that the wire forms take while they are at hand.
        value: the value of the only output, if it is one that nobody can change; else `NOT_HELD`.
    """

    __slots__ = ("digests", "fresh", "nbytes", "value", "wires")

    def __init__(
        self, digests: tuple[Digest, ...], wires: tuple[Wire, ...] | None = None, fresh: bool = False
    ) -> None:
        self.digests = digests
        self.wires = wires
        self.fresh = fresh
        self.nbytes = 0 if wires is None else sum([wire.nbytes for wire in wires])
        self.value: Any = NOT_HELD

    @classmethod
    def of_one(cls, digest: Digest, wire: Wire, value: object) -> Done:
        """The result of a cheap call with one output, of bytes that stand in its header."""
        done = cls((digest,), None, True)
        done.wires = (wire,)
        done.nbytes = len(wire.header)
        done.value = value
        return done


Result = Done | Status


class Frame:
    """The results of one item at one level.

    Attributes:
        scope: the stream the item belongs to; None for the root.
        parent: the frame of the outer item; None for the root.
        index, key: place and key of the item in its stream.
        results: per position of the level; None until resolved.
        needs: per position, how many inputs are not resolved yet.
        uses: per position, how many calls will still read its value here.
        busy: positions that keep the item in flight; open: all unresolved positions.
        held: bytes of the values at hand.
        scopes: the streams that fan-out steps of this level gave for this item.
        waiters, stream_waiters: positions of deeper frames that wait for a result or stream of this one.
        item: what the generator yielded, kept to make the value again if its bytes are missing.
        memo_key, made_of: the key of the item's `make`, and what its row keeps of its inputs.
    """

    __slots__ = (
        "busy",
        "held",
        "index",
        "item",
        "key",
        "level",
        "made_of",
        "memo_key",
        "needs",
        "open",
        "parent",
        "remakes",
        "results",
        "scope",
        "scopes",
        "stream_waiters",
        "uses",
        "waiters",
    )

    def __init__(self, level: Level, scope: Scope | None, parent: Frame | None, index: int, key: str) -> None:
        self.level = level
        self.scope = scope
        self.parent = parent
        self.index = index
        self.key = key
        self.results: list[Result | None] = [None] * len(level.members)
        self.needs = list(level.needs)
        self.uses = list(level.consumers)
        self.busy = level.busy
        self.open = len(level.members)
        self.held = 0
        self.scopes: dict[int, Scope] = {}
        self.waiters: dict[int, list[tuple[Frame, int]]] = {}
        self.stream_waiters: dict[tuple[int, Watch], list[tuple[Frame, int]]] = {}
        self.item: Item[object] | None = None
        self.memo_key: Key | None = None
        self.made_of = b""
        self.remakes: dict[int, list[tuple[Frame, int]]] = {}

    def above(self, levels: int) -> Frame:
        """The frame `levels` levels up."""
        frame = self
        for _ in range(levels):
            assert frame.parent is not None, "a feed reaches above the root"
            frame = frame.parent
        return frame

    @property
    def path(self) -> tuple[str, ...]:
        """The item's key along its origin; () for the root."""
        keys: list[str] = []
        frame: Frame | None = self
        while frame is not None and frame.scope is not None:
            keys.append(frame.key)
            frame = frame.parent
        return tuple(reversed(keys))

    @property
    def label(self) -> str:
        """The item's key as it is shown: `a/b`, "" for the root."""
        return "/".join(self.path)


class Column:
    """The digests of one step's outputs over the items of a stream, packed."""

    __slots__ = ("digests", "present")

    def __init__(self, outputs: tuple[int, ...]) -> None:
        self.digests = {output: bytearray() for output in outputs}
        self.present = bytearray()

    def extend(self) -> None:
        """Make room for one more item."""
        self.present.append(0)
        for digests in self.digests.values():
            digests.extend(bytes(32))

    def set(self, index: int, result: Result) -> None:
        """Write down an item's result; one that has none is left out."""
        self.present[index] = isinstance(result, Done)
        if isinstance(result, Done):
            for output, digests in self.digests.items():
                digests[32 * index : 32 * index + 32] = result.digests[output]

    def get(self, index: int, output: int) -> Digest:
        """The digest of one item's output."""
        return Digest(bytes(self.digests[output][32 * index : 32 * index + 32]))


class Scope:
    """One stream: what a fan-out step gave for one item of its level.

    Attributes:
        step, name: index and node id of the fan-out step.
        level: of its items.
        frame: the frame of the outer item.
        stream: what its owner knows of it.
        count: of the items so far.
        columns: per recorded step, the digests of its outputs.
        resolved: per watched step or inner stream, of how many items it is resolved.
        rank: of its fan-out step.
        ended: the producer gave its last item; broken: it raised before that.
        later: a call for one of its items, or below, was left to another pass.
        busy, alive: frames in flight, and frames not finished.
        inner: per fan-out step and item, the streams below this one that are read after their frame is gone.
        collected: what is known of the stream as a whole, for the many calls that may read it.
    """

    __slots__ = (
        "advancing",
        "alive",
        "broken",
        "busy",
        "collected",
        "columns",
        "count",
        "ended",
        "frame",
        "inner",
        "later",
        "level",
        "name",
        "position",
        "producer",
        "rank",
        "resolved",
        "step",
        "stream",
    )

    def __init__(
        self,
        step: int,
        name: str,
        level: Level,
        position: int,
        frame: Frame,
        producer: Producer,
        columns: dict[int, Column],
        watched: tuple[Watch, ...],
        stream: object,
        rank: int,
    ) -> None:
        self.step = step
        self.name = name
        self.level = level
        self.position = position
        self.frame = frame
        self.producer = producer
        self.stream = stream
        self.count = 0
        self.columns = columns
        self.resolved: dict[Watch, int] = dict.fromkeys(watched, 0)
        self.rank = rank
        self.ended = False
        self.broken = False
        self.later = False
        self.advancing = False
        self.busy = 0
        self.alive = 0
        self.inner: dict[int, dict[int, Scope]] = {}
        self.collected: dict[tuple[str, int, str], Any] = {}

    def complete(self, watch: Watch) -> bool:
        """Whether what is watched is resolved for every item of the stream."""
        return self.ended and self.resolved[watch] == self.count

    @property
    def keys(self) -> Mapping[str, None]:
        """The item keys in source order, of a stream that has ended."""
        return self.producer.keys

    def present(self, step: int, output: int, also: tuple[int, ...] = ()) -> Iterator[tuple[str, Digest]]:
        """The (item key, digest) pairs of a step's output, without items missing from a step of `also`."""
        column = self.columns[step]
        others = [self.columns[other].present for other in also]
        for index, key in enumerate(self.keys):
            if column.present[index] and all(present[index] for present in others):
                yield key, column.get(index, output)

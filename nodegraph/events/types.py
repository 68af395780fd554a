"""The kinds of events. All are frozen; `time` is in seconds since the run started."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    Attributes:
        time: seconds since the run started.
    """

    kind: ClassVar[str] = "event"

    time: float

    def as_json(self) -> dict[str, Any]:
        """The object that a run's event log holds."""
        entry: dict[str, Any] = {"event": self.kind}
        for name in _names(type(self)):
            entry[name] = getattr(self, name)
        return entry


@lru_cache(maxsize=64)
def _names(kind: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins. `nodes` are the ids that take part, in topological order, with their type ids."""

    kind: ClassVar[str] = "run-started"

    run: int
    graph: str
    nodes: tuple[tuple[str, str], ...]
    jobs: int


@dataclass(frozen=True, slots=True)
class NodeEvent(Event):
    """Something that happened in a node.

    Attributes:
        node: the node's id.
        item: the item key (`a/b` for nested streams), "" for a node that is not mapped.
    """

    node: str
    item: str


@dataclass(frozen=True, slots=True)
class SourceAdvanced(NodeEvent):
    """A fan-out node gave its `count`-th item; `total` is known once it ended (`ended`), else None."""

    kind: ClassVar[str] = "source-advanced"

    count: int
    ended: bool


@dataclass(frozen=True, slots=True)
class CallStarted(NodeEvent):
    """A call starts; `reason` says why it has to run."""

    kind: ClassVar[str] = "started"

    reason: str


@dataclass(frozen=True, slots=True)
class CallProgress(NodeEvent):
    """A call reports that `done` of `total` units are finished."""

    kind: ClassVar[str] = "progress"

    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class CallCached(NodeEvent):
    """A call's result was in the store."""

    kind: ClassVar[str] = "cached"


@dataclass(frozen=True, slots=True)
class CallDone(NodeEvent):
    """A call finished; `seconds` is its own time."""

    kind: ClassVar[str] = "done"

    seconds: float


@dataclass(frozen=True, slots=True)
class CallDropped(NodeEvent):
    """A node left an item out, now or (`cached`) when it last ran."""

    kind: ClassVar[str] = "dropped"

    reason: str
    cached: bool


@dataclass(frozen=True, slots=True)
class CallFailed(NodeEvent):
    """A call failed. `error` is the exception's type, `traceback` the frames of the node's own code."""

    kind: ClassVar[str] = "failed"

    error: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class CallSkipped(NodeEvent):
    """A call had no input because something before it failed."""

    kind: ClassVar[str] = "skipped"

    because: str


@dataclass(frozen=True, slots=True)
class Output(NodeEvent):
    """A line that a node printed or logged."""

    kind: ClassVar[str] = "output"

    text: str


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know that is no failure, such as damage that was set aside."""

    kind: ClassVar[str] = "warning"

    message: str


@dataclass(frozen=True, slots=True)
class NodeFinished(Event):
    """The totals of a node at the end of the run; see `NodeReport`."""

    kind: ClassVar[str] = "node-finished"

    node: str
    type: str
    items: int
    executed: int
    cached: int
    failed: int
    skipped: int
    dropped: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The run ended."""

    kind: ClassVar[str] = "run-finished"

    ok: bool
    interrupted: bool
    seconds: float


class NodeAdvance(NamedTuple):
    """The counts of one node so far.

    `total` is how many calls the node will have in all, as far as it can be told: an upper bound where items
    are dropped, an estimate for nested streams, None while nothing tells.
    """

    node: str
    executed: int
    cached: int
    failed: int
    skipped: int
    dropped: int
    total: int | None


@dataclass(frozen=True, slots=True)
class NodesAdvanced(Event):
    """The counts of the nodes that moved; sent a few times a second.

    Cheap calls are not reported one by one: progress displays read this.
    """

    kind: ClassVar[str] = "nodes-advanced"

    nodes: tuple[NodeAdvance, ...]

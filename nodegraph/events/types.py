"""The kinds of events. All are frozen; `time` is in seconds since the run started."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple


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


@dataclass(frozen=True, slots=True)
class ModelLoaded(Event):
    """A model was loaded onto a device; `time` is when it was there, `time - seconds` when loading began.

    Attributes:
        model: its id, which tells it from all others.
        name: for people.
        mode: how it is held: `resident`, `swap`, `chunked` or `offload`.
        source: where it came from: `disk` or `host` memory.
        nbytes: bytes that it takes on the device.
    """

    kind: ClassVar[str] = "model-loaded"

    device: str
    model: str
    name: str
    mode: str
    source: Literal["disk", "host"]
    seconds: float
    nbytes: int


@dataclass(frozen=True, slots=True)
class ModelEvicted(Event):
    """A model left a device, for host memory (`host`) or altogether (`dropped`)."""

    kind: ClassVar[str] = "model-evicted"

    device: str
    model: str
    name: str
    to: Literal["host", "dropped"]


@dataclass(frozen=True, slots=True)
class CallPlaced(NodeEvent):
    """A call that ran on a device has ended; it began at `time - seconds`.

    Attributes:
        item: the item key, of a batch that of its first item.
        mode: how its models were held: `resident`, `swap`, `chunked` or `offload`; "" for a call without
            models.
        batch: how many items it took.
    """

    kind: ClassVar[str] = "call-placed"

    device: str
    mode: str
    batch: int
    seconds: float


@dataclass(frozen=True, slots=True)
class MemoryTracked(Event):
    """The bytes of a device that weights and working memory take have changed to `tracked`."""

    kind: ClassVar[str] = "memory-tracked"

    device: str
    tracked: int
    budget: int


class ForecastDevice(NamedTuple):
    """What a placement expects of a device: peak bytes and model loads, within a budget in bytes."""

    name: str
    budget: int
    peak: int
    loads: int


class ForecastStage(NamedTuple):
    """What a placement decided for the calls of a node on a device.

    Attributes:
        batch: how many items a call takes.
        items: how many are to run there.
        basis: where its figures come from: `measured`, `estimated` or `assumed`.
    """

    node: str
    device: str
    mode: str
    batch: int
    items: int
    basis: str


@dataclass(frozen=True, slots=True)
class PlacementForecast(Event):
    """Where calls will run and what that will take; `seconds` is the forecast from now to the end."""

    kind: ClassVar[str] = "placement-forecast"

    devices: tuple[ForecastDevice, ...]
    seconds: float
    stages: tuple[ForecastStage, ...]


@dataclass(frozen=True, slots=True)
class OutOfMemory(NodeEvent):
    """A call ran out of a device's memory.

    Attributes:
        need: bytes that it asked for in all, as far as is known.
        budget: bytes that it could have had.
        then: what is tried next, in words.
    """

    kind: ClassVar[str] = "out-of-memory"

    device: str
    need: int
    budget: int
    then: str

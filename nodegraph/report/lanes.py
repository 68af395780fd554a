"""What happened on each device in a run: calls by node, stays of models, memory; beside what was forecast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nodegraph.events.types import (
    CallPlaced,
    Event,
    ForecastDevice,
    ForecastStage,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    OutOfMemory,
    PlacementForecast,
)
from nodegraph.report.spans import Stay, stays_of


@dataclass(frozen=True, slots=True)
class NodeLane:
    """The calls of a node on a device, by start; and where it ran out of memory."""

    name: str
    calls: Sequence[CallPlaced]
    failures: Sequence[OutOfMemory]

    @property
    def items(self) -> int:
        """How many items the calls took."""
        return sum(call.batch for call in self.calls)

    @property
    def seconds(self) -> float:
        """What the calls took, summed."""
        return sum(call.seconds for call in self.calls)


@dataclass(frozen=True, slots=True)
class ModelLane:
    """The stays of a model on a device, by start."""

    name: str
    stays: Sequence[Stay]


@dataclass(frozen=True, slots=True)
class DeviceLane:
    """What happened on a device.

    Attributes:
        memory: tracked bytes and budget from a time on.
        peak: the most bytes that were tracked.
        forecast: what was expected of it; None where nothing was.
    """

    name: str
    nodes: Sequence[NodeLane]
    models: Sequence[ModelLane]
    memory: Sequence[MemoryTracked]
    peak: int
    loads: int
    forecast: ForecastDevice | None

    @property
    def budget(self) -> int:
        """The bytes it had in the end; 0 where nothing tells."""
        if self.memory:
            return self.memory[-1].budget
        return self.forecast.budget if self.forecast else 0

    @property
    def failures(self) -> list[OutOfMemory]:
        """Every time a call ran out of its memory."""
        return [failure for node in self.nodes for failure in node.failures]


@dataclass(frozen=True, slots=True)
class Lanes:
    """What happened on the devices of a run; times in seconds since the run started.

    Attributes:
        end: of the last thing that happened.
        seconds: from the forecast, or else the start of the run, to the end of the last call.
        forecast: the seconds that were expected; None without a forecast.
        stages: what was decided before the run.
        nodes: all that made calls, in topological order as far as the forecast tells it.
    """

    devices: Sequence[DeviceLane]
    end: float
    seconds: float
    forecast: float | None
    stages: Sequence[ForecastStage]
    nodes: Sequence[str]


@dataclass(slots=True)
class _Gathered:
    """The events of one device, while they are sorted."""

    calls: dict[str, list[CallPlaced]] = field(default_factory=dict[str, list[CallPlaced]])
    failures: dict[str, list[OutOfMemory]] = field(default_factory=dict[str, list[OutOfMemory]])
    models: dict[str, list[ModelLoaded | ModelEvicted]] = field(
        default_factory=dict[str, list[ModelLoaded | ModelEvicted]]
    )
    memory: list[MemoryTracked] = field(default_factory=list[MemoryTracked])

    @property
    def is_used(self) -> bool:
        return bool(self.calls or self.failures or self.models)


def lanes_of(events: Iterable[Event]) -> Lanes | None:
    """Sort the events of a run by device, or None if no call of a model ran and none was tried.

    Of several forecasts the first counts: the one from before anything ran.
    """
    forecast: PlacementForecast | None = None
    gathered: dict[str, _Gathered] = {}
    end = done = 0.0
    for event in events:
        match event:
            case PlacementForecast():
                forecast = forecast or event
            case CallPlaced():
                _of(gathered, event.device).calls.setdefault(event.node, []).append(event)
                done = max(done, event.time)
            case OutOfMemory():
                _of(gathered, event.device).failures.setdefault(event.node, []).append(event)
            case ModelLoaded() | ModelEvicted():
                _of(gathered, event.device).models.setdefault(event.model, []).append(event)
            case MemoryTracked():
                _of(gathered, event.device).memory.append(event)
            case _:
                continue
        end = max(end, event.time)
    if not any(device.is_used for device in gathered.values()):
        return None
    nodes = _in_order(
        (stage[0] for stage in forecast.stages) if forecast else (),
        (node for device in gathered.values() for node in (*device.calls, *device.failures)),
    )
    expected = {entry[0]: ForecastDevice(*entry) for entry in forecast.devices} if forecast else {}
    names = _in_order(expected, gathered)
    devices = (_device(name, _of(gathered, name), nodes, expected.get(name), end) for name in names)
    begun = forecast.time if forecast else 0.0
    return Lanes(
        devices=[lane for lane in devices if _tells(lane)],
        end=end,
        seconds=max(0.0, done - begun),
        forecast=forecast.seconds if forecast else None,
        stages=[ForecastStage(*entry) for entry in forecast.stages] if forecast else (),
        nodes=[node for node in nodes if any(node in device.calls for device in gathered.values())],
    )


def _of(gathered: dict[str, _Gathered], device: str) -> _Gathered:
    return gathered.setdefault(device, _Gathered())


def _in_order(*names: Iterable[str]) -> list[str]:
    """All the names once, in the order in which they come first."""
    return list(dict.fromkeys(name for some in names for name in some))


def _tells(device: DeviceLane) -> bool:
    expected = device.forecast
    return bool(device.nodes or device.models or (expected and (expected.peak or expected.loads)))


def _device(
    name: str, gathered: _Gathered, nodes: Sequence[str], expected: ForecastDevice | None, end: float
) -> DeviceLane:
    models = [
        ModelLane(entries[0].name or entries[0].model, list(stays_of(entries, end)))
        for entries in gathered.models.values()
    ]
    return DeviceLane(
        name=name,
        nodes=[
            NodeLane(
                node,
                sorted(gathered.calls.get(node, ()), key=lambda call: call.time - call.seconds),
                gathered.failures.get(node, ()),
            )
            for node in nodes
            if node in gathered.calls or node in gathered.failures
        ],
        models=models,
        memory=gathered.memory,
        peak=max((entry.tracked for entry in gathered.memory), default=0),
        loads=sum(stay.source is not None for model in models for stay in model.stays),
        forecast=expected,
    )

"""A recorded run placed again on other devices: what ran, what that took, and what it would take there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nodegraph.events.types import CallPlaced, Event, MemoryTracked, ModelLoaded, NodeFinished, RunFinished
from nodegraph.place.peers import OnDemand, on_demand
from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import MODES, Cost, Device, Mode, Model, Problem, Stage
from nodegraph.place.profiles import Circumstances, Profiles, fit_bytes, fit_line, nearest
from nodegraph.place.schedule import Schedule
from nodegraph.place.shapes import UNKNOWN
from nodegraph.place.stages import HOST
from nodegraph.store.profiles import Profile, Sample, Setting, Subject

LOGGED = (CallPlaced, MemoryTracked, ModelLoaded, NodeFinished, RunFinished)
"""The events of a run's log that tell what it took."""

_Timed = list[tuple[int, float]]
"""Batch size and seconds of calls."""


class ReplayError(ValueError):
    """A run that cannot be placed again; the message says why and what to do."""


@dataclass(slots=True)
class Measured:
    """What a run took.

    Attributes:
        seconds: from the end of the check to the last commit; None where the run was killed before.
        nodes: the totals of each node.
        calls: of each node with models, by the device's name and mode: batch size and seconds of each call.
        loads: of each model, by where it came from: seconds of each load in mode resident.
        device_loads, peaks, budgets: by device; bytes of weights and working memory at most, of its budget.
    """

    seconds: float | None = None
    nodes: dict[str, NodeFinished] = field(default_factory=dict[str, NodeFinished])
    calls: dict[str, dict[tuple[str, Mode], _Timed]] = field(
        default_factory=dict[str, dict[tuple[str, Mode], _Timed]]
    )
    loads: dict[tuple[str, str], list[float]] = field(default_factory=dict[tuple[str, str], list[float]])
    device_loads: dict[str, int] = field(default_factory=dict[str, int])
    peaks: dict[str, int] = field(default_factory=dict[str, int])
    budgets: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Replay:
    """A run beside its placement on other devices.

    Attributes:
        measured: what the run took.
        problem: what ran, with what was measured of it, on the devices given.
        schedule: how it is placed there, and what that will take.
        baseline: what the same calls take item by item, with models loaded when a call needs them.
    """

    measured: Measured
    problem: Problem
    schedule: Schedule
    baseline: OnDemand

    @property
    def loads(self) -> int:
        """Model loads of the schedule."""
        return len(self.schedule.loads)


def measured_by(events: Iterable[Event]) -> Measured:
    """What a run took, out of its log."""
    found = Measured()
    for event in events:
        match event:
            case CallPlaced():
                modes = found.calls.setdefault(event.node, {})
                calls = modes.setdefault((event.device, _mode(event.mode)), [])
                calls.append((event.batch, event.seconds))
            case ModelLoaded():
                found.device_loads[event.device] = found.device_loads.get(event.device, 0) + 1
                if event.mode == "resident":
                    found.loads.setdefault((event.model, event.source), []).append(event.seconds)
            case MemoryTracked():
                found.peaks[event.device] = max(found.peaks.get(event.device, 0), event.tracked)
                found.budgets[event.device] = event.budget
            case NodeFinished():
                found.nodes[event.node] = event
            case RunFinished():
                found.seconds = event.seconds
            case _:
                pass
    return found


def require_calls(measured: Measured) -> None:
    """Refuse a run that gives nothing to place.

    Raises:
        ReplayError: if it made no calls that use models.
    """
    if not measured.calls:
        raise ReplayError(
            "it made no call that uses models: its graph has none, or their results were in the store; "
            "name a run that made some, or run with --force NODE"
        )


def replay(problem: Problem, measured: Measured, profiles: Profiles, devices: Sequence[Device]) -> Replay:
    """Place what a run did on devices.

    A stage has as many calls as the run made of its node. Time is what the calls of the run took, working
    memory what profiles hold of such calls; where neither tells, as of a mode that was not used, what the run
    reckoned with. A device of a kind that the run did not use is taken to be as fast as those that it used.

    Args:
        problem: what the run placed.
        measured: what it took.
        profiles: what was measured of such calls.
        devices: where to place it; those of the run if there are none.

    Raises:
        ReplayError: if the run made no calls that use models.
    """
    require_calls(measured)
    known = _with_measured(problem, measured, profiles)
    placed = _on(known, devices) if devices else known
    schedule = plan_placement(placed)
    return Replay(measured, placed, schedule, on_demand(placed, schedule))


def _mode(mode: str) -> Mode:
    """The mode of a call; one without models counts as resident."""
    known: Mapping[str, Mode] = {mode: mode for mode in MODES}
    return known.get(mode, "resident")


def _with_measured(problem: Problem, measured: Measured, profiles: Profiles) -> Problem:
    """The problem with the counts of the run and with what it measured."""
    kinds = {device.name: device.kind for device in problem.devices}
    return replace(
        problem,
        models={name: _loaded(model, measured) for name, model in problem.models.items()},
        stages=tuple(_stage(stage, measured, profiles, kinds) for stage in problem.stages),
    )


def _loaded(model: Model, measured: Measured) -> Model:
    disk, host = measured.loads.get((model.id, "disk")), measured.loads.get((model.id, "host"))
    return replace(
        model,
        load_seconds=_mean(disk) if disk else model.load_seconds,
        move_seconds=_mean(host) if host else model.move_seconds,
    )


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / len(seconds)


def _stage(stage: Stage, measured: Measured, profiles: Profiles, kinds: Mapping[str, str]) -> Stage:
    totals = measured.nodes.get(stage.id)
    if totals is None:
        return replace(stage, count=0)
    count = totals.executed + totals.failed
    if HOST in stage.costs:
        seconds = totals.seconds / count if count else 0.0
        return replace(
            stage, count=count, costs={HOST: {"resident": Cost(0, 0, 0.0, seconds, "measured", "measured")}}
        )
    profile = profiles.profile(Subject(totals.type, stage.models))
    timed: dict[tuple[str, Mode], _Timed] = {}
    for (device, mode), calls in measured.calls.get(stage.id, {}).items():
        timed.setdefault((kinds.get(device, ""), mode), []).extend(calls)
    costs = {
        kind: _costs(modes, profile, kind, {mode: timed[of, mode] for of, mode in timed if of == kind})
        for kind, modes in stage.costs.items()
    }
    return replace(stage, count=count, costs=costs)


def _costs(
    reckoned: Mapping[Mode, Cost], profile: Profile, kind: str, timed: Mapping[Mode, _Timed]
) -> dict[Mode, Cost]:
    """What calls take on a kind of device by mode: measured where it was, else as it was reckoned."""
    version = max(
        (setting for setting in profile if setting.device_kind == kind),
        key=lambda setting: profile[setting].run,
        default=_NO_SETTING,
    ).version
    costs: dict[Mode, Cost] = {}
    for mode, cost in reckoned.items():
        wanted = Circumstances(version, kind, mode, UNKNOWN)
        evidence = nearest(profile, wanted)
        points: Mapping[int, Sample] = {}
        if evidence is not None and evidence.of[:3] == wanted[:3]:
            points = evidence.points
            fixed, item = fit_bytes(points)
            cost = replace(cost, fixed_bytes=fixed, item_bytes=item, memory_basis="measured")
        calls = timed.get(mode) or [(batch, sample.seconds) for batch, sample in points.items()]
        costs[mode] = _in_time(cost, calls) if calls else cost
    for mode, cost in costs.items():
        if timed and cost.time_basis != "measured":
            costs[mode] = _slower(cost, reckoned, costs, timed)
    return costs


_NO_SETTING = Setting("", "", "", UNKNOWN, 1)


def _in_time(cost: Cost, calls: _Timed) -> Cost:
    """A cost with the seconds that calls took; of one batch size, the share that does not grow is kept."""
    if len({batch for batch, _ in calls}) > 1:
        fixed, item = fit_line(calls)
    else:
        batch = calls[0][0]
        seconds, before = sum(took for _, took in calls) / len(calls), cost.seconds(batch)
        scale = seconds / before if before > 0 else 0.0
        fixed, item = cost.fixed_seconds * scale, cost.item_seconds * scale if scale else seconds / batch
    return replace(cost, fixed_seconds=fixed, item_seconds=item, time_basis="measured")


def _slower(
    cost: Cost, reckoned: Mapping[Mode, Cost], costs: Mapping[Mode, Cost], timed: Mapping[Mode, _Timed]
) -> Cost:
    """The cost in a mode that was not used: that in one that was, and what they were reckoned to differ."""
    used = max(timed, key=lambda mode: len(timed[mode]))
    if used not in costs:
        return cost
    more = max(0.0, cost.fixed_seconds - reckoned[used].fixed_seconds)
    near = costs[used]
    return replace(
        cost,
        fixed_seconds=near.fixed_seconds + more,
        item_seconds=near.item_seconds,
        time_basis="estimated",
    )


def _on(problem: Problem, devices: Sequence[Device]) -> Problem:
    """The problem on other devices; accelerators take the calls where there are any."""
    kinds = {device.kind for device in devices if device.kind != "cpu"} or {"cpu"}
    host = tuple(device for device in problem.devices if device.name == HOST)
    stages = tuple(
        stage if HOST in stage.costs else replace(stage, costs=_as_fast(stage, kinds))
        for stage in problem.stages
    )
    return replace(problem, devices=(*devices, *host), stages=stages)


def _as_fast(stage: Stage, kinds: Iterable[str]) -> dict[str, Mapping[Mode, Cost]]:
    """Costs for kinds of devices; those that the run did not use are as those that it used."""
    used = next(iter(stage.costs.values()))
    return {kind: stage.costs.get(kind, used) for kind in sorted(kinds)}

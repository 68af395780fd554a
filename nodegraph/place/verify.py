"""Whether a schedule can be followed: checked from its blocks and loads alone, not from how it was made.

The world it assumes. A device runs at most `lanes` calls at a time, and a load takes one lane. The calls of a
block begin in waves of `block.lanes`; a call takes `Cost.seconds` of its items; a wave takes as long as its
longest call. A model takes its room from the begin of its load to its eviction, which takes no time. Item j
of n needs the items below (j + 1)·m/n of a feed with m; a gathered stage must be through. Models
are read from disk to host memory one at a time, in what a load takes longer than a move. A copy there takes
room from the begin of its prefetch, or its eviction to there, to the end of the load that takes it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from nodegraph.place.fit import Fit, ways
from nodegraph.place.problem import Device, Problem
from nodegraph.place.schedule import Block, Schedule

if TYPE_CHECKING:
    import numpy as np

SLACK = 1e-9
"""Seconds, for each second of a schedule, that are put down to rounding."""


def check_schedule(problem: Problem, schedule: Schedule) -> list[str]:
    """What is wrong with a schedule; empty if nothing is.

    Checked are: every call is placed once, or refused; every call begins after its inputs; no device is over
    its budget or its lanes at any time, nor host memory over its own; models are there while calls run; the
    forecast says what the blocks come to.
    """
    return [
        *_placed(problem, schedule),
        *_precedence(problem, schedule),
        *_durations(problem, schedule),
        *_in_flight(problem, schedule),
        *(fault for device in problem.devices for fault in _device(problem, schedule, device)),
        *_host(problem, schedule),
        *_forecast(problem, schedule),
    ]


def _way(problem: Problem, schedule: Schedule, block: Block) -> Fit:
    placement = schedule.stages[block.stage]
    if placement is None:
        raise ValueError(f"stage {block.stage} has a block and no placement")
    kind = next(device.kind for device in problem.devices if device.name == block.device)
    mode = placement.mode[block.device]
    return next(way for way in ways(problem, problem.stages[block.stage], kind) if way.mode == mode)


def _batch(schedule: Schedule, block: Block) -> int:
    placement = schedule.stages[block.stage]
    return placement.batch[block.device] if placement is not None else 0


def _placed(problem: Problem, schedule: Schedule) -> Iterator[str]:
    """Every call is placed once, or refused with what depends on it."""
    refused = {one.stage for one in schedule.refused}
    spans: dict[int, list[tuple[int, int]]] = {}
    for block in schedule.blocks:
        spans.setdefault(block.stage, []).append((block.first, block.first + block.count))
    for index, stage in enumerate(problem.stages):
        there, placement = sorted(spans.get(index, [])), schedule.stages[index]
        if index in refused or not stage.count:
            if there or placement is not None:
                yield f"{stage.id} is placed though it is refused or has no items"
            continue
        if any(source in refused for source in (*stage.feeds, *stage.gathers)):
            yield f"{stage.id} runs though what it depends on is refused"
        ends = [0, *(last for _, last in there)]
        if ends[-1] != stage.count or any(first != end for (first, _), end in zip(there, ends, strict=False)):
            yield f"{stage.id}: {there} are not its {stage.count} items, each once"
        for source in (*stage.feeds, *stage.gathers):
            before = schedule.stages[source]
            if before is not None and placement is not None and before.order > placement.order:
                yield f"{stage.id} comes before what it waits for"


def _times(problem: Problem, schedule: Schedule) -> Mapping[int, tuple[np.ndarray, np.ndarray]]:
    """Per stage the seconds at which its items begin and end, [count] each."""
    import numpy as np

    times = {
        index: (np.full(stage.count, np.nan), np.full(stage.count, np.nan))
        for index, stage in enumerate(problem.stages)
    }
    for block in schedule.blocks:
        cost, batch = _way(problem, schedule, block).cost, _batch(schedule, block)
        begins, ends = times[block.stage]
        wave = np.arange(block.count) // batch // block.lanes
        begin = block.start + wave * cost.seconds(batch)
        size = np.minimum(batch, block.count - np.arange(block.count) // batch * batch)
        begins[block.first : block.first + block.count] = begin
        ends[block.first : block.first + block.count] = begin + cost.fixed_seconds + size * cost.item_seconds
    return times


def _precedence(problem: Problem, schedule: Schedule) -> Iterator[str]:
    import numpy as np

    times = _times(problem, schedule)
    for index, stage in enumerate(problem.stages):
        if schedule.stages[index] is None:
            continue
        begins = times[index][0]
        slack = SLACK * (1 + schedule.seconds)
        for source in stage.gathers:
            if problem.stages[source].count and begins.min() < times[source][1].max() - slack:
                yield f"{stage.id} begins before all of {problem.stages[source].id} is there"
        for source in stage.feeds:
            count = problem.stages[source].count
            if not count:
                continue
            through = np.maximum.accumulate(times[source][1])
            last = -(-(np.arange(1, stage.count + 1) * count) // stage.count)
            if (begins < through[last - 1] - slack).any():
                yield f"{stage.id} begins items before {problem.stages[source].id} is through with them"


def _durations(problem: Problem, schedule: Schedule) -> Iterator[str]:
    for block in schedule.blocks:
        cost, batch = _way(problem, schedule, block).cost, _batch(schedule, block)
        calls = math.ceil(block.count / batch)
        waves = math.ceil(calls / block.lanes)
        final = block.count - (waves - 1) * block.lanes * batch
        taken = (waves - 1) * cost.seconds(batch) + cost.seconds(min(batch, final))
        if abs(block.end - block.start - taken) > SLACK * (1 + block.end):
            yield f"{block} should take {taken} seconds"
        if block.start < 0:
            yield f"{block} begins before the start"
        if not 1 <= batch <= problem.stages[block.stage].max_batch:
            yield f"{block} has batches of {batch}"


def _gathered(problem: Problem) -> list[int]:
    """Per stage, how many times items were gathered on the longest way to it."""
    depth: list[int] = []
    some = [stage.count > 0 for stage in problem.stages]
    for stage in problem.stages:
        fed = [depth[source] for source in stage.feeds if some[source]]
        depth.append(max([0, *fed, *(depth[source] + 1 for source in stage.gathers if some[source])]))
    return depth


def _in_flight(problem: Problem, schedule: Schedule) -> Iterator[str]:
    """No more items wait between two stages than may, if they do not run side by side.

    Where something was gathered in between, all items must wait.
    """
    import numpy as np

    times: Mapping[int, tuple[np.ndarray, np.ndarray]] | None = None
    depth = _gathered(problem)
    for index, stage in enumerate(problem.stages):
        after = schedule.stages[index]
        for source in stage.feeds:
            count, before = problem.stages[source].count, schedule.stages[source]
            apart = before is not None and after is not None and before.order != after.order
            bare = not stage.models or not problem.stages[source].models
            if not apart or bare or depth[index] != depth[source]:
                continue
            if count != stage.count or count <= problem.in_flight:
                continue
            times = _times(problem, schedule) if times is None else times
            made, taken = np.sort(times[source][1]), np.sort(times[index][0])
            waiting = np.arange(1, count + 1) - np.searchsorted(taken, made, side="right")
            if waiting.max() > problem.in_flight + 1:
                yield f"{waiting.max()} items wait between {problem.stages[source].id} and {stage.id}"


Change = tuple[float, int, int, int]
"""When, whether it takes (1) or gives (0), bytes, lanes."""


def _over(changes: Iterable[Change], slack: float) -> tuple[int, int]:
    """The most bytes and lanes that are taken at any time; what is given back makes room at that time."""
    moved = [(at - slack if not takes else at, takes, nbytes, lanes) for at, takes, nbytes, lanes in changes]
    most_bytes = most_lanes = now_bytes = now_lanes = 0
    for _, takes, nbytes, lanes in sorted(moved):
        sign = 1 if takes else -1
        now_bytes += sign * nbytes
        now_lanes += sign * lanes
        most_bytes, most_lanes = max(most_bytes, now_bytes), max(most_lanes, now_lanes)
    return most_bytes, most_lanes


def _stays(schedule: Schedule, device: Device) -> list[tuple[str, str, float, float, float]]:
    """What the device holds: model, mode, from, usable from, until."""
    stays: list[tuple[str, str, float, float, float]] = []
    loads = [load for load in schedule.loads if load.device == device.name]
    gone = [one for one in schedule.evictions if one.device == device.name]
    for load in loads:
        later = [other.start for other in loads if other.model == load.model and other.start > load.start]
        ends = [one.at for one in gone if one.model == load.model and one.at >= load.end]
        until = min(ends, default=math.inf)
        if later and min(later) < until:
            until = math.nan
        stays.append((load.model, load.mode, load.start, load.end, until))
    return stays


def _device(problem: Problem, schedule: Schedule, device: Device) -> Iterator[str]:
    """Budget, lanes, and models of one device."""
    stays = _stays(schedule, device)
    slack = SLACK * (1 + schedule.seconds)
    changes: list[Change] = []
    for name, mode, start, ready, until in stays:
        if math.isnan(until):
            yield f"{name} is loaded on {device.name} while it is there"
        size = next(nbytes for known, nbytes in problem.models[name].weights.items() if known == mode)
        changes += [(start, 1, size, 1), (ready, 0, 0, 1), (until, 0, size, 0)]
    for block in schedule.blocks:
        if block.device != device.name:
            continue
        way, batch = _way(problem, schedule, block), _batch(schedule, block)
        working = block.lanes * way.cost.working(min(batch, block.count))
        changes += [(block.start, 1, working, block.lanes), (block.end, 0, working, block.lanes)]
        for held in way.held:
            if not any(
                (name, mode) == held and ready <= block.start + slack and block.end <= until + slack
                for name, mode, _, ready, until in stays
            ):
                yield f"{block} runs without {held}"
    most, lanes = _over(changes, slack)
    if most > device.budget:
        yield f"{device.name} holds {most} bytes of {device.budget}"
    if lanes > device.lanes:
        yield f"{device.name} runs {lanes} calls and loads at a time; it has {device.lanes} lanes"
    if most != schedule.devices[device.name].peak:
        yield f"{device.name} holds {most} bytes; the forecast says {schedule.devices[device.name].peak}"


def _host(problem: Problem, schedule: Schedule) -> Iterator[str]:
    """Copies in host memory: never more than fit, and there when they are taken."""
    size = {name: model.weights["resident"] for name, model in problem.models.items()}
    moved = [load for load in schedule.loads if load.source == "host"]
    kept = [one for one in schedule.evictions if one.to == "host"]
    changes: list[Change] = [(load.end, 0, size[load.model], 0) for load in moved]
    changes += [(one.start, 1, size[one.model], 0) for one in schedule.prefetches]
    changes += [(one.at, 1, size[one.model], 0) for one in kept]
    slack = SLACK * (1 + schedule.seconds)
    most, _ = _over(changes, slack)
    if most > problem.host_bytes:
        yield f"host memory holds {most} bytes of models; it has {problem.host_bytes}"
    reads = sorted(schedule.prefetches, key=lambda one: one.start)
    if any(before.end > after.start + slack for before, after in itertools.pairwise(reads)):
        yield "two models are read from disk at a time"
    for name in {load.model for load in moved}:
        there = [one.end for one in reads if one.model == name]
        there = sorted([*there, *(one.at for one in kept if one.model == name)])
        taken = sorted(load.start for load in moved if load.model == name)
        if len(taken) > len(there) or any(t < r - slack for r, t in zip(there, taken, strict=False)):
            yield f"{name} is moved from host memory before it is there"
    cpus = {device.name for device in problem.devices if device.kind == "cpu"}
    if any(one.device in cpus for one in (*moved, *kept)):
        yield "a device that is the host has no host memory beside it"


def _forecast(problem: Problem, schedule: Schedule) -> Iterator[str]:
    end = max((block.end for block in schedule.blocks), default=0.0)
    if schedule.seconds != end:
        yield f"the forecast says {schedule.seconds} seconds; the last block ends at {end}"
    for load in schedule.loads:
        model = problem.models[load.model]
        taken = model.load_seconds if load.source == "disk" else model.move_seconds
        if abs(load.end - load.start - taken) > SLACK * (1 + load.end) or load.start < 0:
            yield f"{load} should take {taken} seconds"
    for name, forecast in schedule.devices.items():
        if forecast.loads != sum(load.device == name for load in schedule.loads):
            yield f"{name}: the forecast counts other loads"

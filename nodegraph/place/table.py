"""A schedule for people, as lines of a table, and for programs, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nodegraph.place.fit import held_mode
from nodegraph.place.problem import Cost, Device, Mode, Problem
from nodegraph.place.schedule import Eviction, Load, Prefetch, Schedule
from nodegraph.place.stages import HOST
from nodegraph.show.wording import counted, printable, seconds_text, size_text, table

_POLICIES = {
    "flow": "items flow through all stages",
    "staged": "one stage runs after the other",
    "replicated": "the devices share the calls of every stage",
    "split": "each device has stages of its own",
}
_STAGE_COLUMNS = (
    *("stage", "calls", "device", "order", "mode", "batch", "weights"),
    *("working memory", "which is", "time", "which is"),
)
_STAY_COLUMNS = ("from", "until", "model", "mode", "weights", "loaded from", "then")
_SHOWN = 24
"""How many stays of a device, and how many refusals, are listed."""


@dataclass(frozen=True, slots=True)
class Share:
    """The calls of a stage that one device makes.

    Attributes:
        calls: how many items.
        order: when the device turns to them: 1 first, equal for those that run side by side; None without
            models, for these run whenever their inputs are there.
        weights: bytes of the stage's models in this mode.
        working: bytes that a call takes beside them.
        seconds: of all the calls, one after the other.
    """

    stage: int
    device: str
    calls: int
    order: int | None
    mode: Mode
    batch: int
    weights: int
    working: int
    seconds: float
    cost: Cost


@dataclass(frozen=True, slots=True)
class Residence:
    """A model on a device; times in seconds since the start, `until` None where it stays.

    Attributes:
        read: when it was read ahead into host memory; None where it was not.
    """

    load: Load
    read: Prefetch | None
    until: float | None
    to: Literal["host", "dropped"] | None


def placement_lines(problem: Problem, schedule: Schedule) -> Iterator[str]:
    """The schedule, line by line: where which stage runs, which model is where when, and what is refused.

    Says of every figure of memory and time whether it was measured, estimated or assumed. Nothing where
    there is nothing to run.
    """
    if not any(stage.count for stage in problem.stages):
        return
    shares = shares_of(problem, schedule)
    if shares:
        yield f"{_policy_text(schedule, shares)}, about {seconds_text(float(schedule.seconds))}"
        yield from _listed([_STAGE_COLUMNS, *(_share_row(problem, share) for share in shares)])
    for device in problem.devices:
        yield from _device_lines(problem, schedule, device)
    if schedule.refused:
        if shares:
            yield ""
        for refusal in schedule.refused[:_SHOWN]:
            yield f"refused: {printable(refusal.message)}"
        yield from _rest(len(schedule.refused), "refused stage")


def placement_json(problem: Problem, schedule: Schedule) -> dict[str, Any]:
    """What `plan --json` prints besides the nodes and devices: one key, `schedule`.

    It holds the policy, the stages with a share per device, the stays of models in order of time, and what is
    refused; sizes in bytes, times in seconds since the start.
    """
    shares = shares_of(problem, schedule)
    return {
        "schedule": {
            "policy": schedule.policy,
            "seconds": schedule.seconds,
            "stages": [
                {
                    "stage": stage.id,
                    "calls": stage.count,
                    "models": [problem.models[model].name for model in stage.models],
                    "devices": [_share_json(share) for share in shares if share.stage == index],
                }
                for index, stage in enumerate(problem.stages)
            ],
            "models": [
                _residence_json(problem, stay)
                for device in problem.devices
                for stay in residences(schedule, device.name)
            ],
            "refused": [
                {
                    "stage": problem.stages[refusal.stage].id,
                    "need": refusal.need,
                    "device": refusal.device,
                    "budget": refusal.budget,
                    "message": refusal.message,
                }
                for refusal in schedule.refused
            ],
        }
    }


def shares_of(problem: Problem, schedule: Schedule) -> list[Share]:
    """What each device does of each stage, in the order of the stages and of the devices of each."""
    kinds = {device.name: device.kind for device in problem.devices}
    calls: dict[tuple[int, str], int] = {}
    for block in schedule.blocks:
        calls[block.stage, block.device] = calls.get((block.stage, block.device), 0) + block.count
    placed_stages = list(zip(problem.stages, schedule.stages, strict=True))
    orders = sorted({placed.order for stage, placed in placed_stages if placed and stage.models})
    found: list[Share] = []
    for index, (stage, placed) in enumerate(placed_stages):
        if placed is None:
            continue
        for device in placed.devices:
            mode, batch = placed.mode[device], placed.batch[device]
            cost = stage.costs[kinds[device]][mode]
            models = [problem.models[model] for model in dict.fromkeys(stage.models)]
            count = calls.get((index, device), 0)
            found.append(
                Share(
                    stage=index,
                    device=device,
                    calls=count,
                    order=orders.index(placed.order) + 1 if models else None,
                    mode=mode,
                    batch=batch,
                    weights=sum(model.weights[held_mode(model, mode)] for model in models),
                    working=cost.working(batch),
                    seconds=_seconds(cost, count, batch),
                    cost=cost,
                )
            )
    return found


def residences(schedule: Schedule, device: str) -> list[Residence]:
    """The stays of models on a device, by when their loading begins."""
    events: list[Load | Eviction] = [
        *(load for load in schedule.loads if load.device == device),
        *(eviction for eviction in schedule.evictions if eviction.device == device),
    ]
    # What leaves makes room for what comes at the same time.
    events.sort(key=lambda event: (event.at, 0) if isinstance(event, Eviction) else (event.start, 1))
    found: list[Residence] = []
    there: dict[str, int] = {}
    for event in events:
        if isinstance(event, Eviction):
            place = there.pop(event.model, None)
            if place is not None:
                found[place] = replace(found[place], until=event.at, to=event.to)
        else:
            there[event.model] = len(found)
            found.append(Residence(event, _read_ahead(schedule.prefetches, event), None, None))
    return found


def _policy_text(schedule: Schedule, shares: Sequence[Share]) -> str:
    if schedule.policy != "flow" and len({share.device for share in shares if share.device != HOST}) == 1:
        return f"{schedule.policy}: the stages take turns"
    return f"{schedule.policy}: {_POLICIES[schedule.policy]}"


def _read_ahead(prefetches: Sequence[Prefetch], load: Load) -> Prefetch | None:
    """The last time that a model was read into host memory before it was loaded from there."""
    if load.source == "disk":
        return None
    read = [entry for entry in prefetches if entry.model == load.model and entry.end <= load.start + 1e-6]
    return read[-1] if read else None


def _seconds(cost: Cost, count: int, batch: int) -> float:
    full, rest = divmod(count, batch)
    return full * cost.seconds(batch) + (cost.seconds(rest) if rest else 0.0)


def _named(device: str) -> str:
    """The device for people: what runs in the worker threads runs on the CPU."""
    return "cpu" if device == HOST else device


def _listed(rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[str]:
    yield from table(rows, indent=indent).splitlines()


def _rest(count: int, noun: str, indent: str = "") -> Iterator[str]:
    if count > _SHOWN:
        yield f"{indent}... and {counted(count - _SHOWN, f'more {noun}')}"


def _share_row(problem: Problem, share: Share) -> tuple[str, ...]:
    stage, cost, device = problem.stages[share.stage], share.cost, _named(share.device)
    figures = (seconds_text(float(share.seconds)), cost.time_basis)
    if share.order is None:
        return (stage.id, f"{share.calls:,}", device, "", "", f"{share.batch:,}", "", "", "", *figures)
    return (
        *(stage.id, f"{share.calls:,}", device, f"{share.order:,}", share.mode, f"{share.batch:,}"),
        *(size_text(share.weights), size_text(share.working), cost.memory_basis, *figures),
    )


def _device_lines(problem: Problem, schedule: Schedule, device: Device) -> Iterator[str]:
    forecast = schedule.devices.get(device.name)
    if forecast is None or not (forecast.peak or forecast.loads):
        return
    yield ""
    peak = f"peak {size_text(forecast.peak)} of {size_text(device.budget)}"
    busy = f"at work for {seconds_text(float(forecast.busy))}"
    yield f"{device.name}: {peak}, {counted(forecast.loads, 'model load')}, {busy}"
    stays = residences(schedule, device.name)
    if stays:
        rows = [_stay_row(problem, stay) for stay in stays[:_SHOWN]]
        yield from _listed([_STAY_COLUMNS, *rows], "  ")
        yield from _rest(len(stays), "stay", "  ")


def _stay_row(problem: Problem, stay: Residence) -> tuple[str, ...]:
    model = problem.models[stay.load.model]
    source = "host memory" if stay.load.source == "host" else "disk"
    read = f", read ahead from {seconds_text(float(stay.read.start))}" if stay.read else ""
    then = {"host": "to host memory", "dropped": "dropped", None: "stays"}[stay.to]
    until = "end" if stay.until is None else seconds_text(float(stay.until))
    weights = size_text(model.weights[stay.load.mode])
    began = seconds_text(float(stay.load.start))
    return (began, until, model.name, stay.load.mode, weights, source + read, then)


def _share_json(share: Share) -> dict[str, Any]:
    return {
        "device": _named(share.device),
        "calls": share.calls,
        "order": share.order,
        "mode": share.mode,
        "batch": share.batch,
        "weights": share.weights,
        "working": share.working,
        "memory_basis": share.cost.memory_basis,
        "seconds": share.seconds,
        "time_basis": share.cost.time_basis,
    }


def _residence_json(problem: Problem, stay: Residence) -> dict[str, Any]:
    model = problem.models[stay.load.model]
    return {
        "model": model.name,
        "id": model.id,
        "device": stay.load.device,
        "mode": stay.load.mode,
        "bytes": model.weights[stay.load.mode],
        "source": stay.load.source,
        "read_ahead": None if stay.read is None else stay.read.start,
        "start": stay.load.start,
        "ready": stay.load.end,
        "until": stay.until,
        "to": stay.to,
    }

"""From a simulated run to a schedule: blocks, placements, and what they take of each device."""

from __future__ import annotations

from collections.abc import Sequence

from nodegraph.place.layout import Layout, Terms
from nodegraph.place.memory import DeviceMemory
from nodegraph.place.problem import Mode
from nodegraph.place.schedule import Block, DeviceForecast, Policy, Refusal, Schedule, StagePlacement
from nodegraph.place.simulate import Piece, Simulation

ROUNDING = 1e-9
"""Seconds, for each second of a schedule, by which what ends as something begins may seem to end later."""


def schedule_of(run: Simulation, refused: tuple[Refusal, ...]) -> Schedule:
    """The schedule of a simulation that has come to its end."""
    names = [device.name for device in run.terms.problem.devices]
    used: list[list[int]] = [[] for _ in run.terms.counts]
    for stage, device in sorted({(piece.stage, piece.device) for piece in run.pieces}):
        used[stage].append(device)
    blocks = merged(run.terms, run.layout, run.pieces)
    return Schedule(
        policy=_policy(run.terms, run.layout, used),
        stages=tuple(_placement(run.layout, names, stage, on) for stage, on in enumerate(used)),
        blocks=blocks,
        loads=tuple(sorted((one for m in run.memories for one in m.loads), key=lambda one: one.start)),
        prefetches=tuple(run.host.prefetches),
        evictions=tuple(sorted((one for m in run.memories for one in m.evictions), key=lambda one: one.at)),
        refused=refused,
        devices=_devices(run, names),
        seconds=max((block.end for block in blocks), default=0.0),
    )


def _policy(terms: Terms, layout: Layout, used: Sequence[Sequence[int]]) -> Policy:
    """What the schedule has come to, whichever policy it began with."""
    modelled = [tuple(on) for stage, on in enumerate(used) if on and terms.problem.stages[stage].models]
    if any(len(on) > 1 for on in modelled):
        return "split" if layout.policy == "split" else "replicated"
    if len(set(modelled)) > 1:
        return "split"
    return "flow" if all(len(turns) < 2 for turns in layout.turns) else "staged"


def _placement(layout: Layout, names: Sequence[str], stage: int, on: Sequence[int]) -> StagePlacement | None:
    if not on:
        return None
    return StagePlacement(
        tuple(names[device] for device in on),
        {names[device]: layout.ways[stage][device].mode for device in on},
        {names[device]: layout.batch[stage][device] for device in on},
        layout.order[stage],
    )


def _devices(run: Simulation, names: Sequence[str]) -> dict[str, DeviceForecast]:
    pieces: list[list[Piece]] = [[] for _ in names]
    for piece in run.pieces:
        pieces[piece.device].append(piece)
    return {
        names[worker.index]: DeviceForecast(
            _peak(worker.memory, pieces[worker.index], ROUNDING * (1 + run.now)),
            len(worker.memory.loads),
            worker.busy,
        )
        for worker in run.workers
    }


def _peak(memory: DeviceMemory, pieces: Sequence[Piece], rounding: float) -> int:
    """The most bytes of a device that are taken at any time; what goes gives its room to what comes then."""
    mode: dict[tuple[str, float], Mode] = {(load.model, load.start): load.mode for load in memory.loads}
    changes = [(one.start, 1, memory.models[one.model].weights[one.mode]) for one in memory.loads]
    held: dict[str, int] = {}
    for at, kind, model in sorted(
        [(one.start, 1, one.model) for one in memory.loads]
        + [(one.at, 0, one.model) for one in memory.evictions]
    ):
        if kind:
            held[model] = memory.models[model].weights[mode[model, at]]
        else:
            changes.append((at - rounding, 0, -held[model]))
    for piece in pieces:
        changes += [(piece.start, 1, piece.working), (piece.end - rounding, 0, -piece.working)]
    most = now = 0
    for _, _, nbytes in sorted(changes):
        now += nbytes
        most = max(most, now)
    return most


def merged(terms: Terms, layout: Layout, pieces: Sequence[Piece]) -> tuple[Block, ...]:
    """Blocks, in order of time; what a device made of one stage without a break is one block."""
    blocks: list[Block] = []
    last: dict[int, int] = {}
    names = [device.name for device in terms.problem.devices]
    for piece in pieces:
        one = Block(
            piece.stage, names[piece.device], piece.first, piece.count, piece.start, piece.end, piece.lanes
        )
        at = last.get(piece.device)
        if at is not None and _continues(
            blocks[at], one, layout.batch[piece.stage][piece.device] * piece.lanes
        ):
            first = blocks[at]
            count = first.count + one.count
            blocks[at] = Block(one.stage, one.device, first.first, count, first.start, one.end, one.lanes)
        else:
            last[piece.device] = len(blocks)
            blocks.append(one)
    return tuple(sorted(blocks, key=lambda block: (block.start, block.end)))


def _continues(before: Block, one: Block, whole: int) -> bool:
    """Whether blocks are one; their calls must begin when they would if they were."""
    return (
        before.stage == one.stage
        and before.end == one.start
        and before.lanes == one.lanes
        and before.first + before.count == one.first
        and before.count % whole == 0
    )

"""In which modes and batches a stage fits on a device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodegraph.place.problem import MODES, Cost, Device, Mode, Model, Problem, Stage

NEGLIGIBLE = 0.01
"""The share of an item's seconds below which a larger batch is not worth its memory."""

Held = tuple[str, Mode]
"""A model and the mode in which a device holds it."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A way in which a stage can run on a device.

    Attributes:
        held: the stage's models, each in the leanest mode it offers that is not leaner than `mode`.
        weights: bytes of all of them.
        limit: the most items that a call may take.
    """

    mode: Mode
    held: tuple[Held, ...]
    weights: int
    cost: Cost
    limit: int

    def least(self) -> int:
        """Bytes that a call of one item takes, weights and all."""
        return self.weights + self.cost.working(1)

    def batch(self, room: int, count: int) -> int:
        """How many items a call takes if working memory has `room` bytes; 0 if not even one fits.

        The largest number that fits and helps, evened out over the calls that `count` items take.
        """
        cost, most = self.cost, min(self.limit, count)
        if cost.working(1) > room:
            return 0
        if cost.item_bytes > 0:
            most = min(most, (room - cost.fixed_bytes) // cost.item_bytes)
        if cost.fixed_seconds <= 0:
            return 1
        if cost.item_seconds > 0:
            most = min(most, math.ceil(cost.fixed_seconds / (NEGLIGIBLE * cost.item_seconds)))
        calls = math.ceil(count / max(1, most))
        return math.ceil(count / calls)

    def at_once(self, room: int, lanes: int) -> int:
        """How many calls of one item have room beside each other; 0 if not even one fits."""
        working = self.cost.working(1)
        return min(lanes, room // working) if working else lanes

    def pace(self, room: int, count: int, lanes: int = 1) -> float:
        """Seconds per item, in batches that fit, as many lanes at work as fit; infinite if none do."""
        at_once = max(1, self.at_once(room, lanes))
        batch = self.batch(room // at_once, count)
        return self.cost.seconds(batch) / batch / at_once if batch else math.inf


def held_mode(model: Model, mode: Mode) -> Mode:
    """The leanest mode that a model offers and that is not leaner than `mode`."""
    leaner: Mode = "resident"
    for one in MODES[: MODES.index(mode) + 1]:
        leaner = one if one in model.weights else leaner
    return leaner


def ways(problem: Problem, stage: Stage, kind: str) -> list[Fit]:
    """All ways in which a stage can run on devices of a kind, whatever their budgets."""
    modes: Mapping[Mode, Cost] = stage.costs.get(kind, {})
    found: list[Fit] = []
    for mode in MODES:
        if mode in modes:
            names = dict.fromkeys(stage.models)
            held: tuple[Held, ...] = tuple((name, held_mode(problem.models[name], mode)) for name in names)
            weights = sum(problem.models[name].weights[how] for name, how in held)
            found.append(Fit(mode, held, weights, modes[mode], max(1, stage.max_batch)))
    return found


def fits(problem: Problem, stage: Stage, device: Device) -> tuple[Fit, ...]:
    """The ways in which one item of a stage fits on a device, fastest first."""
    there = [way for way in ways(problem, stage, device.kind) if way.least() <= device.budget]
    count = max(1, stage.count)
    return tuple(sorted(there, key=lambda way: way.pace(device.budget - way.weights, count, device.lanes)))


def all_fits(problem: Problem) -> Sequence[Sequence[tuple[Fit, ...]]]:
    """Per stage and device, the ways in which one item fits, fastest first."""
    equal = {device.name: (device.kind, device.budget, device.lanes) for device in problem.devices}
    found: list[list[tuple[Fit, ...]]] = []
    for stage in problem.stages:
        known: dict[tuple[str, int, int], tuple[Fit, ...]] = {}
        for device in problem.devices:
            if equal[device.name] not in known:
                known[equal[device.name]] = fits(problem, stage, device) if stage.count else ()
        found.append([known[equal[device.name]] for device in problem.devices])
    return found

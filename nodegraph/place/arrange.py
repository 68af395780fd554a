"""From which devices may run a stage to a layout: modes, turns of stages that fit together, and batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from nodegraph.place.fit import Fit, Held
from nodegraph.place.layout import Layout, Terms, Turn
from nodegraph.place.problem import Mode
from nodegraph.place.schedule import Policy
from nodegraph.place.windows import bounds_of, followers_of, segments_of, windows_of

Packing = Literal["apart", "roomy", "tight"]
"""Which stages share a turn: those of equal models, all that fit with good batches, all with one item."""

SLOWER = 1.05
"""How much slower an item may be in a batch that leaves room for other models."""

Assignment = Sequence[Sequence[int]]
"""Per stage, the devices that may run it."""


class Group:
    """Stages that a device works on in one turn."""

    def __init__(self) -> None:
        self.stages: list[int] = []
        self.held: dict[Held, int] = {}
        self.weights = 0
        self.working = 0


class Arrangement:
    """Builds one layout, step by step."""

    def __init__(
        self, terms: Terms, assignment: Assignment, packing: Packing, *, deep: bool, pieces: int
    ) -> None:
        self.terms, self.packing, self.deep, self.pieces = terms, packing, deep, pieces
        self.devices = terms.problem.devices
        self.models = terms.problem.models
        self.alike = self._alike_devices(assignment)
        self.kinds = sorted(set(self.alike))
        self.ways = self._modes(assignment)
        self.free, self.floor = self._free_stages()
        self.order = [0] * len(terms.counts)
        self.groups: list[list[Group]] = [[] for _ in self.devices]
        self.batch: list[dict[int, int]] = [{} for _ in terms.counts]

    def layout(self, policy: Policy) -> Layout:
        """The layout."""
        self._put_in_order()
        self._make_groups()
        for device in self.kinds:
            for group in self.groups[device]:
                self._choose_batches(device, group)
        known = {device: self._free_room(device) for device in self.kinds}
        rooms = [known[device] for device in self.alike]
        self.batch = [{d: on[self.alike[d]] for d in self.ways[s]} for s, on in enumerate(self.batch)]
        self.segments = segments_of(self.terms)
        self.windows = windows_of(self.terms, self.segments, self.order, self._several())
        bounds = bounds_of(self.terms, self.segments, self.windows)
        turns = self._turns(bounds)
        windows = [len(one) for one in bounds]
        grain = self._grains(windows)
        shares = sum(len(self.ways[stage]) * windows[stage] for stage in self.terms.stages)
        coarse = 3 * shares > self.pieces
        free = tuple(map(frozenset, self.free))
        return Layout(
            policy,
            self.ways,
            self.batch,
            self.order,
            free,
            turns,
            rooms,
            self.floor,
            bounds,
            followers_of(self.terms, self.segments, self.order, bounds),
            grain,
            coarse,
        )

    def _alike_devices(self, assignment: Assignment) -> list[int]:
        """Per device the first that is equal to it and has the same stages; both are treated alike."""
        has: list[list[int]] = [[] for _ in self.devices]
        for stage, on in enumerate(assignment):
            for device in on:
                has[device].append(stage)
        first: dict[object, int] = {}
        return [first.setdefault((self.terms.classes[d], tuple(stages)), d) for d, stages in enumerate(has)]

    def _on(self, stage: int) -> list[int]:
        """The devices of a stage, of those that are alike the first."""
        return [device for device in self.ways[stage] if self.alike[device] == device]

    def _modes(self, assignment: Assignment) -> list[dict[int, Fit]]:
        """The fastest way per stage and device; a model that stages share is held alike, if that pays."""
        ways = [
            {device: self.terms.fits[stage][device][0] for device in on}
            for stage, on in enumerate(assignment)
        ]
        for device in self.kinds:
            users: dict[str, list[int]] = {}
            for stage in self.terms.stages:
                if device in ways[stage]:
                    for held in ways[stage][device].held:
                        users.setdefault(held[0], []).append(stage)
            for model, stages in users.items():
                self._hold_alike(ways, device, model, stages)
        return [{device: on[self.alike[device]] for device in on} for on in ways]

    def _hold_alike(self, ways: list[dict[int, Fit]], device: int, model: str, stages: list[int]) -> None:
        modes: set[Mode] = {how for s in stages for name, how in ways[s][device].held if name == model}
        if len(modes) < 2:
            return
        lean: dict[int, Fit] = {}
        slower = 0.0
        budget, lanes = self.devices[device].budget, self.devices[device].lanes
        leanest = min(modes, key=lambda mode: self.models[model].weights[mode])
        for stage in stages:
            alike = [way for way in self.terms.fits[stage][device] if (model, leanest) in way.held]
            if not alike:
                return
            lean[stage] = alike[0]
            count, now = self.terms.counts[stage], ways[stage][device]
            paces = [way.pace(budget - way.weights, count, lanes) for way in (alike[0], now)]
            slower += count * (paces[0] - paces[1])
        if slower <= self.models[model].load_seconds:
            for stage, way in lean.items():
                ways[stage][device] = way

    def _free_stages(self) -> tuple[list[set[int]], list[int]]:
        """Per device the stages without models that fit beside all others, and bytes to be left to them."""
        free: dict[int, set[int]] = {}
        floors: dict[int, int] = {}
        for device in self.kinds:
            there = self.devices[device]
            here = [
                (stage, self.ways[stage][device]) for stage in self.terms.stages if device in self.ways[stage]
            ]
            bare = {stage: way.cost.working(1) for stage, way in here if not way.held}
            needs = [(way.weights, way.cost.working(1)) for _, way in here if way.held]
            while bare:
                floor = max(bare.values())
                both = (
                    weights + (working + floor if there.lanes > 1 else max(working, floor))
                    for weights, working in needs
                )
                if max(both, default=floor) <= there.budget:
                    break
                largest = max(bare, key=lambda stage: bare[stage])
                needs.append((0, bare.pop(largest)))
            free[device] = set(bare)
            floors[device] = max(bare.values(), default=0)
        return [free[device] for device in self.alike], [floors[device] for device in self.alike]

    def _comfort(self, stage: int, device: int) -> int:
        """Bytes of working memory that a stage should have in a turn that it shares."""
        way, budget = self.ways[stage][device], self.devices[device].budget
        cost = way.cost
        if self.packing == "tight":
            return cost.working(1)
        lanes = self.devices[device].lanes
        if lanes > 1:
            return cost.working(1) * max(1, way.at_once(budget - way.weights - self.floor[device], lanes))
        best = way.pace(budget - way.weights, self.terms.counts[stage])
        spare = SLOWER * best - cost.item_seconds
        batch = math.ceil(cost.fixed_seconds / spare) if spare > 0 else 1
        most = way.batch(budget - way.weights, self.terms.counts[stage])
        return cost.working(max(1, min(batch, most)))

    def _beside(self, device: int, working: int) -> int:
        """Bytes beside weights if calls in turn work in so many, and free stages may run too."""
        floor = self.floor[device]
        return working + floor if self.devices[device].lanes > 1 else max(working, floor)

    def _joins(self, device: int, group: Group, stages: Iterable[int]) -> bool:
        """Whether stages may share the turn of a group on a device."""
        weights, working, new = group.weights, group.working, False
        seen = dict(group.held)
        for stage in stages:
            for held in self.ways[stage][device].held:
                if held not in seen:
                    if any(held[0] == one[0] for one in seen):
                        return False
                    new = True
                    seen[held] = self.models[held[0]].weights[held[1]]
                    weights += seen[held]
            working = max(working, self._comfort(stage, device))
        if not group.stages:
            return True
        if self.packing == "apart" and new:
            return False
        return weights + self._beside(device, working) <= self.devices[device].budget

    def _join(self, device: int, group: Group, stages: Iterable[int]) -> None:
        for stage in stages:
            group.stages.append(stage)
            for held in self.ways[stage][device].held:
                if held not in group.held:
                    group.held[held] = self.models[held[0]].weights[held[1]]
                    group.weights += group.held[held]
            group.working = max(group.working, self._comfort(stage, device))

    def _put_in_order(self) -> None:
        """Give stages their order: as many as share models or fit together come at the same place.

        Stages without models come where the last of their inputs does.
        """
        terms = self.terms
        waiting = {stage: len({*terms.feeds[stage], *terms.gathers[stage]}) for stage in terms.stages}
        open_ = [stage for stage in terms.stages if not waiting[stage]]
        place = 0
        current = [Group() for _ in self.devices]
        while open_:
            stage = self._next(open_, current)
            if stage is None:
                place += 1
                last, current = current, [Group() for _ in self.devices]
                stage = max(open_, key=lambda one: (self._shared(one, last), -one))
            open_.remove(stage)
            if self._is_free(stage):
                sources = (*terms.feeds[stage], *terms.gathers[stage])
                self.order[stage] = max((self.order[source] for source in sources), default=0)
            else:
                self.order[stage] = place
                for device in self._on(stage):
                    self._join(device, current[device], (stage,))
            for consumer in terms.consumers[stage]:
                waiting[consumer] -= 1
                if not waiting[consumer]:
                    open_.append(consumer)

    def _is_free(self, stage: int) -> bool:
        return all(stage in self.free[device] for device in self._on(stage))

    def _next(self, open_: list[int], current: list[Group]) -> int | None:
        """The stage that fits into the current turns: a free one, else one that needs no further model."""
        fitting: int | None = None
        for stage in sorted(open_):
            if self._is_free(stage):
                return stage
            if all(self._joins(device, current[device], (stage,)) for device in self._on(stage)):
                if self._shared(stage, current) == sum(self.ways[stage][d].weights for d in self._on(stage)):
                    return stage
                fitting = stage if fitting is None else fitting
        return fitting

    def _shared(self, stage: int, groups: list[Group]) -> int:
        """Bytes of a stage's models that groups hold already."""
        return sum(
            groups[device].held.get(held, 0) for device, way in self.ways[stage].items() for held in way.held
        )

    def _make_groups(self) -> None:
        """Per device, join what comes one after the other and fits together."""
        for device in self.kinds:
            places: dict[int, list[int]] = {}
            for stage in self.terms.stages:
                if device in self.ways[stage] and stage not in self.free[device]:
                    places.setdefault(self.order[stage], []).append(stage)
            for place in sorted(places):
                groups = self.groups[device]
                if not groups or not self._joins(device, groups[-1], places[place]):
                    groups.append(Group())
                self._join(device, groups[-1], places[place])

    def _choose_batches(self, device: int, group: Group) -> None:
        there = self.devices[device]
        room = there.budget - group.weights
        if there.lanes > 1:
            room -= self.floor[device]
            least = max(self.ways[stage][device].cost.working(1) for stage in group.stages)
            room = max(least, room // there.lanes)
        for stage in group.stages:
            self.batch[stage][device] = max(
                1, self.ways[stage][device].batch(room, self._share(stage, device))
            )

    def _share(self, stage: int, device: int) -> int:
        """About how many items of a stage a device will get."""
        return max(
            1, math.ceil(self.terms.counts[stage] / len(self.ways[stage]) / self.devices[device].lanes)
        )

    def _free_room(self, device: int) -> int:
        """Choose the batches of free stages; bytes that they may take together."""
        there, taken = self.devices[device], 0
        for group in self.groups[device]:
            working = max(self.ways[s][device].cost.working(self.batch[s][device]) for s in group.stages)
            taken = max(taken, group.weights + (working if there.lanes > 1 else 0))
        room = there.budget - taken
        for stage in self.free[device]:
            one = max(self.floor[device], room // there.lanes)
            self.batch[stage][device] = max(
                1, self.ways[stage][device].batch(one, self._share(stage, device))
            )
        return room

    def _several(self) -> set[int]:
        """The segments that some device comes to in several turns."""
        several: set[int] = set()
        for groups in self.groups:
            met = [seen for group in groups for seen in {self.segments[stage] for stage in group.stages}]
            several.update(segment for segment in met if met.count(segment) > 1)
        return several

    def _turns(self, bounds: list[list[int]]) -> list[list[Turn]]:
        """Per device its turns: window after window, each of all groups."""
        turns: dict[int, list[Turn]] = {}
        for device in self.kinds:
            here: list[Turn] = []
            for segment, count in enumerate(self.windows) if max(self.windows) > 1 else [(None, 1)]:
                parts = [
                    [stage for stage in group.stages if segment in (None, self.segments[stage])]
                    for group in self.groups[device]
                ]
                for window in range(count):
                    here += [self._turn(device, stages, bounds, window) for stages in parts if stages]
            if not here and self.free[device]:
                here.append(self._turn(device, [], bounds, 0))
            turns[device] = here
        return [turns[device] for device in self.alike]

    def _turn(self, device: int, stages: list[int], bounds: list[list[int]], window: int) -> Turn:
        until = {stage: bounds[stage][window] for stage in stages}
        until.update((stage, self.terms.counts[stage]) for stage in self.free[device])
        choices = tuple(sorted(until, reverse=self.deep))
        held = tuple(dict.fromkeys(one for stage in stages for one in self.ways[stage][device].held))
        counted = choices if self.devices[device].lanes == 1 else stages
        reserve = max((self.ways[s][device].cost.working(self.batch[s][device]) for s in counted), default=0)
        return Turn(tuple(stages), until, choices, held, reserve)

    def _grains(self, windows: list[int]) -> list[int]:
        """Per stage, how many items are handed out at once: all, where nobody else waits for them."""
        grains: list[int] = []
        shares = max(1, sum(len(self.ways[stage]) for stage in self.terms.stages))
        for stage, count in enumerate(self.terms.counts):
            part = -(-count // windows[stage])
            several = max(3, min(40, self.pieces // shares // windows[stage]))
            grains.append(part if self._alone(stage) else max(1, -(-part // several)))
        return grains

    def _alone(self, stage: int) -> bool:
        """Whether one device with one lane runs a stage, and its neighbours in other turns."""
        terms = self.terms
        if len(self.ways[stage]) != 1:
            return False
        device = next(iter(self.ways[stage]))
        near = {*terms.feeds[stage], *terms.gathers[stage], *terms.consumers[stage]}
        return self.devices[device].lanes == 1 and all(
            list(self.ways[other]) == [device] and self.order[other] != self.order[stage] for other in near
        )

"""Turns: which gathered calls a device makes next, and when it goes over to another stage.

Calls of nodes that use models, and of those that take batches, are gathered before they are made. A device
stays with the stages of one `order` of its placement as long as something may still come for them, so that
a model is loaded once for many items; stages of equal order share the device, the later ones first. Where
nothing may come any more, it goes on to the next order for which calls wait.

A pure state machine, used under the lock of the flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nodegraph.place.problem import Mode
from nodegraph.place.schedule import StagePlacement


@dataclass(frozen=True, slots=True)
class Turn:
    """So many of the calls that wait for a step, on a device."""

    step: int
    device: str
    size: int


class Turns:
    """Who is next on each device.

    Attributes:
        lanes: how many calls each device makes at a time.
    """

    def __init__(self, lanes: Mapping[str, int]) -> None:
        self.lanes = dict(lanes)
        self._stages: dict[int, StagePlacement] = {}
        self._by_device: dict[str, list[int]] = {}
        self._order: dict[str, int] = {}
        self._busy: Counter[str] = Counter()

    def follow(self, stages: Mapping[int, StagePlacement]) -> None:
        """Take over where each step runs."""
        self._stages = dict(stages)
        self._arrange()

    def move(self, step: int, device: str, to: str, mode: Mode, batch: int) -> None:
        """Make the calls of a step on another device."""
        stage = self._stages[step]
        devices = tuple(dict.fromkeys(to if each == device else each for each in stage.devices))
        self._stages[step] = StagePlacement(
            devices, {**stage.mode, to: mode}, {**stage.batch, to: batch}, stage.order
        )
        self._arrange()

    def lose(self, device: str) -> None:
        """Make no call on a device any more."""
        self.lanes.pop(device, None)
        self._arrange()

    def places(self, step: int) -> bool:
        """Whether a step has a device."""
        return step in self._stages

    def is_at(self, step: int) -> bool:
        """Whether a device is at a step now, or the step is on none."""
        stage = self._stages.get(step)
        return stage is None or any(self._order.get(device, 0) == stage.order for device in stage.devices)

    def takes_turns(self) -> bool:
        """Whether a device makes the calls of some stages after those of others."""
        orders = {(device, stage.order) for stage in self._stages.values() for device in stage.devices}
        return len(orders) > len({device for device, _ in orders})

    def placement(self, step: int) -> StagePlacement:
        """Where a step runs."""
        return self._stages[step]

    def release(self, device: str) -> None:
        """A call on a device has ended."""
        self._busy[device] -= 1

    def is_due(self, waiting: Mapping[int, Sequence[object]]) -> bool:
        """Whether a free device has a full batch of what it is at."""
        return self._full(waiting) is not None

    def full(self, waiting: Mapping[int, Sequence[object]]) -> Turn | None:
        """A full batch for a free device, of the stages that it is at."""
        return self._begin(self._full(waiting))

    def any(self, waiting: Mapping[int, Sequence[object]], is_coming: Callable[[int], bool]) -> Turn | None:
        """What a free device does where nothing else is ready.

        Args:
            waiting: per step, the calls that wait.
            is_coming: whether more may come for a step before anything is done here.
        """
        for device in self._free():
            steps = self._by_device[device]
            at = self._order.get(device, 0)
            current = [step for step in steps if self._stages[step].order == at]
            turn = self._part(device, current, waiting, is_coming)
            if turn is None and not any(is_coming(step) for step in current):
                turn = self._next(device, at, waiting, is_coming)
            if turn is not None:
                return self._begin(turn)
        return None

    def _arrange(self) -> None:
        by_device: dict[str, list[int]] = {device: [] for device in self.lanes}
        for step, stage in self._stages.items():
            for device in stage.devices:
                if device in by_device:
                    by_device[device].append(step)
        for steps in by_device.values():
            steps.sort(reverse=True)
        self._by_device = by_device

    def _free(self) -> list[str]:
        return [device for device, lanes in self.lanes.items() if self._busy[device] < lanes]

    def _full(self, waiting: Mapping[int, Sequence[object]]) -> Turn | None:
        for device in self._free():
            for step in self._by_device[device]:
                stage = self._stages[step]
                size = stage.batch[device]
                if stage.order == self._order.get(device, 0) and len(waiting.get(step, ())) >= size:
                    return Turn(step, device, size)
        return None

    def _part(
        self,
        device: str,
        steps: Sequence[int],
        waiting: Mapping[int, Sequence[object]],
        is_coming: Callable[[int], bool],
    ) -> Turn | None:
        """A batch of one of the steps, the largest that there is where it is not full."""
        for step in steps:
            there, size = len(waiting.get(step, ())), self._stages[step].batch[device]
            if there >= size or (there and not is_coming(step)):
                return Turn(step, device, min(there, size))
        return None

    def _next(
        self,
        device: str,
        at: int,
        waiting: Mapping[int, Sequence[object]],
        is_coming: Callable[[int], bool],
    ) -> Turn | None:
        """Go on to the next order for which calls wait, after the last from the first on."""
        steps = self._by_device[device]
        orders = sorted({self._stages[step].order for step in steps})
        later = [order for order in orders if order > at]
        for order in (*later, *(order for order in orders if order < at)):
            members = [step for step in steps if self._stages[step].order == order]
            turn = self._part(device, members, waiting, is_coming)
            if turn is not None:
                self._order[device] = order
                return turn
        return None

    def _begin(self, turn: Turn | None) -> Turn | None:
        if turn is not None:
            self._busy[turn.device] += 1
        return turn

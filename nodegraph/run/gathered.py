"""Calls that are gathered: those of a batch, made together, and those that use models, made in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from nodegraph.run.frames import Frame
from nodegraph.run.tasks import Task
from nodegraph.run.turns import Turns

_Waiting = list[tuple[Frame, int]]


class Gathered:
    """The gathered calls of each step, the first to come first. Used under the lock of the flow.

    Attributes:
        turns: which calls are made when and on which device; None if no step is placed on one.
    """

    def __init__(self, turns: Turns | None) -> None:
        self.turns = turns
        self._waiting: dict[int, _Waiting] = defaultdict(list)

    def add(self, step: int, frame: Frame, position: int) -> bool:
        """Put a call to those of its step; whether it will be made soon."""
        self._waiting[step].append((frame, position))
        return self.turns is None or self.turns.is_at(step)

    def put_back(self, task: Task) -> None:
        """Let calls that were taken be taken again, before all others."""
        self._waiting[task.position][:0] = task.waiting
        if task.device and self.turns is not None:
            self.turns.release(task.device)

    def take_all(self, step: int) -> Sequence[tuple[Frame, int]]:
        """The calls of a step, which are then gathered no more."""
        return self._waiting.pop(step, ())

    def is_due(self, size: int) -> bool:
        """Whether enough calls wait for a batch of that size, or for a device that is free."""
        if self.turns is not None and self.turns.is_due(self._waiting):
            return True
        return any(len(waiting) >= size for _, waiting in self._unplaced())

    def full(self, size: int) -> Task | None:
        """A batch of that size, or a full one for a device that is free."""
        for step, waiting in self._unplaced():
            if len(waiting) >= size:
                return self._take(step, size)
        turn = None if self.turns is None else self.turns.full(self._waiting)
        return None if turn is None else self._take(turn.step, turn.size, turn.device)

    def any(self, size: int, is_coming: Callable[[int], bool]) -> Task | None:
        """A smaller batch, where no more calls are coming for its step; or what a device goes over to."""
        for step, waiting in self._unplaced():
            if waiting and not is_coming(step):
                return self._take(step, size)
        turn = None if self.turns is None else self.turns.any(self._waiting, is_coming)
        return None if turn is None else self._take(turn.step, turn.size, turn.device)

    def _unplaced(self) -> Iterator[tuple[int, _Waiting]]:
        for step, waiting in self._waiting.items():
            if self.turns is None or not self.turns.places(step):
                yield step, waiting

    def _take(self, step: int, size: int, device: str = "") -> Task:
        waiting = self._waiting[step]
        self._waiting[step] = waiting[size:]
        return Task("batch", None, step, None, tuple(waiting[:size]), device)

"""What would be loaded without a plan: a model when a call needs it; the one used longest ago makes room."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

from nodegraph.place.fit import Fit, Held
from nodegraph.place.problem import Model
from nodegraph.place.simulate import Piece, Simulation

CALLS = 2000
"""About how many calls of a device are looked at; those in between are taken to load nothing."""


class LeastRecent:
    """The models of one device, the one used longest ago first."""

    def __init__(self, models: Mapping[str, Model], budget: int) -> None:
        self.models, self.budget = models, budget
        self.held: dict[Held, int] = {}
        self.weights = 0

    def call(self, way: Fit) -> int:
        """A call of one item; how many models it loads."""
        loads = 0
        for held in way.held:
            size = self.held.pop(held, None)
            if size is None:
                loads += 1
                for other in [one for one in self.held if one[0] == held[0]]:
                    self.weights -= self.held.pop(other)
                size = self.models[held[0]].weights[held[1]]
                self.weights += size
            self.held[held] = size
        while self.weights + way.cost.working(1) > self.budget:
            self.weights -= self.held.pop(next(iter(self.held)))
        return loads


def needless_loads(run: Simulation) -> int:
    """How many loads more a simulation has than if devices made their calls item by item, on demand."""
    by_device: list[list[Piece]] = [[] for _ in run.workers]
    for piece in run.pieces:
        if run.layout.ways[piece.stage][piece.device].held:
            by_device[piece.device].append(piece)
    return sum(max(0, _needless(run, device, pieces)) for device, pieces in enumerate(by_device))


def _needless(run: Simulation, device: int, pieces: Sequence[Piece]) -> int:
    loads = len(run.memories[device].loads)
    if loads <= len({held for piece in pieces for held in run.layout.ways[piece.stage][device].held}):
        return 0
    budget = run.terms.problem.devices[device].budget
    cache = LeastRecent(run.terms.problem.models, budget)
    step = max(1, sum(piece.count for piece in pieces) // CALLS)
    counted = 0
    for _, stage in heapq.merge(*(_items(run, piece, step) for piece in pieces)):
        counted += cache.call(run.layout.ways[stage][device])
        if counted >= loads:
            return 0
    return loads - counted


def _items(run: Simulation, piece: Piece, step: int) -> Iterator[tuple[float, int]]:
    """When items of a piece come, as a share of all of its stage, and the stage."""
    count = run.terms.counts[piece.stage]
    return ((item / count, piece.stage) for item in range(piece.first, piece.first + piece.count, step))

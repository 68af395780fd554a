"""What a simulated run holds in memory: models on devices and in host memory, and how they move."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from nodegraph.place.fit import Held
from nodegraph.place.layout import Turn
from nodegraph.place.problem import Device, Model, Problem
from nodegraph.place.schedule import Eviction, Load, Prefetch

AHEAD = 2
"""How many turns ahead models are prefetched."""


class HostMemory:
    """Copies of models in host memory; one reader brings them from disk, one after the other."""

    def __init__(self, problem: Problem) -> None:
        self.models = problem.models
        self.capacity = problem.host_bytes
        self.used = 0
        self.smallest = min((model.weights["resident"] for model in problem.models.values()), default=0)
        self.ready: Counter[str] = Counter()
        self.coming: Prefetch | None = None
        self.claimed = False
        self.prefetches: list[Prefetch] = []

    def copies(self, model: str) -> int:
        """Copies that are there or coming, and that nobody waits for."""
        coming = self.coming is not None and self.coming.model == model and not self.claimed
        return self.ready[model] + coming

    def has_room(self, model: str) -> bool:
        """Whether one more copy fits."""
        return self.used + self.models[model].weights["resident"] <= self.capacity

    def put(self, model: str) -> None:
        """A copy comes from a device."""
        self.used += self.models[model].weights["resident"]
        self.ready[model] += 1

    def read(self, model: str, now: float) -> float:
        """Begin to read a copy from disk; when it will be there."""
        one = self.models[model]
        self.used += one.weights["resident"]
        end = now + max(0.0, one.load_seconds - one.move_seconds)
        self.coming, self.claimed = Prefetch(model, now, end), False
        self.prefetches.append(self.coming)
        return end

    def arrived(self) -> None:
        """What was being read is there."""
        if self.coming is not None and not self.claimed:
            self.ready[self.coming.model] += 1
        self.coming, self.claimed = None, False

    def take(self, model: str, now: float) -> float | None:
        """Take a copy for a device: when it can be moved there; None if there is none."""
        if self.ready[model]:
            self.ready[model] -= 1
            return now
        if self.copies(model) and self.coming is not None:
            self.claimed = True
            return self.coming.end
        return None

    def forget(self, model: str) -> None:
        """A copy that was taken is on its device."""
        self.used -= self.models[model].weights["resident"]


class DeviceMemory:
    """What a device holds: models, and the working memory of its running calls."""

    def __init__(
        self, device: Device, models: dict[str, Model], turns: Sequence[Turn], host: HostMemory
    ) -> None:
        self.device = device
        self.models = models
        self.turns = turns
        self.host = host if device.kind != "cpu" else None
        self.resident: dict[Held, float] = {}
        self.weights = 0
        self.running = 0
        self.peak = 0
        self.position = 0
        self.loads: list[Load] = []
        self.evictions: list[Eviction] = []
        self._uses: dict[Held, list[int]] = {}
        for position, turn in enumerate(turns):
            for held in turn.held:
                self._uses.setdefault(held, []).append(position)

    def next_use(self, held: Held) -> float:
        """The next turn, after this one, that needs a model; infinite if none does."""
        uses = self._uses.get(held, [])
        at = bisect_right(uses, self.position)
        return uses[at] if at < len(uses) else math.inf

    def lacking(self, held: Sequence[Held]) -> list[Held]:
        """Those models that it does not hold."""
        return [one for one in held if one not in self.resident]

    def room(self, wanted: int, now: float) -> int:
        """Bytes that are free, after evicting by farthest next use what this turn does not need."""
        free = self.device.budget - self.weights - self.running
        while free < wanted:
            victim = self._victim()
            if victim is None:
                return free
            self.evict(victim, now)
            free = self.device.budget - self.weights - self.running
        return free

    def _victim(self) -> Held | None:
        needed = self.turns[self.position].held if self.position < len(self.turns) else ()
        there = [held for held in self.resident if held not in needed]
        return max(there, key=lambda held: (self.next_use(held), self._size(held)), default=None)

    def _size(self, held: Held) -> int:
        return self.models[held[0]].weights[held[1]]

    def evict(self, held: Held, now: float) -> None:
        """Let a model go: to host memory if this mode will be needed and there is room, or altogether."""
        del self.resident[held]
        self.weights -= self._size(held)
        kept = self.host is not None and self.next_use(held) < math.inf and self.host.has_room(held[0])
        if kept and self.host is not None:
            self.host.put(held[0])
        self.evictions.append(Eviction(held[0], self.device.name, "host" if kept else "dropped", now))

    def bring(self, lacking: Sequence[Held], reserve: int, now: float) -> Iterator[Load]:
        """Load models one after the other, with room left for calls that work in `reserve` bytes.

        Nothing is loaded if calls that still run leave no room for all of them.
        """
        for held in list(self.resident):
            if any(held[0] == one[0] for one in lacking):
                self.evict(held, now)
        size = sum(map(self._size, lacking))
        if self.room(size + reserve, now) < size:
            return
        for held in lacking:
            load = self._load(held, now)
            now = load.end
            yield load

    def _load(self, held: Held, now: float) -> Load:
        model = self.models[held[0]]
        start = self.host.take(held[0], now) if self.host is not None else None
        source = "disk" if start is None else "host"
        begin = now if start is None else max(now, start)
        load = Load(
            held[0], self.device.name, held[1], source, begin,
            begin + (model.load_seconds if start is None else model.move_seconds),
        )  # fmt: skip
        self.loads.append(load)
        self.resident[held] = load.end
        self.weights += self._size(held)
        self.peak = max(self.peak, self.weights + self.running)
        return load

    def forget_unused(self, used: Mapping[str, Sequence[float]]) -> None:
        """Leave out loads from disk after which no call used the model; `used` says when calls began."""
        kept: list[Load] = []
        for load in self.loads:
            gone = [one for one in self.evictions if one.model == load.model and one.at >= load.end]
            until = gone[0].at if gone else math.inf
            needed = any(load.start <= at < until or at == load.end for at in used.get(load.model, ()))
            if needed or load.source == "host" or (gone and gone[0].to == "host"):
                kept.append(load)
            elif gone:
                self.evictions.remove(gone[0])
        self.loads = kept

    def enter(self, nbytes: int) -> None:
        """Calls begin that work in so many bytes."""
        self.running += nbytes
        self.peak = max(self.peak, self.weights + self.running)


def next_prefetch(devices: Sequence[DeviceMemory], host: HostMemory) -> str | None:
    """The model that devices turn to next, of those that are on disk only and fit into host memory."""
    wanted: Counter[str] = Counter()
    if host.used + host.smallest > host.capacity:
        return None
    for ahead in range(AHEAD):
        for one in devices:
            position = one.position + ahead
            if one.host is None or position >= len(one.turns):
                continue
            for held in one.turns[position].held:
                if held in one.resident:
                    continue
                wanted[held[0]] += 1
                if host.copies(held[0]) < wanted[held[0]] and host.has_room(held[0]):
                    return held[0]
    return None

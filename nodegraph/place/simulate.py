"""What a layout comes to: devices take items in grains, in the order of their turns, until all are done.

The world it assumes is that of `verify`: what a schedule says is checked there without this module.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodegraph.place.fit import Held
from nodegraph.place.layout import Layout, Terms, Turn
from nodegraph.place.memory import DeviceMemory, HostMemory, next_prefetch
from nodegraph.place.problem import Cost

FIRST_SHARE = 0.6
"""How much of its share of what is left a device gets at once: the rest evens out what devices differ by."""


MANY = 8
"""For how many items a device it is no longer told call by call when devices will be through."""

TIE = 1e-9
"""Seconds that make no difference."""


@dataclass(slots=True)
class Piece:
    """Items of one stage that a device was handed, as a block or a part of one."""

    stage: int
    device: int
    first: int
    count: int
    start: float
    end: float
    lanes: int
    working: int
    free: bool


class Worker:
    """A device at work."""

    def __init__(self, index: int, memory: DeviceMemory, lanes: int) -> None:
        self.index = index
        self.memory = memory
        self.lanes = lanes
        self.idle = lanes
        self.running_free = 0
        self.running_turn = 0
        self.gone: set[int] = set()
        self.until = 0.0
        self.busy = 0.0

    def turn(self) -> Turn | None:
        """What it works on; None if it has come to the end."""
        memory = self.memory
        return memory.turns[memory.position] if memory.position < len(memory.turns) else None


def seconds_of(cost: Cost, count: int, batch: int, lanes: int) -> float:
    """Seconds of `count` items in batches, `lanes` of them at the same time in waves."""
    full, rest = divmod(count, batch)
    waves, more = divmod(full, lanes)
    taken = waves * cost.seconds(batch)
    if more:
        return taken + cost.seconds(batch)
    return taken + cost.seconds(rest) if rest else taken


class Simulation:
    """A run of a layout, event by event; its time grows with the number of grains."""

    def __init__(self, terms: Terms, layout: Layout) -> None:
        problem = terms.problem
        self.terms, self.layout = terms, layout
        self.host = HostMemory(problem)
        models = dict(problem.models)
        self.memories = [
            DeviceMemory(device, models, layout.turns[index], self.host)
            for index, device in enumerate(problem.devices)
        ]
        self.workers = [
            Worker(index, memory, problem.devices[index].lanes) for index, memory in enumerate(self.memories)
        ]
        self.pieces: list[Piece] = []
        self.now = 0.0
        self.given = [0] * len(terms.counts)
        self.done = [0] * len(terms.counts)
        self._late: list[dict[int, int]] = [{} for _ in terms.counts]
        self.ready = [self._ready(stage) for stage in range(len(terms.counts))]
        self._rates = [self._rate(stage) for stage in range(len(terms.counts))]
        self._all_rates = [sum(rates.values()) for rates in self._rates]
        self._stirred = True
        self._events: list[tuple[float, int, Piece | str | int]] = []
        self._number = 0
        self._awake = set(range(len(self.workers)))

    def run(self) -> bool:
        """Run to the end; whether all is done."""
        while True:
            while self._awake:
                index = min(self._awake)
                self._awake.remove(index)
                if self.workers[index].idle:
                    self._dispatch(self.workers[index])
            self._prefetch()
            if not self._events:
                self.forget_unused()
                return all(self.done[stage] == self.terms.counts[stage] for stage in self.terms.stages)
            self.now = self._events[0][0]
            while self._events and self._events[0][0] == self.now:
                self._handle(heapq.heappop(self._events)[2])

    def forget_unused(self) -> None:
        """Leave out what was loaded from disk ahead of calls that another device then made."""
        used: list[dict[str, list[float]]] = [{} for _ in self.memories]
        for piece in self.pieces:
            for name, _ in self.layout.ways[piece.stage][piece.device].held:
                used[piece.device].setdefault(name, []).append(piece.start)
        for memory, starts in zip(self.memories, used, strict=True):
            memory.forget_unused(starts)

    def loads(self) -> int:
        """How many times a model got onto a device."""
        return sum(len(memory.loads) for memory in self.memories)

    def _later(self, at: float, what: Piece | str | int) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, what))

    def _handle(self, what: Piece | str | int) -> None:
        if isinstance(what, Piece):
            self._finish(what)
        elif isinstance(what, int):
            self.workers[what].idle += 1
            self._awake.add(what)
        else:
            self._stirred = True
            if what:
                self.host.forget(what)
            else:
                self.host.arrived()

    def _ready(self, stage: int) -> int:
        """How many items of a stage have their inputs."""
        counts, terms = self.terms.counts, self.terms
        if any(self.done[source] < counts[source] for source in terms.gathers[stage]):
            return 0
        least = counts[stage]
        for source in terms.feeds[stage]:
            least = min(least, self.done[source] * counts[stage] // counts[source])
        return least

    def _rate(self, stage: int) -> dict[int, float]:
        """Items a second on each device that shares a stage."""
        rates: dict[int, float] = {}
        for device, way in self.layout.ways[stage].items():
            batch = self.layout.batch[stage][device]
            there = self.terms.problem.devices[device]
            beside = (there.budget - way.weights) // max(1, way.cost.working(batch))
            rates[device] = max(1, min(there.lanes, beside)) * batch / max(1e-9, way.cost.seconds(batch))
        return rates

    def _finish(self, piece: Piece) -> None:
        worker = self.workers[piece.device]
        worker.idle += piece.lanes
        worker.memory.running -= piece.working
        if piece.free:
            worker.running_free -= piece.working
        else:
            worker.running_turn -= 1
        self._awake.add(piece.device)
        late, stage = self._late[piece.stage], piece.stage
        if piece.first != self.done[stage]:
            late[piece.first] = piece.first + piece.count
            return
        done = piece.first + piece.count
        while done in late:
            done = late.pop(done)
        self.done[stage] = done
        if len(self.layout.bounds[stage]) > 1:
            for source in self.terms.feeds[stage]:
                self._awake.update(self.layout.ways[source])
        for consumer in self.terms.consumers[stage]:
            self.ready[consumer] = self._ready(consumer)
            self._awake.update(self.layout.ways[consumer])

    def _dispatch(self, worker: Worker) -> None:
        while worker.idle:
            self._advance(worker)
            if not (self._take(worker) or self._load_early(worker)):
                return

    def _advance(self, worker: Worker) -> None:
        """Turn to what comes next if all of this is handed out."""
        memory = worker.memory
        while (turn := worker.turn()) is not None:
            if any(self.given[s] < turn.until[s] and s not in worker.gone for s in turn.stages):
                return
            if worker.running_turn:
                return
            if memory.position + 1 == len(memory.turns) and len(turn.until) > len(turn.stages):
                return
            memory.position += 1
            self._stirred = True

    def _take(self, worker: Worker) -> bool:
        """Hand it items of the stage to be preferred: of those whose models it holds, else of any."""
        turn = worker.turn()
        if turn is None:
            return False
        unloaded: tuple[int, int] | None = None
        for stage in turn.choices:
            if self.ready[stage] <= self.given[stage] or self.given[stage] >= turn.until[stage]:
                continue
            count = self._portion(worker, stage, turn.until[stage])
            if not count:
                continue
            way = self.layout.ways[stage][worker.index]
            if not worker.memory.lacking(way.held):
                if self._begin(worker, stage, count):
                    return True
            elif unloaded is None:
                unloaded = stage, count
        return unloaded is not None and self._begin(worker, *unloaded)

    def _portion(self, worker: Worker, stage: int, until: int) -> int:
        """How many items of a stage it should be handed now: 0 if it should wait."""
        given, bounds = self.given[stage], self.layout.bounds[stage]
        window = bisect_right(bounds, given)
        if window and any(
            self.done[other] < self.layout.bounds[other][window - 1] for other in self.layout.followers[stage]
        ):
            return 0
        until = min(until, bounds[window])
        ready, rest = min(self.ready[stage], until) - given, until - given
        if ready <= 0 or stage in worker.gone:
            return 0
        batch, grain = self.layout.batch[stage][worker.index], self.layout.grain[stage]
        least = -(-max(batch, grain // 4) // batch) * batch
        if ready < min(rest, least):
            return 0
        rates = self._rates[stage]
        if len(rates) > 1:
            if self._leaves(worker, stage, rest):
                return 0
            share = rates[worker.index] / self._all_rates[stage]
            part = self._span(stage, given) if self.layout.coarse else rest * FIRST_SHARE
            want = max(least, int(part * share))
        else:
            want = min(grain, max(least, given), max(least, rest // 2))
        want = min(ready, -(-want // batch) * batch)
        return want if want == rest else want // batch * batch

    def _span(self, stage: int, given: int) -> int:
        """How many items of a stage come in the present window."""
        bounds = self.layout.bounds[stage]
        window = bisect_right(bounds, given)
        return bounds[window] - (bounds[window - 1] if window else 0)

    def _leaves(self, worker: Worker, stage: int, rest: int) -> bool:
        """Leave a shared stage to the others, if they are through before this device has made one call.

        At the same time is soon enough if this device would have to load models for it.
        """
        loading = self._loading(stage, worker.index)
        mine = loading + self._call(stage, worker.index, rest)
        if mine < rest / self._all_rates[stage]:
            return False
        rates = self._rates[stage]
        others = [one for one in rates if one != worker.index and stage not in self.workers[one].gone]
        if not others:
            return False
        theirs = self._through(stage, others, rest)
        if mine < theirs - TIE or (mine <= theirs + TIE and not loading):
            return False
        worker.gone.add(stage)
        self._awake.add(worker.index)
        return True

    def _through(self, stage: int, devices: Sequence[int], rest: int) -> float:
        """Seconds until devices are through with the rest of a stage, each beginning when it can."""
        able = [(self._waits(one) + self._loading(stage, one), one) for one in devices]
        if rest > MANY * len(able):
            return min(able)[0] + rest / sum(self._rates[stage][one] for one in devices)
        free = [
            (begin + self._call(stage, one, rest), one) for begin, one in able for _ in range(self._idle(one))
        ]
        heapq.heapify(free)
        end = 0.0
        while rest > 0:
            at, one = free[0]
            end = max(end, at)
            rest -= self.layout.batch[stage][one]
            heapq.heapreplace(free, (at + self._call(stage, one, max(1, rest)), one))
        return end

    def _idle(self, device: int) -> int:
        """How many calls a device can begin at the same time."""
        return max(1, self.workers[device].idle)

    def _call(self, stage: int, device: int, rest: int) -> float:
        return self.layout.ways[stage][device].cost.seconds(min(rest, self.layout.batch[stage][device]))

    def _waits(self, device: int) -> float:
        """Seconds until a device has a lane for something else."""
        worker = self.workers[device]
        return 0.0 if worker.idle else max(0.0, worker.until - self.now)

    def _loading(self, stage: int, device: int) -> float:
        """Seconds until a device has the models of a stage, from disk."""
        resident, models, taken = self.memories[device].resident, self.terms.problem.models, 0.0
        for held in self.layout.ways[stage][device].held:
            if held not in resident:
                taken += models[held[0]].load_seconds
        return taken

    def _begin(self, worker: Worker, stage: int, count: int) -> bool:
        """Begin with items of a stage, once its models are there; whether there is room."""
        way, batch = self.layout.ways[stage][worker.index], self.layout.batch[stage][worker.index]
        free = stage in self.layout.free[worker.index]
        there = self._models(worker, stage)
        if there is None:
            return False
        start = max(self.now, there)
        calls = -(-count // batch)
        working = way.cost.working(min(batch, count))
        lanes = min(calls, worker.idle, self._at_once(worker, working, min(calls, worker.idle), free))
        if not lanes:
            return False
        most = -(-max(1, self.layout.grain[stage] // batch) // worker.lanes) * lanes * batch
        if worker.lanes > 1 and count > most:
            count = most
        end = start + seconds_of(way.cost, count, batch, lanes)
        piece = Piece(stage, worker.index, self.given[stage], count, start, end, lanes, lanes * working, free)
        self._hand_out(worker, piece)
        return True

    def _hand_out(self, worker: Worker, piece: Piece) -> None:
        worker.idle -= piece.lanes
        worker.until = piece.end
        worker.busy += (piece.end - piece.start) * piece.lanes / worker.lanes
        worker.memory.enter(piece.working)
        if piece.free:
            worker.running_free += piece.working
        else:
            worker.running_turn += 1
        self.pieces.append(piece)
        self.given[piece.stage] += piece.count
        self._later(piece.end, piece)
        if self.given[piece.stage] in self.layout.bounds[piece.stage]:
            self._awake.update(self.layout.ways[piece.stage])

    def _at_once(self, worker: Worker, working: int, wanted: int, free: bool) -> int:
        """How many calls that work in so many bytes have room beside what runs."""
        if not working:
            return wanted
        if worker.lanes == 1:
            return 1 if worker.memory.room(working, self.now) >= working else 0
        kept = 0 if free else max(0, self.layout.free_floor[worker.index] - worker.running_free)
        room = worker.memory.room(wanted * working + kept, self.now) - kept
        if free:
            room = min(room, self.layout.free_room[worker.index] - worker.running_free)
        return max(0, room // working)

    def _models(self, worker: Worker, stage: int) -> float | None:
        """When the models of a stage are there, which are loaded if need be; None if there is no room."""
        way, turn = self.layout.ways[stage][worker.index], worker.turn()
        lacking = worker.memory.lacking(way.held)
        if lacking and turn is not None and not list(self._loads(worker, lacking, turn.reserve)):
            return None
        return max((worker.memory.resident[held] for held in way.held), default=self.now)

    def _loads(self, worker: Worker, lacking: Sequence[Held], reserve: int) -> Iterator[None]:
        for load in worker.memory.bring(lacking, reserve, self.now):
            self._stirred = True
            if load.source == "host":
                self._later(load.end, load.model)
            yield None

    def _load_early(self, worker: Worker) -> bool:
        """While there is nothing to run, load a model that this turn is going to need."""
        turn = worker.turn()
        if turn is None:
            return False
        for stage in turn.stages:
            lacking = worker.memory.lacking(self.layout.ways[stage][worker.index].held)
            if not lacking or self.given[stage] >= turn.until[stage] or stage in worker.gone:
                continue
            if len(self._rates[stage]) > 1 and self._leaves(
                worker, stage, turn.until[stage] - self.given[stage]
            ):
                continue
            end = self._models(worker, stage)
            if end is not None:
                worker.idle -= 1
                worker.until = end
                self._later(end, worker.index)
                return True
        return False

    def _prefetch(self) -> None:
        """Let the reader begin with the next model."""
        if self.host.capacity and self.host.coming is None and self._stirred:
            self._stirred = False
            model = next_prefetch(self.memories, self.host)
            if model is not None:
                self._later(self.host.read(model, self.now), "")

"""What orders of eviction cost, on a made-up year of work: `python tests/store/simulate_eviction.py`.

Three projects of 300 values each take turns, a few runs at a time. A run uses the values of its project; each
edit replaces a twentieth of them by new ones of like size and cost. Sizes and costs are drawn independently,
over five decades each. What was evicted is computed again when it is used. Printed: the seconds so computed,
as a share of what least-recently-used takes, the median of 3 seeds, by the part of all bytes that has room.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from statistics import median

from nodegraph.store.eviction import LOWEST, STEP, STEPS

RUNS = 400


@dataclass(slots=True)
class Value:
    number: int
    size: float
    cost: float
    used: int = 0
    floor: float = 0.0

    @property
    def density(self) -> float:
        return self.cost / self.size

    def level(self) -> float:
        if self.density < LOWEST:
            return 1.0
        return STEP ** min(STEPS, 1 + math.floor(math.log(self.density / LOWEST, STEP)))


Order = Callable[[Value, int], float]

ORDERS: dict[str, Order] = {
    "least recently used": lambda value, now: value.used,
    "seconds a byte / runs since": lambda value, now: value.density / (now - value.used),
    "the same in steps of 4 (chosen)": lambda value, now: value.level() / (now - value.used),
    "GreedyDual-Size": lambda value, now: value.floor + value.density,
    "seconds a byte alone": lambda value, now: value.density,
}


def simulate(order: Order, room: float, seed: int) -> float:
    """Seconds of computing what had been evicted."""
    chance = random.Random(seed)

    numbers = count()

    def draw() -> Value:
        return Value(next(numbers), 10 ** chance.uniform(3, 8), 10 ** chance.uniform(-3, 2))

    projects = [[draw() for _ in range(300)] for _ in range(3)]
    limit = room * sum(value.size for project in projects for value in project)
    known: set[int] = set()
    here: dict[int, Value] = {}
    again, floor, current = 0.0, 0.0, 0
    for now in range(1, RUNS):
        if chance.random() < 0.15:
            current = chance.randrange(3)
        project = projects[current]
        for place in chance.sample(range(300), 15):
            project[place] = draw()
        for value in project:
            if value.number not in here and value.number in known:
                again += value.cost
            known.add(value.number)
            here[value.number] = value
            value.used, value.floor = now, floor
        total = sum(value.size for value in here.values())
        for value in sorted(here.values(), key=lambda value: order(value, now + 1)):
            if total <= limit:
                break
            if value.used < now:
                floor = max(floor, value.floor + value.density)
                total -= value.size
                del here[value.number]
    return again


def main() -> None:
    rooms = (0.5, 0.7, 0.9)
    print(f"{'':34}" + "".join(f"{room:>8.0%}" for room in rooms))
    seeds = range(3)
    base = {room: [simulate(ORDERS["least recently used"], room, seed) for seed in seeds] for room in rooms}
    for name, order in ORDERS.items():
        shares = [median(simulate(order, room, seed) / base[room][seed] for seed in seeds) for room in rooms]
        print(f"{name:34}" + "".join(f"{share:8.2f}" for share in shares))


if __name__ == "__main__":
    main()

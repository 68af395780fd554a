"""How good placements are: random problems, small ones beside the optimum, large ones beside the lower bound.

    python tests/benchmarks/placement.py [--instances 10000] [--quick]

Every problem is drawn from its number, so that a failing one can be looked at again. A missed target is
said, and is no failure; a schedule that cannot be followed is.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from nodegraph.place.bounds import lower_bound
from nodegraph.place.fit import all_fits
from nodegraph.place.layout import terms_of
from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Problem
from nodegraph.place.refusals import refusals
from nodegraph.place.verify import check_schedule
from tests.place.exact import Undecided, shortest
from tests.place.instances import crowded_problem, draw_problem, largest_problem, small_problem
from tests.place.lru import lru_loads

LINE = "{:<74} {:>18} {:>22}"


def followed(seed: int) -> tuple[list[str], int, int]:
    """Faults of a schedule, its stages, and how many of them were refused."""
    problem = draw_problem(random.Random(seed))
    schedule = plan_placement(problem)
    return check_schedule(problem, schedule), len(problem.stages), len(schedule.refused)


def beside_optimum(seed: int) -> float | None:
    """Makespan as a multiple of the optimum, infinite if that was not found in time; None if nothing runs."""
    problem = small_problem(seed)
    seconds = plan_placement(problem).seconds
    try:
        return seconds / shortest(problem, seconds, steps=20_000) if seconds else None
    except Undecided:
        return math.inf


def beside_bound(seed: int) -> float | None:
    """Makespan as a multiple of the lower bound; None if nothing runs."""
    problem = draw_problem(random.Random(seed), items=(100, 10_000))
    bound = bound_of(problem)
    return plan_placement(problem).seconds / bound if bound else None


def bound_of(problem: Problem) -> float:
    fits = all_fits(problem)
    return lower_bound(terms_of(problem, fits, refusals(problem, fits)))


def loads(seed: int) -> tuple[int, int]:
    """Model loads of a schedule, and of its calls item by item on demand."""
    problem = draw_problem(random.Random(seed), items=(1, 1000))
    schedule = plan_placement(problem)
    return len(schedule.loads), lru_loads(problem, schedule)


def crowded_loads(seed: int) -> tuple[int, int]:
    """The same where at least 100 items pass two models that do not fit together."""
    dice = random.Random(seed)
    problem = crowded_problem(dice, dice.randint(100, 2000))
    schedule = plan_placement(problem)
    return len(schedule.loads), lru_loads(problem, schedule)


def planning(seed: int) -> float:
    """Milliseconds of the processor to plan 40 stages of 10,000 items on 8 devices: the least of five."""
    problem = largest_problem(random.Random(seed))
    taken: list[float] = []
    for _ in range(5):
        started = time.process_time()
        plan_placement(problem)
        taken.append(1000 * (time.process_time() - started))
    return min(taken)


Value = TypeVar("Value")


def each(pool: ProcessPoolExecutor, one: Callable[[int], Value], number: int) -> list[Value]:
    """What a function gives for problems 0 to `number`."""
    return list(pool.map(one, range(number), chunksize=max(1, number // 64)))


def share(values: Sequence[float], part: float) -> float:
    """The value that a part of all do not exceed."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


def told(work: str, target: str, measured: str, met: bool) -> None:
    print(LINE.format(work, target, measured if met else f"{measured}  MISSED"), flush=True)


def tell_followed(pool: ProcessPoolExecutor, number: int) -> int:
    """The first row; how many schedules cannot be followed."""
    found = each(pool, followed, number)
    faults = [(seed, one[0]) for seed, one in enumerate(found) if one[0]]
    refused, stages = sum(one[2] for one in found), sum(one[1] for one in found)
    work = f"{number:,} random problems: budgets kept, every call placed or refused"
    told(work, "0 faults", f"{len(faults)} faults", not faults)
    print(f"    {refused:,} of {stages:,} stages refused", flush=True)
    for seed, one in faults[:20]:
        print(f"problem {seed}: {one[0]}", file=sys.stderr)
    return len(faults)


def tell_makespans(pool: ProcessPoolExecutor, number: int) -> None:
    """The rows of makespans."""
    tried = [one for one in each(pool, beside_optimum, number) if one is not None]
    small = [one for one in tried if one < math.inf]
    work = f"makespan / optimum, {len(small):,} small problems"
    for name, value, target in (("median", 0.5, 1.05), ("99th percentile", 0.99, 1.25)):
        told(f"{work}, {name}", f"≤ {target}", f"{share(small, value):.3f}", share(small, value) <= target)
    exact = sum(one < 1 + 1e-6 for one in small) / len(small)
    unknown = len(tried) - len(small)
    print(
        f"    {exact:.0%} optimal, the worst {max(small):.2f}; the optimum of {unknown} more is not known",
        flush=True,
    )
    large = [one for one in each(pool, beside_bound, number) if one is not None]
    median = statistics.median(large)
    told(
        f"makespan / lower bound, {len(large):,} problems of ≥ 100 items, median",
        "≤ 1.15",
        f"{median:.3f}",
        median <= 1.15,
    )
    print(f"    nine of ten within {share(large, 0.9):.2f}, the worst {max(large):.2f}", flush=True)


def tell_loads(pool: ProcessPoolExecutor, number: int) -> None:
    """The rows of model loads."""
    found = each(pool, loads, number)
    more = sum(ours > theirs for ours, theirs in found)
    told(f"problems of {number:,} with more loads than item by item with LRU", "0", f"{more}", not more)
    fewer = [theirs / ours for ours, theirs in each(pool, crowded_loads, number // 10 or 1)]
    work = "loads item by item / ours, two models that do not fit together, least"
    told(work, "≥ 10", f"{min(fewer):.0f}", min(fewer) >= 10)


def main() -> int:
    """Measure and print all rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", type=int, default=10_000, help="random problems of the first row")
    parser.add_argument("--quick", action="store_true", help="a twentieth of all problems")
    chosen = parser.parse_args()
    number = chosen.instances // 20 if chosen.quick else chosen.instances
    some = max(20, number // 10)
    started = time.perf_counter()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    print(LINE.format("work", "target", "measured"))
    took = [planning(seed) for seed in range(3)]
    worst = max(took)
    told("planning 40 stages × 10,000 items × 8 devices, ms", "≤ 50", f"{worst:.0f}", worst <= 50)
    with ProcessPoolExecutor() as pool:
        tell_makespans(pool, 2 * some)
        tell_loads(pool, some)
        faults = tell_followed(pool, number)
    print(f"\nmeasured in {time.perf_counter() - started:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

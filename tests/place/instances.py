"""Random problems of placement, drawn from a seed."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from nodegraph.place.problem import Cost, Device, Mode, Model, Problem, Stage

GB = 10**9


def log_uniform(dice: random.Random, low: float, high: float) -> float:
    return math.exp(dice.uniform(math.log(low), math.log(high)))


def draw_models(dice: random.Random, number: int) -> dict[str, Model]:
    """Models of 0.1 to 40 GB; from disk at 1 to 4 GB/s, moved at 10 GB/s; some can be swapped, offloaded."""
    models: dict[str, Model] = {}
    for index in range(number):
        size = log_uniform(dice, 0.1, 40)
        weights: dict[Mode, int] = {"resident": int(size * GB)}
        if dice.random() < 0.5:
            weights["swap"] = int(size * dice.uniform(0.3, 0.8) * GB)
        if dice.random() < 0.5:
            weights["offload"] = int(size * dice.uniform(0.03, 0.3) * GB)
        models[f"m{index}"] = Model(
            f"m{index}", f"model {index}", weights, size / dice.uniform(1, 4), size / 10
        )
    return models


def draw_devices(dice: random.Random, number: int) -> tuple[Device, ...]:
    """A host with lanes, and GPUs: equal ones, or each with its own budget."""
    sizes = (8, 12, 16, 24, 40, 48, 80)
    size = dice.choice(sizes)
    mixed = dice.random() < 0.3
    gpus = [
        Device(f"cuda:{index}", "cuda", (dice.choice(sizes) if mixed else size) * GB)
        for index in range(number - 1)
    ]
    return (*gpus, Device("cpu", "cpu", dice.choice((16, 64, 256)) * GB, dice.choice((1, 4, 8, 16, 32))))


def draw_costs(dice: random.Random, models: tuple[str, ...], kinds: set[str]) -> dict[str, dict[Mode, Cost]]:
    fixed, item = int(log_uniform(dice, 0.01, 2) * GB), int(log_uniform(dice, 0.01, 3) * GB)
    seconds = log_uniform(dice, 0.02, 20) if models else log_uniform(dice, 0.005, 1)
    start = seconds * dice.choice((0, 0, 0.1, 1, 3))
    costs: dict[str, dict[Mode, Cost]] = {}
    modes: tuple[tuple[Mode, float], ...] = (
        ("resident", 1),
        ("swap", dice.uniform(1.05, 2)),
        ("offload", dice.uniform(2, 8)),
    )
    for kind in sorted(kinds):
        slow = 1 if kind == "cuda" or not models else dice.uniform(10, 60)
        costs[kind] = {
            mode: Cost(fixed, item, start * slow * times, seconds * slow * times)
            for mode, times in (modes if models else modes[:1])
        }
    return costs


def draw_stage(
    dice: random.Random, index: int, counts: list[int], models: dict[str, Model], most: int
) -> Stage:
    used = (
        tuple(dice.sample(sorted(models), min(len(models), dice.choice((1, 1, 1, 2)))))
        if dice.random() < 0.6
        else ()
    )
    kinds = {"cuda"} if used else {"cpu"}
    if dice.random() < 0.3:
        kinds = {"cuda", "cpu"}
    feeds: list[int] = []
    gathers: list[int] = []
    for source in dice.sample(range(index), min(index, dice.choice((1, 1, 1, 2)))) if index else ():
        (gathers if dice.random() < 0.15 else feeds).append(source)
    if index and dice.random() < 0.6 and index - 1 not in gathers:
        feeds = [index - 1]
    count = counts[feeds[0]] if feeds else 1 if gathers and dice.random() < 0.7 else most
    if dice.random() < 0.1:
        count = max(1, min(most, int(count * dice.choice((0.3, 0.5, 2, 3)))))
    if dice.random() < 0.05:
        count = 0
    return Stage(
        f"s{index}", count, used, tuple(feeds), tuple(gathers),
        draw_costs(dice, used, kinds), dice.choice((1, 1, 4, 16)) if used else 1,
    )  # fmt: skip


def draw_problem(
    dice: random.Random,
    *,
    stages: tuple[int, int] = (1, 40),
    models: tuple[int, int] = (1, 12),
    devices: tuple[int, int] = (1, 8),
    items: tuple[int, int] = (1, 10_000),
) -> Problem:
    """A problem of these numbers (from, to) of stages, models, devices and items."""
    there = draw_models(dice, dice.randint(*models))
    most = round(log_uniform(dice, items[0], items[1]))
    drawn: list[Stage] = []
    for index in range(dice.randint(*stages)):
        drawn.append(draw_stage(dice, index, [stage.count for stage in drawn], there, most))
    host_bytes = dice.choice((0, 16, 64, 256)) * GB
    return Problem(draw_devices(dice, dice.randint(*devices)), there, tuple(drawn), host_bytes)


def small_problem(seed: int) -> Problem:
    """A problem that can be solved by trying everything: few calls, one lane each, no host memory."""
    drawn = draw_problem(random.Random(seed), stages=(1, 5), models=(1, 3), devices=(1, 3), items=(1, 4))
    return replace(drawn, devices=tuple(replace(one, lanes=1) for one in drawn.devices), host_bytes=0)


def crowded_problem(dice: random.Random, count: int = 100) -> Problem:
    """At least 100 items pass two models that do not fit together on the one GPU, in any mode."""
    models = {
        name: Model(name, name, {"resident": int(dice.uniform(0.55, 0.9) * 24 * GB)}, 10.0, 2.0)
        for name in ("first", "second")
    }
    cost = {"cuda": {"resident": Cost(GB // 10, GB // 100, 0.1, dice.uniform(0.1, 2.0))}}
    stages = (
        Stage("draw", count, ("first",), (), (), cost, dice.choice((1, 8))),
        Stage("refine", count, ("second",), (0,), (), cost, dice.choice((1, 8))),
    )
    return Problem((Device("cuda:0", "cuda", 24 * GB),), models, stages, dice.choice((0, 64)) * GB)


def largest_problem(dice: random.Random) -> Problem:
    """40 stages of 10,000 items in a row on 8 devices."""
    models = draw_models(dice, 12)
    gpus = tuple(Device(f"cuda:{index}", "cuda", 48 * GB) for index in range(7))
    stages: list[Stage] = []
    for index in range(40):
        used = (dice.choice(sorted(models)),) if dice.random() < 0.6 else ()
        costs = draw_costs(dice, used, {"cuda"} if used else {"cpu"})
        feeds = (index - 1,) if index else ()
        stages.append(Stage(f"s{index}", 10_000, used, feeds, (), costs, 8 if used else 1))
    return Problem((*gpus, Device("cpu", "cpu", 64 * GB, 16)), models, tuple(stages), 64 * GB)

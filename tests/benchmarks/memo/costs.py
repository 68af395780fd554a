"""What a call costs beside the floor: rounds of floor and engine in turns, and what is judged of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from memo.samples import Sample, sample
from memo.works import Phase, Work

PHASES: tuple[Phase, ...] = ("cold", "again", "changed")


@dataclass(frozen=True)
class Limits:
    """Most that a call may cost, as multiples of the floor's, cold and with nothing changed.

    Attributes:
        found: of a call that is found when something else changed.
    """

    cold: float
    again: float
    found: float = 2.5


@dataclass(frozen=True)
class Round:
    """One store from nothing: a sample of the floor, and one of the engine for each phase."""

    floor: Sample
    engine: dict[Phase, Sample]


@dataclass(frozen=True)
class Cost:
    """What one phase of one work costs a call: medians of the rounds, the times in seconds.

    Attributes:
        floor: the floor, of the mixture of written and found calls that the phase has.
        run: from the end of check to the last commit.
        ratio: `run` beside `floor`, by the clock.
        limit: most that the ratio may be.
        ratio_cpu: the same by time of processor, which other load does not disturb as much.
        checked: with check and with writing the reports.
        run_cpu, checked_cpu: `run` and `checked` of processor.
        checked_ratio, checked_ratio_cpu: `checked` beside the floor.
        process: seconds of the whole process: its start, imports, making the graph, looking at results.
    """

    executed: int
    cached: int
    floor: float
    run: float
    ratio: float
    ratio_cpu: float
    limit: float
    checked: float
    run_cpu: float
    checked_cpu: float
    checked_ratio: float
    checked_ratio_cpu: float
    process: float


def measure(work: Work, rounds: int, phases: Sequence[Phase] = PHASES) -> list[Round]:
    """Rounds on fresh stores; the floor's turn comes between those of the engine."""
    return [_round(work, phases) for _ in range(rounds)]


def _round(work: Work, phases: Sequence[Phase]) -> Round:
    with tempfile.TemporaryDirectory() as name:
        store = str(Path(name) / "store")
        first = sample("engine", work.as_text(), phases[0], store)
        floor = sample("floor", name)
        others = {phase: sample("engine", work.as_text(), phase, store) for phase in phases[1:]}
    return Round(floor, {phases[0]: first, **others})


def cost(phase: Phase, rounds: Sequence[Round], limits: Limits) -> Cost:
    """Judge one phase of one work by the medians of its rounds."""
    samples = [each.engine[phase] for each in rounds]
    executed, cached = int(samples[0]["executed"]), int(samples[0]["cached"])
    calls = executed + cached
    found = limits.again if phase == "again" else limits.found

    def floors(unit: str = "", cold: float = 1, warm: float = 1) -> list[float]:
        return [
            executed * cold * each.floor[f"cold{unit}"] + cached * warm * each.floor[f"warm{unit}"]
            for each in rounds
        ]

    def typical(name: str) -> float:
        return median(each[name] for each in samples)

    def ratio(name: str, beside: Sequence[float]) -> float:
        return median(each[name] / floor for each, floor in zip(samples, beside, strict=True))

    allowed = zip(floors(cold=limits.cold, warm=found), floors(), strict=True)
    return Cost(
        executed,
        cached,
        floor=median(floors()) / calls,
        run=typical("seconds") / calls,
        ratio=ratio("seconds", floors()),
        ratio_cpu=ratio("seconds_cpu", floors("_cpu")),
        limit=median(most / floor for most, floor in allowed),
        checked=typical("wall") / calls,
        run_cpu=typical("seconds_cpu") / calls,
        checked_cpu=typical("wall_cpu") / calls,
        checked_ratio=ratio("wall", floors()),
        checked_ratio_cpu=ratio("wall_cpu", floors("_cpu")),
        process=typical("process"),
    )

"""How the cost of a call and memory grow with the work: a small and a ten times larger one in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from memo.samples import Sample, sample
from memo.works import Phase, Work

PHASES: tuple[Phase, ...] = ("cold", "again")


@dataclass(frozen=True)
class Growth:
    """What a call costs in a small work and in a large one; medians of the rounds.

    Attributes:
        before, after: seconds a call, from the end of check to the last commit.
        ratio: of the cost of a call in the large work to that in the small one.
        ratio_cpu: the same by time of processor.
        checked_ratio, checked_ratio_cpu: the same with check and with writing the reports.
        bytes: growth of the peak of resident memory, for each node or item that came to it.
    """

    small: Work
    large: Work
    phase: Phase
    before: float
    after: float
    ratio: float
    ratio_cpu: float
    checked_ratio: float
    checked_ratio_cpu: float
    bytes: float


def measure(small: Work, large: Work, rounds: int) -> list[Growth]:
    """Rounds of both works on fresh stores, cold and with nothing changed."""
    measured = [_round(small, large) for _ in range(rounds)]
    return [_growth(small, large, phase, [each[phase] for each in measured]) for phase in PHASES]


def _round(small: Work, large: Work) -> dict[Phase, tuple[Sample, Sample]]:
    with tempfile.TemporaryDirectory() as name:

        def one(work: Work, phase: Phase) -> Sample:
            return sample("engine", work.as_text(), phase, str(Path(name) / str(work.size)))

        return {phase: (one(small, phase), one(large, phase)) for phase in PHASES}


def _growth(small: Work, large: Work, phase: Phase, pairs: list[tuple[Sample, Sample]]) -> Growth:
    def typical(of: Callable[[Sample, Sample], float]) -> float:
        return median(of(*pair) for pair in pairs)

    def ratio(name: str) -> float:
        return typical(lambda one, ten: ten[name] / one[name] * small.calls / large.calls)

    return Growth(
        small,
        large,
        phase,
        before=typical(lambda one, _: one["seconds"]) / small.calls,
        after=typical(lambda _, ten: ten["seconds"]) / large.calls,
        ratio=ratio("seconds"),
        ratio_cpu=ratio("seconds_cpu"),
        checked_ratio=ratio("wall"),
        checked_ratio_cpu=ratio("wall_cpu"),
        bytes=typical(lambda one, ten: (ten["peak"] - one["peak"]) / (large.size - small.size)),
    )

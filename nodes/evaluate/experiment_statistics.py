"""Means over repetitions, with intervals, and what arms differ by from a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, sqrt


@dataclass(frozen=True)
class Run:
    """The score of one training: its arm, the share of the real data, the repetition."""

    arm: str
    fraction: float
    repeat: int
    score: float


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` values; the interval is None for fewer than two."""

    mean: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """What came out for one arm and fraction.

    Attributes:
        arm, fraction: which.
        score: mean over repetitions.
        gain: mean of the differences to the baseline's score in the same repetition; None for the baseline,
            and where no repetition has both.
    """

    arm: str
    fraction: float
    score: Estimate
    gain: Estimate | None


def estimate(values: Sequence[float], confidence: float) -> Estimate:
    """The mean with its interval by Student's t: mean ± t · s / √n, s with n - 1.

    Right if the values are independent and normal; with three repetitions it is wide. At least one value.
    """
    from scipy.stats import t

    count = len(values)
    mean = fsum(values) / count
    if count < 2:
        return Estimate(mean, None, None, count)
    deviation = sqrt(fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(t.ppf((1 + confidence) / 2, count - 1)) * deviation / sqrt(count)
    return Estimate(mean, mean - half, mean + half, count)


def compare(runs: Iterable[Run], baseline: str, confidence: float) -> list[Row]:
    """A row per fraction and arm: fractions ascending, arms in order of appearance.

    Differences are paired: both scores are of the same fraction and repetition, that is, of the same real
    pictures. So what the draw of the pictures does to both arms alike drops out.
    """
    scores: dict[tuple[float, str], dict[int, float]] = {}
    arms: dict[str, None] = {}
    for run in runs:
        arms.setdefault(run.arm)
        scores.setdefault((run.fraction, run.arm), {})[run.repeat] = run.score
    rows: list[Row] = []
    for fraction in sorted({fraction for fraction, _ in scores}):
        plain = scores.get((fraction, baseline), {})
        for arm in arms:
            own = scores.get((fraction, arm))
            if not own:
                continue
            pairs = [own[repeat] - plain[repeat] for repeat in sorted(own) if repeat in plain]
            gain = estimate(pairs, confidence) if pairs and arm != baseline else None
            rows.append(Row(arm, fraction, estimate(list(own.values()), confidence), gain))
    return rows

"""`evaluate.mean`: one number for a stream of measurements."""

from __future__ import annotations

from math import fsum
from typing import NamedTuple

from nodegraph import Drop, Stream, node


class Mean(NamedTuple):
    """The arithmetic mean, the smallest and the largest value, and how many there were."""

    out: float
    lowest: float
    highest: float
    items: int


@node("evaluate.mean", version=1)
def mean(values: Stream[float]) -> Mean:
    """Average a number over the items of a stream; every item counts once.

    Items that failed or were dropped are left out.

    Raises:
        Drop: if the stream is empty.
    """
    numbers = [float(item.value) for item in values]
    if not numbers:
        raise Drop("no values to average")
    return Mean(fsum(numbers) / len(numbers), min(numbers), max(numbers), len(numbers))

"""Round times along an axis."""

from __future__ import annotations

from collections.abc import Iterator

_UNITS = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))
_STEPS = ((1, 2, 5, 10, 15, 30), (1, 2, 5, 10, 15, 30), (1, 2, 3, 6, 12, 24))
_FINEST = 1e-6


def time_ticks(seconds: float, most: int) -> list[tuple[float, str]]:
    """Round times from 0 to `seconds` with their labels in s, min or h: at most `most` + 1 of them."""
    step, size, unit = next(entry for entry in _steps() if seconds <= entry[0] * most)
    times = [index * step for index in range(int(seconds / step * (1 + 1e-9)) + 1)]
    return [(time, f"{time / size:.6g} {unit}" if time else "0") for time in times]


def _steps() -> Iterator[tuple[float, float, str]]:
    """Ever longer steps in seconds, with the seconds and the name of the unit they are told in."""
    fine = _FINEST
    while fine < 0.9:
        for factor in (1, 2, 5):
            yield factor * fine, 1.0, "s"
        fine *= 10
    for (size, unit), steps in zip(_UNITS, _STEPS, strict=True):
        for step in steps:
            yield step * size, size, unit
    hours = 24
    while True:
        hours *= 2
        yield hours * 3600.0, 3600.0, "h"

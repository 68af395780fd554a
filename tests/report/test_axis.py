"""Ticks of an axis of time."""

from __future__ import annotations

import pytest

from nodegraph.report.axis import time_ticks


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.004, ["0", "0.001 s", "0.002 s", "0.003 s", "0.004 s"]),
        (0.9, ["0", "0.2 s", "0.4 s", "0.6 s", "0.8 s"]),
        (12, ["0", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]),
        (200, ["0", "30 s", "60 s", "90 s", "120 s", "150 s", "180 s"]),
        (1500, ["0", "5 min", "10 min", "15 min", "20 min", "25 min"]),
        (5 * 3600, ["0", "1 h", "2 h", "3 h", "4 h", "5 h"]),
        (20 * 86400, ["0", "96 h", "192 h", "288 h", "384 h", "480 h"]),
    ],
)
def test_ticks_are_round_and_few(seconds, labels):
    ticks = time_ticks(seconds, 7)
    assert [label for _, label in ticks] == labels
    assert ticks[-1][0] <= seconds * (1 + 1e-9)

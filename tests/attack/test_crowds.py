"""Many processes start the same run at once: slow calls run once in all, and everybody gets the same."""

from __future__ import annotations

import shutil
from collections import Counter

ROUNDS = 20
PROCESSES = 8
EVEN = {
    "count": ("count", {}, {"n": 6}),
    "slow": ("slow", {"number": "count"}, {}),
    "brief": ("brief", {"number": "count"}, {}),
    "large": ("large", {"number": "count"}, {}),
    "sum": ("sum", {"grid": "large"}, {}),
    "total": ("total", {"numbers": "slow"}, {}),
    "written": ("written", {"numbers": "brief", "sums": "sum"}, {}),
}


def run_at_once(crowd, graph, *streams: str) -> dict[str, int]:
    """Start the run in many processes at once; how often each slow call was executed by all of them.

    They must all end well, with the same result.
    """
    processes = [crowd.start("observed", graph, crowd.store, *streams, gated=True) for _ in range(PROCESSES)]
    crowd.forks.open_gate()
    ended = [process.wait() for process in processes]
    assert [each.stderr for each in ended] == [""] * PROCESSES
    assert [each.exit for each in ended] == [0] * PROCESSES
    assert [each.json for each in ended] == [ended[0].json] * PROCESSES
    calls = Counter(note.call for note in crowd.notes() if note.what == "began")
    shutil.rmtree(crowd.folder)
    return {call: count for call, count in calls.items() if not call.startswith("cheap")}


def test_each_slow_call_is_executed_once_in_all_and_results_are_equal(site, sites):
    graph = site.graph(EVEN, {"total": "total", "written": "written"})
    once = {f"{name}/{number}": 1 for name in ("slow", "brief", "large") for number in range(6)}
    for _ in range(ROUNDS):
        assert run_at_once(sites(), graph, "slow", "large", "sum") == {**once, "written/0": 1}

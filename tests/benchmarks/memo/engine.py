"""One run of one work by the engine, in a process of its own: python -m memo.engine WORK PHASE STORE."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from memo.graphs import assert_right, graph_of
from memo.works import Phase, Work, affected, work_of
from nodegraph import api
from nodegraph.api import Options, run_graph
from nodegraph.run.result import Run


def measure(work: Work, phase: Phase, store: Path) -> dict[str, float]:
    """Run it once and say what it took; results and counts are held against what they must be.

    Returns:
        seconds: `Run.seconds`, from the end of check to the last commit.
        seconds_cpu: the same of processor.
        wall, wall_cpu: seconds of all of `run_graph`, with check and the reports; by the clock, of processor.
        executed, cached: calls.
        peak: bytes of resident memory at most, before the results are looked at.
    """
    graph = graph_of(work, phase)
    options = Options(store=store)
    begin, end = mark("open_store"), mark("text_report")
    cpu, wall = time.process_time(), time.perf_counter()
    run = run_graph(graph, options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_memory()
    executed = sum(report.executed for report in run.nodes.values())
    cached = sum(report.cached for report in run.nodes.values())
    assert_counts(work, phase, run, executed, cached)
    assert_right(work, phase, run)
    return {
        "seconds": run.seconds,
        "seconds_cpu": end[0] - begin[0],
        "wall": wall,
        "wall_cpu": cpu,
        "executed": executed,
        "cached": cached,
        "peak": peak,
    }


def mark(name: str) -> list[float]:
    """Note in the list the time of processor when `run_graph` first calls this function.

    `Run.seconds` begins where the store is opened and ends where the reports begin.
    """
    times: list[float] = []
    marked = getattr(api, name)

    def called(*arguments: Any) -> Any:
        times.append(time.process_time())
        return marked(*arguments)

    setattr(api, name, called)
    return times


def assert_counts(work: Work, phase: Phase, run: Run, executed: int, cached: int) -> None:
    """Hold what ran against what must run."""
    must = {"cold": work.calls, "again": 0, "changed": affected(work)}[phase]
    items = sum(report.items for report in run.nodes.values())
    assert run.ok, run.errors
    assert not run.warnings, run.warnings
    assert executed == must, f"{executed} calls executed, not {must}"
    assert executed + cached == items, f"{executed} executed and {cached} cached of {items}"
    assert items >= work.calls, f"{items} calls, not {work.calls}"


def peak_memory() -> int:
    """Most bytes that were resident; `ru_maxrss` would count those of the process that started this one."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    _, text, phase_text, folder = sys.argv
    print(json.dumps(measure(work_of(text), phase_text, Path(folder))))  # type: ignore[arg-type]

"""One run of one work by a peer, in a process of its own: python -m memo.peers PEER WORK PHASE FOLDER.

Timed is the run alone: importing, opening the cache and making the graph are left out, in favour of the peer.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from memo.functions import ARRAY_FUNCTIONS, FUNCTIONS, RAN, Functions, Run
from memo.works import STAGES, Phase, Work, ends, expected, readers, stage_step, step, work_of

DISTRIBUTIONS = {
    "hamilton": "sf-hamilton",
    "redun": "redun",
    "joblib": "joblib",
    "diskcache": "diskcache",
}
DEEP = 1 << 29
"""Bytes of stack: Hamilton and redun walk a graph by recursion."""


def loop(work: Work, phase: Phase, functions: Functions) -> Run:
    """The work as a plain loop over memoized functions."""

    def stream() -> list[Any]:
        values: list[Any] = []
        for index in range(work.size + (phase == "changed")):
            value = functions[0](index)
            for stage in range(STAGES):
                value = functions[1](value, stage_step(stage))
            values.append(value)
        return values

    def graph() -> list[Any]:
        values: list[Any] = []
        for index, reads in enumerate(reading):
            values.append(functions[len(reads)](*(values[read] for read in reads), step(work, index, phase)))
        return [values[index] for index in last]

    if work.shape == "stream":
        return stream
    reading, last = list(readers(work)), ends(work)
    return graph


def joblib(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """joblib.Memory: every function call is looked up on its own."""
    from joblib import Memory

    memory = Memory(folder, verbose=0)
    return loop(work, phase, {count: memory.cache(function) for count, function in functions.items()})


def diskcache(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """diskcache's memoize: every function call is looked up on its own."""
    from diskcache import Cache

    cache = Cache(str(folder))
    memoize = cache.memoize(typed=True)
    return loop(work, phase, {count: memoize(function) for count, function in functions.items()})


def redun(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """redun: lazy expressions, evaluated by its scheduler over a SQLite backend."""
    from redun import task

    tasks = {count: task(namespace="bench")(function) for count, function in functions.items()}
    scheduler = redun_scheduler(folder)
    expressions = loop(work, phase, tasks)()
    return lambda: scheduler.run(expressions)


def redun_scheduler(folder: Path) -> Any:
    """A quiet scheduler that keeps its database in a folder."""
    import logging

    from redun import Scheduler
    from redun.config import Config

    logging.getLogger("redun").setLevel(logging.WARNING)
    folder.mkdir(exist_ok=True)
    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{folder / 'redun.db'}"}}))
    scheduler.load(migrate=True)
    return scheduler


def hamilton(work: Work, phase: Phase, functions: Functions, folder: Path) -> Run:
    """Hamilton with its cache: a driver over functions that are expanded to nodes."""
    from memo.hamilton_driver import prepare, prepare_stream

    return (prepare_stream if work.shape == "stream" else prepare)(work, phase, functions, folder)


PEERS = {"hamilton": hamilton, "redun": redun, "joblib": joblib, "diskcache": diskcache}


def measure(peer: str, work: Work, phase: Phase, folder: Path) -> dict[str, Any]:
    """Run it once: seconds by the clock and of processor, calls that ran, and the peer's version."""
    run = PEERS[peer](work, phase, ARRAY_FUNCTIONS if work.arrays else FUNCTIONS, folder)
    cpu, wall = time.process_time(), time.perf_counter()
    values = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert_right(work, phase, values)
    return {"seconds": wall, "cpu": cpu, "executed": len(RAN), "version": version(DISTRIBUTIONS[peer])}


def assert_right(work: Work, phase: Phase, values: Sequence[Any]) -> None:
    """Hold what a peer gave against what it must be."""
    right = expected(work, phase)
    if work.shape != "stream":
        right = [right[index] for index in ends(work)]
    assert len(values) == len(right)
    for got, value in zip(values, right, strict=True):
        assert (got == value).all() if work.arrays else got == value, "wrong results"


def main() -> None:
    """Measure, on a deep stack, and print."""
    _, peer, text, phase, folder = sys.argv
    print(json.dumps(measure(peer, work_of(text), phase, Path(folder))))  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.setrecursionlimit(10**6)
    threading.stack_size(DEEP)
    failed: list[BaseException] = []
    threading.excepthook = lambda failure: failed.append(failure.exc_value or RuntimeError())
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]

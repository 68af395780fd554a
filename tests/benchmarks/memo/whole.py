"""Large values through the engine and through its peers, in a process of its own:

    python -m memo.whole nodegraph|PEER KIND PHASE FOLDER

Timed is the run alone, in which the functions give arrays that were made before; with nothing changed it
ends when every array is there to be used, mapped where that is on offer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memo.bulk import values_of
from nodegraph import Graph, Item, Stream, node, value
from nodegraph.api import Options, run_graph

SOME = 100
"""Frames that are given to redun and Hamilton, which take some seconds for them."""
VALUES: list[np.ndarray] = []
RAN: list[int] = []

Run = Callable[[], Sequence[np.ndarray]]


@value("bench.cells", version=1, fields=("cells",))
@dataclass(frozen=True)
class Cells:
    """An array of any shape and type."""

    cells: np.ndarray


@node("bench.given", version=1)
def given(n: int) -> Stream[Cells]:
    """Give the arrays."""
    for index in range(n):
        yield Item(str(index), lambda index=index: Cells(give(index)))


def give(k: int) -> np.ndarray:
    """Give an array."""
    RAN.append(k)
    return VALUES[k]


def nodegraph(count: int, folder: Path) -> Run:
    """A stream of the arrays."""
    graph = Graph("whole")
    graph.output("out", graph.add(given, n=count))
    options = Options(store=folder)
    return lambda: [item.value.cells for item in run_graph(graph, options).items("out")]


def joblib(count: int, folder: Path) -> Run:
    """joblib.Memory, which maps what it loads."""
    from joblib import Memory

    memory = Memory(folder, verbose=0, mmap_mode="r")
    cached = memory.cache(give)
    return lambda: [cached(index) for index in range(count)]


def diskcache(count: int, folder: Path) -> Run:
    """diskcache's memoize, without a limit that would evict."""
    from diskcache import Cache

    cached = Cache(str(folder), size_limit=1 << 40).memoize(typed=True)(give)
    return lambda: [cached(index) for index in range(count)]


def redun(count: int, folder: Path) -> Run:
    """redun: a list of expressions."""
    from redun import task

    from memo.peers import redun_scheduler

    scheduler = redun_scheduler(folder)
    giving = task(namespace="bench")(give)
    return lambda: scheduler.run([giving(index) for index in range(count)])


def hamilton(count: int, folder: Path) -> Run:
    """Hamilton: a node for each array."""
    from hamilton import ad_hoc_utils, driver
    from hamilton.function_modifiers import parameterize
    from hamilton.function_modifiers import value as literal

    nodes = {f"n{index}": {"k": literal(index)} for index in range(count)}
    module = ad_hoc_utils.create_temporary_module(parameterize(**nodes)(give))
    built = driver.Builder().with_modules(module).with_cache(path=str(folder)).build()

    def run() -> list[np.ndarray]:
        values = built.execute(list(nodes))
        return [values[name] for name in nodes]

    return run


SYSTEMS = {
    "nodegraph": nodegraph,
    "hamilton": hamilton,
    "redun": redun,
    "joblib": joblib,
    "diskcache": diskcache,
}


def measure(system: str, kind: str, folder: Path) -> dict[str, float]:
    """Run it once: seconds by the clock and of processor, calls that ran, bytes."""
    VALUES.extend(values_of(kind)[: SOME if system in {"hamilton", "redun"} else None])
    run = SYSTEMS[system](len(VALUES), folder)
    cpu, wall = time.process_time(), time.perf_counter()
    values = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(values) == len(VALUES)
    assert all(np.array_equal(got, right) for got, right in zip(values, VALUES, strict=True))
    return {
        "seconds": wall,
        "cpu": cpu,
        "executed": len(RAN),
        "calls": len(VALUES),
        "bytes": sum(each.nbytes for each in VALUES),
    }


if __name__ == "__main__":
    _, system, kind, phase, name = sys.argv
    measured = measure(system, kind, Path(name))
    assert phase == "cold" or not measured["executed"], "calls ran again"
    print(json.dumps(measured))

"""A few node types that note each call, and a bench on which graphs of them are swept."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Artifact, Collected, Context, Drop, Item, Stream, node
from nodegraph.api import Options, plan_graph, run_graph, sweep_graph
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.place.plan import Plan
from nodegraph.run.result import Run
from nodegraph.sweep.result import Sweep

CALLED: Counter[str] = Counter()
STOP = threading.Event()


@node("sw.count", version=1)
def count(*, n: int = 3) -> Stream[int]:
    """Numbers from zero."""
    CALLED["count"] += 1
    for number in range(n):
        yield Item(str(number), number)


@node("sw.times", version=1)
def times(number: int, *, by: float = 2.0, bad: int = -1, tag: str = "") -> float:
    """Multiply; fail for one number."""
    CALLED["times"] += 1
    if number == bad:
        raise ValueError(f"{number} is bad")
    return number * by


@node("sw.add", version=1)
def add(number: float, *, plus: int = 0, other: float = 0.0, fails: bool = False) -> float:
    """Add."""
    CALLED["add"] += 1
    if fails:
        raise ValueError("told to fail")
    return number + plus + other


@node("sw.total", version=1)
def total(numbers: Collected[float], *, scale: float = 1.0) -> float:
    """The sum of a stream."""
    CALLED["total"] += 1
    return scale * sum(item.value for item in numbers)


@node("sw.parts", version=1)
def parts(number: int, *, upto: int = 2) -> Stream[int]:
    """As many parts as are asked for of a number."""
    CALLED["parts"] += 1
    for index in range(upto):
        yield Item(f"p{index}", 10 * number + index)


@node("sw.noise", version=1, seeded=True)
def noise(number: int, *, ctx: Context) -> int:
    """The derived seed."""
    CALLED["noise"] += 1
    return ctx.seed


@node("sw.texts", version=1, pure=False)
def texts(folder: Path) -> Stream[str]:
    """The text files of a folder."""
    for path in sorted(folder.glob("*.txt")):
        yield Item(path.stem, path.read_text, reads=[path])


@node("sw.write", version=1)
def write(numbers: Stream[float], *, ctx: Context, name: str = "numbers") -> Artifact:
    """Write a stream to a text file."""
    CALLED["write"] += 1
    folder = ctx.new_folder()
    (folder / f"{name}.txt").write_text(" ".join(str(item.value) for item in numbers))
    return Artifact(folder, made_from={f"{name}.txt": [item.key for item in numbers]})


@node("sw.stop", version=1)
def stop(number: float) -> float:
    """Stop the run in the middle of a call."""
    STOP.set()
    return number


@node("sw.any", version=1)
def anything(*, mapping: dict[str, int] | None = None, pair: list[int] | None = None, name: str = "") -> str:
    """Params of several types."""
    if name == "drop":
        raise Drop("not wanted")
    return repr((mapping, pair, name))


class Bench:
    """A graph file in a folder with a store, swept, run and planned.

    Attributes:
        called: how often each function was called by the last sweep or run.
        stop: what `sw.stop` sets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "graph.json"
        self.called = CALLED
        self.stop = STOP

    def set(
        self,
        nodes: Mapping[str, tuple[Any, ...]],
        outputs: Mapping[str, str] | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        name: str = "graph.json",
    ) -> None:
        """Write a graph: each node as (type, links, params)."""
        entries = {
            node: {
                "type": spec[0],
                "links": spec[1] if len(spec) > 1 else {},
                "params": spec[2] if len(spec) > 2 else {},
            }
            for node, spec in nodes.items()
        }
        document = {
            "nodegraph": 1,
            "inputs": inputs or {},
            "nodes": entries,
            "outputs": outputs or {},
        }
        (self.folder / name).write_text(json.dumps(document))

    def options(self, given: Mapping[str, Any]) -> Options:
        return Options(**({"store": self.folder / "store", "jobs": 2} | given))

    def sweep(self, sweep: Any, **options: Any) -> Sweep:
        """Sweep the graph."""
        CALLED.clear()
        STOP.clear()
        return sweep_graph(self.file, self.options(options | {"sweep": sweep}), cancel=STOP)

    def run(self, **options: Any) -> Run:
        """Run the graph."""
        CALLED.clear()
        return run_graph(self.file, self.options(options))

    def plan(self, **options: Any) -> Plan:
        """Plan the graph."""
        return plan_graph(self.file, self.options(options))

    def problems(self, sweep: Any, **options: Any) -> list[Problem]:
        """What is wrong with a sweep."""
        with pytest.raises(GraphError) as caught:
            self.sweep(sweep, **options)
        return list(caught.value.problems)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def chain(bench: Bench) -> Bench:
    """Three numbers, multiplied, added to and summed up."""
    bench.set(
        {
            "count": ("sw.count",),
            "times": ("sw.times", {"number": "count"}),
            "add": ("sw.add", {"number": "times"}),
            "total": ("sw.total", {"numbers": "add"}),
        },
        {"low": "times", "result": "total"},
    )
    return bench

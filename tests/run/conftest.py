"""A few node types that write down each call, and a laboratory that runs graphs of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Batch, Collected, Drop, Item, Stream, node
from nodegraph.api import Options, plan_graph, run_graph
from nodegraph.events import Event
from nodegraph.place.plan import Plan
from nodegraph.run.result import Run
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode

CALLS: list[tuple[str, Any]] = []
"""(function, what it was called with) of every call since the test began."""


NONE: list[int] = []


@node("rt.numbers", version=1)
def numbers(
    *, values: list[int], bad: list[int] = NONE, dropped: list[int] = NONE, stop: int = -1
) -> Stream[int]:
    """The values as a stream, each made on its own; breaks off before the `stop`-th."""

    def make(value: int) -> int:
        CALLS.append(("make", value))
        if value in bad:
            raise ValueError(f"{value} is bad")
        if value in dropped:
            raise Drop("not wanted")
        return value

    CALLS.append(("list", len(values)))
    for index, value in enumerate(values):
        if index == stop:
            raise RuntimeError("the source broke off")
        yield Item(str(value), lambda value=value: make(value))


@node("rt.given", version=1)
def given(*, items: dict[str, int]) -> Stream[int]:
    """Values given directly, under any keys."""
    for key, value in items.items():
        yield Item(key, value)


@node("rt.parts", version=1)
def parts(number: int, *, stop: int = -1, bad: list[int] = NONE, dropped: list[int] = NONE) -> Stream[int]:
    """As many parts as the last digit of a number says, numbered from ten times the number on."""
    CALLS.append(("parts", number))
    if number in dropped:
        raise Drop("no parts wanted")
    for index in range(number % 10):
        if number == stop and index == 1:
            raise RuntimeError("the parts broke off")
        value = 10 * number + index

        def make(value: int = value) -> int:
            CALLS.append(("part", value))
            if value in bad:
                raise ValueError(f"{value} is bad")
            if value in dropped:
                raise Drop("part not wanted")
            return value

        yield Item(f"p{index}", make)


@node("rt.add", version=1)
def add(number: int, *, plus: int = 1, bad: list[int] = NONE, dropped: list[int] = NONE) -> int:
    """Add to a number."""
    CALLS.append(("add", number))
    if number in bad:
        raise ValueError(f"{number} is bad")
    if number in dropped:
        raise Drop("not wanted")
    return number + plus


@node("rt.nothing", version=1)
def nothing() -> int:
    """Zero."""
    return 0


@node("rt.plus", version=1)
def plus(left: int, right: int) -> int:
    """The sum of two numbers."""
    CALLS.append(("plus", (left, right)))
    return left + right


@node("rt.total", version=1)
def total(numbers: Stream[int], *, bias: int = 0) -> int:
    """The sum of a stream."""
    items = [(item.key, item.value) for item in numbers]
    CALLS.append(("total", items))
    return bias + sum(value for _, value in items)


@node("rt.both", version=1)
def both(left: Collected[int], right: Collected[int]) -> int:
    """The sum of products of two streams of one origin."""
    CALLS.append(("both", [left.keys(), right.keys()]))
    return sum(left[key].value * right[key].value for key in left.keys())  # noqa: SIM118


@node("rt.batch", version=1)
def batch(
    numbers: Batch[int],
    *,
    plus: int = 1,
    bad: list[int] = NONE,
    dropped: list[int] = NONE,
) -> Batch[int]:
    """Add to numbers, many at a time."""
    CALLS.append(("batch", list(numbers)))
    if unlucky := [number for number in numbers if number in bad]:
        raise ValueError(f"{unlucky[0]} is bad")
    return [Drop("not wanted") if number in dropped else number + plus for number in numbers]


class Laboratory:
    """Runs graphs in one folder with one store, and knows what was really called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.events: list[Event] = []

    def graph(
        self, nodes: Mapping[str, Any], outputs: Mapping[str, str] | None = None, *, seed: int = 0
    ) -> Path:
        """Write a graph; a node is written `(type, links, params)`."""
        file = self.folder / "graph.json"
        written = {
            name: {"type": spec[0], "links": spec[1], "params": spec[2] if len(spec) > 2 else {}}
            for name, spec in nodes.items()
        }
        file.write_text(
            json.dumps(
                {"nodegraph": 1, "name": "lab", "seed": seed, "nodes": written, "outputs": outputs or {}}
            )
        )
        return file

    def run(
        self,
        nodes: Mapping[str, Any],
        outputs: Mapping[str, str] | None = None,
        *,
        seed: int = 0,
        cancel: threading.Event | None = None,
        **options: Any,
    ) -> Run:
        """Run a graph; `calls` and `events` are then those of this run."""
        CALLS.clear()
        self.events.clear()
        file = self.graph(nodes, outputs, seed=seed)
        settings = {"store": self.store, "jobs": 2} | options
        return run_graph(file, Options(**settings), on_event=self.events.append, cancel=cancel)

    def plan(
        self, nodes: Mapping[str, Any], outputs: Mapping[str, str] | None = None, **options: Any
    ) -> Plan:
        """Plan a graph."""
        return plan_graph(self.graph(nodes, outputs), Options(store=self.store, **options))

    @property
    def calls(self) -> Counter[str]:
        """How often each function was called."""
        return Counter(name for name, _ in CALLS)

    def called_with(self, function: str) -> list[Any]:
        """What a function was called with, in order of the values."""
        return sorted((value for name, value in CALLS if name == function), key=repr)

    def evict(self, *values: Any) -> None:
        """Lose the bytes of stored values; the rows that name them stay."""
        with Store.open(self.store) as store:
            store.evict([digest(encode(value)) for value in values])


def told(run: Run, node: str) -> str:
    """The counts of a node: only those that are not zero."""
    report = run.nodes[node]
    names = ("executed", "cached", "failed", "skipped", "dropped")
    assert report.items == report.executed + report.cached + report.failed + report.skipped
    return " ".join(f"{getattr(report, name)} {name}" for name in names if getattr(report, name)) or "nothing"


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    CALLS.clear()
    return Laboratory(tmp_path)


@pytest.fixture
def counts() -> Callable[[Run, str], str]:
    """The counts of a node of a run, in words."""
    return told


@pytest.fixture
def items() -> Callable[[Run, str], dict[str, Any]]:
    """The values of a stream of a run, by item key."""

    def read(run: Run, name: str) -> dict[str, Any]:
        return {item.key: item.value for item in run.items(name)}

    return read

"""Bounds on what is in flight: however tight, a run comes to its end, and they are kept where they can be."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from nodegraph import Item, Stream, node
from nodegraph.run import pool, run
from nodegraph.run.run import bytes_in_flight
from nodegraph.run.tasks import Bounds

ALIVE: set[int] = set()
MOST: list[int] = [0]
GUARD = threading.Lock()


@node("bounds.begin", version=1)
def begin(*, count: int) -> Stream[int]:
    """Notes that an item has come in."""
    for number in range(count):
        with GUARD:
            ALIVE.add(number)
            MOST[0] = max(MOST[0], len(ALIVE))
        yield Item(str(number), number)


@node("bounds.leave", version=1)
def leave(number: int) -> int:
    """Notes that an item has left."""
    with GUARD:
        ALIVE.discard(number)
    return number


@pytest.fixture(autouse=True)
def _forget():
    ALIVE.clear()
    MOST[0] = 0


@pytest.fixture
def tight(monkeypatch):
    """Sets bounds on items and bytes in flight."""

    def set_bounds(items: int, nbytes: int = 1 << 30) -> None:
        monkeypatch.setattr(run, "Bounds", lambda *_: Bounds(items, nbytes))

    return set_bounds


@pytest.fixture
def hasty_threads():
    """Threads give way to each other far more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def stop_late() -> threading.Event:
    """An event that is set when a run has taken far too long."""
    stop = threading.Event()
    timer = threading.Timer(30, stop.set)
    timer.daemon = True
    timer.start()
    return stop


def everything(count: int) -> dict[str, Any]:
    """Nested fan-outs, batches, collectors, means fed back, and joins of streams."""
    values = list(range(count))
    return {
        "n": ("rt.numbers", {}, {"values": values, "bad": [4], "dropped": [6]}),
        "p": ("rt.parts", {"number": "n"}, {"bad": [53], "dropped": [9], "stop": 7}),
        "b": ("rt.batch", {"numbers": "p"}, {"bad": [51], "dropped": [52]}),
        "t": ("rt.total", {"numbers": "b"}),
        "x": ("rt.plus", {"left": "b", "right": "t"}),
        "u": ("rt.total", {"numbers": "x"}),
        "v": ("rt.total", {"numbers": "u"}),
        "y": ("rt.plus", {"left": "x", "right": "v"}),
        "q": ("rt.parts", {"number": "y"}),
        "c": ("rt.batch", {"numbers": "q"}, {"plus": 3}),
        "f": ("stream.flatten", {"stream": "c"}),
        "w": ("rt.total", {"numbers": "f"}),
        "g": ("stream.flatten", {"stream": "b"}),
        "s": ("stream.cross", {"left": "n", "right": "n"}),
        "z": ("rt.plus", {"left": "s.left", "right": "s.right"}),
        "r": ("rt.total", {"numbers": "z"}),
        "o": ("rt.plus", {"left": "n", "right": "r"}),
        "e": ("rt.total", {"numbers": "o"}),
    }


@pytest.mark.parametrize("jobs", [1, 2, 8])
@pytest.mark.parametrize(("items", "nbytes"), [(1, 1), (1, 1 << 30), (2, 100), (64, 1)])
def test_a_run_comes_to_its_end_under_the_tightest_bounds(lab, tight, monkeypatch, jobs, items, nbytes):
    outputs = {"w": "w", "e": "e"}
    lab.store = lab.folder / "loose"
    wanted = lab.run(everything(12), outputs, jobs=4).outputs
    lab.store = lab.folder / "tight"
    tight(items, nbytes)
    monkeypatch.setattr(pool, "BATCH_SIZE", 3)
    result = lab.run(everything(12), outputs, jobs=jobs, cancel=stop_late())
    assert not result.interrupted, "the run came to no end"
    assert {name: output.digest for name, output in result.outputs.items()} == {
        name: output.digest for name, output in wanted.items()
    }


@pytest.mark.parametrize(("jobs", "bound"), [(1, 1), (1, 5), (4, 5)])
def test_no_more_items_are_in_flight_than_the_bound_allows(lab, tight, jobs, bound):
    tight(bound)
    nodes = {
        "n": ("bounds.begin", {}, {"count": 200}),
        "a": ("rt.add", {"number": "n"}, {"plus": 0}),
        "b": ("rt.batch", {"numbers": "a"}, {"plus": 0}),
        "l": ("bounds.leave", {"number": "b"}),
    }
    assert lab.run(nodes, jobs=jobs).ok
    assert set() == ALIVE
    assert MOST[0] <= bound + jobs


def test_a_bound_on_bytes_holds_items_back(lab, tight):
    tight(64, 1)
    nodes = {
        "n": ("bounds.begin", {}, {"count": 50}),
        "a": ("rt.add", {"number": "n"}, {"plus": 0}),
        "b": ("rt.plus", {"left": "n", "right": "a"}),
        "l": ("rt.batch", {"numbers": "a"}),
        "m": ("rt.plus", {"left": "l", "right": "b"}),
        "k": ("bounds.leave", {"number": "n"}),
    }
    assert lab.run(nodes, jobs=1).ok
    assert MOST[0] <= 2


@pytest.mark.parametrize("round_", range(5))
def test_many_threads_come_to_the_same_again_and_again(lab, items, round_, hasty_threads):
    run_ = lab.run(everything(20), {"y": "y", "g": "g"}, jobs=8, cancel=stop_late())
    assert not run_.interrupted
    first = items(run_, "y"), items(run_, "g")
    lab.evict(*first[0].values())
    nodes = everything(20)
    nodes["q"] = ("rt.parts", {"number": "y"}, {"stop": 0})
    again = lab.run(nodes, {"y": "y", "g": "g", "q": "q"}, jobs=8, cancel=stop_late())
    assert not again.interrupted
    assert (items(again, "y"), items(again, "g")) == first


def test_a_budget_bounds_the_values_in_flight() -> None:
    assert bytes_in_flight(1 << 20) == 1 << 20
    assert bytes_in_flight(1 << 60) == bytes_in_flight()

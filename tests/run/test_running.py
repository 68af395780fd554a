"""What runs at the same time, what runs alone, and what runs once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nodegraph import Batch, Item, Stream, node

SEEN: list[Any] = []
STOP = threading.Event()
TOGETHER = threading.Barrier(2)


class Overlap:
    """Notes how many are inside at once."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *ended: object) -> None:
        with self.guard:
            self.now -= 1


INSIDE = Overlap()


@node("running.alone", version=1, concurrent=False)
def alone(number: int, *, tag: int = 0) -> int:
    """Must not run twice at a time."""
    with INSIDE:
        STOP.wait(0.002)
    return number


@node("running.alone_batch", version=1, concurrent=False)
def alone_batch(numbers: Batch[int]) -> Batch[int]:
    """Must not run twice at a time."""
    with INSIDE:
        STOP.wait(0.002)
    return numbers


@node("running.alone_stream", version=1, concurrent=False)
def alone_stream(number: int) -> Stream[int]:
    """Neither the generator nor what makes its items may run twice at a time."""

    def make(index: int) -> int:
        with INSIDE:
            STOP.wait(0.001)
        return index

    for index in range(3):
        with INSIDE:
            yield_key = str(index)
        yield Item(yield_key, lambda index=index: make(index))


@node("running.meet", version=1)
def meet(number: int) -> int:
    """Ends only when two calls are running."""
    TOGETHER.wait(10)
    return number


@node("running.meet_root", version=1)
def meet_root(*, tag: int) -> int:
    """Ends only when two calls are running."""
    TOGETHER.wait(10)
    return tag


@node("running.clock", version=1, pure=False)
def clock(number: int = 0) -> int:
    """Runs every time."""
    SEEN.append(number)
    return len(SEEN)


@node("running.fixed", version=1, pure=False)
def fixed(number: int) -> int:
    """Runs every time and comes to the same."""
    SEEN.append(number)
    return number + 100


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()
    STOP.clear()
    TOGETHER.reset()
    INSIDE.most = 0


def numbers(*values: int) -> Any:
    return ("rt.numbers", {}, {"values": list(values)})


def test_a_node_that_must_be_alone_is(lab, counts):
    nodes = {
        "n": numbers(*range(30)),
        "a": ("running.alone", {"number": "n"}),
        "b": ("running.alone", {"number": "n"}, {"tag": 1}),
    }
    run = lab.run(nodes, jobs=8)
    assert INSIDE.most == 1
    assert [counts(run, name) for name in "ab"] == ["30 executed", "30 executed"]


def test_a_batch_node_that_must_be_alone_is(lab, counts):
    run = lab.run({"n": numbers(*range(60)), "a": ("running.alone_batch", {"numbers": "n"})}, jobs=8)
    assert INSIDE.most == 1
    assert counts(run, "a") == "60 executed"


def test_a_fan_out_that_must_be_alone_is(lab, counts):
    run = lab.run({"n": numbers(*range(20)), "a": ("running.alone_stream", {"number": "n"})}, jobs=8)
    assert INSIDE.most == 1
    assert counts(run, "a") == "60 executed"


def test_items_run_at_the_same_time(lab, counts):
    run = lab.run({"n": numbers(1, 2), "a": ("running.meet", {"number": "n"})}, jobs=2)
    assert counts(run, "a") == "2 executed"


def test_nodes_run_at_the_same_time(lab):
    nodes = {"a": ("running.meet_root", {}, {"tag": 1}), "b": ("running.meet_root", {}, {"tag": 2})}
    assert lab.run(nodes, jobs=2).ok


@pytest.mark.parametrize("jobs", [1, 8])
def test_equal_calls_are_computed_once(lab, counts, items, jobs):
    nodes = {
        "n": ("rt.given", {}, {"items": {str(index): 5 for index in range(50)}}),
        "a": ("running.alone", {"number": "n"}),
    }
    run = lab.run(nodes, {"a": "a"}, jobs=jobs)
    assert counts(run, "a") == "1 executed 49 cached"
    assert len(items(run, "a")) == 50


def test_a_node_that_is_not_pure_runs_every_time_and_the_wave_stops_where_nothing_changed(lab, counts):
    nodes = {
        "n": numbers(1, 2),
        "f": ("running.fixed", {"number": "n"}),
        "a": ("rt.add", {"number": "f"}),
        "c": ("running.clock", {}),
        "d": ("rt.add", {"number": "c"}),
    }
    lab.run(nodes, jobs=1)
    SEEN.append(None)
    run = lab.run(nodes, jobs=1)
    assert [counts(run, name) for name in "nfacd"] == [
        "2 cached", "2 executed", "2 cached", "1 executed", "1 executed"
    ]  # fmt: skip
    assert dict(run.nodes["f"].reasons) == {"runs every time": 2}


def test_the_same_graph_gives_the_same_digests_whatever_the_jobs(lab):
    nodes = {
        "n": numbers(*range(40)),
        "a": ("rt.add", {"number": "n"}),
        "b": ("rt.batch", {"numbers": "a"}),
        "t": ("rt.total", {"numbers": "b"}),
    }
    digests = set()
    for jobs in (1, 3, 8):
        lab.store = lab.folder / f"store-{jobs}"
        digests.add(lab.run(nodes, {"b": "b"}, jobs=jobs).outputs["b"].digest)
    assert len(digests) == 1

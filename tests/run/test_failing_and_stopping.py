"""Calls that fail and runs that are stopped: what is kept, what is told, what goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Context, Drop, node

SEEN: list[Any] = []
STOP = threading.Event()


@node("running.checkpoint", version=1)
def checkpoint(number: int, ctx: Context, *, give_up: bool = False) -> int:
    """Goes on from where it stopped the last time."""
    state = ctx.workdir / "state"
    SEEN.append(state.read_text() if state.exists() else "")
    state.write_text("half")
    SEEN.append(ctx.workdir)
    if FAIL.is_set():
        raise RuntimeError("no luck")
    if give_up:
        raise Drop("given up")
    return number


@node("running.folders", version=1)
def folders(number: int, ctx: Context) -> bool:
    """Whether two new folders are different and empty."""
    one, other = ctx.new_folder(), ctx.new_folder()
    return one != other and not list(one.iterdir()) and not list(other.iterdir())


@node("running.patient", version=1)
def patient(number: int, ctx: Context, *, raises: bool = True) -> int:
    """The first ones are done at once; the third waits until the run is stopped."""
    SEEN.append(number)
    if number < 3:
        return number
    STOP.set()
    for _ in range(2000):
        if ctx.cancelled:
            break
        threading.Event().wait(0.005)
    if raises:
        raise RuntimeError("stopped")
    return number


@node("running.count", version=1)
def count(number: int) -> int:
    """Counts its calls."""
    SEEN.append(number)
    if number == 3:
        raise ValueError("three")
    return number


@node("running.exits", version=1)
def exits(number: int) -> int:
    """Tries to end the process."""
    raise SystemExit(5)


FAIL = threading.Event()


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()
    STOP.clear()
    FAIL.clear()


def numbers(*values: int) -> Any:
    return ("rt.numbers", {}, {"values": list(values)})


def test_a_working_folder_survives_a_failure_and_goes_after_success(lab):
    nodes = {"n": numbers(7), "c": ("running.checkpoint", {"number": "n"})}
    FAIL.set()
    assert not lab.run(nodes).ok
    folder = SEEN[1]
    assert (folder / "state").read_text() == "half"
    FAIL.clear()
    SEEN.clear()
    assert lab.run(nodes).ok
    assert ["half", folder] == SEEN
    assert not folder.exists()


def test_a_working_folder_goes_after_a_drop(lab):
    lab.run({"n": numbers(7), "c": ("running.checkpoint", {"number": "n"}, {"give_up": True})})
    assert isinstance(SEEN[1], Path)
    assert not SEEN[1].exists()


def test_new_folders_are_empty_and_each_is_another(lab, items):
    run = lab.run({"n": numbers(1, 2), "f": ("running.folders", {"number": "n"})}, {"f": "f"})
    assert items(run, "f") == {"1": True, "2": True}


@pytest.mark.parametrize("raises", [False, True])
def test_a_stopped_run_keeps_what_is_done_and_the_next_one_goes_on(lab, counts, raises):
    nodes = {"n": numbers(1, 2, 3), "p": ("running.patient", {"number": "n"}, {"raises": raises})}
    run = lab.run(nodes, jobs=1, cancel=STOP)
    assert run.interrupted
    assert not run.ok
    assert run.errors == ()
    assert counts(run, "p") == ("2 executed" if raises else "3 executed")
    SEEN.clear()
    STOP.clear()
    done = threading.Event()
    threading.Timer(0.2, done.set).start()
    run = lab.run(nodes, jobs=1, cancel=done)
    assert run.nodes["p"].cached == (2 if raises else 3)
    assert ([3] if raises else []) == SEEN


def test_a_run_stopped_before_it_begins_runs_nothing(lab, counts):
    STOP.set()
    run = lab.run({"n": numbers(1, 2), "c": ("running.count", {"number": "n"})}, cancel=STOP)
    assert run.interrupted
    assert SEEN == []
    assert [counts(run, name) for name in "nc"] == ["nothing", "nothing"]


def test_fail_fast_begins_no_further_call(lab, counts):
    nodes = {"n": numbers(1, 2, 3, 4, 5, 6), "c": ("running.count", {"number": "n"})}
    run = lab.run(nodes, jobs=1, fail_fast=True)
    assert SEEN == [1, 2, 3]
    assert not run.ok
    assert not run.interrupted
    assert counts(run, "c") == "2 executed 1 failed"
    SEEN.clear()
    run = lab.run(nodes, jobs=1)
    assert SEEN == [3, 4, 5, 6]
    assert counts(run, "c") == "3 executed 2 cached 1 failed"


def test_a_node_that_exits_only_fails(lab):
    run = lab.run({"n": numbers(1), "x": ("running.exits", {"number": "n"})})
    assert [(error.node, error.error, error.message) for error in run.errors] == [("x", "SystemExit", "5")]


def test_an_error_shows_the_nodes_own_frames_and_not_the_engines(lab):
    run = lab.run({"n": numbers(3), "c": ("running.count", {"number": "n"})})
    trace = run.errors[0].traceback
    assert 'raise ValueError("three")' in trace
    assert "nodegraph/run" not in trace


def test_errors_are_in_the_order_of_graph_and_items(lab):
    values = list(range(20))
    nodes = {
        "n": ("rt.numbers", {}, {"values": values, "bad": [4, 2]}),
        "a": ("rt.add", {"number": "n"}, {"bad": [9, 1, 17]}),
    }
    run = lab.run(nodes, jobs=8)
    assert [(error.node, error.item) for error in run.errors] == [
        ("n", "2"), ("n", "4"), ("a", "1"), ("a", "9"), ("a", "17")
    ]  # fmt: skip


def test_a_call_that_failed_is_not_tried_twice_in_a_run(lab, counts):
    nodes = {
        "n": ("rt.given", {}, {"items": {"a": 3, "b": 3, "c": 3}}),
        "c": ("running.count", {"number": "n"}),
    }
    run = lab.run(nodes, jobs=1)
    assert SEEN == [3]
    assert counts(run, "c") == "3 failed"
    assert [error.item for error in run.errors] == ["a", "b", "c"]
    again = lab.run(nodes, jobs=1)
    assert dict(again.nodes["c"].reasons) == {"failed last time": 1}
    assert SEEN == [3, 3]

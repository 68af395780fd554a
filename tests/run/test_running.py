"""Running: what may run at once, what is printed and logged, progress, folders, stopping."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Batch, Context, Drop, Item, Stream, node
from nodegraph.events import (
    CallCached,
    CallFailed,
    CallProgress,
    CallStarted,
    NodeFinished,
    Output,
    RunFinished,
)

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


@node("running.talk", version=1)
def talk(number: int, *, loud: bool = True) -> int:
    """Prints and logs in all ways."""
    print("number", number)
    print("half", end="")
    sys.stdout.write(" a line\nand the rest")
    sys.stdout.flush()
    logging.getLogger("running").warning("careful with %d", number)
    print("to stderr", file=sys.stderr)
    return number


@node("running.thread", version=1)
def thread(number: int) -> int:
    """Prints in a thread of its own."""
    other = threading.Thread(target=print, args=("from a thread",))
    other.start()
    other.join()
    return number


@node("running.bad_log", version=1)
def bad_log(number: int) -> int:
    """Logs with the wrong number of arguments."""
    logging.getLogger("running").warning("%d and %d", *[number])
    return number


@node("running.progress", version=1)
def progress(number: int, ctx: Context) -> int:
    """Tells how far it is."""
    ctx.progress(1, 4)
    ctx.progress(2.5)
    assert ctx.device == "cpu"
    return number


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


FAIL = threading.Event()


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()
    STOP.clear()
    FAIL.clear()
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


def test_what_a_node_prints_and_logs_goes_to_the_events(lab, capsys):
    run = lab.run({"n": numbers(7), "t": ("running.talk", {"number": "n"})})
    assert run.ok
    lines = [(event.node, event.item, event.text) for event in lab.events if isinstance(event, Output)]
    assert lines == [
        ("t", "7", "number 7"),
        ("t", "7", "half a line"),
        ("t", "7", "WARNING: careful with 7"),
        ("t", "7", "and the rest"),
    ]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "to stderr" in captured.err


def test_what_a_thread_of_a_node_prints_goes_to_stderr(lab, capsys):
    assert lab.run({"n": numbers(7), "t": ("running.thread", {"number": "n"})}).ok
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "from a thread\n"


def test_what_a_subscriber_prints_is_not_taken_for_the_nodes(lab, capsys):
    class Loud(list):
        def append(self, event: Any) -> None:
            super().append(event)
            print(type(event).__name__)

    lab.events = Loud()
    run = lab.run({"n": numbers(7), "t": ("running.talk", {"number": "n"})})
    assert run.ok
    assert len([event for event in lab.events if isinstance(event, Output)]) == 4
    assert capsys.readouterr().out.split().count("Output") == 4


def test_a_bad_log_call_does_not_fail_the_node(lab, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest raise
    assert lab.run({"n": numbers(7), "t": ("running.bad_log", {"number": "n"})}).ok
    assert "not enough arguments" in capsys.readouterr().err


def test_progress_goes_to_the_events(lab):
    lab.run({"n": numbers(7), "p": ("running.progress", {"number": "n"})})
    told = [
        (event.node, event.item, event.done, event.total)
        for event in lab.events
        if isinstance(event, CallProgress)
    ]
    assert told == [("p", "7", 1, 4), ("p", "7", 2.5, None)]


def test_events_tell_what_started_why_and_what_was_cached(lab):
    nodes = {"n": numbers(7), "a": ("rt.add", {"number": "n"})}
    lab.run(nodes)
    started = [
        (event.node, event.item, event.reason) for event in lab.events if isinstance(event, CallStarted)
    ]
    assert started == [("n", "7", "new"), ("a", "7", "new")]
    assert isinstance(lab.events[-1], RunFinished)
    finished = [event for event in lab.events if isinstance(event, NodeFinished)]
    assert [(event.node, event.items, event.executed) for event in finished] == [("n", 1, 1), ("a", 1, 1)]
    lab.run(nodes)
    assert not [event for event in lab.events if isinstance(event, CallStarted | CallFailed)]
    assert {type(event) for event in lab.events} <= {
        type(event) for event in lab.events if not isinstance(event, CallCached)
    } | {CallCached}


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

"""What a subscriber of a run is told: starts and reasons, what nodes print and log, their progress."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from nodegraph import Context, node
from nodegraph.events import (
    CallCached,
    CallFailed,
    CallProgress,
    CallStarted,
    NodeFinished,
    Output,
    RunFinished,
)


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


def numbers(*values: int) -> Any:
    return ("rt.numbers", {}, {"values": list(values)})


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

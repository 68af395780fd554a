"""The tally behind the progress display, and its plain lines."""

from __future__ import annotations

import io
import json
import threading

from nodegraph import Item, Stream, node
from nodegraph.api import Options, run_graph
from nodegraph.cli.progress import NodeProgress, Progress, Tally, shown_nodes
from nodegraph.cli.terminal import Terminal
from nodegraph.events import (
    CallCached,
    CallDone,
    CallFailed,
    CallProgress,
    CallStarted,
    NodeAdvance,
    NodeFinished,
    NodesAdvanced,
    Output,
    RunStarted,
)

RELEASE = threading.Event()
"""Ends the source of a test."""


@node("progress_test.numbers", version=1)
def numbers() -> Stream[int]:
    """Give three numbers, and end when the test says so."""
    for number in range(3):
        yield Item(str(number), number)
    if not RELEASE.wait(10.0):
        raise TimeoutError("nothing told that the calls have ended")


@node("progress_test.quick", version=1)
def quick(number: int) -> int:
    """Take no time."""
    return number


def started(*nodes):
    return RunStarted(0.0, 1, "graph", tuple((node, "demo.type") for node in nodes), 2)


def advanced(time, node, executed, *, cached=0, failed=0, total=None):
    return NodesAdvanced(time, (NodeAdvance(node, executed, cached, failed, 0, 0, total),))


def test_rate_and_time_left_follow_the_calls_that_ran():
    tally = Tally()
    for event in (
        started("a"),
        CallStarted(1.0, "a", "x", "new"),
        advanced(3.0, "a", 4, cached=10, total=20),
    ):
        tally.add(event)
    node = tally.nodes["a"]
    assert node.rate(3.0) == 2.0
    assert node.seconds_left(3.0) == 3.0


def test_time_left_is_unknown_until_the_total_is():
    tally = Tally()
    for event in (started("a"), CallStarted(0.0, "a", "x", "new"), advanced(2.0, "a", 4)):
        tally.add(event)
    assert tally.nodes["a"].seconds_left(2.0) is None
    assert tally.nodes["a"].rate(2.0) == 2.0


def test_rate_is_unknown_before_any_work_is_done():
    tally = Tally()
    for event in (started("a"), advanced(5.0, "a", 0, cached=100, total=100)):
        tally.add(event)
    assert tally.nodes["a"].rate(5.0) is None
    assert tally.nodes["a"].settled == 100


def test_part_of_a_running_call_counts_until_it_is_done():
    tally = Tally()
    for event in (started("a"), CallStarted(0.0, "a", "x", "new"), CallProgress(1.0, "a", "x", 3, 4)):
        tally.add(event)
    node = tally.nodes["a"]
    assert node.done == 0.75
    tally.add(CallDone(2.0, "a", "x", 2.0))
    assert (node.done, node.inside) == (0, {})


def test_progress_without_a_total_or_of_an_ended_call_is_passed_over():
    tally = Tally()
    for event in (started("a"), CallStarted(0.0, "a", "x", "new"), CallProgress(1.0, "a", "x", 3, None)):
        tally.add(event)
    assert tally.nodes["a"].done == 0
    tally.add(CallFailed(2.0, "a", "x", "ValueError", "no", ""))
    tally.add(CallProgress(3.0, "a", "x", 1, 2))
    assert tally.nodes["a"].inside == {}


def test_calls_whose_end_is_not_told_one_by_one_end_with_the_last_of_their_node():
    tally = Tally()
    for event in (
        started("a"),
        CallStarted(0.0, "a", "x", "new"),
        CallStarted(0.0, "a", "y", "new"),
        CallProgress(0.0, "a", "x", 2, 2),
        advanced(1.0, "a", 1, total=2),
    ):
        tally.add(event)
    node = tally.nodes["a"]
    assert set(node.inside) == {"x", "y"}
    tally.add(advanced(2.0, "a", 2, total=2))
    assert (node.done, node.inside) == (2, {})


def test_calls_whose_end_is_not_told_have_ended_when_as_many_are_counted_as_began():
    tally = Tally()
    for event in (
        started("a"),
        CallStarted(0.0, "a", "x", "new"),
        CallStarted(0.1, "a", "y", "new"),
        advanced(0.2, "a", 1),
    ):
        tally.add(event)
    node = tally.nodes["a"]
    assert node.inside
    tally.add(advanced(0.3, "a", 9))
    assert node.inside == {}


def test_node_of_quick_calls_is_not_told_to_run_while_it_waits_for_more_items(tmp_path):
    quick_nodes = {
        "n": {"type": "progress_test.numbers"},
        "q": {"type": "progress_test.quick", "links": {"number": "n"}},
    }
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"nodegraph": 1, "nodes": quick_nodes}))
    tally, began = Tally(), []

    def follow(event):
        tally.add(event)
        if isinstance(event, CallStarted) and event.node == "q":
            began.append(event.item)
        if "q" in tally.nodes and tally.nodes["q"].executed == 3 and not tally.nodes["q"].inside:
            RELEASE.set()

    RELEASE.clear()
    run = run_graph(file, Options(store=tmp_path / "store"), on_event=follow)
    assert run.ok, run.errors
    assert sorted(began) == ["0", "1", "2"]


def test_long_call_runs_on_while_others_are_counted():
    tally = Tally()
    for event in (
        started("a"),
        advanced(0.0, "a", 40),
        CallStarted(1.0, "a", "x", "new"),
        CallDone(2.0, "a", "x", 1.0),
        CallStarted(2.0, "a", "y", "new"),
        advanced(2.1, "a", 41, cached=30),
        CallStarted(2.2, "a", "y", "new"),
        advanced(2.3, "a", 41, cached=31),
    ):
        tally.add(event)
    node = tally.nodes["a"]
    assert set(node.inside) == {"y"}
    tally.add(advanced(9.0, "a", 42, cached=31))
    assert node.inside == {}


def test_call_that_found_its_result_when_it_ran_has_ended():
    tally = Tally()
    for event in (started("a"), CallStarted(0.0, "a", "x", "new"), CallCached(0.1, "a", "x")):
        tally.add(event)
    node = tally.nodes["a"]
    assert node.inside == {}
    for event in (CallStarted(0.2, "a", "y", "new"), advanced(0.3, "a", 1, cached=1)):
        tally.add(event)
    assert node.inside == {}


def test_calls_of_another_pass_are_counted_anew():
    tally = Tally()
    for event in (started("a"), advanced(0.0, "a", 40), CallStarted(1.0, "a", "x", "new")):
        tally.add(event)
    node = tally.nodes["a"]
    tally.add(advanced(1.1, "a", 2))
    assert set(node.inside) == {"x"}
    tally.add(advanced(1.2, "a", 3))
    assert node.inside == {}


def test_finished_node_has_the_final_counts():
    tally = Tally()
    tally.add(started("a"))
    tally.add(NodeFinished(9.0, "a", "demo.type", 6, 3, 2, 1, 0, 1, 4.0))
    node = tally.nodes["a"]
    assert (node.settled, node.total, node.finished, node.dropped) == (6, 6, True, 1)


def test_running_and_failed_nodes_are_shown_first_and_in_graph_order():
    nodes = {
        "done": NodeProgress(finished=True),
        "waiting": NodeProgress(),
        "failed": NodeProgress(failed=1, finished=True),
        "running": NodeProgress(inside={"x": 0.0}),
    }
    assert shown_nodes(nodes, 2) == ["failed", "running"]
    assert shown_nodes(nodes, 3) == ["waiting", "failed", "running"]
    assert shown_nodes(nodes, 10) == list(nodes)


class _Lines(io.StringIO):
    """Tells when a second line has been written."""

    def __init__(self) -> None:
        super().__init__()
        self.two = threading.Event()

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.getvalue().count("\n") >= 2:
            self.two.set()
        return written


def test_plain_lines_tell_what_runs_while_no_event_comes(monkeypatch):
    errors = _Lines()
    monkeypatch.setattr("sys.stderr", errors)
    monkeypatch.setattr("nodegraph.cli.progress._PLAIN_SECONDS", 0.01)
    progress = Progress(Terminal())
    for event in (started("a", "b"), CallStarted(70.0, "b", "", "new"), advanced(80.0, "a", 3, total=3)):
        progress(event)
    with progress:
        assert errors.two.wait(10.0)
    told = errors.getvalue()
    assert set(told.splitlines()) == {"1:20 min: 3 calls done; running b"}
    threads = [thread.name for thread in threading.enumerate()]
    assert "progress" not in threads


def test_what_nodes_print_is_written_as_it_comes(monkeypatch):
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    with Progress(Terminal()) as progress:
        progress(started("a"))
        progress(Output(25.0, "a", "x", "hello\x1b[31m\n"))
        assert errors.getvalue() == "a x: hello\\x1b[31m\n"


def test_quiet_progress_says_nothing(monkeypatch):
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    with Progress(Terminal(quiet=True)) as progress:
        assert "progress" not in [thread.name for thread in threading.enumerate()]
        progress(started("a"))
        progress(advanced(99.0, "a", 1))
        progress(Output(99.0, "a", "x", "hello"))
    assert errors.getvalue() == ""


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_gets_a_row_per_node_with_counts(monkeypatch):
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Progress(Terminal()) as progress:
        progress(started("first", "second"))
        progress(NodeFinished(2.0, "first", "demo.type", 7, 4, 2, 1, 0, 1, 4.0))
        progress(advanced(2.5, "second", 1, total=3))
    drawn = screen.getvalue()
    assert "first" in drawn
    assert "7/7" in drawn
    assert "2 cached" in drawn
    assert "1 failed" in drawn
    assert "1/3" in drawn


def test_events_from_many_threads_are_all_counted(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with Progress(Terminal()) as progress:
        progress(started(*map(str, range(8))))

        def work(node):
            for item in range(200):
                progress(CallStarted(0.0, node, str(item), "new"))
                progress(CallDone(0.0, node, str(item), 0.0))
            progress(advanced(0.5, node, 200, total=200))

        threads = [threading.Thread(target=work, args=(str(index),)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert progress.line().endswith(" s: 1,600 calls done")

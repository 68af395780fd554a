"""The flow by itself: a state machine without threads, stores or functions."""

from __future__ import annotations

from typing import Any

import pytest

from nodegraph.check.check import check
from nodegraph.plan.compile import compile_program
from nodegraph.plan.producers import EVERYTHING, GeneratorProducer
from nodegraph.plan.waits import stream_waits
from nodegraph.run.flow import Flow
from nodegraph.run.frames import ABSENT, FAILED, LATER, SKIPPED, Done
from nodegraph.run.tasks import Bounds
from nodegraph.types.wire import Wire, digest, encode

NUMBERS = ("rt.given", {}, {"items": {"a": 1, "b": 2, "c": 3}})


def done(value: Any) -> Done:
    wire = encode(value)
    return Done((digest(wire),), (wire,))


@pytest.fixture
def begin(lab):
    """Begins the flow of a graph; the items of its source `n` are emitted by `flow.emit`."""

    def start(nodes: dict[str, Any], *, items: int = 64, nbytes: int = 1 << 20) -> Flow:
        flow = Flow(compile_program(check(lab.graph(nodes))), Bounds(items, nbytes))
        flow.start({})
        return flow

    return start


def take(flow: Flow, running: tuple[int, ...] = (), size: int = 16) -> str:
    """What the flow gives next, in words, leaving the task in `flow.taken`."""
    task = flow.next_task(batch_size=size, running=running)
    flow.taken = task
    if task is None:
        return "nothing"
    if task.scope is not None:
        return f"advance {task.scope.name}"
    if task.kind == "batch":
        return f"batch of {len(task.waiting)}"
    assert task.frame is not None
    node = flow.program.steps[task.frame.level.members[task.position]].id
    return f"{task.kind} {node} {task.frame.label}".strip()


def open_source(flow: Flow) -> Any:
    assert take(flow) == "call n"
    task = flow.taken
    return flow.open_scope(task.frame, task.position, GeneratorProducer(iter(()), EVERYTHING), None)


def emit(flow: Flow, scope: Any, key: str, value: int) -> Any:
    assert take(flow) == "advance n"
    scope.producer.keys[key] = None
    frame = flow.emit(scope, key, None)
    flow.resolve(frame, 0, done(value))
    return frame


def test_an_item_goes_all_the_way_before_the_source_advances(begin):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"}), "b": ("rt.add", {"number": "a"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    assert take(flow) == "call a x"
    flow.resolve(frame, 1, done(2))
    assert take(flow) == "call b x"
    assert flow.in_flight == [1]
    flow.resolve(frame, 2, done(3))
    assert flow.in_flight == flow.held == [0]
    assert take(flow) == "advance n"
    flow.end(scope, broken=False)
    assert flow.finished


def test_the_bytes_of_an_item_are_let_go_as_soon_as_they_were_read(begin):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"}), "b": ("rt.add", {"number": "a"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    assert frame.results[0].wires is not None
    assert flow.held == [frame.results[0].nbytes]
    take(flow)
    flow.resolve(frame, 1, done(2))
    assert frame.results[0].wires is None
    assert flow.held == [frame.results[1].nbytes]


def test_a_source_is_held_back_by_items_and_by_bytes(begin):
    nodes = {"n": NUMBERS, "b": ("rt.batch", {"numbers": "n"})}
    for bounds in ({"items": 1}, {"nbytes": 1}):
        flow = begin(nodes, **bounds)
        scope = open_source(flow)
        frame = emit(flow, scope, "x", 1)
        assert take(flow) == "call b x"
        flow.gather(frame, 1)
        assert take(flow, running=(0,)) == "nothing"
        assert take(flow) == "batch of 1"


def test_what_failed_and_what_was_dropped_is_absent_for_its_item(begin):
    nodes = {"n": NUMBERS, "a": ("rt.add", {"number": "n"}), "b": ("rt.add", {"number": "a"})}
    for status in (FAILED, ABSENT):
        flow = begin(nodes)
        scope = open_source(flow)
        frame = emit(flow, scope, "x", 1)
        take(flow)
        flow.resolve(frame, 1, status)
        assert take(flow) == "call b x"
        assert flow.inherited(frame, 2) == (ABSENT, 1)


def test_a_stream_that_broke_off_skips_its_collector(begin):
    flow = begin({"n": NUMBERS, "t": ("rt.total", {"numbers": "n"})})
    scope = open_source(flow)
    emit(flow, scope, "x", 1)
    flow.end(scope, broken=True)
    assert take(flow) == "call t"
    assert flow.inherited(flow.root, 1) == (SKIPPED, 0)


def test_a_stream_with_an_item_left_to_another_pass_is_not_collected(begin):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"}), "t": ("rt.total", {"numbers": "a"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    take(flow)
    flow.resolve(frame, 1, LATER)
    assert take(flow) == "advance n"
    flow.end(scope, broken=False)
    assert take(flow) == "call t"
    assert flow.inherited(flow.root, 1) == (LATER, 1)


def test_a_call_whose_bytes_are_gone_waits_until_they_are_made_again(begin):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"}), "b": ("rt.add", {"number": "n"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    assert {take(flow), take(flow)} == {"call a x", "call b x"}
    gone = frame.results[0]
    flow.hold(frame, 1, [(frame, 0, gone)])
    flow.hold(frame, 2, [(frame, 0, gone)])
    assert take(flow) == "call n x"
    assert take(flow, running=(0,)) == "advance n"
    flow.remade(frame, 0, done(1))
    assert {take(flow), take(flow)} == {"call a x", "call b x"}


@pytest.mark.parametrize("became", [LATER, FAILED, done(7)])
def test_a_call_does_not_wait_for_bytes_that_were_dealt_with_meanwhile(begin, became):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    assert take(flow) == "call a x"
    gone = frame.results[0]
    flow.remade(frame, 0, became)
    flow.hold(frame, 1, [(frame, 0, gone)])
    assert take(flow) == "call a x"
    assert frame.remakes == {}


def test_bytes_made_again_are_counted_once(begin):
    flow = begin({"n": NUMBERS, "a": ("rt.add", {"number": "n"})})
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    take(flow)
    flow.remade(frame, 0, done([1] * 100))
    flow.remade(frame, 0, done([1] * 200))
    assert flow.held == [frame.results[0].nbytes]
    flow.resolve(frame, 1, done(2))
    assert flow.held == [0]


def test_a_call_that_lets_its_item_go_keeps_no_bytes(begin):
    nodes = {
        "n": NUMBERS,
        "t": ("rt.total", {"numbers": "n"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
    }
    flow = begin(nodes)
    scope = open_source(flow)
    frame = emit(flow, scope, "x", 1)
    assert flow.in_flight == flow.held == [0]
    assert frame.results[0].wires is None
    assert isinstance(frame.results[0], Done)
    assert take(flow) == "advance n"


def waits(lab, nodes: dict[str, Any]) -> tuple[set[str], dict[str, int]]:
    found = stream_waits(list(check(lab.graph(nodes)).nodes.values()))
    return set(found.late), dict(found.ranks)


def test_streams_that_nobody_waits_for_have_no_rank(lab):
    nodes = {"n": NUMBERS, "p": ("rt.parts", {"number": "n"}), "a": ("rt.add", {"number": "p"})}
    assert waits(lab, nodes) == (set(), {})


def test_what_reads_the_mean_of_its_own_items_is_late_with_all_that_follows(lab):
    nodes = {
        "n": NUMBERS,
        "a": ("rt.add", {"number": "n"}),
        "t": ("rt.total", {"numbers": "a"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
        "y": ("rt.add", {"number": "x"}),
        "u": ("rt.total", {"numbers": "y"}),
    }
    assert waits(lab, nodes)[0] == {"x", "y"}


def test_below_a_late_fan_out_items_flow_again(lab):
    nodes = {
        "n": NUMBERS,
        "t": ("rt.total", {"numbers": "n"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
        "p": ("rt.parts", {"number": "x"}),
        "a": ("rt.add", {"number": "p"}),
        "b": ("rt.plus", {"left": "a", "right": "n"}),
    }
    assert waits(lab, nodes)[0] == {"x", "p"}


def test_a_mean_of_an_inner_stream_keeps_its_item_in_flight(lab):
    nodes = {
        "n": NUMBERS,
        "p": ("rt.parts", {"number": "n"}),
        "t": ("rt.total", {"numbers": "p"}),
        "x": ("rt.add", {"number": "t"}),
    }
    late, ranks = waits(lab, nodes)
    assert late == set()
    assert ranks["n"] > ranks["p"]


def test_a_stream_that_others_wait_for_goes_first(lab, begin):
    nodes = {
        "n": NUMBERS,
        "m": NUMBERS,
        "t": ("rt.total", {"numbers": "m"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
    }
    late, ranks = waits(lab, nodes)
    assert late == set()
    assert ranks == {"n": 1, "m": 0}
    flow = begin(nodes)
    for _ in "nm":
        take(flow)
        task = flow.taken
        flow.open_scope(task.frame, task.position, GeneratorProducer(iter(()), EVERYTHING), None)
    assert take(flow) == "advance m"
    assert take(flow) == "advance n"


def test_streams_that_wait_for_each_other_let_their_items_go(lab):
    nodes = {
        "n": NUMBERS,
        "m": NUMBERS,
        "t": ("rt.total", {"numbers": "m"}),
        "u": ("rt.total", {"numbers": "n"}),
        "x": ("rt.plus", {"left": "n", "right": "t"}),
        "y": ("rt.plus", {"left": "m", "right": "u"}),
    }
    late, ranks = waits(lab, nodes)
    assert late == {"x", "y"}
    assert ranks["n"] == ranks["m"]


def test_a_wire_form_is_not_held_for_the_items_of_no_stream(begin):
    flow = begin({"l": ("rt.nothing", {}), "a": ("rt.add", {"number": "l"})})
    assert take(flow) == "call l"
    flow.resolve(flow.root, 0, Done((digest(encode(1)),), (Wire(b"x" * 100),)))
    assert flow.held == [0]

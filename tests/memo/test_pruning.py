"""Streams that did not change: whatever the engine spares itself, it tells what it would if it saw all items.

Every run is also compared with the oracle, call by call; here it is written out what that must be.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from nodegraph.api import Options, fetch
from nodegraph.run.result import Run
from tests.memo.oracle_states import Choice, Node, State, written
from tests.memo.oracle_world import World

FILES = {"a": 11, "b": 25, "c": 38}
LOADER = ("folder", {}, {})
USES = ("folder", {}, {"by": "uses"})
LIST = ("listed", {}, {"numbers": [11, 25, 38]})

MAPPED = {
    "one": ("step", {"x": "source"}, {}),
    "two": ("lossy", {"x": "one"}, {"by": 2}),
    "three": ("step", {"x": "two"}, {"plus": 2}),
}
SUMMED = {**MAPPED, "sum": ("total", {"xs": "three"}, {}), "end": ("step", {"x": "sum"}, {})}
NESTED = {
    "parts": ("fan", {"x": "source"}, {}),
    "work": ("step", {"x": "parts"}, {}),
    "sum": ("total", {"xs": "work"}, {}),
    "end": ("step", {"x": "sum"}, {}),
}
JOINED = {
    "one": ("split", {"x": "source"}, {"by": 10}),
    "both": ("zip", {"left": "one.high", "right": "one.low"}, {}),
    "sub": ("sub", {"a": "both.left", "b": "both.right"}, {}),
    "all": ("concat", {"first": "sub", "second": "source"}, {}),
    "end": ("total", {"xs": "all"}, {}),
}

SHAPES: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "three mapped nodes": (MAPPED, ["three"]),
    "a sum": (SUMMED, ["end"]),
    "outputs at different depth": (SUMMED, ["one", "sum", "end"]),
    "every node": (SUMMED, ["source", *SUMMED]),
    "a fan-out and a sum of each": (NESTED, ["end"]),
    "a stream of streams": ({**NESTED, "deep": ("deep", {"xss": "work"}, {})}, ["deep"]),
    "joins": (JOINED, ["end"]),
    "batches": ({"one": ("batch", {"x": "source"}, {}), "end": ("total", {"xs": "one"}, {})}, ["end"]),
    "bytes that are not kept": (
        {"one": ("lean", {"x": "source"}, {}), "two": ("step", {"x": "one"}, {})},
        ["two"],
    ),
    "a seeded node": ({"one": ("noise", {"x": "source"}, {"strength": 100})}, ["one"]),
}
SOURCES = {"a loader": LOADER, "a loader that tells what it uses": USES, "a pure source": LIST}


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture(params=SOURCES)
def source(request) -> Any:
    return SOURCES[request.param]


@pytest.fixture(params=[LOADER, LIST], ids=["a loader", "a pure source"])
def state(request, shape) -> State:
    nodes, outputs = shape
    return written({"source": request.param, **nodes}, outputs, FILES)


@pytest.fixture(params=SHAPES)
def shape(request) -> Any:
    return SHAPES[request.param]


def counts(run: Run) -> dict[str, str]:
    """Executed and cached calls by node."""
    return {name: f"{node.executed}+{node.cached}" for name, node in run.nodes.items()}


def executed(run: Run) -> dict[str, int]:
    return {name: node.executed for name, node in run.nodes.items() if node.executed}


def summed(source: Any, *outputs: str) -> State:
    return written({"source": source, **SUMMED}, list(outputs) or ["end"], FILES)


def changed(state: State, name: str, **params: Any) -> State:
    found = copy.deepcopy(state)
    next(node for node in found.nodes if node.name == name).params.update(params)
    return found


def with_one_more(state: State, number: int) -> State:
    """The state with an item more at the end of its source."""
    found = copy.deepcopy(state)
    found.folders["one"]["d"] = number
    if found.nodes[0].kind == "listed":
        found.nodes[0].params["numbers"].append(number)
    return found


def test_unchanged_stream_runs_nothing_and_counts_all_of_its_items(world, state):
    first = world.run(state)
    for _ in range(2):
        again = world.run(state)
        assert executed(again) == {}
        assert [n.cached for n in again.nodes.values()] == [n.items for n in first.nodes.values()]
        assert again.outputs == first.outputs


def test_unchanged_stream_without_bytes_tells_the_same(world, state):
    first = world.run(state)
    world.evict_all()
    again = world.run(state)
    assert [n.items for n in again.nodes.values()] == [n.items for n in first.nodes.values()]
    assert again.outputs == first.outputs


def test_new_item_in_a_stream_that_was_unchanged_before_is_seen(world, state):
    world.run(state)
    world.run(state)
    more = world.run(with_one_more(state, 43))
    assert more.nodes["source"].items == 4
    assert executed(world.run(with_one_more(state, 43))) == {}


def test_parts_of_a_stream_between_two_full_runs_leave_their_counts_alone(world, state):
    first = world.run(state)
    for choice in (Choice(limit=1), Choice(items="[ab]"), Choice(items="i1"), Choice(targets=("one",))):
        if choice.targets and all(node.name != "one" for node in state.nodes):
            continue
        assert executed(world.run(state, choice)) == {} or choice.cuts
    again = world.run(state)
    assert [n.cached for n in again.nodes.values()] == [n.items for n in first.nodes.values()]


def test_intermediate_streams_of_an_unchanged_run_can_be_read(world, source):
    state = summed(source)
    first = {item.key: item.value for item in world.run(state).items("two")}
    assert len(first) == 3
    again = world.run(state)
    assert {item.key: item.value for item in again.items("two")} == first
    shown = fetch(world.write(state), "two", Options(store=world.store))
    assert {item.key: item.value for item in shown} == first


def test_target_in_the_middle_counts_what_it_takes(world, source):
    state = summed(source)
    world.run(state)
    assert counts(world.run(state, Choice(targets=("two",)))) == {"source": "0+3", "one": "0+3", "two": "0+3"}
    fresh = changed(state, "three", plus=3)
    assert counts(world.run(fresh, Choice(targets=("two",)))) == {"source": "0+3", "one": "0+3", "two": "0+3"}
    found = counts(world.run(fresh))
    assert found == {"source": "0+3", "one": "0+3", "two": "0+3", "three": "3+0", "sum": "1+0", "end": "1+0"}


def test_new_reader_of_an_unchanged_stream_sees_its_items(world, source):
    state = summed(source)
    world.run(state)
    world.run(state)
    state.nodes.append(Node("new", "lossy", {"x": ("two", "out")}, {"by": 3}))
    state.outputs.append(("new", "out"))
    run = world.run(state)
    assert executed(run) == {"new": 3}
    assert len(run.items("new")) == 3


@pytest.mark.parametrize("source", [LOADER, USES], ids=["reads", "uses"])
def test_changed_item_of_a_stream_that_was_unchanged_before_runs_alone(world, source):
    state = summed(source)
    world.run(state)
    world.run(state)
    other = copy.deepcopy(state)
    other.folders["one"]["b"] = 45
    found = {"source": 1, "one": 1, "two": 1, "three": 1, "sum": 1, "end": 1}
    assert executed(world.run(other)) == found
    assert executed(world.run(state)) == {}


def test_changed_param_at_the_end_runs_the_end_alone(world, source):
    state = summed(source)
    world.run(state)
    assert executed(world.run(changed(state, "sum", by=2))) == {"sum": 1, "end": 1}
    assert executed(world.run(changed(state, "end", plus=9))) == {"end": 1}
    assert executed(world.run(state)) == {}


def test_failing_item_of_a_stream_is_tried_again_at_every_run(world, source):
    state = changed(summed(source), "one", fault=0)
    for more in (1, 0, 0):
        run = world.run(state)
        assert not run.ok
        assert (run.nodes["one"].failed, run.nodes["one"].executed) == (1, 2 * more)
        assert (run.nodes["two"].items, run.nodes["sum"].items) == (2, 1)
        assert [error.node for error in run.errors] == ["one"]
    mended = world.run(changed(state, "one", fault=-1))
    assert mended.ok
    assert mended.nodes["two"].items == 3


def test_failing_item_of_a_source_is_tried_again_at_every_run(world, source):
    state = changed(summed(source), "source", fault=0)
    for _ in range(3):
        run = world.run(state)
        assert (run.nodes["source"].failed, run.nodes["source"].items, run.nodes["one"].items) == (1, 3, 2)
        assert not run.ok


def test_failing_sum_of_an_unchanged_stream_is_tried_again_at_every_run(world, source):
    state = changed(summed(source, "end", "one"), "sum", fault=summed_up(summed(source), world) % 5)
    for _ in range(3):
        run = world.run(state)
        assert (run.nodes["sum"].failed, run.nodes["end"].skipped) == (1, 1)
        assert [error.node for error in run.errors] == ["sum"]


def summed_up(state: State, world: World) -> int:
    return world.run(state).value("sum")


def test_dropped_items_are_counted_where_the_stream_is_unchanged(world, source):
    state = changed(changed(summed(source), "source", drop=0), "one", drop=1)
    world.run(state)
    for _ in range(2):
        run = world.run(state)
        assert counts(run) == {
            "source": "0+3",
            "one": "0+2",
            "two": "0+1",
            "three": "0+1",
            "sum": "0+1",
            "end": "0+1",
        }
        assert (run.nodes["source"].dropped, run.nodes["one"].dropped) == (1, 1)
        assert sum(run.nodes["one"].drop_reasons.values()) == 1


def test_source_that_breaks_off_is_tried_again_at_every_run(world, source):
    state = changed(summed(source), "source", stop=2)
    for _ in range(3):
        run = world.run(state)
        assert (run.nodes["source"].items, run.nodes["source"].failed) == (3, 1)
        assert (run.nodes["three"].items, run.nodes["sum"].skipped, run.nodes["end"].skipped) == (2, 1, 1)
        assert not run.ok


def test_empty_stream_is_collected_at_every_run(world):
    state = written({"source": LOADER, **SUMMED}, ["end"], {})
    world.run(state)
    found = {"source": "0+0", "one": "0+0", "two": "0+0", "three": "0+0", "sum": "0+1", "end": "0+1"}
    assert counts(world.run(state)) == found


def test_forced_node_of_an_unchanged_stream_runs_for_all_items(world, source):
    state = summed(source)
    world.run(state)
    world.run(state)
    assert executed(world.run(state, Choice(force=("two",)))) == {"two": 3}
    assert executed(world.run(state, Choice(force=("source",)))) == {"source": 3}
    assert executed(world.run(state)) == {}


def test_going_back_to_an_earlier_stream_counts_its_items(world, source):
    state = summed(source)
    world.run(state)
    world.run(with_one_more(state, 43))
    back = world.run(state)
    assert executed(back) == {}
    assert {node.items for name, node in back.nodes.items() if name not in ("sum", "end")} == {3}


def test_source_of_another_version_with_the_same_items_runs_and_stops_there(world):
    state = summed(LIST)
    state.versions["listed"] = 2
    world.run(state)
    state = copy.deepcopy(state)
    state.versions["listed"] = 3
    assert executed(world.run(state)) == {"source": 3}
    assert executed(world.run(state)) == {}


def test_node_that_runs_every_time_below_an_unchanged_stream_runs_for_every_item(world, source):
    nodes = {"source": source, "now": ("tick", {"x": "source"}, {}), "end": ("step", {"x": "now"}, {})}
    state = written(nodes, ["end"], FILES)
    world.run(state)
    assert counts(world.run(state)) == {"source": "0+3", "now": "3+0", "end": "0+3"}
    state.tick = 4
    assert counts(world.run(state)) == {"source": "0+3", "now": "3+0", "end": "3+0"}


def test_lost_bytes_of_a_stream_that_nobody_needs_are_not_made_again(world, source):
    state = summed(source)
    run = world.run(state)
    world.evict([("int", item.value) for name in ("source", "two", "three") for item in run.items(name)])
    assert executed(world.run(state)) == {}
    assert executed(world.run(changed(state, "end", plus=9))) == {"end": 1}


def test_lost_bytes_of_a_stream_are_made_again_as_far_as_a_reader_needs_them(world, source):
    state = summed(source)
    run = world.run(state)
    world.evict([("int", run.value("sum"))])
    assert executed(world.run(changed(state, "end", plus=9))) == {"sum": 1, "end": 1}
    world.evict(
        [("int", run.value("sum")), ("int", run.items("three")["i0" if source is LIST else "a"].value)]
    )
    assert executed(world.run(changed(state, "end", plus=8))) == {"three": 1, "sum": 1, "end": 1}


def test_same_stream_under_other_names_in_another_graph_is_found(world, source):
    world.run(summed(source))
    other = summed(source)
    for node in other.nodes:
        node.name = f"{node.name}x"
        node.links = {name: (f"{link}x", output) for name, (link, output) in node.links.items()}
    other.outputs = [("endx", "out")]
    assert executed(world.run(other)) == {}

"""Totals of a run before its sources have ended."""

from __future__ import annotations

import json
from pathlib import Path

from nodegraph import Item, Stream, node
from nodegraph.check import check
from nodegraph.plan.compile import compile_program
from nodegraph.plan.producers import EVERYTHING, Selection
from nodegraph.plan.program import Program
from nodegraph.run.foresight import Foresight


@node("foresight.files", version=1, pure=False)
def files(count: int) -> Stream[int]:
    """List items whose values nobody may make."""

    def make() -> int:
        raise AssertionError("counting calls no make")

    for index in range(count):
        yield Item(f"f{index}", make)


@node("foresight.parts", version=1)
def parts(x: int) -> Stream[int]:
    """Fan an item out."""
    yield Item("0", x)


@node("foresight.same", version=1)
def same(x: int) -> int:
    """Pass on."""
    return x


def program(folder: Path) -> Program:
    nodes = {
        "files": {"type": "foresight.files", "params": {"count": 12}},
        "one": {"type": "foresight.same", "links": {"x": "files"}},
        "parts": {"type": "foresight.parts", "links": {"x": "one"}},
        "inner": {"type": "foresight.same", "links": {"x": "parts"}},
    }
    path = folder / "graph.json"
    path.write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    return compile_program(check(path))


def test_nothing_is_told_before_a_source_was_counted(tmp_path: Path) -> None:
    compiled = program(tmp_path)
    foresight = Foresight(compiled, EVERYTHING, lambda: False)
    assert foresight.total(compiled.step("one")) is None


def test_counted_sources_give_the_totals_of_their_level(tmp_path: Path) -> None:
    compiled = program(tmp_path)
    foresight = Foresight(compiled, EVERYTHING, lambda: False)
    foresight.count_ahead().join()
    assert foresight.total(compiled.step("files")) == 12
    assert foresight.total(compiled.step("one")) == 12
    assert foresight.total(compiled.step("inner")) is None


def test_a_selection_counts_only_what_it_takes(tmp_path: Path) -> None:
    compiled = program(tmp_path)
    limited = Foresight(compiled, Selection(5, None), lambda: False)
    limited.count_ahead().join()
    assert limited.total(compiled.step("one")) == 5
    some = Foresight(compiled, Selection(None, "f1*"), lambda: False)
    some.count_ahead().join()
    assert some.total(compiled.step("one")) == 3


def test_a_cancelled_run_counts_no_further(tmp_path: Path) -> None:
    compiled = program(tmp_path)
    foresight = Foresight(compiled, EVERYTHING, lambda: True)
    foresight.count_ahead().join()
    assert foresight.total(compiled.step("one")) is None


def test_inner_totals_are_extrapolated_from_the_streams_that_ended(tmp_path: Path) -> None:
    compiled = program(tmp_path)
    foresight = Foresight(compiled, EVERYTHING, lambda: False)
    foresight.count_ahead().join()
    fan_out = compiled.step("parts").index
    foresight.stream_ended(fan_out, 3)
    foresight.stream_ended(fan_out, 5)
    assert foresight.total(compiled.step("inner")) == 48
    assert foresight.total(compiled.step("parts")) == 48

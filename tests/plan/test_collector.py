"""The garbage collector while a large program is laid out: paused, and left afterwards as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from nodegraph import Graph, node
from nodegraph.check.checked import CheckedGraph
from nodegraph.plan.compile import compile_program
from nodegraph.sweep.axes import check_sweep

NODES = 300


@node("collector.add", version=1)
def add(a: int = 0) -> int:
    """Add one."""
    return a + 1


@pytest.fixture(scope="module")
def large() -> CheckedGraph:
    graph = Graph("large")
    last = graph.add(add, id="n0")
    for number in range(1, NODES):
        last = graph.add(add, id=f"n{number}", a=last)
    return check_sweep(graph, (), values=(), sets=(), inputs=())[0]


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The generation of each collection that begins."""
    begun: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            begun.append(info["generation"])

    gc.callbacks.append(note)
    yield begun
    gc.callbacks.remove(note)
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_while_a_large_program_is_laid_out(large, collections):
    program = compile_program(large)
    assert len(program.steps) == NODES
    assert collections == []
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_collector_that_was_off_stays_off(large, collections):
    gc.disable()
    compile_program(large)
    assert not gc.isenabled()


def test_the_collector_goes_on_after_an_error(large, collections):
    with pytest.raises(KeyError):
        compile_program(large, ["not there"])
    assert gc.isenabled()


def test_what_somebody_has_frozen_stays_frozen(large, collections):
    gc.freeze()
    frozen = gc.get_freeze_count()
    compile_program(large)
    assert gc.get_freeze_count() == frozen > 0

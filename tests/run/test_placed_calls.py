"""Calls on devices where what they need goes away in mid-run: their model, or their device."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Context, Item, ModelRef, Stream, model, node
from nodegraph.check.check import check
from nodegraph.events import Event, Warned
from nodegraph.models import Mode
from nodegraph.place.equipment import Equipment
from nodegraph.place.problem import Device
from nodegraph.plan.compile import compile_program
from nodegraph.run.result import Run
from nodegraph.run.run import RunOptions, run_program
from nodegraph.store import Store

MIB = 1 << 20
LOST = threading.Event()
"""Whether the run has told that a device was lost."""

TOGETHER: list[threading.Barrier] = []
"""Where two calls on the device that will be lost wait for each other."""

Graph = Mapping[str, tuple[str, Mapping[str, str], Mapping[str, Any]]]


@model("placed_calls.seven")
def load_seven(ref: ModelRef, folder: Path, device: str, mode: Mode) -> int:
    return 7


@node("placed_calls.name", version=1, pure=False)
def name_model(*, folder: str, ctx: Context) -> ModelRef:
    """Name a model."""
    return ctx.find_model("placed_calls.seven", folder)


@node("placed_calls.name_once", version=1)
def name_once(*, folder: str, ctx: Context) -> ModelRef:
    """Name a model; the store is trusted on it afterwards."""
    return ctx.find_model("placed_calls.seven", folder)


@node("placed_calls.pick", version=1, pure=False)
def pick(number: int, *, folders: list[str], ctx: Context) -> ModelRef:
    """Name one of several models: each number has one of its own."""
    return ctx.find_model("placed_calls.seven", folders[number % len(folders)])


@node("placed_calls.numbers", version=1)
def numbers(*, count: int) -> Stream[int]:
    """Numbers from zero."""
    for number in range(count):
        yield Item(str(number), number)


def little() -> int:
    """Bytes that multiplying works in."""
    return 1 << 16


@node("placed_calls.multiply", version=1, keep=False, memory=little)
def multiply(number: int, model: ModelRef, *, ctx: Context) -> int:
    """A number by that of a model; what comes out is not kept."""
    with ctx.use(model) as factor:
        return factor * number + 1000


@node("placed_calls.add", version=1)
def add(number: int, *, more: int) -> int:
    """A number and some more."""
    return number + more


@node("placed_calls.lose", version=1, memory=little)
def lose(number: int, model: ModelRef, *, ctx: Context) -> int:
    """Lose the first device, or wait on it until another call has, and use the model then."""
    if ctx.device == "fake:0" and not LOST.is_set():
        if TOGETHER[0].wait(20) == 0:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        assert LOST.wait(20), "the device was not lost"
    with ctx.use(model) as factor:
        return factor * number


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A model of 4 KiB."""
    return saved(tmp_path / "weights", 1024)


def saved(folder: Path, count: int) -> Path:
    """A model of so many numbers."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"weight": np.ones(count, np.float32)}, folder / "model.safetensors")
    return folder


def run(
    folder: Path,
    nodes: Graph,
    devices: Sequence[Device],
    on_event: Callable[[Event], None] = lambda event: None,
) -> Run:
    written = {
        name: {"type": type_id, "links": dict(links), "params": dict(params)}
        for name, (type_id, links, params) in nodes.items()
    }
    file = folder / "graph.json"
    file.write_text(json.dumps({"nodegraph": 1, "name": "placed", "seed": 1, "nodes": written}))
    return run_program(
        compile_program(check(file), []),
        Store.open(folder / "store"),
        RunOptions(jobs=2, equipment=Equipment(devices=tuple(devices))),
        on_event=on_event,
        cancelled=lambda: False,
        cancel=lambda: None,
        started=time.perf_counter(),
    )


def test_calls_made_again_whose_model_is_gone_fail_by_name(tmp_path: Path, weights: Path) -> None:
    def multiplied(more: int) -> Graph:
        return {
            "numbers": ("placed_calls.numbers", {}, {"count": 3}),
            "model": ("placed_calls.name_once", {}, {"folder": str(weights)}),
            "times": ("placed_calls.multiply", {"number": "numbers", "model": "model"}, {}),
            "sum": ("placed_calls.add", {"number": "times"}, {"more": more}),
        }

    cpu = [Device("cpu", "cpu", 20 * MIB)]
    assert run(tmp_path, multiplied(1), cpu).ok
    shutil.rmtree(weights)
    again = run(tmp_path, multiplied(2), cpu)
    assert sorted((error.node, error.item, error.error) for error in again.errors) == [
        ("times", str(number), "ModelError") for number in range(3)
    ]


def test_a_call_on_a_device_that_another_call_loses_goes_on_elsewhere(tmp_path: Path, weights: Path) -> None:
    warnings: list[str] = []

    def told(event: Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)
            LOST.set()

    LOST.clear()
    TOGETHER[:] = [threading.Barrier(2)]
    nodes: Graph = {
        "numbers": ("placed_calls.numbers", {}, {"count": 12}),
        "model": ("placed_calls.name", {}, {"folder": str(weights)}),
        "times": ("placed_calls.lose", {"number": "numbers", "model": "model"}, {}),
    }
    devices = [Device("fake:0", "fake", 20 * MIB, 2), Device("fake:1", "fake", 20 * MIB, 2)]
    ran = run(tmp_path, nodes, devices, told)
    assert ran.ok, ran.errors
    assert {item.value for item in ran.items("times")} == {7 * number for number in range(12)}
    assert sum("run elsewhere" in warning for warning in warnings) == 1


@pytest.mark.parametrize("first", [0, 1])
def test_items_whose_models_fit_are_done_beside_one_whose_model_fits_nowhere(
    tmp_path: Path, weights: Path, first: int
) -> None:
    folders = [str(weights), str(saved(tmp_path / "large", 1 << 20))]
    nodes: Graph = {
        "numbers": ("placed_calls.numbers", {}, {"count": 6}),
        "pick": ("placed_calls.pick", {"number": "numbers"}, {"folders": folders[first:] + folders[:first]}),
        "times": ("placed_calls.multiply", {"number": "numbers", "model": "pick"}, {}),
    }
    ran = run(tmp_path, nodes, [Device("cpu", "cpu", 2 * MIB)])
    failed = {error.item for error in ran.errors}
    assert failed == {str(number) for number in range(6) if number % 2 != first}
    assert ran.nodes["times"].executed == 3

"""Whoever listens to the events of a run may print."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph.api import Options, run_graph
from nodegraph.run.result import Run
from tests.placement.conftest import Bench, Spec, guarded, named


def test_listener_that_prints_what_devices_do_does_not_stop_the_run(
    bench: Bench, matrices: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    nodes: dict[str, Spec] = {
        "numbers": ("placement.numbers", {}, {"count": 2}),
        "model": named(matrices[0], "placement.matrix"),
        "times": ("placement.multiply", {"number": "numbers", "model": "model"}, {}),
    }
    graph, options = bench.graph(nodes), Options(store=bench.store, devices="cpu=64MiB")

    def printed(stop: object) -> Run:
        return run_graph(graph, options, on_event=lambda event: print(type(event).__name__))

    assert guarded(printed, 20).ok
    assert "MemoryTracked" in capsys.readouterr().out

"""`nodegraph plan` of a graph with models that cannot be placed."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nodegraph.cli import app

PACK = '''
"""Nodes that use a model; of one, the estimate is wrong."""

from pathlib import Path

from nodegraph import Context, ModelRef, model, node
from nodegraph.models import Mode


@model("planned.bytes")
def load(ref: ModelRef, folder: Path, device: str, mode: Mode) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@node("planned.model", version=1, pure=False)
def name(folder: Path, *, ctx: Context) -> ModelRef:
    """A model."""
    return ctx.find_model("planned.bytes", folder)


@node("planned.whole", version=1, memory=lambda batch: 1024 * batch)
def whole(model: ModelRef) -> int:
    """A number."""
    return 1


@node("planned.half", version=1, memory=lambda: 0.5)
def half(model: ModelRef) -> int:
    """A number; the estimate gives half a byte."""
    return 2
'''


WRONG = (
    "the memory estimate of node type 'planned.half' must return bytes as an int of 0 or more, not 0.5; "
    "mend the function given as @node(memory=...)"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack and a model of 4 KiB."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "planned_pack.py").write_text(PACK)
    header = json.dumps({"w": {"dtype": "U8", "shape": [4096], "data_offsets": [0, 4096]}}).encode()
    (folder / "weights").mkdir()
    (folder / "weights" / "config.json").write_text("{}")
    (folder / "weights" / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + bytes(4096)
    )
    return folder


def planned(project: Path, type_: str, devices: str) -> list[str]:
    """The lines of the plan of a graph with one node that uses the model."""
    nodes = {
        "net": {"type": "planned.model", "params": {"folder": "weights"}},
        "used": {"type": type_, "links": {"model": "net"}},
    }
    (project / "graph.json").write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    options = (
        "--devices",
        devices,
        "--nodes",
        project / "planned_pack.py",
        "--store",
        project / ".nodegraph",
    )
    ended = CliRunner().invoke(app, [str(each) for each in ("plan", project / "graph.json", *options)])
    assert ended.exit_code == 0, ended.output
    return ended.stdout.splitlines()


def test_calls_that_fit_are_forecast_with_their_placement(project):
    lines = planned(project, "planned.whole", "cpu=64MiB")
    assert any(line.startswith("at most 2 calls would run, about ") for line in lines)
    assert any(line.startswith("cpu: peak 5.0 KiB of 64.0 MiB, 1 model load") for line in lines)


def test_calls_that_fit_nowhere_are_refused_and_no_time_is_forecast(project):
    lines = planned(project, "planned.whole", "cpu=3KiB")
    assert lines[-3:-1] == ["at most 2 calls would run", ""]
    assert lines[-1].startswith("refused: one item of used takes 5.00 KiB")


def test_calls_with_a_wrong_estimate_are_said_to_fail_and_no_time_is_forecast(project):
    lines = planned(project, "planned.half", "cpu=64MiB")
    assert lines[-3:] == [
        "at most 2 calls would run",
        "",
        f"used would fail: {WRONG}",
    ]

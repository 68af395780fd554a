"""`nodegraph bench placement`, and simulated devices: planned for, refused for runs."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nodegraph.cli import app

PACK = '''
"""A model without torch."""

from __future__ import annotations

from pathlib import Path

from nodegraph import Context, Item, ModelRef, Stream, model, node


@model("bench.model")
def load(ref: ModelRef, folder: Path, device: str, mode: str) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@node("bench.count", version=1)
def count(*, n: int = 20) -> Stream[int]:
    """Numbers from zero."""
    for number in range(n):
        yield Item(str(number), number)


@node("bench.model", version=1, pure=False)
def name(folder: Path, *, ctx: Context) -> ModelRef:
    """Name a model."""
    return ctx.find_model("bench.model", folder)


def working(number: int | None = None) -> int:
    return 1 << 20


@node("bench.add", version=1, memory=working)
def add(number: int, model: ModelRef, *, ctx: Context) -> int:
    """A number and one more."""
    with ctx.use(model) as weights:
        return number + len(weights[:1])
'''
MIB = 1 << 20


def write_model(folder: Path, first: int) -> None:
    """A model of 16 MiB in one tensor."""
    header = json.dumps(
        {"a.0.w": {"dtype": "U8", "shape": [16 * MIB], "data_offsets": [0, 16 * MIB]}}
    ).encode()
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    content = struct.pack("<Q", len(header)) + header + bytes([first]) + bytes(16 * MIB - 1)
    (folder / "model.safetensors").write_bytes(content)


def node_of(type_: str, links: dict[str, str] | None = None, **params: object) -> dict[str, object]:
    return {"type": type_, "links": links or {}, "params": params}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which 20 items passed two models that fit into 64 MiB; run 2 found all in the store."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "bench_pack.py").write_text(PACK)
    write_model(folder / "a", 1)
    write_model(folder / "b", 2)
    nodes = {
        "count": node_of("bench.count"),
        "a": node_of("bench.model", folder="a"),
        "b": node_of("bench.model", folder="b"),
        "one": node_of("bench.add", {"number": "count", "model": "a"}),
        "two": node_of("bench.add", {"number": "one", "model": "b"}),
    }
    (folder / "graph.json").write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    for _ in range(2):
        ended = call(folder, "run", folder / "graph.json", "--devices", "cpu=64MiB")
        assert ended.exit_code == 0, ended.output
    return folder


def call(project: Path, *arguments: object):
    rest = ("--store", project / ".nodegraph")
    if arguments[0] != "bench":
        rest += ("--nodes", project / "bench_pack.py")
    return CliRunner().invoke(app, [str(argument) for argument in (*arguments, *rest)])


def replayed(project: Path, *arguments: object) -> dict:
    ended = call(project, "bench", "placement", *arguments, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_run_is_placed_on_devices_that_hold_one_model_with_fewer_loads_than_on_demand(project):
    told = replayed(project, 1, "--devices", "sim:28MiB")
    assert (told["run"], told["graph"]) == (1, "graph.json")
    assert [stage["calls"] for stage in told["schedule"]["stages"] if stage["models"]] == [20, 20]
    assert told["loads"] == told["devices"]["sim:0"]["loads"] == 2
    assert told["on_demand"]["loads"] == 40
    assert told["factor"]["loads"] == 20
    assert told["factor"]["seconds"] == told["on_demand"]["seconds"] / told["seconds"] > 1
    assert told["measured"]["devices"]["cpu"]["budget"] == 64 * MIB
    assert told["measured"]["loads"] == 2
    assert 16 * MIB <= told["devices"]["sim:0"]["peak"] <= told["devices"]["sim:0"]["budget"] == 28 * MIB


def test_without_devices_a_run_is_placed_where_it_ran_and_a_graph_stands_for_its_last_run_with_models(
    project,
):
    told = replayed(project, project / "graph.json")
    assert told["run"] == 1
    assert set(told["devices"]) == {"cpu"}
    assert told["devices"]["cpu"] == told["measured"]["devices"]["cpu"] | {
        "peak": told["devices"]["cpu"]["peak"]
    }
    assert told["policy"] == "flow"


def test_table_tells_the_run_the_plan_loading_on_demand_and_the_factor(project):
    ended = call(project, "bench", "placement", 1, "--devices", "sim:28MiB,sim:24GiB")
    title, columns, measured, planned, on_demand, factor = ended.stdout.splitlines()
    assert title == "run 1 of graph.json: 40 calls in 2 stages with 2 models"
    assert columns.split() == ["policy", "time", "loads", "peak", "per", "device"]
    assert measured.startswith("measured ")
    assert planned.startswith("planned ")
    assert "of 28.0 MiB, sim:1: " in planned
    assert "item by item" in on_demand
    assert factor.startswith("loading on demand takes ")


def test_devices_on_which_nothing_fits_are_told_with_the_numbers(project):
    ended = call(project, "bench", "placement", 1, "--devices", "sim:3MiB")
    assert ended.exit_code == 0
    _, _, measured, *refused = ended.stdout.splitlines()
    assert measured.startswith("measured ")
    assert [line.startswith("refused: one item of ") for line in refused] == [True, True]
    assert replayed(project, 1, "--devices", "sim:3MiB")["factor"] == {"seconds": None, "loads": None}


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ("7", "has no run 7; its latest runs are 1, 2"),
        ("other.json", "has no run of other.json; its latest runs are 1, 2"),
        ("2", "run 2 of graph.json: it made no call that uses models"),
    ],
)
def test_run_that_cannot_be_placed_is_refused_with_what_to_do(project, named, error):
    ended = call(project, "bench", "placement", named, "--devices", "sim:1GiB")
    assert ended.exit_code == 2
    assert error in ended.stderr
    assert ended.stdout == ""


def test_bench_without_a_store_is_refused(tmp_path):
    ended = CliRunner().invoke(app, ["bench", "placement", "1", "--store", str(tmp_path / "none")])
    assert ended.exit_code == 2
    assert "there is no store at" in ended.stderr


@pytest.mark.parametrize("content", ["{", '{"devices": []}'])
def test_run_whose_record_is_damaged_is_refused(project, content):
    record = project / ".nodegraph/runs/1/placement.json"
    whole = record.read_bytes()
    record.write_text(content)
    try:
        ended = call(project, "bench", "placement", "1")
    finally:
        record.write_bytes(whole)
    assert ended.exit_code == 2
    assert "placement.json is damaged" in ended.stderr


def test_run_whose_record_is_gone_is_refused(project):
    record = project / ".nodegraph/runs/1/placement.json"
    whole = record.read_bytes()
    record.unlink()
    try:
        ended = call(project, "bench", "placement", "1")
    finally:
        record.write_bytes(whole)
    assert ended.exit_code == 2
    assert "the record of what it placed is gone; name another run" in ended.stderr


def test_plan_is_made_for_devices_that_are_not_there(project):
    given = ("--devices", "sim:24GiB,sim:28MiB", "--force", "one", "--force", "two", "--json")
    ended = call(project, "plan", project / "graph.json", *given)
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert {name: device["budget"] for name, device in told["devices"].items()} == {
        "sim:0": 24 << 30,
        "sim:1": 28 * MIB,
    }
    assert {"sim:0", "sim:1"} >= set(told["nodes"]["one"]["device"].split(","))
    assert sum(device["loads"] for device in told["devices"].values()) >= 2


def test_run_on_devices_that_are_not_there_is_refused_before_anything_is_run(project):
    runs = sorted((project / ".nodegraph/runs").iterdir())
    ended = call(project, "run", project / "graph.json", "--devices", "sim:24GiB,sim:8GiB")
    assert ended.exit_code == 2
    assert "sim:0, sim:1: simulated devices are for plan and bench placement" in ended.stderr
    assert sorted((project / ".nodegraph/runs").iterdir()) == runs

"""`nodegraph doctor GRAPH`: the models that a graph names, where they are and whether they are whole."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import NamedTuple

import pytest

from nodegraph import Context, ModelRef, model, node
from nodegraph.check import check
from nodegraph.cli.doctor import doctor
from nodegraph.cli.doctor_models import models_of
from nodegraph.models import Published


@model("doctor.pair", modes=("resident", "offload"))
def load(ref: ModelRef, folder: Path, device: str, mode: str) -> bytes:
    raise AssertionError("doctor loads nothing")


KNOWN = Published("org/known", 9_560_000_000, "non-commercial", ("*.json", "*/*.fp16.safetensors"))


@model("doctor.known", published=(KNOWN,))
def load_known(ref: ModelRef, folder: Path, device: str, mode: str) -> bytes:
    raise AssertionError("doctor loads nothing")


@node("doctor.named", version=1, pure=False)
def named(model: str | Path, *, ctx: Context) -> ModelRef:
    """Name a model of the hub, or in a folder."""
    return ctx.find_model("doctor.known", model)


class Pair(NamedTuple):
    big: ModelRef
    small: ModelRef


@node("doctor.pair", version=1, pure=False)
def pair(folder: Path, *, kind: str = "doctor.pair", ctx: Context) -> Pair:
    """Name two forms of a model."""
    print("named")
    return Pair(ctx.find_model(kind, folder), ctx.find_model(kind, folder, dtype="float16"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of two layers of 1,000 numbers in float32."""
    tensors = {
        f"layers.{at}.w": {"dtype": "F32", "shape": [1000], "data_offsets": [4000 * at, 4000 * (at + 1)]}
        for at in range(2)
    }
    header = json.dumps(tensors).encode()
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    (tmp_path / "model/model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8000))
    return tmp_path / "model"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    file = tmp_path / "graph.json"
    nodes = {"pair": {"type": "doctor.pair", "params": {"folder": "model"}}}
    file.write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    return file


def test_models_are_told_by_kind_source_and_weight_bytes_per_mode(graph, folder, capsys):
    big, small = models_of(check(graph))
    assert (big.place, small.place) == ("pair.big", "pair.small")
    assert (big.kind, big.source, big.wrong) == ("doctor.pair", str(folder), "")
    assert (big.sizes, small.sizes) == (
        {"resident": 8000, "offload": 4000},
        {"resident": 4000, "offload": 2000},
    )
    assert big.told()[1] == (
        f"doctor.pair from {folder}, complete, weights as float32: resident 7.8 KiB, offload 3.9 KiB"
    )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("break_it", "wrong"),
    [
        (lambda folder: os.truncate(folder / "model.safetensors", 5000), "it is truncated"),
        (lambda folder: (folder / "model.safetensors").unlink(), "it has no weights"),
        (lambda folder: folder.rename(folder.with_name("gone")), "there is no such model folder"),
    ],
)
def test_model_that_is_not_whole_is_a_problem_with_what_to_do(graph, folder, capsys, break_it, wrong):
    break_it(folder)
    (named,) = models_of(check(graph))
    assert (named.kind, named.source, named.ref, named.sizes) == ("doctor.pair", str(folder), None, {})
    capsys.readouterr()
    assert doctor(graph, store=graph.parent / "store") == 1
    told = capsys.readouterr()
    assert "not there or not usable" in told.out
    assert told.err.count("problem: ") == 1
    assert "problem: model pair: " in told.err
    assert wrong in told.err


def test_unknown_kind_is_a_problem_of_the_model(graph, folder):
    document = json.loads(graph.read_text())
    document["nodes"]["pair"]["params"]["kind"] = "doctor.none"
    graph.write_text(json.dumps(document))
    (named,) = models_of(check(graph))
    assert "no pack declares a kind of model 'doctor.none'" in named.wrong


def test_json_lists_the_models(graph, folder, capsys):
    assert doctor(graph, store=graph.parent / "store", json=True) == 0
    big, small = json.loads(capsys.readouterr().out)["models"]
    assert big == {
        "node": "pair.big",
        "kind": "doctor.pair",
        "source": str(folder),
        "revision": "",
        "dtype": "float32",
        "variant": "",
        "bytes": {"resident": 8000, "offload": 4000},
        "complete": True,
        "download_bytes": None,
        "licence": None,
        "fetch": None,
        "problem": "",
    }
    assert small["dtype"] == "float16"


def test_what_can_be_fetched_is_told_with_size_licence_and_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "graph.json"
    nodes = {"a": {"type": "doctor.named", "params": {"model": "org/known"}}}
    file.write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    (found,) = models_of(check(file))
    fetch = "hf download org/known --include '*.json' --include '*/*.fp16.safetensors'"
    assert found.told()[1].endswith("not usable; about 9.6 GB to fetch, licence: non-commercial")
    assert f"looked in {tmp_path / 'cache' / 'models--org--known'}" in found.wrong
    assert found.wrong.endswith("or fetch it (about 9.6 GB, licence: non-commercial)")
    assert doctor(file, store=tmp_path / "store") == 1
    told = capsys.readouterr()
    (problem,) = told.err.splitlines()
    assert problem.endswith("or fetch it (about 9.6 GB, licence: non-commercial)")
    assert told.out.splitlines()[-2:] == [
        "what is missing can be fetched:",
        f"{fetch}  # about 9.6 GB",
    ]
    told = found.as_json()
    assert (told["fetch"], told["download_bytes"], told["licence"]) == (fetch, KNOWN.nbytes, KNOWN.licence)


def test_an_overlay_puts_other_models_in_place(tmp_path, folder, capsys):
    file, overlay = tmp_path / "graph.json", tmp_path / "tiny.json"
    nodes = {"a": {"type": "doctor.named", "params": {"model": "org/known"}}}
    file.write_text(json.dumps({"nodegraph": 1, "nodes": nodes}))
    overlay.write_text(json.dumps({"params": {"a": {"model": "./model"}}}))
    assert doctor(file, store=tmp_path / "store", values=[overlay]) == 0
    assert f"doctor.known from {folder}, complete" in capsys.readouterr().out


def test_values_of_the_command_line_put_other_models_in_place(tmp_path, folder, capsys):
    file = tmp_path / "graph.json"
    inputs = {"size": {"type": "str"}}
    nodes = {
        "a": {"type": "doctor.named", "links": {"model": "inputs.size"}},
        "b": {"type": "doctor.named", "params": {"model": "org/known"}},
    }
    file.write_text(json.dumps({"nodegraph": 1, "inputs": inputs, "nodes": nodes}))
    assert doctor(file, store=tmp_path / "store", sets=[f"b.model={folder}"]) == 1
    assert "graph input 'size' (str) needs a value" in capsys.readouterr().err
    given = {"inputs": [f"size={folder}"], "sets": [f"b.model={folder}"]}
    assert doctor(file, store=tmp_path / "store", **given) == 0
    assert capsys.readouterr().out.count(f"doctor.known from {folder}, complete") == 2


def test_a_model_that_no_output_needs_is_not_looked_for(tmp_path):
    file = tmp_path / "graph.json"
    nodes = {name: {"type": "doctor.named", "params": {"model": f"./{name}"}} for name in ("used", "unused")}
    file.write_text(json.dumps({"nodegraph": 1, "nodes": nodes, "outputs": {"used": "used"}}))
    assert [named.place for named in models_of(check(file))] == ["used"]

"""Inputs that take a text or a path, such as a model's id or its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nodegraph import node
from nodegraph.check import check


@node("check.either", version=1, pure=False)
def either(model: str | Path) -> str:
    """Take a text or a path."""
    return str(model)


def settled(folder: Path, spec: Mapping[str, Any], **options: Any) -> object:
    """What the node gets from a graph file in `folder`."""
    file = folder / "g.json"
    inputs = {"at": {"type": "path", "default": "models/a"}, "id": {"type": "str", "default": "models/a"}}
    graph = {"nodegraph": 1, "inputs": inputs, "nodes": {"n": {"type": "check.either", **spec}}}
    file.write_text(json.dumps(graph))
    return check(file, **options).nodes["n"].params["model"]


@pytest.mark.parametrize("text", ["org/model", "model", "a/./b"])
def test_a_text_stays_a_text(tmp_path, text):
    assert settled(tmp_path, {"params": {"model": text}}) == text


@pytest.mark.parametrize("text", ["./a", "../{}/a", "{}/a"])
def test_a_text_that_begins_as_a_path_is_one_of_the_folder_of_its_file(tmp_path, text):
    text = text.format(tmp_path if text.startswith("{") else tmp_path.name)
    assert settled(tmp_path, {"params": {"model": text}}) == tmp_path / "a"


def test_a_graph_input_gives_a_path_or_a_text_as_it_declares(tmp_path):
    assert settled(tmp_path, {"links": {"model": "inputs.at"}}) == tmp_path / "models/a"
    assert settled(tmp_path, {"links": {"model": "inputs.id"}}) == "models/a"


def test_a_path_on_the_command_line_is_one_of_the_working_directory(tmp_path):
    given = settled(tmp_path, {"links": {"model": "inputs.at"}}, inputs=["at=some/where"])
    assert given == Path.cwd() / "some/where"
    assert settled(tmp_path, {"params": {"model": "x"}}, sets=["n.model=./b"]) == Path.cwd() / "b"

"""Checking a graph text in a folder of its own, and its problems as one text."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nodegraph.check import CheckedGraph, check, find_problems
from nodegraph.graph.problem import Problem
from nodegraph.node import registry
from nodegraph.types import values

_NAME = "nodegraph_check_example_nodes"


def _example_nodes() -> Any:
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("example_nodes.py"))
        if spec is None or spec.loader is None:
            raise ImportError(_NAME)
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]


@pytest.fixture
def nodes() -> Any:
    """The module with the node types."""
    return _example_nodes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: Any) -> Path:
    """The working directory: the files of a test lie in it. Only the types of these tests are known."""
    own = ("check.", "artifact", "model_ref")
    for module in (registry, values):
        kept = {name: type_ for name, type_ in vars(module)["_by_id"].items() if name.startswith(own)}
        monkeypatch.setattr(module, "_by_id", kept)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def problems(folder: Path) -> Callable[..., list[Problem]]:
    """Write a graph file (and others beside it) and find its problems."""

    def find(
        text: str | bytes,
        *,
        files: Mapping[str, str] | None = None,
        values: Sequence[str] = (),
        sets: Sequence[str] = (),
        inputs: Sequence[str] = (),
        require_inputs: bool = False,
    ) -> list[Problem]:
        for name, other in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(other, encoding="utf-8")
        graph = folder / "graph.json"
        graph.write_bytes(text if isinstance(text, bytes) else text.encode())
        return find_problems(
            Path("graph.json"),
            values=[Path(name) for name in values],
            sets=sets,
            inputs=inputs,
            require_inputs=require_inputs,
        )

    return find


@pytest.fixture
def report(problems: Callable[..., list[Problem]]) -> Callable[..., str]:
    """As `problems`, as a text: place, code and pointer; message; hint."""

    def text(*args: Any, **options: Any) -> str:
        return "".join(map(_shown, problems(*args, **options)))

    return text


@pytest.fixture
def checked(folder: Path) -> Callable[..., CheckedGraph]:
    """Write a graph file and check it."""

    def run(text: str, *, files: Mapping[str, str] | None = None, **options: Any) -> CheckedGraph:
        for name, other in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(other, encoding="utf-8")
        (folder / "graph.json").write_text(text, encoding="utf-8")
        return check(Path("graph.json"), **options)

    return run


def _shown(problem: Problem) -> str:
    place = f"{problem.file or '-'}:{problem.line}:{problem.column}"
    hint = f"  {problem.hint}\n" if problem.hint else ""
    return f"{place} {problem.code} {problem.pointer or '/'}\n  {problem.message}\n{hint}"

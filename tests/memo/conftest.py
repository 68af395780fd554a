"""A pack in a file without versions, and projects with graphs on it, run in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACK = '''
"""A pack of three nodes in a row."""

from __future__ import annotations

from typing import NamedTuple

import helpers
from nodegraph import Context, Item, Stream, node

OFFSET = 1


class Settings:
    """How much."""

    scale = 2


def near(number):
    """Near."""
    return number + OFFSET


@node("ed.a")
def a(number: int = 3) -> int:
    """The number."""
    return number


@node("ed.b")
def b(number: int, *, extra: int = 0) -> int:
    """Work on a number."""
    doubled = number * Settings.scale  # twice
    return near(doubled) + helpers.lift(number) + 5 + extra


@node("ed.c")
def c(number: int) -> int:
    """One more."""
    return number + 1


@node("ed.source", pure=False)
def source(n: int = 3) -> Stream[int]:
    """Numbers from zero."""
    for number in range(n):
        yield Item(str(number), lambda number=number: number)


@node("ed.sum2")
def sum2(left: int, right: int, *, bias: int = 0, label: str = "") -> int:
    """The sum of two numbers."""
    return left + right + bias


@node("ed.noise", seeded=True)
def noise(number: int, *, steps: int = 1, ctx: Context) -> int:
    """The seed of a call."""
    return ctx.seed


@node("ed.bag")
def bag(number: int, *, words: dict[str, int]) -> int:
    """Params in a dict."""
    return number + len({*words})
'''

HELPERS = '''
"""Helpers of the pack."""

from deeper import high

FACTOR = 10


def lift(number):
    """Lift a number."""
    return number * FACTOR + high(number)


def unused(number):
    return number - 1
'''

DEEPER = """
def high(number):
    return number * 100
"""


@dataclass(frozen=True)
class Project:
    """A folder with the pack, graphs and a store."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Project:
        """Write the pack into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pack.py").write_text(PACK)
        (folder / "helpers.py").write_text(HELPERS)
        (folder / "deeper.py").write_text(DEEPER)
        return cls(folder)

    def graph(self, nodes: Mapping[str, Any], name: str = "graph.json", **more: Any) -> str:
        """Write a graph; a node is written `(type, links, params)`."""
        written = {
            node: {"type": type_, "links": links, "params": params}
            for node, (type_, links, params) in nodes.items()
        }
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"nodegraph": 1, "name": "edits", "nodes": written} | more))
        return name

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file of the pack, and nothing the interpreter may have kept of it."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is not once in {file}"
        path.write_text(text.replace(old, new))
        shutil.rmtree(self.folder / "__pycache__", ignore_errors=True)

    def command(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a command in a process of its own and give its JSON."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NODEGRAPH_")}
        ended = subprocess.run(
            [sys.executable, "-m", "nodegraph.cli", *arguments, "--json", "--nodes", "pack.py"],
            cwd=self.folder,
            env={**kept, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def executed(
        self, graph: str = "graph.json", *arguments: str, env: Mapping[str, str] | None = None
    ) -> str:
        """Run a graph; the nodes that executed calls, in order."""
        nodes = self.command("run", graph, *arguments, env=env)["nodes"]
        return " ".join(name for name, node in nodes.items() if node["executed"])


ROW = {
    "a": ("ed.a", {}, {}),
    "b": ("ed.b", {"number": "a"}, {}),
    "c": ("ed.c", {"number": "b"}, {}),
}


@pytest.fixture(scope="module")
def ran_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose row of nodes was run."""
    project = Project.create(tmp_path_factory.mktemp("once") / "project")
    project.graph(ROW)
    assert project.executed() == "a b c"
    return project.folder


@pytest.fixture
def project(ran_once: Path, tmp_path: Path) -> Project:
    """A copy of that project: other folder, same store."""
    shutil.copytree(ran_once, tmp_path / "copy")
    return Project(tmp_path / "copy")


@pytest.fixture
def row() -> Mapping[str, Any]:
    return dict(ROW)

"""A pack in a file without versions, and projects with graphs on it, run in processes of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Forks

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
    forks: Forks

    @classmethod
    def create(cls, folder: Path, forks: Forks) -> Project:
        """Write the pack into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pack.py").write_text(PACK)
        (folder / "helpers.py").write_text(HELPERS)
        (folder / "deeper.py").write_text(DEEPER)
        return cls(folder, forks)

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

    def command(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a command in a process of its own and give its JSON."""
        ended = self.forks.run(
            "cli", *arguments, "--json", "--nodes", "pack.py", folder=self.folder, environment=env
        )
        assert ended.exit == 0, ended.stderr
        return ended.json

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


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Forks processes from a warm one; ends all that are left."""
    server = Forks(Path(__file__).parent)
    yield server
    server.close()


@pytest.fixture(scope="module")
def ran_once(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose row of nodes was run."""
    project = Project.create(tmp_path_factory.mktemp("once") / "project", forks)
    project.graph(ROW)
    assert project.executed() == "a b c"
    return project.folder


@pytest.fixture
def project(forks: Forks, ran_once: Path, tmp_path: Path) -> Project:
    """A copy of that project: other folder, same store."""
    shutil.copytree(ran_once, tmp_path / "copy")
    return Project(tmp_path / "copy", forks)


@pytest.fixture
def row() -> Mapping[str, Any]:
    return dict(ROW)

"""Folders with graphs whose runs are attacked, and the processes that run them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Ended, Forked, Forks


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Forks processes from a warm one; ends all that are left."""
    server = Forks(Path(__file__).parent)
    yield server
    server.close()


@dataclass(frozen=True, order=True)
class Note:
    """A line that a call wrote: `what` is began, ended or reported; the clocks are in ns."""

    what: str
    call: str
    wall: int
    cpu: int
    process: int


@dataclass
class Site:
    """A folder with a graph, where it is run and run again."""

    folder: Path
    forks: Forks

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self.folder / "store"

    def graph(self, nodes: Mapping[str, Any], outputs: Mapping[str, str], name: str = "graph.json") -> Path:
        """Write a graph; a node is written `(type, links, params)`."""
        written = {
            node: {"type": f"at.{type_}", "links": links, "params": params}
            for node, (type_, links, params) in nodes.items()
        }
        document = {"nodegraph": 1, "name": "attacked", "nodes": written, "outputs": dict(outputs)}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(json.dumps(document))
        return self.folder / name

    def start(
        self,
        command: str,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Forked:
        """Fork a process in the folder, whose calls note what they do in `calls`."""
        environment = {"CALLS": str(self.folder / "calls"), **(environment or {})}
        return self.forks.start(command, *arguments, folder=self.folder, environment=environment, **more)

    def run(self, command: str, *arguments: str | Path, **more: Any) -> Ended:
        """Fork a process in the folder and wait for its end."""
        return self.start(command, *arguments, **more).wait()

    def notes(self) -> list[Note]:
        """What the calls of all processes wrote, in order."""
        file = self.folder / "calls"
        fields = (line.split() for line in file.read_text().splitlines()) if file.exists() else ()
        return [Note(what, call, int(wall), int(cpu), int(pid)) for what, call, wall, cpu, pid in fields]

    def noted_bytes(self) -> int:
        """How much the calls wrote so far."""
        file = self.folder / "calls"
        return file.stat().st_size if file.exists() else 0

    def published(self) -> dict[str, bytes]:
        """The files of what was published, without what tells where they come from."""
        files = (path for path in (self.folder / "out").rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.folder / "out")): path.read_bytes()
            for path in files
            if "provenance" not in path.name
        }

    def copied(self, folder: Path) -> Site:
        """A copy of the whole folder, somewhere else."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Site(folder, self.forks)


@pytest.fixture
def site(forks: Forks, tmp_path: Path) -> Site:
    """An empty folder to run graphs in."""
    return Site(tmp_path / "site", forks)


@pytest.fixture
def sites(forks: Forks, tmp_path: Path) -> Callable[[], Site]:
    """Makes empty folders to run graphs in."""

    def make() -> Site:
        return Site(Path(tempfile.mkdtemp(dir=tmp_path)), forks)

    return make


@pytest.fixture(scope="module")
def module_site(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The same, one for all tests of a module."""
    return Site(tmp_path_factory.mktemp("attack") / "site", forks)

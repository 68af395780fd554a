"""Processes that are forked from a warm one, so that hundreds can be started and killed within a minute."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """A process that has ended; a negative exit status is the signal that killed it."""

    exit: int
    stdout: str
    stderr: str
    cpu_ns: int

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        assert self.stdout, self.stderr
        return json.loads(self.stdout)

    @property
    def warnings(self) -> list[str]:
        """The warnings on stderr."""
        return [line for line in self.stderr.splitlines() if line.startswith("warning:")]


@dataclass
class Forked:
    """A process that was forked."""

    server: Forks
    pid: int
    output: Path

    def __post_init__(self) -> None:
        self._descriptor = os.pidfd_open(self.pid)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end for at most so long; whether it came."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def kill(self) -> None:
        """Kill it, wherever it is."""
        signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self, seconds: float = 60.0) -> Ended:
        """Wait for its end and reap it."""
        ended = self.ends_within(seconds)
        if not ended:
            self.kill()
        answer = self.server.ask(do="wait", pid=self.pid)
        os.close(self._descriptor)
        texts = [Path(f"{self.output}.{suffix}").read_text() for suffix in ("out", "err")]
        assert ended, f"still running after {seconds} s: {texts}"
        return Ended(answer["status"], *texts, answer["cpu_ns"])


class Forks:
    """The process that forks the others."""

    def __init__(self, within: tuple[str, ...] = ()) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NODEGRAPH_")}
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [*within, sys.executable, str(HERE / "fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, **threads, "PYTHONWARNINGS": "error"},
            start_new_session=True,
        )
        self._count = 0
        try:
            assert json.loads(self._answer()) == {"threads": 1}
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def start(
        self,
        command: str,
        *arguments: str | Path,
        folder: Path,
        gated: bool = False,
        user: int | None = None,
        file_limit: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Forked:
        """Fork a process that runs a function of `commands`, in `folder`."""
        self._count += 1
        output = folder / f"process-{self._count}"
        for suffix in ("out", "err"):
            # Here, so that they are there even if the process is killed before it begins.
            Path(f"{output}.{suffix}").touch()
        pid = self.ask(
            do="start",
            command=command,
            arguments=list(map(str, arguments)),
            folder=str(folder),
            environment={"CALLS": str(folder / "calls"), **(environment or {})},
            output=str(output),
            gated=gated,
            user=user,
            file_limit=file_limit,
        )["pid"]
        return Forked(self, pid, output)

    def run(self, command: str, *arguments: str | Path, folder: Path, **more: Any) -> Ended:
        """Fork a process and wait for its end."""
        return self.start(command, *arguments, folder=folder, **more).wait()

    def open_gate(self) -> None:
        """Let the processes go that were started `gated`."""
        self.ask(do="open")

    def close(self) -> None:
        """End the server and everything it has forked."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the fork server has ended"
        return line


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Forks processes from a warm one; ends all that are left."""
    server = Forks()
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

    def start(self, command: str, *arguments: str | Path, **more: Any) -> Forked:
        """Fork a process in the folder."""
        return self.forks.start(command, *arguments, folder=self.folder, **more)

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

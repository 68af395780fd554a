"""Processes that are forked from a warm one, so that hundreds can be started and killed within a minute."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("fork_server.py")
OWN_SETTINGS = ("NO_COLOR", "TERM", "COLUMNS", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE")
"""What a user may have set, and no process under test shall see."""


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
        texts = [Path(f"{self.output}.{suffix}").read_text("utf-8") for suffix in ("out", "err")]
        assert ended, f"still running after {seconds} s: {texts}"
        return Ended(answer["status"], *texts, answer["cpu_ns"])


class Forks:
    """The process that forks the others.

    Args:
        commands: the folder of the module `commands`, whose functions the forked processes run.
        within: a command line that runs another one, which it is given as arguments.
    """

    def __init__(self, commands: Path, within: tuple[str, ...] = ()) -> None:
        self._commands = commands
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("NODEGRAPH_") and name not in OWN_SETTINGS
        }
        threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [*within, sys.executable, str(SERVER), str(commands)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**kept, **threads, "PYTHONWARNINGS": "error"},
            start_new_session=True,
        )
        self._numbers = itertools.count(1)
        self._asking = threading.Lock()
        try:
            assert json.loads(self._answer()) == {"threads": 1}
        except BaseException:
            self.close()
            raise

    def another(self, within: tuple[str, ...]) -> Forks:
        """A process that forks others which can do the same."""
        return Forks(self._commands, within)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return its answer; from any thread."""
        assert self._process.stdin is not None
        with self._asking:
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
        printed: Path | None = None,
    ) -> Forked:
        """Fork a process that runs a function of `commands`, in `folder`.

        What it prints goes to files in the folder `printed`; None for `folder`.
        """
        output = (printed or folder) / f"process-{next(self._numbers)}"
        for suffix in ("out", "err"):
            # Here, so that they are there even if the process is killed before it begins.
            Path(f"{output}.{suffix}").touch()
        pid = self.ask(
            do="start",
            command=command,
            arguments=list(map(str, arguments)),
            folder=str(folder),
            environment=dict(environment or {}),
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

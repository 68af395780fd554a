"""Runs that are interrupted or killed, or share a store: what is done is kept, the next run does the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PACK = '''
"""Slow calls that write down when they begin."""

import os
import time
from pathlib import Path

from nodegraph import Artifact, Collected, Context, Item, Stream, node


def note(text):
    with open(os.environ["CALLS"], "a") as file:
        file.write(text + "\\n")


@node("st.count", version=1)
def count(*, n: int = 4) -> Stream[int]:
    """Numbers from zero."""
    for number in range(n):
        yield Item(str(number), number)


@node("st.slow", version=1)
def slow(number: int, *, ctx: Context, pause: float = 0.02) -> int:
    """Take a while; the number that STUCK names waits until the run is stopped, or for ever."""
    note(f"slow {number}")
    time.sleep(pause)
    stuck, _, how = os.environ.get("STUCK", "").partition(":")
    while stuck == str(number) and not (how == "kindly" and ctx.cancelled):
        time.sleep(0.005)
    if stuck == str(number):
        raise RuntimeError("stopped")
    return number * 2


@node("st.total", version=1)
def total(numbers: Collected[int], *, ctx: Context) -> Artifact:
    """The numbers in a file."""
    note("total")
    folder = ctx.new_folder()
    (folder / "numbers.txt").write_text(" ".join(str(item.value) for item in numbers))
    return Artifact(folder)
'''


@dataclass
class Runs:
    """Runs one graph in processes, and reads which calls they began."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])

    def start(self, *more: str, stuck: str = "") -> subprocess.Popen[str]:
        """Begin a run."""
        command = [sys.executable, "-m", "nodegraph", "run", "graph.json", "--json", "--jobs", "1", *more]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | {"STUCK": stuck},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def until(self, process: subprocess.Popen[str], call: str) -> None:
        """Wait until a call has begun."""
        while call not in self.calls:
            assert process.poll() is None, process.communicate()
            os.sched_yield()

    def end(self, process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
        """Wait for the end of a run: exit status, result and stderr."""
        output, errors = process.communicate(timeout=60)
        return process.returncode, json.loads(output) if output else {}, errors

    @property
    def calls(self) -> Counter[str]:
        """How often each call was begun, over all runs."""
        file = self.folder / "calls"
        return Counter(file.read_text().splitlines() if file.exists() else ())


@pytest.fixture
def runs(tmp_path: Path, cli_env: dict[str, str]) -> Any:
    (tmp_path / "pack.py").write_text(PACK)
    nodes: dict[str, Any] = {
        "count": {"type": "st.count"},
        "slow": {"type": "st.slow", "links": {"number": "count"}},
        "total": {"type": "st.total", "links": {"numbers": "slow"}},
    }
    graph = {"nodegraph": 1, "name": "slow", "nodes": nodes, "outputs": {"total": "total"}}
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    environment = cli_env | {"NODEGRAPH_NODES": "pack.py", "CALLS": str(tmp_path / "calls")}
    runs = Runs(tmp_path, environment)
    yield runs
    for process in runs.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


Published = Callable[[], str]


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return lambda: (tmp_path / "out/graph/total/numbers.txt").read_text()


def test_interrupted_run_keeps_what_is_done_and_the_next_does_the_rest(runs, published):
    process = runs.start(stuck="2:kindly")
    runs.until(process, "slow 2")
    process.send_signal(signal.SIGINT)
    exit_status, result, errors = runs.end(process)
    assert exit_status == 130
    assert result["ok"] is False
    assert result["nodes"]["slow"]["executed"] == 2
    assert "to resume: nodegraph run graph.json" in errors
    assert "Traceback" not in errors
    exit_status, result, _ = runs.end(runs.start())
    assert exit_status == 0
    assert (result["nodes"]["slow"]["executed"], result["nodes"]["slow"]["cached"]) == (2, 2)
    assert published() == "0 2 4 6"
    assert runs.calls == {"slow 0": 1, "slow 1": 1, "slow 2": 2, "slow 3": 1, "total": 1}


def test_interrupted_run_does_not_spoil_the_reasons_of_the_next(runs):
    assert runs.end(runs.start())[0] == 0
    process = runs.start("--set", "slow.pause=0.03", stuck="0:kindly")
    while runs.calls["slow 0"] < 2:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    assert runs.end(process)[0] == 130
    planned = subprocess.run(
        [sys.executable, "-m", "nodegraph", "plan", "graph.json", "--json", "--set", "slow.pause=0.04"],
        cwd=runs.folder, env=runs.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(planned.stdout)["nodes"]["slow"]["reasons"] == ["param pause: 0.02 → 0.04"]


def test_second_interrupt_ends_a_stuck_run_at_once(runs, published):
    process = runs.start(stuck="1")
    runs.until(process, "slow 1")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "stopping" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert runs.end(runs.start())[0] == 0
    assert runs.calls["slow 0"] == 1
    assert published() == "0 2 4 6"


def test_stuck_call_does_not_keep_an_interrupted_run_from_ending(runs):
    process = runs.start(stuck="1")
    runs.until(process, "slow 1")
    process.send_signal(signal.SIGINT)
    exit_status, result, _ = runs.end(process)
    assert exit_status == 130
    assert result["nodes"]["slow"]["executed"] == 1


def test_killed_run_is_resumed_with_only_its_unfinished_calls(runs, published):
    process = runs.start(stuck="2")
    runs.until(process, "slow 2")
    process.kill()
    process.communicate()
    exit_status, result, errors = runs.end(runs.start())
    assert exit_status == 0
    assert "warning" not in errors
    assert (result["nodes"]["slow"]["executed"], result["nodes"]["slow"]["cached"]) == (2, 2)
    assert runs.calls == {"slow 0": 1, "slow 1": 1, "slow 2": 2, "slow 3": 1, "total": 1}
    assert published() == "0 2 4 6"
    assert not list((runs.folder / ".nodegraph/tmp").glob("*"))


def test_two_runs_at_once_share_the_slow_calls(runs, published):
    more = ("--set", "count.n=12", "--jobs", "2")
    both = [runs.start(*more), runs.start(*more)]
    results = [runs.end(process) for process in both]
    assert [exit_status for exit_status, _, _ in results] == [0, 0]
    assert set(runs.calls.values()) == {1}
    assert len(runs.calls) == 13
    executed = [result["nodes"]["slow"]["executed"] for _, result, _ in results]
    assert sum(executed) == 12
    assert published() == " ".join(str(2 * number) for number in range(12))


def test_run_that_waits_for_a_dead_one_computes_the_call_itself(runs, published):
    dying = runs.start(stuck="0")
    runs.until(dying, "slow 0")
    waiting = runs.start()
    while not (runs.folder / ".nodegraph/runs/2").exists():
        os.sched_yield()
    dying.kill()
    dying.communicate()
    assert runs.end(waiting)[0] == 0
    assert runs.calls["slow 0"] == 2
    assert published() == "0 2 4 6"

"""What all tests share: the hypothesis profile, and the command line run as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.forks import OWN_SETTINGS, Forks

# As many threads as there are processors, in each of several workers, wait for each other more than they
# compute. What libraries read when they are imported is set before any test imports them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "nodegraph",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("nodegraph")

LONGEST_FIRST = (
    "attack/test_kills.py",
    "attack/test_damaged_files.py",
    "nodes/track/test_sam2.py",
    "nodes/train/test_detector.py",
    "system/test_spatiotemporal.py",
    "system/test_bad_data.py",
    "run/test_memory.py",
    "memo/test_oracle.py",
    "nodes/video/test_svd.py",
    "attack/test_crowds.py",
    "nodes/export/test_demo_dataset.py",
    "nodes/train/test_bad_data.py",
    "nodes/train/test_resume.py",
    "memo/test_pruning.py",
    "nodes/inpaint/test_diffusion.py",
    "attack/test_power_failures.py",
)
"""Files that take 10 s or more. They begin first, so that no worker is at one when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    long = {tests / name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: long.get(item.path, len(long)))


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    exit: int
    stdout: str
    stderr: str


RunCli = Callable[..., Ended]


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes under test keep compiled modules, so that hundreds of them compile nothing twice."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def cli_env(bytecode: Path) -> dict[str, str]:
    """The environment of a command under test: nothing of the user's own settings, warnings are errors."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NODEGRAPH_") and name not in OWN_SETTINGS
    }
    return {**kept, "PYTHONWARNINGS": "error", "PYTHONPYCACHEPREFIX": str(bytecode)}


@pytest.fixture(scope="session")
def warm_forks() -> Iterator[Forks]:
    """Forks processes that run commands from one that has imported what they need."""
    server = Forks(Path(__file__).parent / "warm")
    yield server
    server.close()


@pytest.fixture
def run_cli(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    cli_env: Mapping[str, str],
    warm_forks: Forks,
) -> RunCli:
    """Runs `nodegraph ARGUMENTS...` as a process in `tmp_path`, and gives exit status, stdout and stderr.

    The process is forked from a warm one, unless `env` says something to the interpreter (`PYTHON...`).
    """
    printed = tmp_path_factory.mktemp("printed")

    def start(arguments: list[str], env: Mapping[str, str], timeout: float) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "nodegraph", *arguments],
            cwd=tmp_path,
            env={**cli_env, **env},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def run(*arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 120.0) -> Ended:
        if any(name.startswith("PYTHON") for name in env or {}):
            return start([*map(str, arguments)], env or {}, timeout)
        forked = warm_forks.start("cli", *arguments, folder=tmp_path, environment=env, printed=printed)
        ended = forked.wait(timeout)
        return Ended(ended.exit, ended.stdout, ended.stderr)

    return run

"""Node types that write down, outside of the store, when each of their calls begins and ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np

from nodegraph import Artifact, Collected, Context, Item, Stream, node, value

SLOW_S = 0.012
BRIEF_S = 0.006
GRID_SIDE = 200


@value("at.grid", version=1)
@dataclass(frozen=True)
class Grid:
    """Numbers in a square: 320 kB, kept in a file of its own."""

    numbers: np.ndarray


@cache
def _log(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def note(what: str, call: str) -> None:
    """Append a line that outlives this process: what, call, wall clock and CPU clock in ns, process."""
    line = f"{what} {call} {time.monotonic_ns()} {time.process_time_ns()} {os.getpid()}\n"
    os.write(_log(os.environ["CALLS"]), line.encode())


@contextmanager
def noted(call: str, pause: float = 0.0) -> Generator[None]:
    """Write down that a call begins, and, after `pause` seconds, that it ends.

    The call that the environment names in `KILLED_AT` kills its process instead of ending.
    """
    note("began", call)
    yield
    if pause:
        time.sleep(pause)
    if os.environ.get("KILLED_AT") == call:
        os.kill(os.getpid(), signal.SIGKILL)
    note("ended", call)


@node("at.count", version=1)
def count(*, n: int) -> Stream[int]:
    """Numbers from zero."""
    for number in range(n):
        yield Item(str(number), number)


@node("at.cheap", version=1)
def cheap(number: int, *, pause: float = 0.0) -> int:
    """Little work."""
    with noted(f"cheap/{number}", pause):
        return number * 7 + 1


@node("at.total", version=1)
def total(numbers: Collected[int], *, bias: int = 0) -> int:
    """The sum of a stream."""
    return sum(item.value for item in numbers) + bias


@node("at.spread", version=1)
def spread(base: int, *, n: int) -> Stream[int]:
    """Numbers from one that is linked."""
    for number in range(n):
        yield Item(str(number), lambda number=number: base + number)


@node("at.brief", version=1)
def brief(number: int) -> int:
    """Just above what must not be lost."""
    with noted(f"brief/{number}", BRIEF_S):
        return number * 3


@node("at.follow", version=1)
def follow(number: int) -> int:
    """Begins when the brief call that made the number was reported done."""
    with noted(f"follow/{number // 3}"):
        return number + 1


@node("at.slow", version=1)
def slow(number: int) -> int:
    """Long enough to be reported."""
    with noted(f"slow/{number}", SLOW_S):
        return number * 5


@node("at.large", version=1)
def large(number: int) -> Grid:
    """A value that is kept in a file."""
    with noted(f"large/{number}", SLOW_S):
        return Grid(np.random.default_rng(number).integers(0, 1 << 40, (GRID_SIDE, GRID_SIDE)))


@node("at.sum", version=1)
def sum_of(grid: Grid, *, bias: int = 0) -> int:
    """The sum of a large value."""
    return int(grid.numbers.sum()) + bias


@node("at.mixed", version=1)
def mixed(number: int) -> int:
    """Now cheap, now slow: every fourth call takes long."""
    with noted(f"{'slow' if number % 4 == 3 else 'cheap'}-mixed/{number}", SLOW_S * (number % 4 == 3)):
        return number + 100


@node("at.written", version=1)
def written(numbers: Collected[int], sums: Collected[int], *, ctx: Context) -> Artifact:
    """Both streams in two files."""
    with noted("written/0", SLOW_S):
        folder = ctx.new_folder()
        (folder / "numbers.txt").write_text(" ".join(str(item.value) for item in numbers))
        (folder / "sums.bin").write_bytes(b" ".join(str(item.value).encode() for item in sums))
        return Artifact(folder)


@node("at.steps", version=1)
def steps(*, n: int, after: int = 0, ctx: Context) -> int:
    """A long call that keeps what it has done in its own folder, step by step."""
    checkpoint = ctx.workdir / "steps.txt"
    done = len(checkpoint.read_text().splitlines()) if checkpoint.exists() else 0
    for step in range(done, n):
        with noted(f"step/{step}", SLOW_S):
            fresh = checkpoint.with_suffix(".new")
            fresh.write_text("".join(f"{number}\n" for number in range(step + 1)))
            fresh.replace(checkpoint)
    return n * (n + 1) // 2 + after

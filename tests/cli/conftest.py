"""A small node pack and graphs on it, for running the command line as a process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

PACK = '''
"""A pack for tests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, NamedTuple

from nodegraph import Artifact, Context, Drop, Item, Param, Stream, node


class Halves(NamedTuple):
    low: int
    high: int


@node("demo.count", version=1)
def count(n: Annotated[int, Param(ge=0, le=1000, help="how many")] = 3) -> Stream[int]:
    """Count from zero."""
    for number in range(n):
        yield Item(str(number), number)


@node("demo.halve", version=1)
def halve(
    number: int, *, at: Annotated[float, Param(ge=0, le=1, unit="fraction", help="where to cut")] = 0.5
) -> Halves:
    """Cut a number in two.

    The low part is rounded down.
    """
    return Halves(int(number * at), number - int(number * at))


@node("demo.listed", version=1, pure=False)
def listed(*, n: int) -> Stream[int]:
    """Read numbers that may be others next time."""
    for number in range(n):
        yield Item(str(number), number)


@node("demo.picky", version=1)
def picky(number: int, *, bad: int = -1, dropped: int = -1) -> int:
    """Fail for one number and drop another."""
    if number == bad:
        raise ValueError(f"{number} is unlucky")
    if number == dropped:
        raise Drop("not wanted")
    print("took", number)
    return number


@node("demo.lines", version=1)
def lines(*, text: str = "") -> str:
    """Give a text."""
    return text


@node("demo.total", version=1)
def total(numbers: Stream[int]) -> int:
    """Add up a stream."""
    return sum(item.value for item in numbers)


@node("demo.wait", version=1)
def wait(number: int, *, ctx: Context, stubborn: bool = False) -> int:
    """Wait until the run is stopped."""
    print("waiting")
    while stubborn or not ctx.cancelled:
        time.sleep(0.01)
    raise RuntimeError("stopped")


@node("demo.write", version=1)
def write(numbers: Stream[int], *, ctx: Context) -> Artifact:
    """Write a stream to a text file."""
    folder = ctx.new_folder()
    (folder / "numbers.txt").write_text("".join(f"{item.value}\\n" for item in numbers))
    return Artifact(folder, made_from={"numbers.txt": [item.key for item in numbers]})
'''


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A node pack as a file beside the graphs."""
    file = tmp_path / "demo_pack.py"
    file.write_text(PACK)
    return file


WriteGraph = Callable[..., Path]


@pytest.fixture
def write_graph(tmp_path: Path, pack: Path) -> WriteGraph:
    """Writes a graph file: nodes and outputs as in the file, and its name."""

    def write(
        nodes: Mapping[str, Any], outputs: Mapping[str, str] | None = None, name: str = "graph.json"
    ) -> Path:
        assert pack.is_file()
        file = tmp_path / name
        file.write_text(
            json.dumps({"nodegraph": 1, "name": "demo", "nodes": nodes, "outputs": outputs or {}})
        )
        return file

    return write


@pytest.fixture
def demo_graph(write_graph: WriteGraph) -> Path:
    """Count to six, halve, and add up the low halves."""
    return write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": 6}},
            "halve": {"type": "demo.halve", "links": {"number": "count"}},
            "total": {"type": "demo.total", "links": {"numbers": "halve.low"}},
        },
        {"low": "halve.low", "total": "total"},
    )


@pytest.fixture
def demo_env(pack: Path) -> dict[str, str]:
    """The environment in which every command knows the pack."""
    return {"NODEGRAPH_NODES": str(pack)}

"""Node types that note each call, and a bench on which graphs of them are planned and run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest

from nodegraph import Collected, Context, Drop, Item, ReadsFile, Stream, node
from nodegraph.api import Options, plan_graph, run_graph
from nodegraph.place.plan import Plan
from nodegraph.run.result import Run

CALLED: Counter[str] = Counter()


@node("pl.texts", version=1, pure=False)
def texts(folder: Path) -> Stream[str]:
    """The text files of a folder."""
    for path in sorted(folder.glob("*.txt")):

        def make(path: Path = path) -> str:
            CALLED["make"] += 1
            return path.read_text()

        yield Item(path.stem, make, reads=[path])


@node("pl.count", version=1)
def count(*, n: int = 3, stop: int = -1) -> Stream[int]:
    """Numbers from zero, given with their values."""
    for number in range(n):
        if number == stop:
            raise RuntimeError("the source broke off")
        yield Item(str(number), number)


@node("pl.loud", version=1)
def loud() -> Stream[int]:
    """One number."""
    print("listing")
    yield Item("one", 1)


@node("pl.letters", version=1)
def letters(text: str) -> Stream[str]:
    """The letters of a text."""
    CALLED["letters"] += 1
    for index, letter in enumerate(text):
        yield Item(str(index), letter)


@node("pl.times", version=1)
def times(number: int, *, by: int = 2, fails: int = -1, drops: int = -1) -> int:
    """Multiply; fail for one number, drop another."""
    CALLED["times"] += 1
    if number == fails:
        raise ValueError("unlucky")
    if number == drops:
        raise Drop("not wanted")
    return number * by


@node("pl.half", version=1)
def half(number: int) -> int:
    """Half of a number, rounded down."""
    CALLED["half"] += 1
    return number // 2


@node("pl.lean", version=1, keep=False)
def lean(number: int) -> int:
    """A number and one more; its bytes are not kept."""
    CALLED["lean"] += 1
    return number + 1


@node("pl.total", version=1)
def total(numbers: Collected[int]) -> int:
    """The sum of a stream."""
    CALLED["total"] += 1
    return sum(item.value for item in numbers)


@node("pl.length", version=1)
def length(text: str) -> int:
    """The length of a text."""
    CALLED["length"] += 1
    return len(text)


@node("pl.file", version=1)
def file(path: Annotated[Path, ReadsFile()]) -> str:
    """The text of a file, or the names in a folder."""
    CALLED["file"] += 1
    return path.read_text() if path.is_file() else " ".join(sorted(entry.name for entry in path.iterdir()))


@node("pl.noise", version=1, seeded=True)
def noise(number: int, *, steps: int = 1, ctx: Context) -> int:
    """The seed of a call."""
    return ctx.seed


@node("pl.now", version=1, pure=False)
def now() -> int:
    """Always one."""
    CALLED["now"] += 1
    return 1


@dataclass
class Bench:
    """Plans and runs graphs in one folder with one store."""

    folder: Path
    graph: dict[str, Any] = field(default_factory=dict[str, Any])

    def set(
        self, nodes: Mapping[str, Any], outputs: Mapping[str, str] | None = None, *, seed: int = 0
    ) -> None:
        """Write the graph; a node is written `(type, links, params)`."""
        written = {
            name: {
                "type": spec[0],
                "links": spec[1] if len(spec) > 1 else {},
                "params": spec[2] if len(spec) > 2 else {},
            }
            for name, spec in nodes.items()
        }
        self.graph = {
            "nodegraph": 1,
            "name": "bench",
            "seed": seed,
            "nodes": written,
            "outputs": outputs or {},
        }
        self._write()

    def edit(self, node: str, **params: Any) -> None:
        """Change params of a node."""
        self.graph["nodes"][node]["params"].update(params)
        self._write()

    def _write(self) -> None:
        (self.folder / "graph.json").write_text(json.dumps(self.graph))

    def run(self, **options: Any) -> Run:
        """Run the graph."""
        CALLED.clear()
        settings = {"store": self.folder / "store", "jobs": 2} | options
        return run_graph(self.folder / "graph.json", Options(**settings))

    def plan(self, **options: Any) -> Plan:
        """Plan the graph, without any call of a node."""
        CALLED.clear()
        planned = plan_graph(self.folder / "graph.json", Options(store=self.folder / "store", **options))
        assert not CALLED, "planning computes nothing"
        return planned


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def chain(bench: Bench) -> Bench:
    """Ten numbers, multiplied, halved and added up."""
    bench.set(
        {
            "count": ("pl.count", {}, {"n": 10}),
            "times": ("pl.times", {"number": "count"}),
            "half": ("pl.half", {"number": "times"}),
            "total": ("pl.total", {"numbers": "half"}),
        },
        {"total": "total"},
    )
    return bench


@pytest.fixture
def folder_of_texts(bench: Bench) -> Path:
    """Ten text files, whose lengths are halved and added up."""
    folder = bench.folder / "texts"
    folder.mkdir()
    for index in range(10):
        (folder / f"t{index}.txt").write_text("x" * index)
    bench.set(
        {
            "texts": ("pl.texts", {}, {"folder": "texts"}),
            "length": ("pl.length", {"text": "texts"}),
            "total": ("pl.total", {"numbers": "length"}),
        }
    )
    return folder

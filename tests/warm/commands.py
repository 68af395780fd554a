"""What a forked process does: a command of nodegraph."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from nodegraph.cli import main

PACK = """
from nodegraph import Artifact, Context, Item, Stream, node


@node("warm.source", pure=False)
def source(n: int = 2) -> Stream[int]:
    for number in range(n):
        yield Item(str(number), lambda number=number: number)


@node("warm.noise", seeded=True)
def noise(number: int, *, ctx: Context) -> int:
    return ctx.seed


@node("warm.write")
def write(numbers: Stream[int], *, ctx: Context) -> Artifact:
    folder = ctx.new_folder()
    (folder / "numbers.txt").write_text(str([item.value for item in numbers]))
    return Artifact(folder)
"""
NODES = {
    "source": {"type": "warm.source"},
    "noise": {"type": "warm.noise", "links": {"number": "source"}},
    "write": {"type": "warm.write", "links": {"numbers": "noise"}},
}
COMMANDS = (
    "nodes",
    "check graph.json",
    "plan graph.json",
    "run graph.json --json",
    "run graph.json --sweep source.n=1,2",
    "get graph.json noise",
    "cache stat",
    "cache why noise",
    "show graph.json -o graph.svg",
    "fmt graph.json",
    "doctor graph.json",
)


def cli(*arguments: str) -> int:
    """Run `nodegraph ARGUMENTS...`; returns its exit status.

    No compiled modules are kept: those of a file count for another one that is as long and as old, to the
    second.
    """
    sys.dont_write_bytecode = True
    sys.argv = ["nodegraph", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def use_all() -> None:
    """Run every command of nodegraph that tests start, in the working directory."""
    os.environ["NODEGRAPH_NODES"] = "warm_nodes.py"
    Path("warm_nodes.py").write_text(PACK)
    graph = {"nodegraph": 1, "name": "warm", "nodes": NODES, "outputs": {"written": "write"}}
    Path("graph.json").write_text(json.dumps(graph))
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        for command in COMMANDS:
            assert cli(*command.split()) == 0, command

"""What a forked process does: a command of nodegraph, or a run beside what the code gives from nothing."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

from nodegraph.cli import main

PACK = """
from nodegraph import Context, Item, Stream, node


@node("warm.source", pure=False)
def source(n: int = 2) -> Stream[int]:
    for number in range(n):
        yield Item(str(number), lambda number=number: number)


@node("warm.noise", seeded=True)
def noise(number: int, *, ctx: Context) -> int:
    return ctx.seed
"""
NODES = {"source": {"type": "warm.source"}, "noise": {"type": "warm.noise", "links": {"number": "source"}}}


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


def probe(pack: str, module: str) -> int:
    """Plan and run the graph of the project, and call its functions themselves; prints what came of it."""
    common = ["graph.json", "--json", "--quiet", "--nodes", pack]
    plan, run = printed_by("plan", *common)["nodes"], printed_by("run", *common)
    functions = sys.modules[module]
    found = {
        "executed": " ".join(name for name, node in run["nodes"].items() if node["executed"]),
        "reasons": plan["b"]["reasons"],
        "value": run["outputs"]["out"]["value"],
        "from_nothing": functions.c(functions.b(functions.a())),
    }
    print(json.dumps(found))
    return 0


def printed_by(*arguments: str) -> dict[str, Any]:
    """The JSON object that `nodegraph ARGUMENTS...` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = cli(*arguments)
    assert status == 0, status
    return json.loads(printed.getvalue())


def use_all() -> None:
    """Run every command of nodegraph that tests start, in the working directory."""
    Path("warm_nodes.py").write_text(PACK)
    Path("graph.json").write_text(json.dumps({"nodegraph": 1, "name": "warm", "nodes": NODES}))
    for name in ("plan", "run"):
        assert cli(name, "graph.json", "--json", "--nodes", "warm_nodes.py") == 0

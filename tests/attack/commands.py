"""What a forked process does: a command of nodegraph, or one of a run under observation."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from nodes_under_attack import note

from nodegraph import Item
from nodegraph.api import Options, run_graph
from nodegraph.cli import main
from nodegraph.events import CallDone, Event
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode

GRAPH = {
    "nodegraph": 1,
    "name": "warm",
    "nodes": {
        "count": {"type": "at.count", "params": {"n": 2}},
        "cheap": {"type": "at.cheap", "links": {"number": "count"}},
        "large": {"type": "at.large", "links": {"number": "count"}},
        "sum": {"type": "at.sum", "links": {"grid": "large"}},
        "written": {"type": "at.written", "links": {"numbers": "cheap", "sums": "sum"}},
    },
    "outputs": {"written": "written"},
}
STORE_CODE = str(Path("nodegraph", "store"))


def cli(*arguments: str) -> int:
    """Run `nodegraph ARGUMENTS...`; returns its exit status."""
    sys.argv = ["nodegraph", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def observed(graph: str, store: str, *streams: str) -> int:
    """Run a graph, writing down which calls it reports as done; prints what came of it.

    The digest of every item of the named streams is printed too, each loaded from the store; None where its
    bytes are gone, which a row may outlive.
    """

    def hear(event: Event) -> None:
        if isinstance(event, CallDone):
            note("reported", f"{event.node}/{event.item or '0'}")

    run = run_graph(Path(graph), Options(store=Path(store), out=Path("out"), jobs=2), on_event=hear)
    items = {name: {item.key: digest_of(item) for item in run.items(name)} for name in streams}
    values = {name: output.as_json() for name, output in run.outputs.items() if output.path is None}
    print(json.dumps({"ok": run.ok, "warnings": run.warnings, "outputs": values, "items": items}))
    return 0 if run.ok else 1


def digest_of(item: Item[Any]) -> str | None:
    """The digest of an item's value, taken from the value that is loaded."""
    try:
        return digest(encode(item.value)).hex()
    except LookupError:
        return None


def verified(graph: str, store: str, *streams: str) -> int:
    """Open and verify a store, then do as `observed` does."""
    if Path(store).exists():
        with Store.open(Path(store)) as opened:
            damage = opened.verify()
            assert not damage, damage
            assert not opened.warnings, opened.warnings
    return observed(graph, store, *streams)


def mended(store: str) -> int:
    """Verify a store twice; whatever the first pass still found, the second must find nothing."""
    with Store.open(Path(store)) as opened:
        opened.verify()
        assert opened.verify() == []
    return 0


def killed_at(point: str, graph: str, store: str) -> int:
    """Run a graph and be killed at the `point`-th call or return of a C function in the store's code.

    So that is between two system calls, or two statements of a transaction. Prints how many there were if the
    process outlives them.
    """
    left = int(point)
    passed = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal passed
        if event in ("c_call", "c_return") and STORE_CODE in frame.f_code.co_filename:
            passed += 1
            if passed == left:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(trace)
    sys.setprofile(trace)
    with contextlib.redirect_stdout(io.StringIO()):
        status = observed(graph, store)
    sys.setprofile(None)
    print(passed)
    return status


def reading(store: str, until: str) -> int:
    """Open a store for reading again and again until a file is there, and check every value it gives."""
    rounds = 0
    while not Path(until).exists():
        with Store.open(Path(store), read_only=True) as opened:
            for entry in opened.entries():
                for output in entry.row.outputs:
                    wire = opened.get(output)
                    assert wire is None or digest(wire) == output
            assert not opened.warnings, opened.warnings
        rounds += 1
    print(rounds)
    return 0


def use_all() -> None:
    """Run every command of nodegraph that tests start, in the working directory."""
    os.environ["CALLS"] = "calls"
    Path("graph.json").write_text(json.dumps(GRAPH))
    for name in ("run", "plan"):
        assert cli(name, "graph.json", "--json", "--quiet") == 0
    cli("get", "graph.json", "cheap", "--json")
    for name in ("stat", "verify", "ls"):
        cli("cache", name, "--json")

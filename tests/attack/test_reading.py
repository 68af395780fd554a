"""Processes that only read a store while a run writes to it: no error, no wrong value."""

from __future__ import annotations

import itertools

NODES = {
    "count": ("count", {}, {"n": 400}),
    "cheap": ("cheap", {"number": "count"}, {"pause": 0.001}),
    "total": ("total", {"numbers": "cheap"}, {}),
    "spread": ("spread", {"base": "total"}, {"n": 12}),
    "large": ("large", {"number": "spread"}, {}),
    "sum": ("sum", {"grid": "large"}, {}),
}
COMMANDS = (
    ("plan", "../graph.json"),
    ("get", "../graph.json", "cheap", "--item", "7"),
    ("get", "../graph.json", "large", "--item", "3"),
    ("cache", "stat"),
    ("cache", "ls"),
)
NOT_YET = ("is not in the store", "there is no store")


def test_readers_beside_a_run_get_right_values_or_none(sites):
    reference, site = sites(), sites()
    graph = site.graph(NODES, {"sum": "sum", "total": "total"}, "../graph.json")
    assert reference.run("cli", "run", graph, "--store", "store").exit == 0
    right = [reference.run("cli", *command, "--store", "store", "--json") for command in COMMANDS]
    writer = site.start("cli", "run", graph, "--store", "store", "--json")
    readers = [site.start("reading", "store", "over") for _ in range(2)]
    answers = 0
    for command, expected in itertools.cycle(zip(COMMANDS, right, strict=True)):
        if writer.ends_within(0):
            break
        ended = site.run("cli", *command, "--store", "store", "--json")
        assert ended.warnings == []
        if ended.exit and any(text in ended.stderr for text in NOT_YET):
            continue
        assert ended.exit == 0, ended.stderr
        answers += 1
        if command[0] == "get":
            assert ended.json == expected.json
    (site.folder / "over").touch()
    for reader in [each.wait() for each in readers]:
        assert (reader.exit, reader.stderr) == (0, ""), reader.stderr
    ended = writer.wait()
    assert (ended.exit, ended.warnings) == (0, [])
    assert answers
    for command, expected in zip(COMMANDS[1:3], right[1:3], strict=True):
        assert site.run("cli", *command, "--store", "store", "--json").json == expected.json

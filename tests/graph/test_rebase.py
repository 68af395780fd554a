"""Moving a graph to another folder keeps what its paths name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodegraph.graph.document import GraphDocument, GraphInput, NodeEntry
from nodegraph.graph.rebase import rebase, subgraph_type


def test_relative_paths_of_every_kind_are_rewritten_and_absolute_ones_stay(folder: Path, nodes: Any) -> None:
    (folder / "sub.json").write_text(
        '{"nodegraph": 1, "inputs": {"file": {"type": "path"}, "text": {"type": "str"}}, "nodes": {}}'
    )
    document = GraphDocument(
        inputs={
            "root": GraphInput("path", "data"),
            "json": GraphInput("json", "data/x"),
            "text": GraphInput("str", "data"),
            "open": GraphInput("path"),
        },
        nodes={
            "a": NodeEntry(
                "graph.load", params={"root": "in", "more": ["x", "/y"], "either": "in", "limit": 3}
            ),
            "b": NodeEntry("graph.load", links={"root": "inputs.json"}, params={"root": "/abs"}),
            "c": NodeEntry("./sub.json", params={"file": "../f", "text": "../f"}),
            "d": NodeEntry("graph.none", params={"root": "in"}),
        },
        folder=folder,
    )
    moved = rebase(document, folder / "graphs")
    assert [declared.default for declared in moved.inputs.values()][:3] == ["../data", "../data/x", "data"]
    assert moved.nodes["a"].params == {"root": "../in", "more": ["../x", "/y"], "either": "in", "limit": 3}
    assert moved.nodes["b"].params == {"root": "/abs"}
    assert (moved.nodes["c"].type, moved.nodes["c"].params) == (
        "../sub.json",
        {"file": "../../f", "text": "../f"},
    )
    assert moved.nodes["d"].params == {"root": "in"}
    assert moved.folder == folder / "graphs"
    assert rebase(moved, folder) == document


def test_a_text_that_begins_as_a_path_is_rewritten_and_still_begins_so(folder: Path) -> None:
    for written, there in (("../in", "../../in"), ("./graphs/in", "./in"), ("/in", "/in")):
        entry = NodeEntry("graph.load", params={"root": "in", "either": written})
        moved = rebase(GraphDocument(nodes={"a": entry}, folder=folder), folder / "graphs")
        assert moved.nodes["a"].params["either"] == there


def test_in_the_same_folder_nothing_is_rewritten(folder: Path) -> None:
    document = GraphDocument(nodes={"a": NodeEntry("graph.load", params={"root": "./in/"})}, folder=folder)
    assert rebase(document, Path()).nodes == document.nodes


def test_a_graph_file_beside_or_below_is_written_with_a_dot(tmp_path: Path) -> None:
    assert subgraph_type(tmp_path, tmp_path / "a.json") == "./a.json"
    assert subgraph_type(tmp_path, tmp_path / "b" / "a.json") == "./b/a.json"
    assert subgraph_type(tmp_path / "c", tmp_path / "a.json") == "../a.json"

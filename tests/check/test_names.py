"""Names: of nodes, inputs, outputs and types."""

from __future__ import annotations

from collections.abc import Callable


def test_malformed_node_ids_are_reported_at_the_key(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "9a": {"type": "check.load", "params": {"root": "p"}},
  "a.b": {"type": "check.load", "params": {"root": "p"}},
  "": {"type": "check.load", "params": {"root": "p"}},
  "a/b": {"type": "check.load", "params": {"root": "p"}},
  "ok-1": {"type": "check.load", "params": {"root": "p"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:3 bad-name /nodes/9a
  node id '9a' is malformed
  a letter or _, then letters, digits, _ and -
graph.json:3:3 bad-name /nodes/a.b
  node id 'a.b' is malformed
  a letter or _, then letters, digits, _ and -
graph.json:4:3 bad-name /nodes/
  node id '' is malformed
  a letter or _, then letters, digits, _ and -
graph.json:5:3 bad-name /nodes/a~1b
  node id 'a/b' is malformed
  a letter or _, then letters, digits, _ and -
"""
    )


def test_the_id_inputs_is_reserved(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "inputs": {"type": "check.load", "params": {"root": "p"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:3 reserved-name /nodes/inputs
  the node id 'inputs' is reserved: links to the graph's own inputs begin with it
  choose another id
"""
    )


def test_malformed_names_of_graph_inputs_and_outputs_are_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "inputs": {"a-b": {"type": "int"}}, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}, "outputs": {"1": "clip"}}
""",
    )
    assert (
        found
        == """\
graph.json:1:29 bad-name /inputs/a-b
  graph input name 'a-b' is malformed
  a letter or _, then letters, digits and _
graph.json:4:16 bad-name /outputs/1
  output name '1' is malformed
  a letter or _, then letters, digits and _
"""
    )


def test_a_malformed_type_id_is_no_unknown_type(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "a": {"type": "Check.Load"},
  "b": {"type": ""},
  "c": {"type": "graphs/sub.json"}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:17 bad-name /nodes/a/type
  'Check.Load' is not a node type: lower-case identifiers joined by dots
  such as "load.coco"; a graph file is named by a path that begins with ./ or ../
graph.json:3:17 bad-name /nodes/b/type
  '' is not a node type: lower-case identifiers joined by dots
  such as "load.coco"; a graph file is named by a path that begins with ./ or ../
graph.json:4:17 bad-name /nodes/c/type
  'graphs/sub.json' is not a node type: lower-case identifiers joined by dots
  such as "load.coco"; a graph file is named by a path that begins with ./ or ../
"""
    )


def test_an_unknown_node_type_names_the_nearest_and_the_way_to_another_pack(
    report: Callable[..., str],
) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.laod", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:20 unknown-node-type /nodes/load/type
  unknown node type 'check.laod'
  did you mean 'check.load'? if it is in another pack, name it with --nodes FILE_OR_MODULE
"""
    )

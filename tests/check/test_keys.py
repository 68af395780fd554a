"""Keys of the format: unknown, missing, twice, of another JSON type."""

from __future__ import annotations

from collections.abc import Callable


def test_an_unknown_key_of_the_graph_is_named_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": 1, "node": {}, "nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:18 unknown-key /node
  unknown key 'node'
  did you mean 'nodes'? keys here: nodegraph, name, note, seed, inputs, nodes, outputs, ui
"""
    )


def test_an_unknown_key_of_a_node_is_named_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "parms": {"root": "photos"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:34 unknown-key /nodes/load/parms
  unknown key 'parms' in node 'load'
  did you mean 'params'? keys here: type, note, links, params, ui
"""
    )


def test_an_unknown_key_of_a_graph_input_is_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "inputs": {"n": {"type": "int", "defualt": 3}}, "nodes": {

}}
""",
    )
    assert (
        found
        == """\
graph.json:1:50 unknown-key /inputs/n/defualt
  unknown key 'defualt' in graph input 'n'
  did you mean 'default'? keys here: type, default, note
"""
    )


def test_an_unknown_key_of_ui_is_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}, "ui": {"x": 1, "y": 2, "w": 3}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:87 unknown-key /nodes/load/ui/w
  unknown key 'w' in 'ui' of node 'load'
  keys here: x, y
"""
    )


def test_a_node_without_type_is_reported_once_and_links_to_it_are_not(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:3 missing-key /nodes/load
  the key 'type' is missing in node 'load'
  every node and every graph input has a type
"""
    )


def test_a_graph_without_nodes_is_reported(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": 1}',
    )
    assert (
        found
        == """\
graph.json:1:1 missing-key /
  the key 'nodes' is missing
  a graph has "nodes": {"id": {"type": ...}}
"""
    )


def test_a_key_that_occurs_twice_is_reported_at_the_second(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "load": {"type": "check.load",
    "params": {"root": "a", "root": "b"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:3 duplicate-key /nodes/load
  the key "load" occurs twice in one object
  rename or remove one of the two
graph.json:4:29 duplicate-key /nodes/load/params/root
  the key "root" occurs twice in one object
  rename or remove one of the two
"""
    )


def test_values_of_another_json_type_are_reported_with_what_was_found(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "name": 5, "seed": 1.5, "note": ["a"], "inputs": [],
 "nodes": {"a": 3, "b": {"type": 7}, "c": {"type": "check.load", "links": {"root": 1}, "params": [],
   "ui": {"x": "1", "y": 0}, "note": {}}},
 "outputs": {"o": null}}""",
    )
    assert (
        found
        == """\
graph.json:1:26 wrong-json-type /name
  'name' must be a string; found 5
graph.json:1:37 wrong-json-type /seed
  'seed' must be an integer; found 1.5
graph.json:1:50 wrong-json-type /note
  'note' must be a string; found ["a"]
graph.json:1:67 wrong-json-type /inputs
  'inputs' must be an object; found []
graph.json:2:17 wrong-json-type /nodes/a
  'a' in 'nodes' must be an object; found 3
graph.json:2:34 wrong-json-type /nodes/b/type
  'type' in node 'b' must be a string; found 7
graph.json:2:84 wrong-json-type /nodes/c/links/root
  'root' in 'links' of node 'c' must be a string; found 1
  a link is a string such as "node.output"; a literal belongs into params
graph.json:2:98 wrong-json-type /nodes/c/params
  'params' in node 'c' must be an object; found []
graph.json:3:16 wrong-json-type /nodes/c/ui/x
  'x' in 'ui' of node 'c' must be a number; found "1"
graph.json:3:38 wrong-json-type /nodes/c/note
  'note' in node 'c' must be a string; found {}
graph.json:4:19 wrong-json-type /outputs/o
  'o' in 'outputs' must be a string; found null
"""
    )


def test_a_bool_is_no_seed(report: Callable[..., str]) -> None:
    found = report(
        '{"nodegraph": 1, "seed": true, "nodes": {}}',
    )
    assert (
        found
        == """\
graph.json:1:26 wrong-json-type /seed
  'seed' must be an integer; found true
"""
    )


def test_a_literal_among_the_links_is_reported_with_where_it_belongs(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": 5}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:77 wrong-json-type /nodes/clip/links/frames
  'frames' in 'links' of node 'clip' must be a string; found 5
  a link is a string such as "node.output"; a literal belongs into params
"""
    )

"""Inputs of the graph: types, defaults, values."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable


def test_an_unknown_type_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"a": {"type": "string"}, "b": {"type": "check.pictur"}}, "nodes": {

}}
""",
    )
    assert (
        found
        == """\
graph.json:2:26 unknown-type /inputs/a/type
  graph input 'a' has the unknown type 'string'
  did you mean 'str'? types: bool, int, float, str, path, json, artifact, check.boxes, check.picture, model_ref
graph.json:2:51 unknown-type /inputs/b/type
  graph input 'b' has the unknown type 'check.pictur'
  did you mean 'check.picture'? types: bool, int, float, str, path, json, artifact, check.boxes, check.picture, model_ref
"""
    )


def test_a_default_of_another_type_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"a": {"type": "int", "default": "5"}, "b": {"type": "bool", "default": 1}, "c": {"type": "path", "default": 3}}, "nodes": {

}}
""",
    )
    assert (
        found
        == """\
graph.json:2:44 bad-literal /inputs/a/default
  input 'a' of the graph must be a valid integer; found "5"
graph.json:2:83 bad-literal /inputs/b/default
  input 'b' of the graph must be a valid boolean; found 1
graph.json:2:120 bad-literal /inputs/c/default
  input 'c' of the graph must be a valid string; found 3
"""
    )


def test_a_value_type_has_no_default(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"a": {"type": "check.picture", "default": "photo.jpg"}}, "nodes": {

}}
""",
    )
    assert (
        found
        == """\
graph.json:2:54 not-a-literal /inputs/a/default
  input 'a' of the graph takes check.picture: it can only be linked
  write it under links: "a": "node.output"
"""
    )


def test_a_default_out_of_the_bounds_of_a_node_is_reported_at_the_default(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "int", "default": 0}}, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "inputs.n"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:44 bad-literal /inputs/n/default
  input 'frames' of 'clip' (check.clip) must be greater than or equal to 1; found 0
"""
    )


def test_a_type_that_an_input_does_not_take_is_reported_at_the_link(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "float"}, "s": {"type": "str", "default": "p"}}, "nodes": {
  "load": {"type": "check.load", "links": {"root": "inputs.s"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "inputs.n"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:52 type-mismatch /nodes/load/links/root
  input 'root' of 'load' (check.load) takes path; graph input 's' carries str
  link an output of that type, or put a node between that converts
graph.json:4:77 type-mismatch /nodes/clip/links/frames
  input 'frames' of 'clip' (check.clip) takes int; graph input 'n' carries float
  link an output of that type, or put a node between that converts
"""
    )


def test_json_is_checked_by_its_value(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "json", "default": "many"}}, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "inputs.n"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:45 bad-literal /inputs/n/default
  input 'frames' of 'clip' (check.clip) must be a valid integer; found "many"
"""
    )


def test_running_needs_a_value_for_an_input_without_default(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "int"}, "image": {"type": "check.picture"}}, "nodes": {
  "clip": {"type": "check.clip", "links": {"image": "inputs.image", "frames": "inputs.n"}}
}}
""",
        require_inputs=True,
    )
    assert (
        found
        == """\
graph.json:2:12 missing-graph-input /inputs/n
  graph input 'n' (int) needs a value
  give it: --input n=value
graph.json:2:34 missing-graph-input /inputs/image
  graph input 'image' (check.picture) needs a value
  it can only be linked: use this graph file as a node of another graph
"""
    )


def test_values_on_the_command_line_are_checked(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "int", "default": 3}}, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "inputs.n"}}
}}
""",
        inputs=["n=0", "m=3", "nonsense"],
    )
    assert (
        found
        == """\
-:0:0 bad-setting /
  --input takes name=value; found 'nonsense'
  such as --input root=photos
-:0:0 unknown-graph-input /inputs/m
  the graph has no input 'm'
  inputs of the graph: n
-:0:0 bad-literal /inputs/n
  input 'frames' of 'clip' (check.clip) must be greater than or equal to 1; found 0
"""
    )


def test_a_value_on_the_command_line_that_is_not_json_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"n": {"type": "int", "default": 3}}, "nodes": {

}}
""",
        inputs=["n=many"],
    )
    assert (
        found
        == """\
-:0:0 bad-literal /inputs/n
  input 'n' takes int; 'many' is not JSON
"""
    )

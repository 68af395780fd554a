"""Links: malformed, to what is not there, ambiguous, of another type."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable


def test_malformed_links_are_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "a": {"type": "check.clip", "links": {"image": "load.image.x"}},
  "b": {"type": "check.clip", "links": {"image": ""}},
  "c": {"type": "check.clip", "links": {"image": "inputs"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:50 bad-link /nodes/a/links/image
  input 'image' of 'a' (check.clip): 'load.image.x' is not a link
  a link is "node.output", "node" for the only output, or "inputs.name"
graph.json:4:50 bad-link /nodes/b/links/image
  input 'image' of 'b' (check.clip): '' is not a link
  a link is "node.output", "node" for the only output, or "inputs.name"
graph.json:5:50 bad-link /nodes/c/links/image
  input 'image' of 'c' (check.clip): a link to an input of the graph names it
  write "inputs.name"
"""
    )


def test_a_missing_node_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "laod.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:53 unknown-node /nodes/clip/links/image
  input 'image' of 'clip' (check.clip): the graph has no node 'laod'
  did you mean 'load'? nodes: load, clip
"""
    )


def test_a_missing_graph_input_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "inputs": {"root": {"type": "path", "default": "p"}}, "nodes": {
  "load": {"type": "check.load", "links": {"root": "inputs.rot"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:52 unknown-graph-input /nodes/load/links/root
  input 'root' of 'load' (check.load): the graph has no input 'rot'
  did you mean 'root'? inputs of the graph: root
"""
    )


def test_a_missing_output_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.imag"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:53 unknown-output /nodes/clip/links/image
  input 'image' of 'clip' (check.clip): node 'load' has no output 'imag'
  did you mean 'image'? its outputs: image, boxes
"""
    )


def test_a_bare_link_to_several_outputs_lists_them(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "split": {"type": "check.split", "links": {"image": "load.image"}},
  "clip": {"type": "check.clip", "links": {"image": "split"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:53 ambiguous-output /nodes/clip/links/image
  input 'image' of 'clip' (check.clip): node 'split' has several outputs
  name one: split.left, split.right
"""
    )


def test_another_type_is_reported_with_both_types(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.boxes"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:53 type-mismatch /nodes/clip/links/image
  input 'image' of 'clip' (check.clip) takes check.picture; load.boxes carries check.boxes
  link an output of that type, or put a node between that converts
"""
    )


def test_a_float_does_not_fit_an_int(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "d": {"type": "check.describe", "links": {"image": "load.image"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "d"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:77 type-mismatch /nodes/clip/links/frames
  input 'frames' of 'clip' (check.clip) takes int; d carries float
  link an output of that type, or put a node between that converts
"""
    )


def test_links_that_share_a_type_variable_are_of_one_type(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "p": {"type": "check.pair", "links": {"a": "load.image", "b": "load.boxes"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:65 type-mismatch /nodes/p/links/b
  input 'b' of 'p' (check.pair) takes the same type as another input, check.picture; load.boxes carries check.boxes
  link outputs of one type
"""
    )


def test_the_type_of_a_type_variable_is_carried_on(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "p": {"type": "check.pair", "links": {"a": "load.boxes"}},
  "clip": {"type": "check.clip", "links": {"image": "p"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:53 type-mismatch /nodes/clip/links/image
  input 'image' of 'clip' (check.clip) takes check.picture; p carries check.boxes
  link an output of that type, or put a node between that converts
"""
    )


def test_the_links_of_outputs_are_checked(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "inputs": {"n": {"type": "int"}}, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
},
"outputs": {"a": "clap", "b": "load", "c": "clip.x", "d": "inputs.n", "e": "a b"}}
""",
    )
    assert (
        found
        == """\
graph.json:5:18 unknown-node /outputs/a
  output 'a': the graph has no node 'clap'
  did you mean 'clip'? nodes: load, clip
graph.json:5:31 ambiguous-output /outputs/b
  output 'b': node 'load' has several outputs
  name one: load.image, load.boxes
graph.json:5:44 unknown-output /outputs/c
  output 'c': node 'clip' has no output 'x'
  its outputs: out
graph.json:5:59 bad-link /outputs/d
  output 'd' reads 'inputs.n'; an output of a graph reads a node
  write "node.output"
graph.json:5:76 bad-link /outputs/e
  output 'e': 'a b' is not a link
  a link is "node.output", "node" for the only output, or "inputs.name"
"""
    )

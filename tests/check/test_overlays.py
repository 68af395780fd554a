"""Overlays: checked like the graph, problems reported in the overlay."""

from __future__ import annotations

from collections.abc import Callable


def test_unknown_names_are_reported_in_the_overlay(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        files={
            "o.json": """\
{"inputs": {"n": 3},
 "params": {"clap": {"frames": 3},
  "clip": {"framez": 3, "frames": 0}},
 "nodes": {"lod": {"type": "check.load", "params": {"root": "x"}}}}"""
        },
        values=["o.json"],
    )
    assert (
        found
        == """\
o.json:1:13 unknown-graph-input /inputs/n
  the graph has no input 'n'
  inputs of the graph: none
o.json:2:13 unknown-node /params/clap
  the graph has no node 'clap'
  did you mean 'clip'? nodes: load, clip
o.json:3:12 unknown-input /params/clip/framez
  'clip' (check.clip) has no input 'framez'
  did you mean 'frames'? its inputs: image, boxes, frames, path, amplitude
o.json:3:35 bad-literal /params/clip/frames
  input 'frames' of 'clip' (check.clip) must be greater than or equal to 1; found 0
o.json:4:12 unknown-node /nodes/lod
  the graph has no node 'lod'
  did you mean 'load'? nodes: load, clip
"""
    )


def test_keys_and_types_of_an_overlay_are_checked(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        files={
            "o.json": '{"parms": {}, "params": {"clip": 3}, "nodes": {"load": {"links": {}}}, "nodes": {}}'
        },
        values=["o.json"],
    )
    assert (
        found
        == """\
o.json:1:2 unknown-key /parms
  unknown key 'parms'
  did you mean 'params'? keys here: inputs, params, nodes
o.json:1:34 wrong-json-type /params/clip
  'clip' in 'params' must be an object; found 3
o.json:1:72 duplicate-key /nodes
  the key "nodes" occurs twice in one object
  rename or remove one of the two
"""
    )


def test_a_node_that_is_replaced_is_checked_in_the_overlay(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        files={
            "o.json": """\
{"nodes": {"clip": {"type": "check.clip",
 "links": {"image": "load.boxes"},
 "params": {"frames": "x"}}}}"""
        },
        values=["o.json"],
    )
    assert (
        found
        == """\
o.json:2:21 type-mismatch /nodes/clip/links/image
  input 'image' of 'clip' (check.clip) takes check.picture; load.boxes carries check.boxes
  link an output of that type, or put a node between that converts
o.json:3:23 bad-literal /nodes/clip/params/frames
  input 'frames' of 'clip' (check.clip) must be a valid integer; found "x"
"""
    )


def test_a_param_for_a_linked_input_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        files={"o.json": '{"params": {"clip": {"image": 3}}}'},
        values=["o.json"],
    )
    assert (
        found
        == """\
o.json:1:31 linked-input /params/clip/image
  input 'image' of 'clip' is linked to 'load.image', so it takes no literal
  replace the node by an overlay to link or set it otherwise
"""
    )


def test_a_missing_overlay_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}}
}}
""",
        values=["none.json"],
    )
    assert (
        found
        == """\
none.json:0:0 file-not-found /
  there is no file none.json
"""
    )


def test_an_overlay_that_is_not_json_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}}
}}
""",
        files={"o.json": "params: 3"},
        values=["o.json"],
    )
    assert (
        found
        == """\
o.json:1:1 not-json /
  not JSON: Expecting value
"""
    )

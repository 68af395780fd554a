"""Inputs of nodes: unknown, missing, given twice."""

from __future__ import annotations

from collections.abc import Callable


def test_an_unknown_param_names_the_nearest_input(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"framez": 8}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:79 unknown-input /nodes/clip/params/framez
  'clip' (check.clip) has no input 'framez'
  did you mean 'frames'? its inputs: image, boxes, frames, path, amplitude
"""
    )


def test_an_unknown_link_names_the_nearest_input(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "boxs": "load.boxes"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:67 unknown-input /nodes/clip/links/boxs
  'clip' (check.clip) has no input 'boxs'
  did you mean 'boxes'? its inputs: image, boxes, frames, path, amplitude
"""
    )


def test_a_missing_value_input_says_how_to_link_it(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "clip": {"type": "check.clip"}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:3 missing-input /nodes/clip
  'clip' (check.clip) lacks its input 'image' (check.picture)
  link it: "links": {"image": "node.output"}
"""
    )


def test_a_missing_literal_says_how_to_give_it(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load"}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:3 missing-input /nodes/load
  'load' (check.load) lacks its input 'root' (path)
  link it: "links": {"root": "node.output"}, or give it: "params": {"root": ...}
"""
    )


def test_a_name_in_links_and_params_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "frames": "n"}, "params": {"frames": 3}},
  "n": {"type": "check.count", "links": {"images": "load.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:94 link-and-param /nodes/clip/params/frames
  input 'frames' of 'clip' (check.clip) is given both as a link and as a param
  keep one of the two
"""
    )


def test_a_seed_for_a_node_that_draws_none_is_explained(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"seed": 3}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:79 unknown-input /nodes/clip/params/seed
  'clip' (check.clip) has no input 'seed'
  only a node type declared with seeded=True takes a seed
"""
    )


def test_a_note_among_the_params_is_explained(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"note": "x"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:79 unknown-input /nodes/clip/params/note
  'clip' (check.clip) has no input 'note'
  'note' is a reserved name: write "note" beside "type"
"""
    )

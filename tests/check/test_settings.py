"""Settings: `--set node.param=value`."""

from __future__ import annotations

from collections.abc import Callable


def test_malformed_settings_are_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}}
}}
""",
        sets=["load", "root=x", ".root=x", "load.=x"],
    )
    assert (
        found
        == """\
-:0:0 bad-setting /
  --set takes node.param=value; found 'load'
  such as --set clip.frames=16
-:0:0 bad-setting /
  --set takes node.param=value; found 'root=x'
  such as --set clip.frames=16
-:0:0 bad-setting /
  --set takes node.param=value; found '.root=x'
  such as --set clip.frames=16
-:0:0 bad-setting /
  --set takes node.param=value; found 'load.=x'
  such as --set clip.frames=16
"""
    )


def test_an_unknown_node_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}}
}}
""",
        sets=["laod.root=x"],
    )
    assert (
        found
        == """\
-:0:0 unknown-node /nodes/laod
  the graph has no node 'laod'
  did you mean 'load'? nodes: load
"""
    )


def test_an_unknown_param_is_reported_with_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}}
}}
""",
        sets=["load.rot=x"],
    )
    assert (
        found
        == """\
-:0:0 unknown-input /nodes/load/params/rot
  'load' (check.load) has no input 'rot'
  did you mean 'root'? its inputs: root, limit
"""
    )


def test_a_linked_input_takes_no_setting(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1,
"inputs": {"r": {"type": "path", "default": "p"}}, "nodes": {
  "load": {"type": "check.load", "links": {"root": "inputs.r"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        sets=["load.root=x", "clip.image=y"],
    )
    assert (
        found
        == """\
-:0:0 linked-input /nodes/clip/params/image
  input 'image' of 'clip' is linked to 'load.image', so it takes no literal
  replace the node by an overlay to link or set it otherwise
-:0:0 linked-input /nodes/load/params/root
  input 'root' of 'load' is linked to 'inputs.r', so it takes no literal
  give the graph input instead: --input r=...
"""
    )


def test_a_text_that_is_neither_json_nor_a_choice_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        sets=["clip.frames=many", "clip.path=pam", "load.limit=[1"],
    )
    assert (
        found
        == """\
-:0:0 bad-literal /nodes/clip/params/frames
  input 'frames' takes int; 'many' is not JSON
-:0:0 bad-literal /nodes/clip/params/path
  input 'path' takes 'pan' | 'zoom'; found 'pam'
  did you mean 'pan'?
-:0:0 bad-literal /nodes/load/params/limit
  input 'limit' takes int | None; '[1' is not JSON
"""
    )


def test_a_value_out_of_bounds_is_reported(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}}
}}
""",
        sets=["clip.frames=0"],
    )
    assert (
        found
        == """\
-:0:0 bad-literal /nodes/clip/params/frames
  input 'frames' of 'clip' (check.clip) must be greater than or equal to 1; found 0
"""
    )

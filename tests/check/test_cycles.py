"""Circles of nodes."""

from __future__ import annotations

from collections.abc import Callable


def test_a_node_that_reads_itself_is_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "clip": {"type": "check.clip", "links": {"image": "clip"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:53 cycle /nodes/clip/links/image
  node 'clip' reads its own output
  link another node
"""
    )


def test_the_nodes_of_a_circle_are_named_in_order(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "a": {"type": "check.clip", "links": {"image": "c"}},
  "b": {"type": "check.clip", "links": {"image": "a"}},
  "c": {"type": "check.clip", "links": {"image": "b"}},
  "d": {"type": "check.clip", "links": {"image": "c"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:50 cycle /nodes/a/links/image
  nodes read each other in a circle: a → b → c → a
  remove one of these links
"""
    )


def test_two_circles_are_both_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "a": {"type": "check.clip", "links": {"image": "b"}},
  "b": {"type": "check.clip", "links": {"image": "a"}},
  "c": {"type": "check.pair", "links": {"a": "d", "b": "b"}},
  "d": {"type": "check.clip", "links": {"image": "c"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:50 cycle /nodes/a/links/image
  nodes read each other in a circle: a → b → a
  remove one of these links
graph.json:4:46 cycle /nodes/c/links/a
  nodes read each other in a circle: c → d → c
  remove one of these links
"""
    )

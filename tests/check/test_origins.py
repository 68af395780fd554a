"""Streams: what is linked to a stream input, to a batch input, and streams of different origin."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable


def test_a_stream_input_takes_no_single_value(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t"}},
  "count": {"type": "check.count", "links": {"images": "o"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:56 not-a-stream /nodes/count/links/images
  'count' (check.count): input 'images' takes a stream; o.out is a single value
  link an output of a node that returns a stream, or one that is called for its items
"""
    )


def test_streams_of_different_origin_are_named_with_the_ways_to_join_them(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "labels": {"type": "check.labels", "params": {"root": "l"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "boxes": "labels"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:76 different-origins /nodes/clip/links/boxes
  'clip' (check.clip): streams of different origin meet in one node: input 'boxes' reads labels.out (one per item of labels), input 'image' reads load.image (one per item of load)
  join the two streams first: stream.zip (by order), stream.match (by key), stream.cross (every pair) or stream.concat (one after the other)
"""
    )


def test_nested_streams_of_different_origin_are_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "other": {"type": "check.load", "params": {"root": "q"}},
  "objects": {"type": "check.objects", "links": {"image": "load.image"}},
  "clip": {"type": "check.clip", "links": {"image": "objects", "boxes": "other.boxes"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:5:73 different-origins /nodes/clip/links/boxes
  'clip' (check.clip): streams of different origin meet in one node: input 'boxes' reads other.boxes (one per item of other), input 'image' reads objects.out (one per item of load × objects)
  join the two streams first: stream.zip (by order), stream.match (by key), stream.cross (every pair) or stream.concat (one after the other)
"""
    )


def test_a_batch_node_takes_no_stream_beside_its_batch(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "d": {"type": "check.describe", "links": {"image": "load.image"}},
  "mix": {"type": "check.mix", "links": {"images": "load.image", "weight": "d"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:76 batch-needs-batch /nodes/mix/links/weight
  'mix' (check.mix): the node takes batches, so input 'weight' takes one value for all items; d.out carries a stream (one per item of load)
  declare 'weight' as Batch[...] in the node type, or link a single value
"""
    )


def test_two_nested_streams_differ_in_what_is_left_of_their_origin(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "other": {"type": "check.load", "params": {"root": "q"}},
  "a": {"type": "check.objects", "links": {"image": "load.image"}},
  "b": {"type": "check.objects", "links": {"image": "other.image"}},
  "compare": {"type": "check.compare", "links": {"a": "a", "b": "b"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:6:65 different-origins /nodes/compare/links/b
  'compare' (check.compare): streams of different origin meet in one node: input 'b' reads b.out (one per item of other), input 'a' reads a.out (one per item of load)
  join the two streams first: stream.zip (by order), stream.match (by key), stream.cross (every pair) or stream.concat (one after the other)
"""
    )


def test_a_nested_stream_input_takes_no_flat_stream(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "flat": {"type": "check.flatten", "links": {"items": "load.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:56 not-a-stream /nodes/flat/links/items
  'flat' (check.flatten): input 'items' takes a stream of streams; load.image is a single stream
  it is flat already: link load.image to where the flattened stream goes
"""
    )

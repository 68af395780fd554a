"""Graph files used as nodes."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable


def test_a_missing_file_is_reported_at_the_type(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: there is no file sub.json
  nodegraph check sub.json
sub.json:0:0 file-not-found /
  there is no file sub.json
"""
    )


def test_an_error_inside_is_reported_there_and_at_the_type(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image", "boxs": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: 'sub/clip' (check.clip) has no input 'boxs'
  nodegraph check sub.json
sub.json:2:78 unknown-input /nodes/clip/links/boxs
  'sub/clip' (check.clip) has no input 'boxs'
  did you mean 'boxes'? its inputs: image, boxes, frames, path, amplitude
"""
    )


def test_an_error_two_files_deep_is_reported_all_the_way_out(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "./deep/er.json", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
""",
            "deep/er.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "params": {"frames": 3}}},
 "outputs": {"out": "clip"}}
""",
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: the graph file deep/er.json has an error: 'sub/clip/clip' (check.clip) lacks its input 'image' (check.picture)
  nodegraph check sub.json
sub.json:2:29 broken-subgraph /nodes/clip/type
  the graph file deep/er.json has an error: 'sub/clip/clip' (check.clip) lacks its input 'image' (check.picture)
  nodegraph check deep/er.json
deep/er.json:2:12 missing-input /nodes/clip
  'sub/clip/clip' (check.clip) lacks its input 'image' (check.picture)
  link it: "links": {"image": "node.output"}
"""
    )


def test_a_file_that_includes_itself_is_an_error(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "./sub.json", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: a graph file includes itself: sub.json → sub.json
  nodegraph check sub.json
sub.json:2:29 inclusion-cycle /nodes/clip/type
  a graph file includes itself: sub.json → sub.json
  leave out one of these nodes
"""
    )


def test_files_that_include_each_other_are_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "./other.json", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
""",
            "other.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "./sub.json", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
""",
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: the graph file other.json has an error: a graph file includes itself: sub.json → other.json → sub.json
  nodegraph check sub.json
sub.json:2:29 broken-subgraph /nodes/clip/type
  the graph file other.json has an error: a graph file includes itself: sub.json → other.json → sub.json
  nodegraph check other.json
other.json:2:29 inclusion-cycle /nodes/clip/type
  a graph file includes itself: sub.json → other.json → sub.json
  leave out one of these nodes
"""
    )


def test_its_inputs_and_outputs_are_the_ports(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"imag": "load.image"}, "params": {"n": "x"}},
  "clip": {"type": "check.clip", "links": {"image": "sub.outt"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}, "n": {"type": "int", "default": 3}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:3 missing-input /nodes/sub
  'sub' (./sub.json) lacks its input 'image' (check.picture)
  link it: "links": {"image": "node.output"}
graph.json:3:43 unknown-input /nodes/sub/links/imag
  'sub' (./sub.json) has no input 'imag'
  did you mean 'image'? its inputs: image, n
graph.json:3:82 bad-literal /nodes/sub/params/n
  input 'n' of 'sub' (./sub.json) must be a valid integer; found "x"
graph.json:4:53 unknown-output /nodes/clip/links/image
  input 'image' of 'clip' (check.clip): node 'sub' has no output 'outt'
  did you mean 'out'? its outputs: out
"""
    )


def test_a_link_of_another_type_into_it_is_reported_outside(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.boxes"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:52 type-mismatch /nodes/sub/links/image
  input 'image' of 'sub' (./sub.json) takes check.picture; load.boxes carries check.boxes
  link an output of that type, or put a node between that converts
"""
    )


def test_a_link_of_another_type_out_of_it_is_reported_outside(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image", "boxes": "sub"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:4:76 type-mismatch /nodes/clip/links/boxes
  input 'boxes' of 'clip' (check.clip) takes check.boxes | None; sub carries check.picture
  link an output of that type, or put a node between that converts
"""
    )


def test_a_literal_out_of_the_bounds_of_an_inner_node_is_reported_outside(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}, "params": {"n": 0}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}, "n": {"type": "int"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image", "frames": "inputs.n"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:83 bad-literal /nodes/sub/params/n
  input 'frames' of 'sub/clip' (check.clip) must be greater than or equal to 1; found 0
"""
    )


def test_a_single_value_into_an_inner_stream_input_is_reported_inside(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t"}},
  "sub": {"type": "./sub.json", "links": {"image": "o"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.count", "links": {"images": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: 'sub/clip' (check.count): input 'images' takes a stream; o.out is a single value
  nodegraph check sub.json
sub.json:2:64 not-a-stream /nodes/clip/links/images
  'sub/clip' (check.count): input 'images' takes a stream; o.out is a single value
  link an output of a node that returns a stream, or one that is called for its items
"""
    )


def test_a_circle_through_a_file_names_the_inner_nodes(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "clip": {"type": "check.clip", "links": {"image": "sub"}},
  "sub": {"type": "./sub.json", "links": {"image": "clip"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "clip"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:2:53 cycle /nodes/clip/links/image
  nodes read each other in a circle: clip → sub/clip → clip
  remove one of these links
"""
    )


def test_an_output_that_passes_an_input_through_is_refused(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {"out": "inputs.image"}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:3:19 broken-subgraph /nodes/sub/type
  the graph file sub.json has an error: output 'out' reads 'inputs.image'; an output of a graph reads a node
  nodegraph check sub.json
sub.json:3:21 bad-link /outputs/out
  output 'out' reads 'inputs.image'; an output of a graph reads a node
  write "node.output"
"""
    )


def test_a_file_without_outputs_cannot_be_linked(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./sub.json", "links": {"image": "load.image"}},
  "clip": {"type": "check.clip", "links": {"image": "sub"}}
}}
""",
        files={
            "sub.json": """\
{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}},
 "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image"}}},
 "outputs": {}}
"""
        },
    )
    assert (
        found
        == """\
graph.json:4:53 unknown-output /nodes/clip/links/image
  input 'image' of 'clip' (check.clip): node 'sub' has no outputs
  declare "outputs" in its graph file
"""
    )


def test_a_folder_is_not_a_graph_file(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "sub": {"type": "./deep"}
}}
""",
        files={"deep/er.json": "{}"},
    )
    assert (
        found
        == """\
graph.json:2:19 broken-subgraph /nodes/sub/type
  the graph file deep has an error: deep is a folder
  nodegraph check deep
deep:0:0 not-a-file /
  deep is a folder
  give the path of a JSON file
"""
    )

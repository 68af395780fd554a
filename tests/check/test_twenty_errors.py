"""Everything that is wrong is found in one pass."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable


def test_twenty_errors_of_different_kinds_are_reported_at_once(report: Callable[..., str]) -> None:
    found = report(
        """\
{
  "nodegraph": 3,
  "nmae": "x",
  "seed": "7",
  "inputs": {
    "n": {"type": "integer"},
    "m": {"type": "int", "default": 1.5},
    "q-r": {"type": "int", "default": 1}
  },
  "nodes": {
    "load": {"type": "check.load", "params": {"root": "photos", "limit": NaN}},
    "labels": {"type": "check.labels"},
    "1st": {"type": "check.load", "params": {"root": "p"}},
    "inputs": {"type": "check.load", "params": {"root": "p"}},
    "unknown": {"type": "check.unknwon"},
    "typeless": {},
    "twice": {"type": "check.load", "params": {"root": "p", "root": "q"}},
    "a": {"type": "check.clip", "links": {"image": "load.image", "boxes": "labels"}},
    "b": {"type": "check.clip", "links": {"image": "load.boxes"}, "params": {"frames": 0}},
    "c": {"type": "check.clip", "links": {"image": "laod.image"}, "params": {"framez": 8}},
    "d": {"type": "check.clip", "links": {"image": "load.imag"}, "params": {"boxes": []}},
    "e": {"type": "check.clip", "links": {"image": "load"}},
    "f": {"type": "check.clip", "links": {"image": "g"}},
    "g": {"type": "check.clip", "links": {"image": "f", "frames": "inputs.x"}, "params": {"image": 1}},
    "h": {"type": "./none.json"},
    "i": {"type": "check.options", "params": {"text": "t"}},
    "j": {"type": "check.count", "links": {"images": "i"}},
    "k": {"type": "check.mix", "links": {"images": "load.image", "weight": "l"}},
    "l": {"type": "check.describe", "links": {"image": "load.image"}},
    "m": {"type": "check.clip", "links": {"image": "load image"}}
  },
  "outputs": {"o": "i.x"}
}""",
    )
    assert (
        found
        == """\
graph.json:2:16 wrong-version /nodegraph
  the format version must be 1; found 3
  the file was written for a newer nodegraph: update it
graph.json:3:3 unknown-key /nmae
  unknown key 'nmae'
  did you mean 'name'? keys here: nodegraph, name, note, seed, inputs, nodes, outputs, ui
graph.json:4:11 wrong-json-type /seed
  'seed' must be an integer; found "7"
graph.json:6:19 unknown-type /inputs/n/type
  graph input 'n' has the unknown type 'integer'
  did you mean 'int'? types: bool, int, float, str, path, json, artifact, check.boxes, check.picture, model_ref
graph.json:7:37 bad-literal /inputs/m/default
  input 'm' of the graph must be a valid integer; found 1.5
graph.json:8:5 bad-name /inputs/q-r
  graph input name 'q-r' is malformed
  a letter or _, then letters, digits and _
graph.json:11:74 not-finite /nodes/load/params/limit
  NaN is not a number JSON has
  write a finite number, or null
graph.json:12:5 missing-input /nodes/labels
  'labels' (check.labels) lacks its input 'root' (path)
  link it: "links": {"root": "node.output"}, or give it: "params": {"root": ...}
graph.json:13:5 bad-name /nodes/1st
  node id '1st' is malformed
  a letter or _, then letters, digits, _ and -
graph.json:14:5 reserved-name /nodes/inputs
  the node id 'inputs' is reserved: links to the graph's own inputs begin with it
  choose another id
graph.json:15:25 unknown-node-type /nodes/unknown/type
  unknown node type 'check.unknwon'
  did you mean 'check.noise'? if it is in another pack, name it with --nodes FILE_OR_MODULE
graph.json:16:5 missing-key /nodes/typeless
  the key 'type' is missing in node 'typeless'
  every node and every graph input has a type
graph.json:17:61 duplicate-key /nodes/twice/params/root
  the key "root" occurs twice in one object
  rename or remove one of the two
graph.json:18:75 different-origins /nodes/a/links/boxes
  'a' (check.clip): streams of different origin meet in one node: input 'boxes' reads labels.out (one per item of labels), input 'image' reads load.image (one per item of load)
  join the two streams first: stream.zip (by order), stream.match (by key), stream.cross (every pair) or stream.concat (one after the other)
graph.json:19:52 type-mismatch /nodes/b/links/image
  input 'image' of 'b' (check.clip) takes check.picture; load.boxes carries check.boxes
  link an output of that type, or put a node between that converts
graph.json:19:88 bad-literal /nodes/b/params/frames
  input 'frames' of 'b' (check.clip) must be greater than or equal to 1; found 0
graph.json:20:52 unknown-node /nodes/c/links/image
  input 'image' of 'c' (check.clip): the graph has no node 'laod'
  did you mean 'load'?
graph.json:20:78 unknown-input /nodes/c/params/framez
  'c' (check.clip) has no input 'framez'
  did you mean 'frames'? its inputs: image, boxes, frames, path, amplitude
graph.json:21:52 unknown-output /nodes/d/links/image
  input 'image' of 'd' (check.clip): node 'load' has no output 'imag'
  did you mean 'image'? its outputs: image, boxes
graph.json:21:86 not-a-literal /nodes/d/params/boxes
  input 'boxes' of 'd' (check.clip) takes check.boxes | None: it can only be linked
  write it under links: "boxes": "node.output"
graph.json:22:52 ambiguous-output /nodes/e/links/image
  input 'image' of 'e' (check.clip): node 'load' has several outputs
  name one: load.image, load.boxes
graph.json:23:52 cycle /nodes/f/links/image
  nodes read each other in a circle: f → g → f
  remove one of these links
graph.json:24:67 unknown-graph-input /nodes/g/links/frames
  input 'frames' of 'g' (check.clip): the graph has no input 'x'
  inputs of the graph: n, m, q-r
graph.json:24:91 link-and-param /nodes/g/params/image
  input 'image' of 'g' (check.clip) is given both as a link and as a param
  keep one of the two
graph.json:25:19 broken-subgraph /nodes/h/type
  the graph file none.json has an error: there is no file none.json
  nodegraph check none.json
graph.json:27:54 not-a-stream /nodes/j/links/images
  'j' (check.count): input 'images' takes a stream; i.out is a single value
  link an output of a node that returns a stream, or one that is called for its items
graph.json:28:76 batch-needs-batch /nodes/k/links/weight
  'k' (check.mix): the node takes batches, so input 'weight' takes one value for all items; l.out carries a stream (one per item of load)
  declare 'weight' as Batch[...] in the node type, or link a single value
graph.json:30:52 bad-link /nodes/m/links/image
  input 'image' of 'm' (check.clip): 'load image' is not a link
  a link is "node.output", "node" for the only output, or "inputs.name"
graph.json:32:20 unknown-output /outputs/o
  output 'o': node 'i' has no output 'x'
  its outputs: out
none.json:0:0 file-not-found /
  there is no file none.json
"""
    )

"""Every code a `Problem` may carry, with what it means."""

from __future__ import annotations

CODES: dict[str, str] = {
    # the file
    "file-not-found": "There is no such file.",
    "not-a-file": "The path is a folder or a device, not a regular file.",
    "unreadable-file": "The file cannot be read.",
    "file-too-large": "The file is over 16 MiB.",
    "empty-file": "The file has no text in it.",
    "byte-order-mark": "The file begins with a byte order mark.",
    "not-utf8": "The file is not UTF-8 text.",
    "not-json": "The text is not JSON.",
    "too-deep": "The JSON is nested more than 64 levels deep.",
    "duplicate-key": "A key occurs twice in one object.",
    "not-finite": "A number is NaN, infinite, or too large for a float.",
    "number-too-long": "An integer has more digits than can be read.",
    "broken-unicode": "A string holds half of a surrogate pair.",
    # its shape
    "not-an-object": "The top level is not a JSON object.",
    "wrong-version": "The format version is missing or not one this nodegraph reads.",
    "unknown-key": "A key that the format does not have.",
    "missing-key": "A key that the format needs is not there.",
    "wrong-json-type": "A value of the format is of another JSON type.",
    "bad-name": "A node id, input, output or type is not a well-formed name.",
    "reserved-name": "A name that has a meaning of its own.",
    # nodes, inputs, links
    "unknown-node-type": "No known pack has this node type.",
    "unknown-input": "The node type has no such input.",
    "link-and-param": "An input is given both as a link and as a param.",
    "missing-input": "A required input is neither linked nor given.",
    "bad-literal": "A literal is of the wrong type or out of bounds.",
    "not-a-literal": "An input that can only be linked is given as a literal.",
    "bad-link": "A link is not of the form node, node.output or inputs.name.",
    "unknown-node": "No node of the graph has this id.",
    "unknown-output": "The node has no such output.",
    "ambiguous-output": "The node has several outputs and the link names none.",
    "unknown-graph-input": "The graph has no such input.",
    "unknown-type": "A graph input has a type that is not known.",
    "type-mismatch": "An output is linked to an input of another type.",
    "cycle": "Nodes read each other in a circle.",
    "missing-graph-input": "A graph input without default was not given.",
    # streams
    "not-a-stream": "An input that takes a stream is linked to a plain value.",
    "different-origins": "Inputs of one node are linked to streams of different origin.",
    "batch-needs-batch": "A node that takes batches has a stream linked to an input that is no batch.",
    # subgraphs
    "broken-subgraph": "The graph file used as a node cannot be used: it has errors of its own.",
    "inclusion-cycle": "A graph file includes itself.",
    "too-many-nodes": "Subgraphs expand to more than 100,000 nodes.",
    # command line, overlays and Python
    "bad-setting": "A setting is not of the form node.param=value or name=value.",
    "bad-sweep": (
        "A sweep is malformed, repeats a value, names what is given elsewhere, or makes too large a grid."
    ),
    "linked-input": "A param is set for an input that is linked.",
    "taken-name": "The name of a node, input or output is taken already.",
    "foreign-output": "An output of another graph is linked.",
}

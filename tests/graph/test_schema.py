"""The JSON Schema of graph files: valid itself, accepts good graphs, refuses bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nodegraph.builder.graph import Graph
from nodegraph.graph.schema import graph_schema
from nodegraph.node.registry import find, node_types


@pytest.fixture(scope="module")
def validator(nodes: Any) -> Any:
    """For graphs of all node types that are known, those of the module `nodes` among them."""
    assert nodes.clip
    schema = graph_schema(node_types())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_a_graph_of_every_kind_of_node_is_valid(validator: Any, nodes: Any, folder: Path) -> None:
    g = Graph("g", seed=1, note="n")
    root = g.input("root", Path, default="p")
    photos = g.add(nodes.load_photos, root=root, more=["a", "b"])
    clip = g.add(nodes.clip, image=photos.image, camera=nodes.Camera(fov=2), easing=None, fill="blur")
    g.add(nodes.noise, image=clip, seed=4)
    g.output("n", g.add(nodes.count, images=clip))
    assert list(validator.iter_errors(g.to_dict())) == []


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"type": "graph.none"},
        {"type": "graph.clip"},
        {"type": "graph.clip", "links": {"image": "a b"}},
        {"type": "graph.clip", "links": {"image": "a", "odd": "b"}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"odd": 1}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"frames": 0}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"frames": "8"}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"path": "pam"}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"camera": {"tilt": 1}}},
        {"type": "graph.clip", "links": {"image": "a"}, "params": {"boxes": None}},
        {"type": "graph.old_clip", "links": {"image": "a"}, "params": {"frames": 0}},
        {"type": "graph.load"},
        {"type": "graph.load", "params": {"root": "a"}, "ui": {"x": 1}},
        {"type": "graph.load", "params": {"root": "a"}, "odd": 1},
        {"type": "sub.json"},
    ],
)
def test_a_bad_node_is_not_valid(validator: Any, entry: dict[str, Any]) -> None:
    assert not validator.is_valid({"nodegraph": 1, "nodes": {"n": entry}})


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"nodes": {}},
        {"nodegraph": 2, "nodes": {}},
        {"nodegraph": 1},
        {"nodegraph": 1, "nodes": {"inputs": {"type": "./a.json"}}},
        {"nodegraph": 1, "nodes": {"a.b": {"type": "./a.json"}}},
        {"nodegraph": 1, "nodes": {}, "inputs": {"a": {"type": "string"}}},
        {"nodegraph": 1, "nodes": {}, "outputs": {"a-b": "c"}},
        {"nodegraph": 1, "nodes": {}, "odd": 1},
    ],
)
def test_a_bad_graph_is_not_valid(validator: Any, data: Any) -> None:
    assert not validator.is_valid(data)


def test_the_schema_over_no_types_is_valid_too() -> None:
    jsonschema.Draft202012Validator.check_schema(graph_schema({}))


def test_a_graph_file_as_a_node_is_valid_with_any_inputs(validator: Any) -> None:
    entry = {"type": "../sub.json", "links": {"x": "inputs.y"}, "params": {"z": [1]}}
    assert validator.is_valid({"nodegraph": 1, "nodes": {"n": entry}})


def test_bounds_defaults_and_help_are_in_the_schema(nodes: Any) -> None:
    type_ = find("graph.clip")
    assert type_ is not None
    definition = graph_schema({"graph.clip": type_})["$defs"]["node.graph.clip"]
    frames = definition["properties"]["params"]["properties"]["frames"]
    assert frames == {
        "type": "integer",
        "minimum": 1,
        "default": 8,
        "description": "length of the clip [frames]",
    }
    assert definition["properties"]["links"]["properties"]["image"]["description"] == "graph.picture"
    assert definition["description"] == "Animate a picture."

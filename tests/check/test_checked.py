"""The checked graph of a graph without errors: params, links, types, order."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nodegraph.check import CheckedGraph, Source, check
from nodegraph.graph.document import GraphDocument, NodeEntry
from nodegraph.types.ports import Scalar, ValueOf

Check = Callable[..., CheckedGraph]

CLIPS = """{
  "nodegraph": 1, "name": "clips", "seed": 7,
  "inputs": {
    "root": {"type": "path", "default": "../photos"},
    "frames": {"type": "json", "default": 4},
    "amplitude": {"type": "float", "default": 2}
  },
  "nodes": {
    "export": {"type": "check.export", "links": {"images": "clip", "boxes": "load.boxes"}},
    "clip": {"type": "check.clip",
             "links": {"image": "load.image", "frames": "inputs.frames", "amplitude": "inputs.amplitude"}},
    "load": {"type": "check.load", "links": {"root": "inputs.root"}}
  },
  "outputs": {"dataset": "export"}
}"""


def test_nodes_come_in_topological_order_of_those_ready_in_file_order(checked: Check) -> None:
    graph = checked(CLIPS)
    assert list(graph.nodes) == ["load", "clip", "export"]
    assert graph.outputs == {"dataset": Source("export", "out")}
    assert (graph.name, graph.seed) == ("clips", 7)


def test_params_are_validated_and_filled_with_defaults_in_the_order_of_the_signature(
    checked: Check, folder: Path
) -> None:
    graph = checked(CLIPS)
    assert graph.path == folder / "graph.json"
    assert list(graph.nodes["clip"].params.items()) == [
        ("boxes", None),
        ("frames", 4),
        ("path", "pan"),
        ("amplitude", 2.0),
    ]
    assert type(graph.nodes["clip"].params["amplitude"]) is float
    assert graph.nodes["load"].params == {"root": folder.parent / "photos", "limit": None}
    assert graph.nodes["clip"].links == {"image": Source("load", "image")}


def test_chains_follow_from_the_links(checked: Check) -> None:
    graph = checked(CLIPS)
    chains = {node.id: (node.chain, node.output_chain) for node in graph.nodes.values()}
    assert chains == {"load": ((), ("load",)), "clip": (("load",), ("load",)), "export": ((), ())}


def test_nested_streams_have_longer_chains(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "load": {"type": "check.load", "params": {"root": "p"}},
        "objects": {"type": "check.objects", "links": {"image": "load.image"}},
        "clip": {"type": "check.clip", "links": {"image": "objects", "boxes": "load.boxes"}},
        "count": {"type": "check.count", "links": {"images": "clip"}},
        "mix": {"type": "check.mix", "links": {"images": "clip"}}}}""")
    assert graph.nodes["clip"].chain == ("load", "objects")
    assert graph.nodes["count"].chain == ("load",)
    assert graph.nodes["mix"].chain == ("load", "objects")


def test_a_node_named_alone_means_its_only_output_or_the_one_called_out(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t"}},
        "score": {"type": "check.score", "links": {"image": "o"}},
        "clip": {"type": "check.clip", "links": {"image": "score", "amplitude": "score.score"}}}}""")
    assert graph.nodes["clip"].links == {
        "image": Source("score", "out"),
        "amplitude": Source("score", "score"),
    }


def test_a_type_variable_takes_the_linked_type(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "load": {"type": "check.load", "params": {"root": "p"}},
        "pair": {"type": "check.pair", "links": {"a": "load.image"}},
        "count": {"type": "check.count", "links": {"images": "load.image"}},
        "d": {"type": "check.describe", "links": {"image": "load.image"}},
        "number": {"type": "check.pair", "links": {"a": "count", "b": "d"}}}}""")
    assert graph.nodes["pair"].output_types == {"out": ValueOf("check.picture")}
    assert graph.nodes["number"].output_types == {"out": Scalar("float")}


def test_literals_of_every_kind_reach_the_function_as_python_values(
    checked: Check, nodes: Any, folder: Path
) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {"o": {"type": "check.options", "params": {
        "text": "", "flag": true, "whole": -9223372036854775808, "part": 3, "fill": "blur", "sizes": [1],
        "table": {"a": 1}, "camera": {"fov": 1.5}, "file": "a/../b"}}}}""")
    params = graph.nodes["o"].params
    assert params["fill"] is nodes.Fill.BLUR
    assert params["camera"] == nodes.Camera(fov=1.5)
    assert params["file"] == folder / "b"
    assert params["whole"] == -(2**63)
    assert type(params["part"]) is float


def test_a_seeded_node_takes_a_seed(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t"}},
        "n": {"type": "check.noise", "links": {"image": "o"}, "params": {"seed": 5}},
        "m": {"type": "check.noise", "links": {"image": "o"}}}}""")
    assert (graph.nodes["n"].params, graph.nodes["m"].params) == ({"seed": 5}, {"seed": None})


def test_an_input_through_the_graph_gives_the_same_param_as_one_given_directly(checked: Check) -> None:
    through = checked(
        """{"nodegraph": 1, "inputs": {"n": {"type": "int"}}, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t"}},
        "c": {"type": "check.clip", "links": {"image": "o", "frames": "inputs.n"}}}}""",
        inputs=["n=9"],
    )
    given = checked("""{"nodegraph": 1, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t"}},
        "c": {"type": "check.clip", "links": {"image": "o"}, "params": {"frames": 9}}}}""")
    assert through.nodes == given.nodes


def test_a_required_graph_input_may_be_open_until_it_runs(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "inputs": {"n": {"type": "int"}, "i": {"type": "check.picture"}},
        "nodes": {"c": {"type": "check.count", "links": {"images": "inputs.i"}},
                  "d": {"type": "check.clip", "links": {"image": "inputs.i", "frames": "inputs.n"}}}}""")
    assert "frames" not in graph.nodes["d"].params


def test_a_former_type_id_is_the_current_type(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t"}},
        "c": {"type": "check.old_clip", "links": {"image": "o"}}}}""")
    assert graph.nodes["c"].type.id == "check.clip"


def test_the_name_of_a_graph_without_one_is_that_of_its_file(checked: Check) -> None:
    assert checked('{"nodegraph": 1, "nodes": {}}').name == "graph"


def test_a_document_is_checked_without_a_file(nodes: Any, tmp_path: Path) -> None:
    entry = NodeEntry("check.load", params={"root": "p"})
    graph = check(GraphDocument(name="g", nodes={"load": entry}, folder=tmp_path))
    assert graph.path is None
    assert graph.nodes["load"].params["root"] == tmp_path / "p"


def test_a_chain_of_5_000_nodes_is_checked_without_recursion(checked: Check) -> None:
    lines = ['"n0": {"type": "check.options", "params": {"text": "t"}}']
    lines += [f'"n{i}": {{"type": "check.clip", "links": {{"image": "n{i - 1}"}}}}' for i in range(1, 5000)]
    graph = checked('{"nodegraph": 1, "nodes": {%s}}' % ",\n".join(reversed(lines)))  # noqa: UP031
    assert list(graph.nodes) == [f"n{i}" for i in range(5000)]


def test_no_literal_is_ever_not_finite(checked: Check) -> None:
    graph = checked("""{"nodegraph": 1, "nodes": {
        "o": {"type": "check.options", "params": {"text": "t", "part": 1.7976931348623157e308}}}}""")
    assert math.isfinite(graph.nodes["o"].params["part"])

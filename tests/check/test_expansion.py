"""Subgraphs and overlays that are right: names, paths, seeds, order of application."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nodegraph.check import CheckedGraph, Source
from nodegraph.graph.problem import GraphError

Check = Callable[..., CheckedGraph]

OUTER = """{"nodegraph": 1, "seed": 3, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "sub": {"type": "./parts/sub.json", "links": {"image": "load.image"}, "params": {"n": 5}},
  "count": {"type": "check.count", "links": {"images": "sub.clip"}}
}, "outputs": {"clips": "sub"}}"""
SUB = """{"nodegraph": 1, "seed": 99,
  "inputs": {"image": {"type": "check.picture"}, "n": {"type": "int", "default": 2},
             "file": {"type": "path", "default": "lut.txt"}},
  "nodes": {
    "inner": {"type": "../deep.json", "links": {"image": "inputs.image", "n": "inputs.n"}},
    "o": {"type": "check.options", "links": {"file": "inputs.file"}, "params": {"text": "t"}}},
  "outputs": {"clip": "inner"}}"""
DEEP = """{"nodegraph": 1, "inputs": {"image": {"type": "check.picture"}, "n": {"type": "float"}},
  "nodes": {"clip": {"type": "check.clip", "links": {"image": "inputs.image", "amplitude": "inputs.n"}}},
  "outputs": {"out": "clip"}}"""
FILES = {"parts/sub.json": SUB, "deep.json": DEEP}


def test_a_subgraph_is_expanded_in_place_with_prefixed_names(checked: Check, folder: Path) -> None:
    graph = checked(OUTER, files=FILES)
    assert list(graph.nodes) == ["load", "sub/inner/clip", "sub/o", "count"]
    assert graph.nodes["sub/inner/clip"].links == {"image": Source("load", "image")}
    assert graph.nodes["sub/inner/clip"].params["amplitude"] == 5.0
    assert graph.nodes["sub/inner/clip"].chain == ("load",)
    assert graph.nodes["count"].links == {"images": Source("sub/inner/clip", "out")}
    assert graph.outputs == {"clips": Source("sub/inner/clip", "out")}
    assert graph.seed == 3


def test_a_path_resolves_against_the_folder_of_the_file_it_is_written_in(
    checked: Check, folder: Path
) -> None:
    graph = checked(OUTER, files=FILES)
    assert graph.nodes["load"].params["root"] == folder / "photos"
    assert graph.nodes["sub/o"].params["file"] == folder / "parts" / "lut.txt"


def test_one_file_may_be_used_twice(checked: Check) -> None:
    graph = checked(
        """{"nodegraph": 1, "nodes": {
          "load": {"type": "check.load", "params": {"root": "photos"}},
          "a": {"type": "./deep.json", "links": {"image": "load.image"}, "params": {"n": 1}},
          "b": {"type": "./deep.json", "links": {"image": "a"}, "params": {"n": 2}}}}""",
        files=FILES,
    )
    assert graph.nodes["b/clip"].links == {"image": Source("a/clip", "out")}
    assert [graph.nodes[node].params["amplitude"] for node in ("a/clip", "b/clip")] == [1.0, 2.0]


def test_files_that_double_at_every_level_are_refused_before_they_fill_the_memory(
    checked: Check, folder: Path
) -> None:
    files = {
        f"f{i}.json": '{"nodegraph": 1, "nodes": {"a": {"type": "./f%d.json"}, "b": {"type": "./f%d.json"}}}'  # noqa: UP031
        % (i + 1, i + 1)
        for i in range(40)
    }
    files["f40.json"] = '{"nodegraph": 1, "nodes": {}}'
    with pytest.raises(GraphError) as caught:
        checked(files.pop("f0.json"), files=files)
    assert "too-many-nodes" in {problem.code for problem in caught.value.problems}


def test_overlays_reach_inner_nodes_and_apply_in_order(checked: Check, folder: Path) -> None:
    first = """{"params": {"sub/inner/clip": {"frames": 3}, "sub": {"n": 7}, "load": {"limit": 1}}}"""
    second = """{"params": {"sub/inner/clip": {"frames": 4}},
      "nodes": {"load": {"type": "check.load", "params": {"root": "mini"}}}}"""
    graph = checked(
        OUTER,
        files={**FILES, "values/first.json": first, "values/second.json": second},
        values=[Path("values/first.json"), Path("values/second.json")],
        sets=["sub/inner/clip.path=zoom"],
    )
    clip = graph.nodes["sub/inner/clip"].params
    assert (clip["frames"], clip["path"], clip["amplitude"]) == (4, "zoom", 7.0)
    assert graph.nodes["load"].params == {"root": folder / "values" / "mini", "limit": None}


def test_an_overlay_replaces_an_inner_node_and_its_links_name_the_neighbours(checked: Check) -> None:
    overlay = """{"nodes": {"sub/inner": {"type": "check.clip", "links": {"image": "o"}}}}"""
    graph = checked(
        OUTER.replace(
            '"check.count", "links": {"images": "sub.clip"}', '"check.clip", "links": {"image": "sub"}'
        ),
        files={**FILES, "v.json": overlay},
        values=[Path("v.json")],
    )
    assert graph.nodes["sub/inner"].links == {"image": Source("sub/o", "out")}
    assert graph.nodes["count"].links == {"image": Source("sub/inner", "out")}


def test_settings_come_after_overlays_and_read_text_by_type(checked: Check, folder: Path) -> None:
    graph = checked(
        """{"nodegraph": 1, "inputs": {"root": {"type": "path", "default": "a"}}, "nodes": {
          "load": {"type": "check.load", "links": {"root": "inputs.root"}},
          "o-1": {"type": "check.options", "params": {"text": "t"}}}}""",
        files={"v.json": '{"params": {"o-1": {"text": "v", "whole": 1}}, "inputs": {"root": "b"}}'},
        values=[Path("v.json")],
        sets=[
            "o-1.text=5",
            "o-1.whole=6",
            "o-1.sizes=[1, 2]",
            "o-1.file=x=y.txt",
            "o-1.fill=blur",
            "o-1.part=2",
            "o-1.flag=true",
            "load.limit=null",
        ],
        inputs=["root=c d"],
    )
    params = graph.nodes["o-1"].params
    assert (params["text"], params["whole"], params["sizes"], params["part"]) == ("5", 6, [1, 2], 2.0)
    assert (params["fill"].value, params["flag"]) == ("blur", True)
    assert params["file"] == folder / "x=y.txt"
    assert graph.nodes["load"].params == {"root": folder / "c d", "limit": None}


def test_inputs_of_an_overlay_are_paths_of_its_folder(checked: Check, folder: Path) -> None:
    graph = checked(
        """{"nodegraph": 1, "inputs": {"root": {"type": "path"}}, "nodes": {
          "load": {"type": "check.load", "links": {"root": "inputs.root"}}}}""",
        files={"values/v.json": '{"inputs": {"root": "mini"}}'},
        values=[Path("values/v.json")],
        require_inputs=True,
    )
    assert graph.nodes["load"].params["root"] == folder / "values" / "mini"


def test_inputs_from_python_are_values_and_paths_of_the_working_directory(
    checked: Check, folder: Path
) -> None:
    graph = checked(
        """{"nodegraph": 1, "inputs": {"root": {"type": "path"}, "n": {"type": "int"}}, "nodes": {
          "load": {"type": "check.load", "links": {"root": "inputs.root", "limit": "inputs.n"}}}}""",
        inputs={"root": Path("x"), "n": 5},
        require_inputs=True,
    )
    assert graph.nodes["load"].params == {"root": folder / "x", "limit": 5}

"""The same work is a hit wherever and however it is written down; other work is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace


def test_another_graph_file_with_other_node_ids_is_a_hit(project):
    project.graph(
        {"x": ("ed.a", {}, {}), "y-1": ("ed.b", {"number": "x"}, {}), "z": ("ed.c", {"number": "y-1"}, {})},
        name="elsewhere/other.json",
        note="the same",
        seed=99,
    )
    assert project.executed("elsewhere/other.json", "--store", ".nodegraph") == ""


def test_default_written_out_is_a_hit(project, row):
    project.graph(row | {"a": ("ed.a", {}, {"number": 3}), "b": ("ed.b", {"number": "a"}, {"extra": 0})})
    assert project.executed() == ""


def test_literal_through_a_graph_input_is_a_hit(project, row):
    project.graph(
        row | {"a": ("ed.a", {"number": "inputs.n"}, {})}, inputs={"n": {"type": "int", "default": 3}}
    )
    assert project.executed() == ""
    assert project.executed("graph.json", "--input", "n=4") == "a b c"
    assert project.executed("graph.json", "--input", "n=3") == ""


def test_subgraph_is_a_hit(project):
    project.graph(
        {"work": ("ed.b", {"number": "inputs.number"}, {}), "more": ("ed.c", {"number": "work"}, {})},
        name="inner.json",
        inputs={"number": {"type": "int"}},
        outputs={"out": "more"},
    )
    project.graph({"a": ("ed.a", {}, {}), "sub": ("./inner.json", {"number": "a"}, {})}, name="outer.json")
    assert project.executed("outer.json") == ""


def test_overlay_and_setting_are_hits_of_what_they_say(project):
    assert project.executed("graph.json", "--set", "b.extra=7") == "b c"
    (project.folder / "values.json").write_text(json.dumps({"params": {"b": {"extra": 7}}}))
    assert project.executed("graph.json", "--values", "values.json") == ""
    assert project.executed("graph.json") == ""


def test_graph_built_in_python_is_a_hit(project):
    script = """
import sys
from nodegraph import Graph
from nodegraph.api import Options, run_graph
import pack

g = Graph("in python")
first = g.add(pack.a, id="first")
g.add(pack.c, id="last", number=g.add(pack.b, id="middle", number=first))
run = run_graph(g, Options(store=__import__("pathlib").Path(".nodegraph")))
print(sum(node.executed for node in run.nodes.values()), sum(node.cached for node in run.nodes.values()))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=project.folder, capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["0", "3"], ended.stderr


def test_hash_seed_of_the_interpreter_does_not_count(project, run_cli):
    project.graph({"a": ("ed.a", {}, {}), "bag": ("ed.bag", {"number": "a"}, {"words": {"x": 1, "y": 2}})})
    files = (project.folder / "graph.json", "--nodes", project.folder / "pack.py")
    for seed, executed in (("0", 1), ("1", 0)):
        ended = run_cli("run", *files, "--json", env={"PYTHONHASHSEED": seed})
        assert json.loads(ended.stdout)["nodes"]["bag"]["executed"] == executed, ended.stderr


def test_order_of_arguments_in_the_file_does_not_count(project):
    links = {"left": "a", "right": "b"}
    nodes = {"a": ("ed.a", {}, {}), "b": ("ed.a", {}, {"number": 4})}
    project.graph(nodes | {"sum": ("ed.sum2", links, {"bias": 1, "label": "x"})})
    assert "sum" in project.executed()
    swapped = dict(reversed(links.items()))
    project.graph(dict(reversed(nodes.items())) | {"sum": ("ed.sum2", swapped, {"label": "x", "bias": 1})})
    assert project.executed() == ""
    project.graph(nodes | {"sum": ("ed.sum2", {"left": "b", "right": "a"}, {"bias": 1, "label": "x"})})
    assert project.executed() == "sum"


def test_seeded_node_runs_again_for_another_seed_and_keeps_its_noise_for_other_steps(project):
    nodes = {"a": ("ed.a", {}, {}), "noise": ("ed.noise", {"number": "a"}, {})}
    graph = project.graph(nodes, seed=1, outputs={"noise": "noise"})
    first = project.command("run", graph)["outputs"]["noise"]
    more = project.command("run", graph, "--set", "noise.steps=25")
    assert more["nodes"]["noise"]["executed"] == 1
    assert more["outputs"]["noise"] == first
    other = project.command("run", project.graph(nodes, seed=2, outputs={"noise": "noise"}))
    assert other["outputs"]["noise"] != first
    own = project.command("run", graph, "--set", "noise.seed=1")
    assert own["nodes"]["noise"]["executed"] == 0
    assert own["outputs"]["noise"] == first


def test_store_that_moved_with_its_project_is_a_hit(project, tmp_path):
    shutil.move(project.folder, tmp_path / "moved to")
    moved = replace(project, folder=tmp_path / "moved to")
    assert moved.executed() == ""


def test_store_named_by_the_environment_is_used(project, tmp_path):
    store = {"NODEGRAPH_STORE": str(tmp_path / "elsewhere")}
    assert project.executed(env=store) == "a b c"
    assert project.executed(env=store) == ""
    assert project.executed("graph.json", "--store", ".nodegraph", env=store) == ""


def test_items_of_a_source_are_remembered_one_by_one(project):
    nodes = {"source": ("ed.source", {}, {"n": 4}), "c": ("ed.c", {"number": "source"}, {})}
    project.graph(nodes)
    project.executed("graph.json", "--limit", "2")
    project.executed("graph.json", "--items", "3")
    counts = project.command("run", "graph.json")["nodes"]["c"]
    assert (counts["executed"], counts["cached"]) == (1, 3)

"""A project that is moved with its store is the same project; other graphs are told by their whole path."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nodegraph.check.checked import CheckedGraph
from nodegraph.plan.history import graph_file, graph_id, history_id


@pytest.fixture
def moved(chain, tmp_path):
    """A bench that was run, then moved with its store."""
    project = tmp_path / "project"
    project.mkdir()
    bench = replace(chain, folder=project)
    bench.edit("times", by=3)
    bench.run()
    shutil.move(project, tmp_path / "moved to")
    return replace(bench, folder=tmp_path / "moved to")


def test_moved_project_tells_what_changed_since_it_ran_in_its_old_place(moved):
    assert moved.plan().nodes["total"].reasons == ()
    moved.edit("times", by=25)
    assert moved.plan().nodes["times"].reasons == ("param by: 3 → 25",)


def graph_at(path: Path | None, variant: str = "") -> CheckedGraph:
    return CheckedGraph("demo", 0, {}, {}, path, variant=variant)


@pytest.mark.parametrize(
    ("path", "store", "told"),
    [
        ("/home/project/graphs/a.json", "/home/project/.nodegraph", "graphs/a.json"),
        ("/home/project/graphs/a.json", "/home/project/x/../.nodegraph", "graphs/a.json"),
        ("/elsewhere/a.json", "/home/project/.nodegraph", "/elsewhere/a.json"),
        ("/home/project-too/a.json", "/home/project/.nodegraph", "/home/project-too/a.json"),
    ],
)
def test_graph_is_told_from_the_folder_of_the_store_and_found_again(path, store, told):
    graph = graph_at(Path(path))
    assert graph_id(graph, Path(store)) == told
    assert graph_file(told, Path(store)) == Path(path)


def test_graph_without_a_file_is_told_by_its_name_and_a_sweep_apart():
    assert graph_id(graph_at(None), Path("/home/project/.nodegraph")) == "demo"
    swept = graph_at(Path("/home/project/a.json"), "steps=1,2")
    assert history_id(swept, Path("/home/project/.nodegraph")) == "a.json (steps=1,2)"

"""The Python example builds the very graph that `graphs/camera_motion.json` holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from nodegraph import Graph
from nodegraph.node.packs import load_packs

ROOT = Path(__file__).parents[2]


def test_the_example_builds_the_graph_of_the_graph_file() -> None:
    load_packs()
    spec = importlib.util.spec_from_file_location(
        "example_camera_motion", ROOT / "examples" / "camera_motion.py"
    )
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.camera_motion_graph() == Graph.load(ROOT / "graphs" / "camera_motion.json")


def test_the_example_saved_and_loaded_is_the_graph_file_again(tmp_path: Path) -> None:
    load_packs()
    graph = Graph.load(ROOT / "graphs" / "camera_motion.json")
    graph.save(tmp_path / "copy.json")
    assert Graph.load(tmp_path / "copy.json") == graph

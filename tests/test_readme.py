"""What the README shows is true: its graph, its Python and its node work as written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with the graph and the node of the README, and the example photos."""
    (tmp_path / "examples").symlink_to(Path(__file__).parent.parent / "examples")
    (tmp_path / "pan.json").write_text(blocks("json")[0])
    (tmp_path / "my_nodes.py").write_text(blocks("python")[1])
    return tmp_path


def test_graph_is_sound_and_can_be_tried_on_one_photo(run_cli, folder):
    assert run_cli("check", "pan.json").exit == 0
    ended = run_cli("run", "pan.json", "--items", "chelsea.jpg")
    assert ended.exit == 0, ended.stderr
    assert (folder / "out/pan/videos/videos/chelsea.mp4").is_file()


def test_python_builds_the_same_graph(run_cli, folder, cli_env):
    assert run_cli("fmt", "pan.json").exit == 0
    by_hand = (folder / "pan.json").read_text()
    script = "".join(line for line in blocks("python")[0].splitlines(keepends=True) if "g.run()" not in line)
    subprocess.run([sys.executable, "-c", script], cwd=folder, env=cli_env, check=True)
    assert (folder / "pan.json").read_text() == by_hand


def test_node_is_known_with_its_help(run_cli, folder):
    ended = run_cli("nodes", "image.posterize", "--nodes", "my_nodes.py")
    assert ended.exit == 0
    assert "Reduce a picture to a few levels per channel." in ended.stdout
    assert "2 ≤ x ≤ 64" in ended.stdout


def test_models_are_loaded_for_the_nodes_that_ask_for_them(run_cli, folder):
    (folder / "my_models.py").write_text(blocks("python")[2])
    (folder / "net").mkdir()
    save_file({"shift": np.array([0, 9, 99], np.uint8)}, folder / "net" / "model.safetensors")
    nodes = {
        "photos": {"type": "load.coco", "params": {"root": "examples/data/photos-mini"}},
        "net": {"type": "my.model", "params": {"folder": "net"}},
        "tinted": {"type": "my.tint", "links": {"image": "photos.image", "net": "net"}},
    }
    graph = {"nodegraph": 1, "nodes": nodes, "outputs": {"tinted": "tinted"}}
    (folder / "models.json").write_text(json.dumps(graph))
    ended = run_cli("run", "models.json", "--limit", "2", "--nodes", "my_models.py", "--json")
    assert ended.exit == 0, ended.stderr
    assert json.loads(ended.stdout)["outputs"]["tinted"]["items"] == 2

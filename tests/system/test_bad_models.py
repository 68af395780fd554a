"""Models that are missing, of another kind, or damaged: one plain error, exit status 1, no traceback.

Random weights prove plumbing, not quality.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.first_method import CHECKPOINTS, GRAPH, Ended, Site, make_site

pytestmark = pytest.mark.filterwarnings(
    # diffusers' own, of NumPy 2
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)

NAMED_BY = {
    "svd": "svd",
    "sam2": "sam2",
    "depth": "depth_model",
    "inpaint": "inpaint_model",
    "detector": "detector",
}
"""The node of the graph that names a model of each kind."""

CLIP = {"video": "clip", "boxes": "clip.first"}
USES = {
    "svd": ("video.svd", {"image": "photos.image"}, {"width": 64, "height": 64, "num_inference_steps": 1}),
    "sam2": ("track.sam2", CLIP, {}),
    "depth": ("depth.anything", {"image": "photos.image"}, {}),
    "inpaint": (
        "inpaint.diffusion",
        {"video": "clip", "region": "clip.revealed"},
        {"num_inference_steps": 1, "side": 64},
    ),
    "detector": ("detect.objects", {"image": "photos.image"}, {}),
}
"""A node type that loads a model of each kind, its other links, and its params."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One photo, and a checkpoint of every kind."""
    return make_site(tmp_path_factory.mktemp("models"), "chelsea.jpg")


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A copy, whose checkpoints can be harmed."""
    return made.copied(tmp_path / "site")


def run(site: Site, kind: str, model: str) -> Ended:
    """Run a graph that names a model of a kind and uses it."""
    type_, links, params = USES[kind]
    nodes = {
        "photos": {"type": "load.coco", "params": {"root": "data", "annotations": "annotations.json"}},
        "clip": {
            "type": "video.camera_motion",
            "links": {"image": "photos.image", "boxes": "photos.boxes"},
            "params": {"frames": 2},
        },
        "model": {"type": f"load.{kind}", "params": {"model": model}},
        "use": {"type": type_, "links": links | {"model": "model"}, "params": params},
    }
    graph = site.write("graph.json", {"nodegraph": 1, "name": "one model", "nodes": nodes})
    return site.command("run", graph, "--target", "use", "--json")


def told(site: Site, kind: str, model: str) -> tuple[str, str]:
    """The only error of such a run: which node, and its message."""
    ended = run(site, kind, model)
    assert ended.exit == 1, ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    (error,) = ended.json["errors"]
    assert error["message"] in ended.stderr
    return error["node"], error["message"]


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_missing_weights_are_told_with_what_to_fetch_and_where_they_were_looked_for(
    made, monkeypatch, tmp_path, kind
):
    hub_id = json.loads(GRAPH.read_text())["nodes"][NAMED_BY[kind]]["params"]["model"]
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    node, message = told(made, kind, hub_id)
    assert node == "model"
    assert f"model {hub_id}: it is not on this machine (looked in {tmp_path}" in message
    assert f"hf download {hub_id} --include" in message
    assert "MB, licence: " in message or "GB, licence: " in message


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_folder_that_is_not_there_is_named(made, kind):
    node, message = told(made, kind, "tiny/nowhere")
    assert node == "model"
    assert "tiny/nowhere" in message


@pytest.mark.parametrize(
    ("kind", "other"), [(kind, other) for kind in CHECKPOINTS for other in CHECKPOINTS if other != kind]
)
def test_model_of_another_kind_is_refused_by_what_it_is_not(made, kind, other):
    _, message = told(made, kind, f"tiny/{other}")
    assert f"tiny/{other}" in message
    assert "No such file" not in message


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def garbled(file: Path) -> None:
    """The beginning, which says what is in it, is overwritten."""
    content = file.read_bytes()
    file.write_bytes(b"\xff" * 64 + content[64:])


@pytest.mark.parametrize("harm", [truncated, emptied, garbled])
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_damaged_weight_file_is_named(site, kind: str, harm: Callable[[Path], None]):
    folder = site.folder / "tiny" / kind
    file = max(folder.rglob("*.*"), key=lambda path: path.stat().st_size)
    assert file.suffix in (".safetensors", ".pt")
    harm(file)
    _, message = told(site, kind, f"tiny/{kind}")
    assert file.name in message


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_missing_weight_file_is_told(site, kind):
    folder = site.folder / "tiny" / kind
    max(folder.rglob("*.*"), key=lambda path: path.stat().st_size).unlink()
    _, message = told(site, kind, f"tiny/{kind}")
    assert f"tiny/{kind}" in message


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_weights_without_their_configuration_are_told(site, kind):
    folder = site.folder / "tiny" / kind
    for file in [*folder.glob("*.json"), *folder.glob("*.yaml")]:
        file.unlink()
    _, message = told(site, kind, f"tiny/{kind}")
    assert f"tiny/{kind}" in message


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoint_as_it_is_made_is_used(made, kind):
    ended = run(made, kind, f"tiny/{kind}")
    assert ended.exit == 0, ended.stderr

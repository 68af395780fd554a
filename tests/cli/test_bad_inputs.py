"""Bad photos and data sets through `nodegraph run` as a process, on the nodes of the library.

What is wrong with one picture fails that picture alone and by name; what is wrong with the whole data set
fails its loader. Either way: exit 1 (2 for bad usage), a few lines that name the file, no traceback.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

SIZE = (20, 10)


def noise(seed: int) -> Pillow.Image:
    return Pillow.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE[::-1], 3), np.uint8))


def write_folder(root: Path) -> None:
    """Two good pictures."""
    root.mkdir()
    for seed, name in enumerate(("a.jpg", "z.png")):
        noise(seed).save(root / name)


def coco_document() -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
            {"id": 2, "file_name": "z.png", "width": 20, "height": 10},
        ],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "cat"}],
    }


def write_graph(folder: Path, type_id: str, **params: Any) -> None:
    """Load `data/`, encode every picture, export pictures with their boxes where there are any."""
    image = "photos.image" if type_id != "load.images" else "photos"
    nodes: dict[str, Any] = {
        "photos": {"type": type_id, "params": {"root": "data", **params}},
        "picture": {"type": "image.encode", "links": {"image": image}},
    }
    outputs = {"pictures": "picture"}
    if type_id != "load.images":
        nodes["coco"] = {"type": "export.coco", "links": {"files": "picture", "boxes": "photos.boxes"}}
        outputs["coco"] = "coco"
    (folder / "graph.json").write_text(json.dumps({"nodegraph": 1, "nodes": nodes, "outputs": outputs}))


Spoil = Callable[[Path], object]


def cut(name: str, share: float) -> Spoil:
    def spoil(root: Path) -> None:
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: int(len(content) * share)])

    return spoil


def written(name: str, content: bytes) -> Spoil:
    return lambda root: (root / name).write_bytes(content)


def link_out(root: Path) -> None:
    noise(3).save(root.parent / "secret.png")
    (root / "out.png").symlink_to("../secret.png")


PICTURES: dict[str, tuple[Spoil, str]] = {
    "truncated JPEG": (cut("a.jpg", 0.6), "a.jpg"),
    "truncated PNG": (cut("z.png", 0.6), "z.png"),
    "header alone": (cut("a.jpg", 0.05), "a.jpg"),
    "empty file": (written("b.jpg", b""), "b.jpg"),
    "text named .jpg": (written("b.jpg", b"this is no picture\n"), "b.jpg"),
    "HTML named .png": (written("b.png", b"<html><body>404 Not Found</body></html>"), "b.png"),
    "link to nothing": (lambda root: (root / "b.jpg").symlink_to("gone.jpg"), "b.jpg"),
    "link that leads out": (link_out, "out.png"),
}


def errors_of(run_cli, *arguments: str) -> tuple[dict[str, Any], str]:
    """A run with `--json` that fails: its object, and what it says on stderr, without a traceback."""
    ended = run_cli("run", "graph.json", "--json", *arguments)
    assert ended.exit == 1
    assert "Traceback" not in ended.stderr
    return json.loads(ended.stdout), ended.stderr


@pytest.mark.parametrize(("spoil", "name"), PICTURES.values(), ids=PICTURES)
def test_bad_picture_of_a_folder_fails_alone_and_by_name(run_cli, tmp_path, spoil, name):
    write_folder(tmp_path / "data")
    spoil(tmp_path / "data")
    write_graph(tmp_path, "load.images")
    found, stderr = errors_of(run_cli)
    (error,) = found["errors"]
    assert (error["node"], error["item"]) == ("photos", name)
    assert name in error["message"]
    assert name in stderr
    good = len(list((tmp_path / "data").iterdir())) - 1
    assert found["nodes"]["picture"]["executed"] == good
    assert found["nodes"]["picture"]["failed"] == 0


def annotated(**fields: Any) -> Spoil:
    """Changes the one annotation of the COCO file."""
    return lambda document: document["annotations"][0].update(fields)


def pictured(**fields: Any) -> Spoil:
    """Changes the first picture of the COCO file."""
    return lambda document: document["images"][0].update(fields)


COCO_ITEMS: dict[str, tuple[Callable[[Any], object], str]] = {
    "missing picture": (pictured(file_name="gone.jpg"), "gone.jpg"),
    "name with ..": (pictured(file_name="../../etc/passwd"), "../../etc/passwd"),
    "absolute name": (pictured(file_name="/etc/passwd"), "/etc/passwd"),
    "other size": (pictured(width=30), "30×10"),
    "negative width": (annotated(bbox=[1, 2, -3, 4]), "annotations[0].bbox"),
    "NaN in a box": (annotated(bbox=[1, 2, float("nan"), 4]), "annotations[0].bbox"),
    "unknown category": (annotated(category_id=77), "77"),
}


@pytest.mark.parametrize(("spoil", "named"), COCO_ITEMS.values(), ids=COCO_ITEMS)
def test_bad_entry_of_a_coco_file_fails_its_picture_alone(run_cli, tmp_path, spoil, named):
    write_folder(tmp_path / "data")
    document = coco_document()
    spoil(document)
    (tmp_path / "data/annotations.json").write_text(json.dumps(document))
    write_graph(tmp_path, "load.coco")
    found, stderr = errors_of(run_cli)
    (error,) = found["errors"]
    assert error["node"] == "photos"
    assert named in error["message"]
    assert "annotations.json" in error["message"]
    assert "annotations.json" in stderr
    exported = json.loads((tmp_path / "out/graph/coco/annotations.json").read_text())
    assert [Path(image["file_name"]).stem for image in exported["images"]] == ["z"]


COCO_FILES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"images: []\n", "annotations.json"),
    "cut short": (json.dumps(coco_document()).encode()[:90], "annotations.json"),
    "a list": (b"[]", "annotations.json"),
    "image id twice": (json.dumps(coco_document()).replace('"id": 2', '"id": 1').encode(), "images[1].id"),
    "annotation of no image": (
        json.dumps(coco_document()).replace('"image_id": 1', '"image_id": 9').encode(),
        "annotations[0].image_id",
    ),
}


@pytest.mark.parametrize(("content", "named"), COCO_FILES.values(), ids=COCO_FILES)
def test_bad_coco_file_fails_its_loader_and_says_where(run_cli, tmp_path, content, named):
    write_folder(tmp_path / "data")
    (tmp_path / "data/annotations.json").write_bytes(content)
    write_graph(tmp_path, "load.coco")
    found, stderr = errors_of(run_cli)
    (error,) = found["errors"]
    assert (error["node"], error["item"]) == ("photos", "")
    assert "annotations.json" in error["message"]
    assert named in error["message"]
    assert "annotations.json" in stderr


@pytest.mark.parametrize(
    ("yaml", "named"),
    [
        (b"names: [cat\ntrain: images\n", "data.yaml"),
        (b"names: [cat]\ntrain: ../../elsewhere\n", "elsewhere"),
        (b"- 1\n- 2\n", "data.yaml"),
    ],
    ids=["broken YAML", "split that leads out", "a list"],
)
def test_bad_yaml_fails_its_loader_and_says_where(run_cli, tmp_path, yaml, named):
    write_folder(tmp_path / "data")
    (tmp_path / "data/data.yaml").write_bytes(yaml)
    write_graph(tmp_path, "load.yolo")
    found, stderr = errors_of(run_cli)
    (error,) = found["errors"]
    assert error["node"] == "photos"
    assert named in error["message"]
    assert named in stderr


def test_bad_label_line_fails_its_picture_alone(run_cli, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/data.yaml").write_text("names: [cat]\ntrain: .\n")
    (tmp_path / "data/a.txt").write_text("0 0.5 0.5 oops 0.5\n")
    write_graph(tmp_path, "load.yolo")
    found, _ = errors_of(run_cli)
    (error,) = found["errors"]
    assert error["item"] == "a.jpg"
    assert "a.txt" in error["message"]
    assert found["nodes"]["coco"]["executed"] == 1


def test_bad_xml_fails_its_picture_alone(run_cli, tmp_path):
    root = tmp_path / "data"
    for folder in ("Annotations", "JPEGImages"):
        (root / folder).mkdir(parents=True)
    for name in ("a", "z"):
        noise(1).save(root / f"JPEGImages/{name}.jpg")
    good = (
        "<annotation><filename>z.jpg</filename><size><width>20</width><height>10</height></size></annotation>"
    )
    (root / "Annotations/z.xml").write_text(good)
    (root / "Annotations/a.xml").write_text(
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation>&e;</annotation>'
    )
    write_graph(tmp_path, "load.voc")
    found, _ = errors_of(run_cli)
    (error,) = found["errors"]
    assert "a.xml" in error["message"]
    assert found["nodes"]["picture"]["executed"] == 1


def test_folder_that_is_not_there_fails_the_loader_by_name(run_cli, tmp_path):
    write_graph(tmp_path, "load.images")
    found, stderr = errors_of(run_cli)
    (error,) = found["errors"]
    assert str(tmp_path / "data") in error["message"]
    assert "data" in stderr


def test_folder_without_pictures_fails_the_loader_by_name(run_cli, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/notes.txt").write_text("no pictures here")
    write_graph(tmp_path, "load.images")
    found, _ = errors_of(run_cli)
    (error,) = found["errors"]
    assert "data" in error["message"]


def test_destination_that_cannot_be_a_folder_is_refused(run_cli, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/annotations.json").write_text(json.dumps(coco_document()))
    write_graph(tmp_path, "load.coco")
    (tmp_path / "taken").write_text("a file")
    ended = run_cli("run", "graph.json", "--out", "taken")
    assert ended.exit in (1, 2)
    assert "taken" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder where nobody may write")
@pytest.mark.parametrize("option", ["--out", "--store"])
def test_folder_where_nothing_can_be_written_is_refused_by_name(run_cli, tmp_path, option):
    write_folder(tmp_path / "data")
    (tmp_path / "data/annotations.json").write_text(json.dumps(coco_document()))
    write_graph(tmp_path, "load.coco")
    ended = run_cli("run", "graph.json", option, "/proc/locked")
    assert ended.exit in (1, 2)
    assert "/proc/locked" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_picture_without_read_permission_fails_alone_and_by_name(run_cli, tmp_path):
    write_folder(tmp_path / "data")
    (tmp_path / "data/a.jpg").chmod(0)
    write_graph(tmp_path, "load.images")
    found, _ = errors_of(run_cli)
    (error,) = found["errors"]
    assert "a.jpg" in error["message"]
    assert found["nodes"]["picture"]["executed"] == 1

"""The datasets that the main graph leaves, read by libraries that know nothing of nodegraph."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from pycocotools.coco import COCO

from nodegraph import Graph

ROOT = Path(__file__).parents[3]
CLASSES = {"person", "cat", "motorcycle", "flower", "rocket"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the main graph publishes with its own params, on all the example photos."""
    folder = tmp_path_factory.mktemp("demo")
    run = Graph.load(ROOT / "graphs/camera_motion.json").run(store=folder / "store", out=folder / "out")
    assert run.ok, run.errors
    return folder / "out"


@pytest.fixture(scope="module")
def coco(out: Path) -> COCO:
    """The COCO dataset, as an independent reader sees it."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(out / "coco/annotations.json"))


def annotations(coco: COCO) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every annotation, with its picture."""
    for annotation in coco.loadAnns(coco.getAnnIds()):
        yield annotation, coco.loadImgs(annotation["image_id"])[0]


def test_there_are_at_least_twenty_pictures_of_the_stated_sizes(out, coco):
    pictures = coco.loadImgs(coco.getImgIds())
    assert len(pictures) >= 20
    for picture in pictures:
        with Pillow.open(out / "coco/images" / picture["file_name"]) as file:
            assert file.size == (picture["width"], picture["height"])
    written = [path for path in (out / "coco/images").rglob("*") if path.is_file()]
    assert len(written) == len(pictures)


def test_every_box_has_area_and_lies_in_its_picture(coco):
    found = 0
    for annotation, picture in annotations(coco):
        x, y, width, height = annotation["bbox"]
        assert width > 0
        assert height > 0
        assert 0 <= x <= x + width <= picture["width"]
        assert 0 <= y <= y + height <= picture["height"]
        assert annotation["area"] == pytest.approx(width * height)
        found += 1
    assert found >= 100


def test_ids_are_unique_and_refer_to_what_is_there(out, coco):
    document = json.loads((out / "coco/annotations.json").read_text())
    for kind in ("images", "annotations", "categories"):
        ids = [entry["id"] for entry in document[kind]]
        assert len(ids) == len(set(ids)) > 0
    assert {entry["image_id"] for entry in document["annotations"]} <= set(coco.getImgIds())
    assert {entry["category_id"] for entry in document["annotations"]} <= set(coco.getCatIds())


def test_classes_are_those_of_the_photos(coco):
    source = json.loads((ROOT / "examples/data/photos-mini/annotations.json").read_text())
    names = {category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert names == {category["name"] for category in source["categories"]} >= CLASSES


def test_yolo_copy_has_the_same_pictures_and_as_many_boxes(out, coco):
    labels = list((out / "yolo/labels").rglob("*.txt"))
    rows = [row.split() for file in labels for row in file.read_text().splitlines()]
    assert {file.stem for file in labels} == {
        Path(picture["file_name"]).stem for picture in coco.loadImgs(coco.getImgIds())
    }
    assert len(rows) == len(coco.getAnnIds())
    for _, *numbers in rows:
        centre_x, centre_y, width, height = map(float, numbers)
        assert width / 2 - 1e-6 <= centre_x <= 1 - width / 2 + 1e-6
        assert height / 2 - 1e-6 <= centre_y <= 1 - height / 2 + 1e-6


def test_first_frame_of_every_photo_keeps_the_boxes_drawn_by_hand(coco):
    source = json.loads((ROOT / "examples/data/photos-mini/annotations.json").read_text())
    names = {category["id"]: category["name"] for category in source["categories"]}
    files = {image["id"]: Path(image["file_name"]).stem for image in source["images"]}
    drawn = {
        (files[entry["image_id"]], names[entry["category_id"]], *(round(number) for number in entry["bbox"]))
        for entry in source["annotations"]
    }
    firsts = {
        (name, category["name"], *(round(number) for number in annotation["bbox"]))
        for annotation, picture in annotations(coco)
        for name, _, frame in [picture["file_name"].rpartition(".")[0].partition("/")]
        for category in coco.loadCats(annotation["category_id"])
        if frame == "0000"
    }
    assert firsts
    assert firsts <= drawn

"""The example photos: load.coco agrees with an independent reader; the data are what their README says."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from nodes.load import load_coco, load_images

PHOTOS = Path(__file__).parents[3] / "examples/data/photos-mini"


@pytest.fixture(scope="module")
def reference():
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(PHOTOS / "annotations.json"))


def test_boxes_and_classes_are_those_of_an_independent_reader(reference):
    names = {category["id"]: category["name"] for category in reference.loadCats(reference.getCatIds())}
    by_file = {entry["file_name"]: entry for entry in reference.loadImgs(reference.getImgIds())}
    items = list(load_coco(PHOTOS))
    assert {item.key for item in items} == set(by_file)
    for item in items:
        entry, boxes = by_file[item.key], item.value.boxes
        expected = reference.loadAnns(reference.getAnnIds(imgIds=[entry["id"]]))
        xywh = np.concatenate([boxes.xyxy[:, :2], boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]], axis=1)
        assert xywh.tolist() == [annotation["bbox"] for annotation in expected]
        assert [boxes.categories.ids[index] for index in boxes.class_ids] == [
            a["category_id"] for a in expected
        ]
        assert [boxes.categories.names[index] for index in boxes.class_ids] == [
            names[a["category_id"]] for a in expected
        ]
        assert item.value.image.size == (entry["width"], entry["height"])


def test_there_are_ten_photos_with_objects_and_licences():
    document = json.loads((PHOTOS / "annotations.json").read_text())
    licences = {licence["id"] for licence in document["licenses"]}
    annotated = {annotation["image_id"] for annotation in document["annotations"]}
    assert len(document["images"]) == 10
    assert all(entry["license"] in licences and entry["id"] in annotated for entry in document["images"])
    readme = (PHOTOS / "README.md").read_text()
    assert all(f"`{entry['file_name']}`" in readme for entry in document["images"])


def test_every_box_has_area_and_lies_in_its_picture():
    for item in load_coco(PHOTOS):
        width, height = item.value.image.size
        boxes = item.uses["boxes"].xyxy
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= [width, height]).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 5).all()
        assert len(boxes) == len(item.value.boxes)


def test_folder_is_small_and_holds_the_same_pictures_as_the_annotations():
    assert sum(path.stat().st_size for path in PHOTOS.iterdir()) < 1_500_000
    assert [item.key for item in load_images(PHOTOS)] == sorted(item.key for item in load_coco(PHOTOS))

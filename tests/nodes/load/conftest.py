"""Small data sets on disk for the loaders' tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

Edit = Callable[[dict[str, Any]], None]


def write_picture(path: Path, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Writes a plain picture of 20×10 pixels."""
    return write_picture


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Path]:
    """Writes a COCO data set of two 20×10 pictures, `a.png` with two boxes and `b.png` with none."""

    def write(edit: Edit = lambda document: None) -> Path:
        document: dict[str, Any] = {
            "images": [
                {"id": 7, "file_name": "a.png", "width": 20, "height": 10},
                {"id": 3, "file_name": "b.png", "width": 20, "height": 10},
            ],
            "annotations": [
                {"id": 1, "image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4], "iscrowd": 0},
                {"id": 2, "image_id": 7, "category_id": 5, "bbox": [10.5, 0, 9.5, 10], "iscrowd": 1},
            ],
            "categories": [{"id": 90, "name": "cat"}, {"id": 5, "name": "dog"}],
        }
        edit(document)
        (tmp_path / "annotations.json").write_text(json.dumps(document))
        write_picture(tmp_path / "a.png")
        write_picture(tmp_path / "b.png")
        return tmp_path

    return write


@pytest.fixture
def yolo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a YOLO data set with one picture of 20×10 pixels, `images/train/a.png`, and its labels."""

    def write(labels: str | None = "1 0.5 0.5 0.2 0.4\n", data: str | None = None) -> Path:
        (tmp_path / "data.yaml").write_text(data or "train: images/train\nnames: [cat, dog]\n")
        write_picture(tmp_path / "images/train/a.png")
        (tmp_path / "labels/train").mkdir(parents=True, exist_ok=True)
        if labels is not None:
            (tmp_path / "labels/train/a.txt").write_text(labels)
        return tmp_path

    return write


VOC_XML = """<annotation><filename>ignored.jpg</filename>
<size><width>20</width><height>10</height><depth>3</depth></size>
<object><name>cat</name><difficult>0</difficult>
  <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>10</ymax></bndbox>
  <part><name>head</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>4</xmax><ymax>4</ymax></bndbox></part>
</object>
<object><name>dog</name><difficult>1</difficult>
  <bndbox><ymax>8.5</ymax><xmin>5</xmin><ymin>6</ymin><xmax>7</xmax></bndbox>
</object></annotation>"""


@pytest.fixture
def voc(tmp_path: Path) -> Callable[..., Path]:
    """Writes a VOC data set with the pictures `a` and `b` of 20×10 pixels; `xml` is that of `a`."""

    def write(xml: str = VOC_XML, lists: dict[str, str] | None = None) -> Path:
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations/a.xml").write_text(xml)
        (tmp_path / "Annotations/b.xml").write_text("<annotation/>")
        write_picture(tmp_path / "JPEGImages/a.png")
        write_picture(tmp_path / "JPEGImages/b.png")
        (tmp_path / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
        for name, text in (lists or {}).items():
            (tmp_path / "ImageSets/Main" / f"{name}.txt").write_text(text)
        return tmp_path

    return write

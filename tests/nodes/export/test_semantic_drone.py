"""`export.semantic_drone`: LabelMe files, the class file, and what it refuses."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from nodegraph import Stream
from nodes.export import export_semantic_drone
from nodes.export.folder import ExportError
from nodes.load import load_semantic_drone
from nodes.types import Categories


def written(picture, found, ctx):
    return export_semantic_drone(Stream.of({"a": picture(64, 48)}), Stream.of({"a": found}), ctx=ctx).folder


def test_box_is_an_outline_of_four_corners(picture, boxes, ctx):
    folder = written(picture, boxes((1.25, 2, 3, 4.0004, 1)), ctx)
    document = ElementTree.parse(folder / "gt/bounding_box/label_me_xml/a.xml").getroot()
    points = [(found.findtext("x"), found.findtext("y")) for found in document.iter("pt")]
    assert points == [("1.25", "2"), ("3", "2"), ("3", "4"), ("1.25", "4")]
    assert document.findtext("object/name") == "dog"
    assert (document.findtext("imagesize/ncols"), document.findtext("imagesize/nrows")) == ("64", "48")


def test_region_to_ignore_has_an_attribute(picture, boxes, ctx):
    found = replace(boxes((1, 2, 3, 4, 0), (1, 2, 3, 4, 1)), ignore=np.array([True, False]))
    document = ElementTree.parse(written(picture, found, ctx) / "gt/bounding_box/label_me_xml/a.xml")
    assert [entry.findtext("attributes") for entry in document.iter("object")] == ["ignore", ""]


def test_class_file_holds_published_colours_and_ids_that_are_no_rows(picture, boxes, ctx):
    classes = Categories(("person", "cat"), (15, 3))
    folder = written(picture, boxes(categories=classes), ctx)
    lines = (folder / "gt/semantic/class_dict.csv").read_text().splitlines()
    assert lines[:2] == ["name,r,g,b,id", "person,255,22,96,15"]
    assert next(iter(load_semantic_drone(folder))).value.boxes.categories == classes


def test_class_file_without_gaps_has_the_four_columns_of_the_official_one(picture, boxes, ctx):
    folder = written(picture, boxes(categories=Categories(("x", "y"), (0, 1))), ctx)
    assert (folder / "gt/semantic/class_dict.csv").read_text().startswith("name,r,g,b\nx,")


def test_dataset_without_classes_is_read_back(picture, boxes, ctx):
    folder = written(picture, boxes(categories=Categories((), ())), ctx)
    (item,) = load_semantic_drone(folder)
    assert len(item.value.boxes) == 0
    assert item.value.boxes.categories.names == ()


@pytest.mark.parametrize("name", ["a\x01b", " padded ", "two\nlines"])
def test_class_name_that_a_reader_would_not_find_again_is_refused(picture, boxes, ctx, name):
    found = boxes((1, 2, 3, 4, 0), categories=Categories((name,), (1,)))
    with pytest.raises(ExportError, match="rename the class"):
        written(picture, found, ctx)

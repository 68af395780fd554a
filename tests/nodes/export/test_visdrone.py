"""`export.visdrone`: its rows, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from nodegraph import Stream
from nodes.export import export_visdrone
from nodes.export.folder import ExportError
from nodes.types import Categories

TRAFFIC = Categories(("bus", "pedestrian", "ignored regions"), (70, 71, 72))


def written(picture, boxes, ctx, *rows, ignore=None):
    found = boxes(*rows, categories=TRAFFIC)
    if ignore is not None:
        found = replace(found, ignore=np.array(ignore))
    artifact = export_visdrone(Stream.of({"a": picture(64, 48)}), Stream.of({"a": found}), ctx=ctx)
    return (artifact.folder / "annotations/a.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("box", "row"),
    [
        ((0, 0, 64, 48), "0,0,64,48,1,9,0,0"),
        ((10.4, 20.6, 30.4, 40.6), "10,21,20,20,1,9,0,0"),
        ((-7, -7, 5, 5), "0,0,5,5,1,9,0,0"),
        ((63.8, 47.8, 64, 48), "63,47,1,1,1,9,0,0"),
        ((10.1, 10.1, 10.3, 10.3), "10,10,1,1,1,9,0,0"),
    ],
)
def test_boxes_are_whole_pixels_with_the_ids_of_visdrone(picture, boxes, ctx, box, row):
    assert written(picture, boxes, ctx, (*box, 0)) == [row]


def test_regions_to_ignore_have_score_zero(picture, boxes, ctx):
    rows = written(picture, boxes, ctx, (1, 2, 3, 4, 1), (1, 2, 3, 4, 2), ignore=[True, True])
    assert rows == ["1,2,2,2,0,1,0,0", "1,2,2,2,0,0,0,0"]


def test_picture_without_boxes_has_an_empty_file(picture, boxes, ctx):
    assert written(picture, boxes, ctx) == []


def test_class_that_visdrone_does_not_have_is_refused(picture, boxes, ctx):
    labels = Stream.of({"a": boxes((1, 2, 3, 4, 0))})
    with pytest.raises(ExportError, match=r"item 'a': VisDrone has no class 'cat'; rename it to one of"):
        export_visdrone(Stream.of({"a": picture()}), labels, ctx=ctx)


def test_files_follow_item_keys_and_name_their_items(picture, boxes, ctx):
    labels = Stream.of({"a/b.jpg": boxes()})
    artifact = export_visdrone(Stream.of({"a/b.jpg": picture()}), labels, ctx=ctx)
    assert artifact.made_from == {"images/a/b.jpg": ["a/b.jpg"], "annotations/a/b.txt": ["a/b.jpg"]}

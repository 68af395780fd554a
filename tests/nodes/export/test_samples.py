import numpy as np
import pytest

from nodegraph import Stream
from nodes.export.folder import ExportError
from nodes.export.samples import clipped, samples_of, union_of_categories, union_of_names
from nodes.types import Categories


def test_pictures_and_boxes_are_paired_by_key_whatever_their_order(picture, boxes):
    files = Stream.of({"a": picture(), "b": picture()})
    labels = Stream.of({"b": boxes((1, 2, 3, 4, 0)), "a": boxes()})
    assert [(sample.key, len(sample.boxes)) for sample in samples_of(files, labels)] == [("a", 0), ("b", 1)]


def test_a_picture_without_boxes_is_an_error_that_names_it(picture, boxes):
    files = Stream.of({key: picture() for key in "abc"})
    with pytest.raises(ExportError, match=r"item 'b' \(and 1 more\) has a picture but no boxes"):
        list(samples_of(files, Stream.of({"a": boxes()})))


def test_boxes_without_a_picture_are_an_error_that_names_them(picture, boxes):
    labels = Stream.of({"a": boxes(), "b": boxes()})
    with pytest.raises(ExportError, match="item 'b' has boxes but no picture"):
        list(samples_of(Stream.of({"a": picture()}), labels))


def test_boxes_are_clipped_and_those_outside_left_out(boxes):
    given = boxes((-5, -5, 10, 10, 0), (70, 0, 80, 10, 0), (60, 40, 90, 90, 1), (5, 5, 5, 9, 1))
    xyxy, kept = clipped(given, 64, 48)
    np.testing.assert_array_equal(xyxy, [[0, 0, 10, 10], [60, 40, 64, 48]])
    assert kept.tolist() == [0, 2]


def test_categories_of_several_items_are_united_by_name(boxes):
    entries = [
        boxes(categories=Categories(("cat", "dog"), (17, 18))),
        boxes(categories=Categories(("dog", "cup"), (18, 47))),
        boxes(categories=Categories((), ())),
    ]
    assert union_of_categories(entries) == Categories(("cat", "dog", "cup"), (17, 18, 47))
    assert union_of_names(entries) == ("cat", "dog", "cup")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Categories(("cat",), (1,)), "class 'cat' has the id 17 in one item and 1 in another"),
        (Categories(("cup",), (17,)), "class id 17 is 'cat' in one item and 'cup' in another"),
    ],
)
def test_contradicting_category_ids_are_an_error_that_names_the_class(boxes, other, message):
    with pytest.raises(ExportError, match=message):
        union_of_categories([boxes(), boxes(categories=other)])

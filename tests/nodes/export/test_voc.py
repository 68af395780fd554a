from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from nodegraph import Stream
from nodes.export import export_voc
from nodes.export.folder import ExportError
from nodes.load import load_voc
from nodes.types import Categories


def corners(path):
    return [
        [int(found.findtext(f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")]
        for found in ElementTree.parse(path).getroot().iter("object")
    ]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 64, 48), [1, 1, 64, 48]),
        ((10, 20, 11, 21), [11, 21, 11, 21]),
        ((10.4, 20.6, 30.4, 40.6), [11, 22, 30, 41]),
        ((-7, -7, 5, 5), [1, 1, 5, 5]),
        ((63.8, 47.8, 64, 48), [64, 48, 64, 48]),
        ((10.1, 10.1, 10.3, 10.3), [11, 11, 11, 11]),
    ],
)
def test_coordinates_are_one_based_and_inclusive(picture, boxes, ctx, box, expected):
    artifact = export_voc(Stream.of({"a": picture(64, 48)}), Stream.of({"a": boxes((*box, 0))}), ctx=ctx)
    assert corners(artifact.folder / "Annotations/a.xml") == [expected]


def test_an_annotation_names_its_picture_and_its_size(picture, boxes, ctx):
    labels = Stream.of({"cat.jpg/0003": boxes((1, 2, 3, 4, 1))})
    artifact = export_voc(Stream.of({"cat.jpg/0003": picture(64, 48)}), labels, ctx=ctx)
    root = ElementTree.parse(artifact.folder / "Annotations/cat__0003.xml").getroot()
    assert (artifact.folder / "JPEGImages" / root.findtext("filename")).is_file()
    assert [root.findtext(f"size/{name}") for name in ("width", "height", "depth")] == ["64", "48", "3"]
    assert root.findtext("object/name") == "dog"
    assert artifact.made_from == {
        "JPEGImages/cat__0003.jpg": ["cat.jpg/0003"],
        "Annotations/cat__0003.xml": ["cat.jpg/0003"],
        "ImageSets/Main/train.txt": ["cat.jpg/0003"],
    }


def test_another_library_reads_the_same_boxes(picture, boxes, ctx):
    import supervision

    labels = {"a": boxes((1, 2, 33, 44, 0), (0, 0, 64, 48, 1)), "none": boxes()}
    folder = export_voc(Stream.of({key: picture() for key in labels}), Stream.of(labels), ctx=ctx).folder
    read = supervision.DetectionDataset.from_pascal_voc(
        str(folder / "JPEGImages"), str(folder / "Annotations")
    )
    assert read.classes == ["cat", "dog"]
    np.testing.assert_array_equal(read.annotations[str(folder / "JPEGImages/a.jpg")].xyxy, labels["a"].xyxy)
    assert len(read.annotations[str(folder / "JPEGImages/none.jpg")]) == 0


def test_the_loader_gives_back_what_was_written(picture, boxes, ctx):
    labels = {"cat one.jpg/0003": boxes((1, 2, 33, 44, 1)), "none": boxes()}
    folder = export_voc(Stream.of({key: picture() for key in labels}), Stream.of(labels), ctx=ctx).folder
    items = {item.key: item.value.boxes for item in load_voc(folder, split="train", classes=["cat", "dog"])}
    assert list(items) == ["cat_one__0003", "none"]
    np.testing.assert_array_equal(items["cat_one__0003"].xyxy, [[1, 2, 33, 44]])
    assert items["cat_one__0003"].class_ids.tolist() == [1]
    assert len(items["none"]) == 0


def test_class_names_are_escaped(picture, boxes, ctx):
    labels = Stream.of({"a": boxes((1, 2, 3, 4, 0), categories=Categories.of("<cat> & dög"))})
    artifact = export_voc(Stream.of({"a": picture()}), labels, ctx=ctx)
    assert (
        ElementTree.parse(artifact.folder / "Annotations/a.xml").getroot().findtext("object/name")
        == "<cat> & dög"
    )


def test_a_class_name_that_xml_cannot_hold_is_an_error_that_names_it(picture, boxes, ctx):
    labels = Stream.of({"a": boxes((1, 2, 3, 4, 0), categories=Categories.of("c\x00t"))})
    with pytest.raises(ExportError, match="item 'a': XML cannot hold the class name"):
        export_voc(Stream.of({"a": picture()}), labels, ctx=ctx)


def test_flattened_ids_that_meet_are_refused(picture, boxes, ctx):
    labels = {"a/b": boxes(), "a__b": boxes(), "a b": boxes(), "a_b": boxes()}
    with pytest.raises(ExportError, match="item 'a/b' and 'a__b'"):
        export_voc(Stream.of({key: picture() for key in labels}), Stream.of(labels), ctx=ctx)


def test_every_item_is_listed_in_one_split(picture, boxes, ctx):
    keys = [f"photo{number}" for number in range(30)]
    artifact = export_voc(
        Stream.of({key: picture() for key in keys}),
        Stream.of({key: boxes() for key in keys}),
        val_share=0.3,
        ctx=ctx,
    )
    train, val = (
        (artifact.folder / f"ImageSets/Main/{split}.txt").read_text().split() for split in ("train", "val")
    )
    assert train
    assert val
    assert sorted(train + val) == sorted(keys)


def test_an_empty_dataset_has_an_empty_list(ctx, contents):
    assert contents(export_voc(Stream.of([]), Stream.of([]), ctx=ctx)) == {"ImageSets/Main/train.txt": b""}


def test_regions_to_ignore_are_difficult(picture, boxes, ctx):
    found = replace(boxes((1, 2, 3, 4, 0), (1, 2, 3, 4, 1)), ignore=np.array([True, False]))
    artifact = export_voc(Stream.of({"a": picture()}), Stream.of({"a": found}), ctx=ctx)
    document = ElementTree.parse(artifact.folder / "Annotations/a.xml")
    assert [entry.findtext("difficult") for entry in document.iter("object")] == ["1", "0"]

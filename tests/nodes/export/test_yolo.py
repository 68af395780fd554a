from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodegraph import Context, Stream
from nodes.export import export_yolo
from nodes.load import load_yolo
from nodes.types import Categories


def test_a_row_has_the_normalised_centre_and_size_with_six_digits(picture, boxes, ctx):
    labels = Stream.of({"a": boxes((16, 12, 48, 24, 1), (-10, 40, 32, 60, 0))})
    artifact = export_yolo(Stream.of({"a": picture(64, 48)}), labels, ctx=ctx)
    assert (artifact.folder / "labels/train/a.txt").read_text() == (
        "1 0.500000 0.375000 0.500000 0.250000\n0 0.250000 0.916667 0.500000 0.166667\n"
    )


def test_another_library_reads_the_same_boxes(picture, boxes, ctx):
    import supervision

    files = Stream.of({"a": picture(), "b c.d": picture(), "none": picture()})
    labels = {
        "a": boxes((1, 2, 33, 44, 1)),
        "b c.d": boxes((5, 6, 7, 8, 0), (0, 0, 64, 48, 1)),
        "none": boxes(),
    }
    folder = export_yolo(files, Stream.of(labels), ctx=ctx).folder
    read = supervision.DetectionDataset.from_yolo(
        str(folder / "images/train"), str(folder / "labels/train"), str(folder / "data.yaml")
    )
    assert read.classes == ["cat", "dog"]
    for key, expected in labels.items():
        found = read.annotations[str(folder / f"images/train/{key}.jpg")]
        assert len(found) == len(expected)
        if len(expected):
            np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=1e-3)
            np.testing.assert_array_equal(found.class_id, expected.class_ids)


def test_the_loader_gives_back_what_was_written(picture, boxes, ctx):
    keys = ["images/train/cat.jpg/0000", "Größe: 猫"]
    labels = {key: boxes((1.25, 2, 33, 44.5, 1)) for key in keys}
    folder = export_yolo(Stream.of({key: picture() for key in keys}), Stream.of(labels), ctx=ctx).folder
    items = list(load_yolo(folder))
    assert sorted(item.key for item in items) == [
        "images/train/Größe_ 猫.jpg",
        "images/train/images_/train/cat/0000.jpg",
    ]
    for item in items:
        assert item.value.boxes.categories.names == ("cat", "dog")
        np.testing.assert_allclose(item.value.boxes.xyxy, [[1.25, 2, 33, 44.5]], atol=1e-3)


def test_a_picture_without_objects_has_an_empty_label_file(picture, boxes, ctx):
    artifact = export_yolo(Stream.of({"a": picture()}), Stream.of({"a": boxes()}), ctx=ctx)
    assert (artifact.folder / "labels/train/a.txt").read_bytes() == b""
    assert artifact.made_from["labels/train/a.txt"] == ["a"]


def test_classes_that_need_quotes_survive_yaml(picture, boxes, ctx):
    import yaml

    names = ('yes: "no"', "#1", "123", "é\n", "null")
    labels = Stream.of({"a": boxes((1, 2, 3, 4, 4), categories=Categories.of(*names))})
    artifact = export_yolo(Stream.of({"a": picture()}), labels, ctx=ctx)
    document = yaml.safe_load((artifact.folder / "data.yaml").read_text("utf-8"))
    assert document["names"] == dict(enumerate(names))


def test_without_a_validation_share_training_pictures_stand_in(picture, boxes, ctx):
    import yaml

    artifact = export_yolo(Stream.of({"a": picture()}), Stream.of({"a": boxes()}), ctx=ctx)
    document = yaml.safe_load((artifact.folder / "data.yaml").read_text())
    assert (document["train"], document["val"]) == ("images/train", "images/train")


def test_a_validation_share_makes_two_splits_without_a_common_source(picture, boxes, ctx):
    keys = [f"photo{number}/{frame}" for number in range(20) for frame in range(2)]
    artifact = export_yolo(
        Stream.of({key: picture() for key in keys}),
        Stream.of({key: boxes() for key in keys}),
        val_share=0.3,
        ctx=ctx,
    )
    train, val = (
        {path.parent.name for path in (artifact.folder / "images" / split).rglob("*.jpg")}
        for split in ("train", "val")
    )
    assert train
    assert val
    assert not train & val
    assert "val: images/val\n" in (artifact.folder / "data.yaml").read_text()


def test_an_empty_dataset_has_only_the_yaml(ctx, contents):
    artifact = export_yolo(Stream.of([]), Stream.of([]), ctx=ctx)
    assert list(contents(artifact)) == ["data.yaml"]


def test_equal_input_gives_equal_bytes(picture, boxes, ctx, contents):
    files, labels = Stream.of({"a": picture()}), Stream.of({"a": boxes((1, 2, 3, 4, 0))})
    first, second = (contents(export_yolo(files, labels, ctx=ctx)) for _ in range(2))
    assert first == second


def test_regions_to_ignore_go_to_a_folder_that_other_readers_do_not_look_into(picture, boxes, ctx):
    found = replace(boxes((0, 0, 32, 48, 0), (32, 0, 64, 48, 1)), ignore=np.array([True, False]))
    labels = {"a": found, "b": boxes((0, 0, 64, 48, 0))}
    files = Stream.of({"a": picture(64, 48), "b": picture(64, 48)})
    artifact = export_yolo(files, Stream.of(labels), ctx=ctx)
    assert (artifact.folder / "labels/train/a.txt").read_text() == "1 0.750000 0.500000 0.500000 1.000000\n"
    assert (artifact.folder / "ignore/train/a.txt").read_text() == "0 0.250000 0.500000 0.500000 1.000000\n"
    assert not (artifact.folder / "ignore/train/b.txt").exists()


names_of_classes = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.lists(names_of_classes, min_size=1, unique=True))
def test_class_names_of_any_letters_are_read_back(names, picture, boxes):
    with TemporaryDirectory() as place:
        found = boxes(categories=Categories.of(*names))
        ctx = Context.for_test(tmp=Path(place))
        artifact = export_yolo(Stream.of({"a": picture()}), Stream.of({"a": found}), ctx=ctx)
        (item,) = load_yolo(artifact.folder)
        assert item.value.boxes.categories.names == tuple(names)

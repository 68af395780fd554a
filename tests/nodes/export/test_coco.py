import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from faster_coco_eval import COCO
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodegraph import Context, Stream
from nodes.export import export_coco
from nodes.export.folder import ExportError
from nodes.types import Categories


def read(artifact):
    return json.loads((artifact.folder / "annotations.json").read_text("utf-8"))


def load_independently(artifact) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(artifact.folder / "annotations.json"))


def test_an_independent_reader_finds_every_picture_and_box(picture, boxes, ctx):
    files = Stream.of(
        {"cat.jpg/0000": picture(), "cat.jpg/0001": picture(), "empty": picture(30, 20, ".png")}
    )
    labels = Stream.of(
        {
            "cat.jpg/0000": boxes((1.5, 2, 11.25, 22, 0), (0, 0, 64, 48, 1)),
            "cat.jpg/0001": boxes((3, 4, 5, 6, 1)),
            "empty": boxes(),
        }
    )
    artifact = export_coco(files, labels, ctx=ctx)
    coco = load_independently(artifact)
    names = [coco.imgs[number]["file_name"] for number in sorted(coco.imgs)]
    assert names == ["cat/0000.jpg", "cat/0001.jpg", "empty.png"]
    assert [len(coco.getAnnIds(imgIds=[number])) for number in sorted(coco.imgs)] == [2, 1, 0]
    assert [(entry["id"], entry["name"]) for entry in coco.loadCats(coco.getCatIds())] == [
        (17, "cat"),
        (18, "dog"),
    ]
    first = coco.anns[1]
    assert first["bbox"] == [1.5, 2.0, 9.75, 20.0]
    assert first["area"] == 195.0
    assert first["iscrowd"] == 0
    assert [coco.anns[number]["category_id"] for number in (1, 2, 3)] == [17, 18, 18]


def test_files_are_the_given_bytes_and_each_names_its_item(picture, boxes, ctx):
    file = picture()
    artifact = export_coco(Stream.of({"a/b": file}), Stream.of({"a/b": boxes()}), ctx=ctx)
    assert (artifact.folder / "images/a/b.jpg").read_bytes() == file.data
    assert artifact.made_from == {"images/a/b.jpg": ["a/b"], "annotations.json": ["a/b"]}


def test_an_empty_dataset_is_a_valid_one(ctx):
    artifact = export_coco(Stream.of([]), Stream.of([]), ctx=ctx)
    coco = load_independently(artifact)
    assert not coco.imgs
    assert not coco.cats


def test_equal_input_gives_equal_bytes(picture, boxes, ctx, contents):
    files, labels = Stream.of({"a": picture()}), Stream.of({"a": boxes((1, 2, 3, 4, 0))})
    first, second = (contents(export_coco(files, labels, ctx=ctx)) for _ in range(2))
    assert first == second


def test_a_confidence_below_one_is_kept(picture, boxes, ctx):
    labels = Stream.of({"a": boxes((1, 2, 3, 4, 0), (1, 2, 3, 4, 0), scores=[1.0, 0.25])})
    annotations = read(export_coco(Stream.of({"a": picture()}), labels, ctx=ctx))["annotations"]
    assert ["score" in entry for entry in annotations] == [False, True]
    assert annotations[1]["score"] == 0.25


def test_ids_follow_class_names_when_items_order_them_differently(picture, boxes, ctx):
    labels = {
        "a": boxes((1, 2, 3, 4, 0), categories=Categories(("cat", "dog"), (17, 18))),
        "b": boxes((1, 2, 3, 4, 0), categories=Categories(("dog", "cat"), (18, 17))),
    }
    files = Stream.of({"a": picture(), "b": picture()})
    annotations = read(export_coco(files, Stream.of(labels), ctx=ctx))["annotations"]
    assert [entry["category_id"] for entry in annotations] == [17, 18]


def test_two_items_with_one_file_name_are_refused_by_name(picture, boxes, ctx):
    files = Stream.of({"a?": picture(), "a*": picture()})
    with pytest.raises(ExportError, match=r"item 'a\?' and 'a\*'"):
        export_coco(files, Stream.of({"a?": boxes(), "a*": boxes()}), ctx=ctx)


corner = st.floats(-50, 800, width=32)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(corner, corner, corner, corner), min_size=1, max_size=20),
    width=st.integers(1, 700),
)
def test_written_boxes_lie_in_their_picture_to_the_last_bit(rows, width, picture, boxes, tmp_path):
    ordered = [(min(a, c), min(b, d), max(a, c), max(b, d), 0) for a, b, c, d in rows]
    labels = Stream.of({"a": boxes(*ordered)})
    artifact = export_coco(Stream.of({"a": picture(width, 37)}), labels, ctx=Context.for_test(tmp=tmp_path))
    for entry in read(artifact)["annotations"]:
        x, y, w, h = entry["bbox"]
        assert x >= 0
        assert y >= 0
        assert w > 0
        assert h > 0
        assert x + w <= width
        assert y + h <= 37


# pycocotools 2.0.11 passes arrays to NumPy 2 in the manner of NumPy 1.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn.t accept a copy:DeprecationWarning")
def test_region_to_ignore_is_a_crowd_that_pycocotools_draws(picture, boxes, tmp_path, capsys):
    from pycocotools import coco as independent

    rows = [(3, 4, 9, 20, 0), (0, 0, 64, 48, 0), (5.5, 0, 8, 48, 1), (63, 47, 64, 48, 1), (0, 5, 64, 6, 1)]
    found = replace(boxes(*rows), ignore=np.ones(5, bool))
    artifact = export_coco(
        Stream.of({"a": picture(64, 48)}), Stream.of({"a": found}), ctx=Context.for_test(tmp=tmp_path)
    )
    reference = independent.COCO(str(artifact.folder / "annotations.json"))
    capsys.readouterr()
    for entry, (left, top, right, bottom, _) in zip(reference.anns.values(), rows, strict=True):
        mask = reference.annToMask(entry)
        expected = np.zeros((48, 64), np.uint8)
        expected[int(top) : int(bottom), int(left) : int(right)] = 1
        assert entry["iscrowd"] == 1
        assert np.array_equal(mask, expected)


def test_detection_inside_a_crowd_is_neither_right_nor_wrong(picture, boxes, tmp_path, capsys):
    from pycocotools import coco as independent
    from pycocotools.cocoeval import COCOeval

    found = replace(boxes((0, 0, 32, 48, 0), (40, 0, 60, 20, 0)), ignore=np.array([True, False]))
    artifact = export_coco(
        Stream.of({"a": picture(64, 48)}), Stream.of({"a": found}), ctx=Context.for_test(tmp=tmp_path)
    )
    truth = independent.COCO(str(artifact.folder / "annotations.json"))
    detections = truth.loadRes(
        [
            {"image_id": 1, "category_id": 17, "bbox": [2, 2, 10, 10], "score": 0.9},
            {"image_id": 1, "category_id": 17, "bbox": [40, 0, 20, 20], "score": 0.8},
        ]
    )
    scored = COCOeval(truth, detections, "bbox")
    scored.evaluate()
    scored.accumulate()
    scored.summarize()
    capsys.readouterr()
    assert scored.stats[0] == pytest.approx(1)

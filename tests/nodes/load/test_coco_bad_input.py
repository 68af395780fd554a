"""`load.coco` on bad files: an error of the file fails the node, one of a picture that item alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image as Pillow

from nodes.load import AnnotationError, OutsideRootError, PictureError, load_coco


def assign(*path_and_value):
    """An edit of the document: `assign("images", 0, "id", 5)` sets `document["images"][0]["id"] = 5`."""
    *path, last, value = path_and_value

    def edit(document):
        for step in path:
            document = document[step]
        document[last] = value

    return edit


FILE_ERRORS = {
    "images missing": (assign("images", None), r"images must be a list, not None"),
    "image no object": (assign("images", 1, "b.png"), r"images\[1\] must be an object, not 'b.png'"),
    "image without id": (assign("images", 1, "id", None), r"images\[1\].id must be a whole number or a text"),
    "image id twice": (assign("images", 1, "id", 7), r"images\[1\].id 7 occurs twice"),
    "file name no text": (
        assign("images", 1, "file_name", 5),
        r"images\[1\].file_name must be a file's name, not 5",
    ),
    "file name empty": (assign("images", 1, "file_name", ""), r"images\[1\].file_name must be a file's name"),
    "file name twice": (
        assign("images", 1, "file_name", "a.png"),
        r"images\[1\].file_name 'a.png' occurs twice",
    ),
    "file name twice, spelt otherwise": (
        assign("images", 1, "file_name", "./a.png"),
        r"images\[1\].file_name 'a.png' occurs twice",
    ),
    "annotations missing": (assign("annotations", None), r"annotations must be a list, not None"),
    "annotation no object": (assign("annotations", 1, []), r"annotations\[1\] must be an object"),
    "unknown image": (assign("annotations", 1, "image_id", 99), r"annotations\[1\].image_id .* not 99"),
    "image id a list": (assign("annotations", 1, "image_id", [7]), r"annotations\[1\].image_id .* not \[7\]"),
    "bbox missing": (
        assign("annotations", 1, "bbox", None),
        r"annotations\[1\].bbox must be \[x, y, width, height\]",
    ),
    "bbox of three": (
        assign("annotations", 1, "bbox", [1, 2, 3]),
        r"annotations\[1\].bbox .* not \[1, 2, 3\]",
    ),
    "bbox of texts": (
        assign("annotations", 1, "bbox", ["1", 2, 3, 4]),
        r"annotations\[1\].bbox .*four numbers",
    ),
    "bbox of bools": (
        assign("annotations", 1, "bbox", [True, 2, 3, 4]),
        r"annotations\[1\].bbox .*four numbers",
    ),
    "categories missing": (assign("categories", {}), r"categories must be a list"),
    "category without name": (
        assign("categories", 0, "name", ""),
        r"categories\[0\].name must be a non-empty text",
    ),
    "category name with half a letter": (
        assign("categories", 0, "name", "\ud800"),
        r"categories\[0\].name must be a non-empty text",
    ),
    "category id a text": (
        assign("categories", 1, "id", "5"),
        r"categories\[1\].id must be a whole number, not '5'",
    ),
    "category id twice": (assign("categories", 1, "id", 90), r"categories\[1\].id 90 occurs twice"),
    "category name twice": (
        assign("categories", 1, "name", "cat"),
        r"categories\[1\].name 'cat' occurs twice",
    ),
}


@pytest.mark.parametrize(("edit", "message"), FILE_ERRORS.values(), ids=FILE_ERRORS.keys())
def test_error_of_the_file_fails_the_node_and_says_where(coco, edit, message):
    root = coco(edit)
    with pytest.raises(AnnotationError, match=message) as caught:
        next(iter(load_coco(root)))
    assert str(caught.value).startswith(str(root / "annotations.json"))


ITEM_ERRORS = {
    "negative width": (
        assign("annotations", 0, "bbox", [1, 2, -3, 4]),
        AnnotationError,
        r"annotations\[0\].bbox",
    ),
    "negative height": (assign("annotations", 0, "bbox", [1, 2, 3, -4]), AnnotationError, r"not negative"),
    "not a number": (
        assign("annotations", 0, "bbox", [float("nan"), 2, 3, 4]),
        AnnotationError,
        r"annotations\[0\].bbox must be of finite numbers",
    ),
    "infinite": (assign("annotations", 0, "bbox", [1, 2, float("inf"), 4]), AnnotationError, r"finite"),
    "beyond all pictures": (assign("annotations", 0, "bbox", [1, 2, 10**400, 4]), AnnotationError, r"finite"),
    "unknown category": (
        assign("annotations", 0, "category_id", 4),
        AnnotationError,
        r"annotations\[0\].category_id must be the id of one of the categories, not 4",
    ),
    "no category": (assign("annotations", 0, "category_id", None), AnnotationError, r"not None"),
    "crowd neither 0 nor 1": (
        assign("annotations", 0, "iscrowd", "no"),
        AnnotationError,
        r"iscrowd must be 0 or 1",
    ),
    "other size": (
        assign("images", 0, "width", 40),
        AnnotationError,
        r"images\[0\]: stated as 40×10 pixels, but the upright picture has 20×10",
    ),
    "impossible size": (
        assign("images", 0, "height", -1),
        AnnotationError,
        r"images\[0\].height must be a positive",
    ),
    "size no number": (assign("images", 0, "height", "10"), AnnotationError, r"images\[0\].height must be"),
    "missing picture": (
        assign("images", 0, "file_name", "gone.png"),
        FileNotFoundError,
        r"images\[0\].*gone\.png",
    ),
    "picture is a folder": (assign("images", 0, "file_name", "."), FileNotFoundError, r"images\[0\]"),
    "name leads out": (
        assign("images", 0, "file_name", "../a.png"),
        OutsideRootError,
        r"images\[0\].file_name: '../a.png' must be a name below",
    ),
    "name leads out by backslashes": (
        assign("images", 0, "file_name", "x\\..\\..\\a.png"),
        OutsideRootError,
        r"below",
    ),
    "absolute name": (
        assign("images", 0, "file_name", "/etc/passwd"),
        OutsideRootError,
        r"'/etc/passwd' must be",
    ),
    "name longer than any file's": (
        assign("images", 0, "file_name", "a" * 300 + ".png"),
        FileNotFoundError,
        r"images\[0\].file_name: 'aaa.*no file can have such a name",
    ),
    "name with half a letter": (
        assign("images", 0, "file_name", "a\ud800.png"),
        FileNotFoundError,
        r"no file can have such a name",
    ),
    "name with a zero byte": (
        assign("images", 0, "file_name", "a\0.png"),
        OutsideRootError,
        r"must be a name",
    ),
}


@pytest.mark.parametrize(("edit", "kind", "message"), ITEM_ERRORS.values(), ids=ITEM_ERRORS.keys())
def test_error_of_one_picture_fails_that_item_alone(coco, edit, kind, message):
    bad, good = load_coco(coco(edit))
    assert good.value.image.size == (20, 10)
    for _ in range(2):
        with pytest.raises(kind, match=message):
            bad.make()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b'{"images": [', "not JSON.*line 1 column"),
        (b"\xff\xfe\x00garbage", "not JSON"),
        (b"[1, 2]", "must be an object with 'images'"),
        (b"[" * 100_000, "nested too deeply"),
        (b"PK\x03\x04 a zip", "not JSON"),
    ],
    ids=["empty", "cut", "binary", "list", "deep", "zip"],
)
def test_file_that_is_not_coco_json_is_named(tmp_path, content, message):
    (tmp_path / "annotations.json").write_bytes(content)
    with pytest.raises(AnnotationError, match=rf"annotations\.json.*{message}"):
        list(load_coco(tmp_path))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"annotations\.json: no such file"):
        list(load_coco(tmp_path))


def test_folder_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "annotations.json").mkdir()
    with pytest.raises(IsADirectoryError, match=r"annotations\.json: cannot be read"):
        list(load_coco(tmp_path))


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json"])
def test_annotations_outside_the_root_are_refused(tmp_path, name):
    with pytest.raises(OutsideRootError, match=re.escape(name)):
        list(load_coco(tmp_path, name))


def test_pictures_outside_the_root_are_refused(coco):
    with pytest.raises(OutsideRootError, match=r"'\.\./photos' must be a name below"):
        list(load_coco(coco(), images="../photos"))


def test_link_out_of_the_root_fails_that_item_alone(coco, tmp_path_factory):
    root = coco()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.png"
    (root / "a.png").rename(elsewhere)
    (root / "a.png").symlink_to(elsewhere)
    bad, good = load_coco(root)
    assert good.value.image.size == (20, 10)
    assert bad.reads == ()
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        bad.make()


def test_folder_that_is_a_link_out_of_the_root_fails_its_items_alone(coco, tmp_path_factory, picture):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    picture(elsewhere / "a.png")
    root = coco(assign("images", 0, "file_name", "linked/a.png"))
    (root / "linked").symlink_to(elsewhere)
    bad, good = load_coco(root)
    assert good.value.image.size == (20, 10)
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        bad.make()


def test_links_in_a_circle_fail_that_item_alone(coco):
    root = coco(assign("images", 0, "file_name", "round/a.png"))
    (root / "round").symlink_to(root / "about")
    (root / "about").symlink_to(root / "round")
    bad, good = load_coco(root)
    assert good.value.image.size == (20, 10)
    with pytest.raises((OutsideRootError, FileNotFoundError), match=r"round"):
        bad.make()


def test_undecodable_picture_fails_alone_and_by_name(coco):
    root = coco()
    (root / "a.png").write_text("a text")
    bad, good = load_coco(root)
    assert good.value.image.size == (20, 10)
    with pytest.raises(PictureError, match=r"a\.png"):
        bad.make()


def test_boxes_drawn_on_the_picture_before_it_was_turned_upright_are_refused(coco):
    root = coco()
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(np.zeros((10, 20, 3), np.uint8)).save(root / "a.png", exif=exif)
    bad, _ = load_coco(root)
    with pytest.raises(AnnotationError, match="stated as 20×10 pixels, but the upright picture has 10×20"):
        bad.make()

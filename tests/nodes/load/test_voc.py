"""`load.voc`: numbers, layout and bad input."""

from __future__ import annotations

import pytest

from nodes.load import AnnotationError, OutsideRootError, load_voc


def items(root, **params):
    return {item.key: item for item in load_voc(root, **params)}


def test_one_based_inclusive_corners_become_zero_based_exclusive(voc):
    boxes = items(voc())["a"].value.boxes
    assert boxes.xyxy.tolist() == [[0, 1, 20, 10], [4, 5, 7, 8.5]]
    assert [boxes.categories.names[index] for index in boxes.class_ids] == ["cat", "dog"]


def test_one_pixel_box_at_the_top_left_covers_the_first_pixel(voc):
    xml = (
        "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax>"
        "</bndbox></object></annotation>"
    )
    assert items(voc(xml))["a"].value.boxes.xyxy.tolist() == [[0, 0, 1, 1]]


def test_zero_based_corners_are_taken_as_they_are(voc):
    boxes = items(voc(), coordinates="zero_based")["a"].value.boxes
    assert boxes.xyxy.tolist() == [[1, 2, 20, 10], [5, 6, 7, 8.5]]


def test_difficult_objects_can_be_left_out(voc):
    boxes = items(voc(), difficult="drop")["a"].value.boxes
    assert boxes.xyxy.tolist() == [[0, 1, 20, 10]]


def test_difficult_objects_are_regions_to_ignore_by_default(voc):
    assert items(voc())["a"].value.boxes.ignore.tolist() == [False, True]
    assert items(voc(), difficult="keep")["a"].value.boxes.ignore.tolist() == [False, False]


def test_subset_draws_among_the_listed_pictures(voc):
    root = voc(lists={"train": "b\na\n"})
    drawn = [list(items(root, split="train", subset=1, subset_seed=seed)) for seed in range(9)]
    assert sorted({key for keys in drawn for key in keys}) == ["a", "b"]
    assert {len(keys) for keys in drawn} == {1}


def test_classes_are_the_twenty_of_voc_by_default(voc):
    categories = items(voc())["a"].value.boxes.categories
    assert len(categories.names) == 20
    assert (categories.names[0], categories.names[-1]) == ("aeroplane", "tvmonitor")
    assert categories.ids == tuple(range(1, 21))


def test_classes_can_be_given(voc):
    boxes = items(voc(), classes=["dog", "cat"])["a"].value.boxes
    assert boxes.class_ids.tolist() == [1, 0]
    assert boxes.categories.names == ("dog", "cat")


def test_file_without_objects_gives_no_boxes(voc):
    assert len(items(voc())["b"].value.boxes) == 0


def test_size_of_zero_is_not_checked(voc):
    xml = "<annotation><size><width>0</width><height>0</height></size></annotation>"
    assert items(voc(xml))["a"].value.image.size == (20, 10)


def test_each_item_depends_on_its_annotation_its_picture_and_the_classes(voc):
    root = voc()
    item = items(root, classes=["cat", "dog"])["a"]
    assert item.reads == (root / "Annotations/a.xml", root / "JPEGImages/a.png")
    assert item.uses.names == ("cat", "dog")


def test_listing_reads_neither_annotations_nor_pictures(voc):
    root = voc("no xml")
    (root / "JPEGImages/a.png").write_bytes(b"no picture")
    assert list(items(root)) == ["a", "b"]


def test_split_gives_the_pictures_of_a_list_in_its_order(voc):
    root = voc(lists={"train": "b\na\n", "val": "a\n"})
    assert list(items(root, split="train")) == ["b", "a"]
    assert list(items(root, split="val")) == ["a"]


def test_list_of_a_class_leaves_out_pictures_without_it(voc):
    root = voc(lists={"cat_train": "a  1\nb -1\n\n"})
    assert list(items(root, split="cat_train")) == ["a"]


def box_xml(box: str, name: str = "cat") -> str:
    return f"<annotation><object><name>{name}</name>{box}</object></annotation>"


def corners(left: object, top: object, right: object, bottom: object) -> str:
    return f"<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>"


BAD_XML = {
    "not xml": ("hello", r"a\.xml:1:1: not XML"),
    "empty": ("", r"a\.xml:1:1: not XML"),
    "cut": ("<annotation>\n<object>", r"a\.xml:2:9: not XML"),
    "other root": ("<html/>", r"outermost element must be <annotation>, not '<html>'"),
    "dtd": ('<!DOCTYPE annotation SYSTEM "file:///etc/passwd"><annotation/>', r"refused: DTDForbidden"),
    "entities": (
        '<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "ccc">]><annotation>&b;</annotation>',
        r"refused: DTDForbidden",
    ),
    "unknown class": (
        box_xml(corners(1, 1, 2, 2), "unicorn"),
        r"object 1: the class 'unicorn' is not among 'classes'",
    ),
    "no class": (box_xml(corners(1, 1, 2, 2), ""), r"the class '' is not among"),
    "no box": (box_xml(""), r"object 1: has no <bndbox>"),
    "corner missing": (box_xml("<bndbox><xmin>1</xmin></bndbox>"), r"<ymin> must be a finite number, not ''"),
    "corner no number": (box_xml(corners(1, "x", 2, 2)), r"<ymin> must be a finite number, not 'x'"),
    "corner not finite": (box_xml(corners(1, 1, "inf", 2)), r"<xmax> must be a finite number"),
    "negative width": (box_xml(corners(5, 1, 2, 2)), r"must not be below <xmin>"),
    "negative height": (box_xml(corners(1, 5, 2, 2)), r"must not be below <xmin>"),
    "other size": (
        "<annotation><size><width>200</width><height>100</height></size></annotation>",
        r"stated as 200×100 pixels, but the upright picture has 20×10",
    ),
    "size no number": (
        "<annotation><size><width>wide</width><height>9</height></size></annotation>",
        r"<size> must be of whole numbers",
    ),
}


@pytest.mark.parametrize(("xml", "message"), BAD_XML.values(), ids=BAD_XML.keys())
def test_bad_annotation_fails_that_item_alone_and_is_named(voc, xml, message):
    found = items(voc(xml))
    assert found["b"].value.image.size == (20, 10)
    with pytest.raises(AnnotationError, match=message) as caught:
        found["a"].make()
    assert "a.xml" in str(caught.value)


def test_box_without_area_in_the_picture_is_left_out_with_a_warning(voc, caplog):
    assert len(items(voc(box_xml(corners(30, 1, 40, 5))))["a"].value.boxes) == 0
    assert "'cat' left out" in caplog.text


def test_missing_picture_fails_that_item_alone(voc):
    root = voc()
    (root / "JPEGImages/a.png").unlink()
    found = items(root)
    assert found["b"].value.image.size == (20, 10)
    with pytest.raises(FileNotFoundError, match=r"a\.xml: there is no picture 'a' in"):
        found["a"].make()


def test_two_pictures_of_one_name_fail_that_item_alone(voc, picture):
    root = voc()
    picture(root / "JPEGImages/a.jpg")
    with pytest.raises(AnnotationError, match=r"several pictures have its name: a\.jpg, a\.png"):
        items(root)["a"].make()


def test_listed_picture_without_annotation_fails_that_item_alone(voc):
    found = items(voc(lists={"train": "gone\nb\n"}), split="train")
    assert found["b"].value.image.size == (20, 10)
    with pytest.raises(FileNotFoundError, match=r"gone\.xml: no such file, but 'gone' is listed"):
        found["gone"].make()


@pytest.mark.parametrize("name", ["../../a", "/etc/passwd"])
def test_listed_name_that_leads_out_fails_that_item_alone(voc, name):
    found = items(voc(lists={"train": f"b\n{name}\n"}), split="train")
    assert found["b"].value.image.size == (20, 10)
    with pytest.raises((OutsideRootError, FileNotFoundError), match=name.strip("/")):
        found["train.txt:2"].make()


def test_missing_list_is_named_with_those_that_exist(voc):
    root = voc(lists={"train": "a\n", "val": "b\n"})
    with pytest.raises(FileNotFoundError, match=r"test\.txt: no such list; 'split' can be: train, val"):
        items(root, split="test")


def test_split_that_leads_out_is_refused(voc):
    with pytest.raises(OutsideRootError, match="must be a name below"):
        items(voc(), split="../../../x")


def test_picture_listed_twice_is_an_error(voc):
    with pytest.raises(AnnotationError, match=r"train\.txt:3: 'a' is already on line 1"):
        items(voc(lists={"train": "a\nb\na\n"}), split="train")


def test_class_given_twice_is_an_error(voc):
    with pytest.raises(AnnotationError, match=r"classes: .*'cat' occurs twice"):
        items(voc(), classes=["cat", "cat"])


def test_folder_above_the_data_set_is_refused_with_a_hint(voc):
    root = voc()
    (root / "VOCdevkit/VOC2012/Annotations").mkdir(parents=True)
    with pytest.raises(
        FileNotFoundError, match=r"has no folder Annotations.*set 'root' to one of its folders VOC2012"
    ):
        items(root / "VOCdevkit")


def test_picture_that_links_out_of_the_root_fails_that_item_alone(voc, tmp_path_factory):
    root = voc()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.png"
    (root / "JPEGImages/a.png").rename(elsewhere)
    (root / "JPEGImages/a.png").symlink_to(elsewhere)
    found = items(root)
    assert found["b"].value.image.size == (20, 10)
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        found["a"].make()

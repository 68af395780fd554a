"""`load.yolo`: numbers, layouts and bad input."""

from __future__ import annotations

import pytest

from nodes.load import AnnotationError, OutsideRootError, load_yolo


def only(stream):
    (item,) = stream
    return item


def test_centre_and_size_become_corners_in_pixels(yolo):
    item = only(load_yolo(yolo("1 0.5 0.5 0.2 0.4\n0 0.25 0.5 0.5 1\n")))
    boxes = item.value.boxes
    assert boxes.xyxy.tolist() == [[8, 3, 12, 7], [0, 0, 10, 10]]
    assert boxes.class_ids.tolist() == [1, 0]
    assert boxes.scores.tolist() == [1, 1]
    assert boxes.categories.names == ("cat", "dog")
    assert boxes.categories.ids == (0, 1)
    assert item.key == "images/train/a.png"


def test_fifth_number_is_the_confidence(yolo):
    assert only(load_yolo(yolo("1 0.5 0.5 0.2 0.4 0.25"))).value.boxes.scores.tolist() == [0.25]


def test_outline_becomes_the_box_around_it(yolo):
    boxes = only(load_yolo(yolo("0 0.1 0.2 0.5 0.9 0.3 0.1\n1 0 0 0.5 0 0.5 0.5 0 0.5"))).value.boxes
    assert boxes.xyxy.tolist() == [[2, 1, 10, 9], [0, 0, 10, 5]]


def test_keypoints_are_read_over_where_the_yaml_announces_them(yolo):
    data = "train: images/train\nnames: [cat]\nkpt_shape: [2, 3]\n"
    boxes = only(load_yolo(yolo("0 0.5 0.5 0.2 0.4 0.1 0.1 2 0.2 0.2 1", data))).value.boxes
    assert boxes.xyxy.tolist() == [[8, 3, 12, 7]]


def test_box_over_the_edge_is_cut_and_one_without_area_left_out(yolo, caplog):
    boxes = only(load_yolo(yolo("0 0 0.5 0.5 0.4\n1 0.5 0.5 0 0.4"))).value.boxes
    assert boxes.xyxy.tolist() == [[0, 3, 5, 7]]
    assert "a.txt: box" in caplog.text


@pytest.mark.parametrize("labels", [None, "", "\n  \n"], ids=["no file", "empty", "blank lines"])
def test_picture_without_labels_has_no_objects(yolo, labels):
    item = only(load_yolo(yolo(labels)))
    assert len(item.value.boxes) == 0
    assert item.value.image.size == (20, 10)


def test_each_item_depends_on_its_picture_its_labels_and_the_names(yolo):
    root = yolo()
    item = only(load_yolo(root))
    assert item.reads == (root / "images/train/a.png", root / "labels/train/a.txt")
    assert item.uses["categories"].names == ("cat", "dog")


def test_listing_reads_neither_pictures_nor_labels(yolo):
    root = yolo("this is no label")
    (root / "images/train/a.png").write_bytes(b"nor is this a picture")
    assert only(load_yolo(root)).key == "images/train/a.png"


@pytest.mark.parametrize(
    ("names", "expected", "ids"),
    [
        ("{2: cat, 0: dog}", ("dog", "cat"), (0, 2)),
        ("{'1': cat, '0': dog}", ("dog", "cat"), (0, 1)),
        ("[0, 1]", ("0", "1"), (0, 1)),
    ],
)
def test_names_may_be_a_mapping_or_numbers(yolo, names, expected, ids):
    categories = only(
        load_yolo(yolo("0 .5 .5 .1 .1", f"train: images/train\nnames: {names}"))
    ).value.boxes.categories
    assert (categories.names, categories.ids) == (expected, ids)


@pytest.mark.parametrize(
    "data",
    [
        "path: .\ntrain: images/train",
        "path: images\ntrain: train",
        "path: /home/someone/datasets/mine\ntrain: images/train",
        "path: ../datasets/mine\ntrain: images/train",
        "train: ../images/train",
        "train: ./images/train/",
        "train: [images/train]",
        "val: images/none\ntrain: images",
    ],
)
def test_usual_ways_to_write_the_split_are_understood(yolo, data):
    item = only(load_yolo(yolo(data=f"{data}\nnames: [cat, dog]")))
    assert item.key == "images/train/a.png"
    assert len(item.value.boxes) == 1


def test_split_may_be_a_list_of_pictures(yolo, picture):
    root = yolo(data="val: val.txt\nnames: [cat, dog]")
    picture(root / "images/train/b.png")
    (root / "val.txt").write_text("./images/train/b.png\n\nimages/train/a.png\n")
    items = list(load_yolo(root, split="val"))
    assert [item.key for item in items] == ["images/train/b.png", "images/train/a.png"]
    assert [len(item.value.boxes) for item in items] == [0, 1]


def test_labels_are_under_the_last_images_folder_of_the_path(tmp_path, picture):
    (tmp_path / "data.yaml").write_text("train: images/x/images\nnames: [cat]")
    picture(tmp_path / "images/x/images/a.b.png")
    (tmp_path / "images/x/labels").mkdir()
    (tmp_path / "images/x/labels/a.b.txt").write_text("0 .5 .5 1 1")
    assert only(load_yolo(tmp_path)).value.boxes.xyxy.tolist() == [[0, 0, 20, 10]]


def test_labels_lie_beside_pictures_that_are_in_no_images_folder(tmp_path, picture):
    (tmp_path / "data.yaml").write_text("train: photos\nnames: [cat]")
    picture(tmp_path / "photos/a.png")
    (tmp_path / "photos/a.txt").write_text("0 .5 .5 1 1")
    assert len(only(load_yolo(tmp_path)).value.boxes) == 1


BAD_LABELS = {
    "class beyond the names": ("2 .5 .5 .1 .1", r"a\.txt:1: the class must be one of the ids"),
    "negative class": ("-1 .5 .5 .1 .1", r"the class must be"),
    "class no whole number": ("0.5 .5 .5 .1 .1", r"the class must be"),
    "class a name": ("cat .5 .5 .1 .1", r"made of finite numbers, not 'cat'"),
    "too few numbers": ("0 .5 .5 .1 .1\n1 .5 .5 .1", r"a\.txt:2 must be 'class x y width height'"),
    "class alone": ("0", r"a\.txt:1 must be"),
    "odd outline": ("0 .1 .1 .2 .2 .3 .3 .4", r"must be 'class x y width height'"),
    "pixels in place of fractions": ("0 10 5 4 4", r"fractions of the picture, 0 to 1, not 10"),
    "negative width": ("0 .5 .5 -.2 .1", r"fractions of the picture"),
    "not a number": ("0 nan .5 .1 .1", r"finite numbers, not 'nan'"),
    "infinite": ("0 .5 inf .1 .1", r"finite numbers, not 'inf'"),
}


@pytest.mark.parametrize(("labels", "message"), BAD_LABELS.values(), ids=BAD_LABELS.keys())
def test_bad_line_fails_that_item_alone_and_is_named(yolo, picture, labels, message):
    root = yolo(labels)
    picture(root / "images/train/b.png")
    bad, good = load_yolo(root)
    assert good.value.image.size == (20, 10)
    with pytest.raises(AnnotationError, match=message):
        bad.make()


def test_labels_that_are_no_text_fail_that_item(yolo):
    root = yolo()
    (root / "labels/train/a.txt").write_bytes(b"\x80\x81\xff")
    with pytest.raises(AnnotationError, match=r"a\.txt: must be a text file"):
        only(load_yolo(root)).make()


BAD_YAML = {
    "no yaml": ("names: [cat", r"data\.yaml: not YAML: .*line 1"),
    "code": ("names: !!python/object/apply:os.getcwd []", r"not YAML: could not determine a constructor"),
    "impossible date": ("names: [cat]\ntrain: 2024-13-45", r"not YAML"),
    "deep": ("[" * 5000, r"not YAML"),
    "list": ("- names", r"must be a mapping"),
    "no names": ("train: images/train", r"names must be a list of class names"),
    "names empty": ("names: []\ntrain: images/train", r"names must be a list of class names"),
    "name taken for a bool": (
        "names: [cat, no]\ntrain: images/train",
        r"names\[1\] must be a text \(in quotes",
    ),
    "name twice": ("names: [cat, cat]\ntrain: images/train", r"names: .*'cat' occurs twice"),
    "class id a text": ("names: {a: cat}\ntrain: images/train", r"a class id must be a whole number"),
    "wrong count": (
        "names: [cat]\nnc: 2\ntrain: images/train",
        r"nc must be 1, the number of 'names', not 2",
    ),
    "split missing": ("names: [cat]\nval: images/train", r"names no split 'train'; it names: val"),
    "split a number": ("names: [cat]\ntrain: 5", r"train must be a folder"),
    "path a list": ("names: [cat]\npath: [a]\ntrain: images/train", r"path must be a folder's name"),
    "keypoints malformed": ("names: [cat]\nkpt_shape: 17\ntrain: images/train", r"kpt_shape must be"),
}


@pytest.mark.parametrize(("data", "message"), BAD_YAML.values(), ids=BAD_YAML.keys())
def test_bad_yaml_fails_the_node_and_says_where(yolo, data, message):
    with pytest.raises(AnnotationError, match=message):
        list(load_yolo(yolo(data=data)))


def test_missing_yaml_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.yaml: no such file"):
        list(load_yolo(tmp_path))


def test_missing_split_folder_is_named(yolo):
    with pytest.raises(FileNotFoundError, match=r"train: there is no .*images/gone"):
        list(load_yolo(yolo(data="train: images/gone\nnames: [cat]")))


def test_split_without_pictures_is_an_error(yolo):
    root = yolo(data="train: labels\nnames: [cat]")
    with pytest.raises(FileNotFoundError, match="there is no picture in the split 'train'"):
        list(load_yolo(root))


@pytest.mark.parametrize("split", ["/etc", "images/../../x"])
def test_split_outside_the_root_is_refused(yolo, split):
    with pytest.raises(OutsideRootError, match=r"train: .* must be a name below"):
        list(load_yolo(yolo(data=f"train: {split}\nnames: [cat]")))


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "./../secret.png"])
def test_listed_name_that_leads_out_fails_that_item_alone(yolo, name):
    root = yolo(data="train: train.txt\nnames: [cat, dog]")
    (root / "train.txt").write_text(f"{name}\nimages/train/a.png\n")
    bad, good = load_yolo(root)
    assert bad.key == "train.txt:1"
    assert len(good.value.boxes) == 1
    with pytest.raises(OutsideRootError, match="must be a name below"):
        bad.make()


def test_listed_picture_that_is_missing_fails_that_item_alone(yolo):
    root = yolo(data="train: train.txt\nnames: [cat, dog]")
    (root / "train.txt").write_text("images/train/gone.png\nimages/train/a.png\n")
    bad, good = load_yolo(root)
    assert good.value.image.size == (20, 10)
    with pytest.raises(FileNotFoundError, match=r"train\.txt:1: there is no picture .*gone\.png"):
        bad.make()


def test_picture_listed_twice_is_an_error(yolo):
    root = yolo(data="train: train.txt\nnames: [cat, dog]")
    (root / "train.txt").write_text("images/train/a.png\nimages/train/a.png\n")
    with pytest.raises(AnnotationError, match=r"train\.txt:2: .* occurs twice"):
        list(load_yolo(root))


def test_list_that_is_no_text_is_an_error(yolo):
    root = yolo(data="train: images/train/a.png\nnames: [cat]")
    with pytest.raises(AnnotationError, match="must be a text file"):
        list(load_yolo(root))


def test_labels_that_link_out_of_the_root_fail_that_item(yolo, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.txt"
    elsewhere.write_text("0 .5 .5 1 1")
    root = yolo(labels=None)
    (root / "labels/train/a.txt").symlink_to(elsewhere)
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        only(load_yolo(root)).make()


def test_regions_to_ignore_are_read_from_the_folder_beside_the_labels(yolo):
    root = yolo("1 0.5 0.5 0.2 0.4\n")
    (root / "ignore/train").mkdir(parents=True)
    (root / "ignore/train/a.txt").write_text("0 0.25 0.5 0.5 1\n")
    (item,) = load_yolo(root)
    boxes = item.value.boxes
    assert boxes.ignore.tolist() == [False, True]
    assert boxes.class_ids.tolist() == [1, 0]
    assert boxes.xyxy.tolist()[1] == [0, 0, 10, 10]
    assert item.reads[-1] == root / "ignore/train/a.txt"


def test_regions_to_ignore_need_no_labels(yolo):
    root = yolo(labels=None)
    (root / "ignore/train").mkdir(parents=True)
    (root / "ignore/train/a.txt").write_text("0 0.25 0.5 0.5 1\n")
    (item,) = load_yolo(root)
    assert item.value.boxes.ignore.tolist() == [True]


def test_bad_row_of_a_region_to_ignore_is_named(yolo):
    root = yolo()
    (root / "ignore/train").mkdir(parents=True)
    (root / "ignore/train/a.txt").write_text("\n7 0.25 0.5 0.5 1\n")
    (item,) = load_yolo(root)
    with pytest.raises(AnnotationError, match=r"ignore/train/a\.txt:2: the class"):
        item.make()


def test_subset_takes_so_many_pictures_of_the_split(yolo, picture):
    root = yolo()
    picture(root / "images/train/b.png")
    drawn = [[item.key for item in load_yolo(root, subset=1, subset_seed=seed)] for seed in range(9)]
    assert {len(keys) for keys in drawn} == {1}
    assert {key for keys in drawn for key in keys} == {"images/train/a.png", "images/train/b.png"}

"""`load.coco` on good files: conventions, keys, where pictures are found, laziness."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nodegraph.node.declare import node_type_of
from nodegraph.types.wire import digest, encode
from nodes.load import AnnotationError, load_coco
from nodes.types import Categories


def test_boxes_become_corners_and_categories_keep_their_ids(coco):
    first, second = load_coco(coco())
    boxes = first.value.boxes
    assert boxes.xyxy.tolist() == [[1, 2, 4, 6], [10.5, 0, 20, 10]]
    assert boxes.categories.names == ("dog", "cat")
    assert boxes.categories.ids == (5, 90)
    assert boxes.class_ids.tolist() == [1, 0]
    assert boxes.scores.tolist() == [1, 1]
    assert boxes.ignore.tolist() == [False, True]
    assert len(second.value.boxes) == 0
    assert second.value.boxes.categories == boxes.categories


def test_crowds_can_be_left_out(coco):
    first, _ = load_coco(coco(), crowd="drop")
    assert first.value.boxes.xyxy.tolist() == [[1, 2, 4, 6]]
    assert first.value.boxes.ignore.tolist() == [False]


def test_crowds_can_be_ordinary_objects(coco):
    first, _ = load_coco(coco(), crowd="keep")
    assert len(first.value.boxes) == 2
    assert not first.value.boxes.ignore.any()


def test_items_come_in_the_order_of_the_file_under_the_file_names(coco):
    def edit(document):
        document["images"].reverse()

    assert [item.key for item in load_coco(coco(edit))] == ["b.png", "a.png"]


def test_order_of_the_categories_does_not_matter(coco):
    def edit(document):
        document["categories"].reverse()

    before = next(iter(load_coco(coco()))).value.boxes
    after = next(iter(load_coco(coco(edit)))).value.boxes
    assert digest(encode(before)) == digest(encode(after))


def test_box_over_the_edge_is_cut(coco):
    def edit(document):
        document["annotations"][0]["bbox"] = [-3, 5, 40, 40]

    assert next(iter(load_coco(coco(edit)))).value.boxes.xyxy.tolist()[0] == [0, 5, 20, 10]


@pytest.mark.parametrize(
    "bbox", [[30, 2, 5, 5], [4, 4, 0, 3], [-9, 0, 9, 5]], ids=["outside", "no area", "edge"]
)
def test_box_without_area_in_the_picture_is_left_out_with_a_warning(coco, caplog, bbox):
    def edit(document):
        document["annotations"][0]["bbox"] = bbox

    (first, _) = load_coco(coco(edit))
    assert first.value.boxes.xyxy.tolist() == [[10.5, 0, 20, 10]]
    assert first.value.boxes.ignore.tolist() == [True]
    assert "images[0]: box" in caplog.text
    assert "'cat' left out" in caplog.text


def test_pictures_are_also_found_under_images(coco):
    root = coco()
    (root / "images").mkdir()
    (root / "a.png").rename(root / "images/a.png")
    first, second = load_coco(root)
    assert first.reads == (root / "images/a.png",)
    assert second.reads == (root / "b.png",)
    assert first.key == "a.png"
    assert first.value.image.size == (20, 10)


def test_layout_of_coco_2017_is_read_with_two_params(coco):
    root = coco()
    (root / "annotations").mkdir()
    (root / "annotations.json").rename(root / "annotations/instances_val2017.json")
    (root / "val2017").mkdir()
    for name in ("a.png", "b.png"):
        (root / name).rename(root / "val2017" / name)
    items = list(load_coco(root, "annotations/instances_val2017.json", images="val2017"))
    assert [item.value.image.size for item in items] == [(20, 10)] * 2


def test_backslashes_in_names_are_slashes(coco, picture):
    def edit(document):
        document["images"][0]["file_name"] = "sub\\a.png"

    root = coco(edit)
    picture(root / "sub/a.png")
    first, _ = load_coco(root)
    assert first.key == "sub/a.png"
    assert first.value.image.size == (20, 10)


def test_size_may_be_left_out(coco):
    def edit(document):
        del document["images"][0]["width"]

    assert next(iter(load_coco(coco(edit)))).value.image.size == (20, 10)


def test_ids_may_be_texts(coco):
    def edit(document):
        document["images"][0]["id"] = document["annotations"][0]["image_id"] = "seven"
        del document["annotations"][1]

    assert len(next(iter(load_coco(coco(edit)))).value.boxes) == 1


def test_byte_order_mark_is_read_over(coco):
    root = coco()
    path = root / "annotations.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(list(load_coco(root))) == 2


def test_file_without_pictures_gives_an_empty_stream(coco):
    def edit(document):
        document["images"], document["annotations"] = [], []

    assert list(load_coco(coco(edit))) == []


def test_listing_decodes_nothing_and_names_what_each_item_depends_on(coco):
    root = coco()
    (root / "a.png").write_bytes(b"not decoded while listing")
    first, second = load_coco(root)
    assert first.reads == (root / "a.png",)
    assert first.uses["boxes"].xyxy.tolist() == [[1, 2, 4, 6], [10.5, 0, 20, 10]]
    assert second.value.image.size == (20, 10)


def test_changed_box_changes_only_what_its_picture_depends_on(coco):
    def edit(document):
        document["annotations"][0]["bbox"] = [2, 2, 3, 4]

    before = [digest(encode(item.uses)) for item in load_coco(coco())]
    after = [digest(encode(item.uses)) for item in load_coco(coco(edit))]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_added_picture_leaves_the_others_as_they_were(coco, picture):
    def edit(document):
        document["images"].insert(0, {"id": 1, "file_name": "0.png"})

    before = {item.key: digest(encode(item.uses)) for item in load_coco(coco())}
    picture(coco(edit) / "0.png")
    after = {item.key: digest(encode(item.uses)) for item in load_coco(coco(edit))}
    assert before.items() <= after.items()


def test_large_ids_and_segmentations_do_no_harm(coco):
    def edit(document):
        document["images"][0]["id"] = document["annotations"][0]["image_id"] = 2**70
        document["annotations"][0]["segmentation"] = {"counts": [1, 2], "size": [10, 20]}
        del document["annotations"][1]

    assert next(iter(load_coco(coco(edit)))).value.boxes.xyxy.tolist() == [[1, 2, 4, 6]]


def test_outputs_are_picture_and_boxes():
    outputs = {port.name: str(port.type) for port in node_type_of(load_coco).signature.outputs}
    assert outputs == {"image": "image", "boxes": "boxes"}


def test_values_can_be_stored(coco):
    first, _ = load_coco(coco())
    image, boxes = first.value
    assert image.pixels.dtype == np.uint8
    assert encode(image).nbytes > image.pixels.nbytes
    assert json.dumps(boxes.xyxy.tolist())


def test_chosen_classes_keep_their_ids_and_take_only_pictures_that_show_one(coco):
    def edit(document):
        document["annotations"].append({"id": 3, "image_id": 3, "category_id": 5, "bbox": [1, 1, 2, 2]})

    assert [item.key for item in load_coco(coco(edit), classes=["cat"])] == ["a.png"]
    (only_dog,) = load_coco(coco(edit), classes=["dog"])
    assert only_dog.key == "b.png", "a crowd alone does not make a picture one of dogs"
    assert only_dog.value.boxes.categories == Categories(("dog",), (5,))
    assert only_dog.value.boxes.class_ids.tolist() == [0]


def test_class_that_the_file_does_not_have_is_named_with_those_it_has(coco):
    with pytest.raises(AnnotationError, match=r"no class 'cow'; it has: dog, cat"):
        list(load_coco(coco(), classes=["cat", "cow"]))


def test_subset_takes_so_many_pictures_in_the_order_of_the_file(coco):
    everything = [item.key for item in load_coco(coco())]
    drawn = {seed: [item.key for item in load_coco(coco(), subset=1, subset_seed=seed)] for seed in range(9)}
    assert {len(keys) for keys in drawn.values()} == {1}
    assert {key for keys in drawn.values() for key in keys} == set(everything)
    assert [item.key for item in load_coco(coco(), subset=9)] == everything

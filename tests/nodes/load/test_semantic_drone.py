"""`load.semantic_drone`: boxes from masks, LabelMe files and label images; layouts; bad input."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nodes.load import AnnotationError, OutsideRootError, PictureError, load_semantic_drone

CLASSES = """name, r, g, b
unlabeled, 0, 0, 0
person, 255, 22, 96
car, 9, 143, 150
"""
MASKS = "gt/bounding_box/masks_instances"
LABEL_ME = "gt/bounding_box/label_me_xml"
SEMANTIC = "gt/semantic/label_images"


@pytest.fixture
def drone(tmp_path, picture) -> Callable[..., Path]:
    """Writes the pictures `000` and `001` of 20×10 pixels, a class file, and files by their names."""

    def write(files: dict[str, str | np.ndarray], classes: str = CLASSES) -> Path:
        for name in ("000", "001"):
            picture(tmp_path / f"images/{name}.png")
        if classes:
            files = {"gt/semantic/class_dict.csv": classes, **files}
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content)
            else:
                Pillow.fromarray(content).save(path)
        return tmp_path

    return write


def blank(*areas: tuple[int, int, int, int, int], dtype: type = np.uint8) -> np.ndarray:
    """A label image of 20×10 pixels, 0 but for areas (left, top, right, bottom, value)."""
    values = np.zeros((10, 20), dtype)
    for left, top, right, bottom, value in areas:
        values[top:bottom, left:right] = value
    return values


def coloured(values: np.ndarray, colours: dict[int, tuple[int, int, int]]) -> np.ndarray:
    rgb = np.zeros((*values.shape, 3), np.uint8)
    for value, colour in colours.items():
        rgb[values == value] = colour
    return rgb


def outlined(*objects: str, size: str = "<imagesize><nrows>10</nrows><ncols>20</ncols></imagesize>") -> str:
    return f"<annotation><filename>000.jpg</filename>{size}{''.join(objects)}</annotation>"


def outline(*points: tuple[float, float], name: str = "person", more: str = "") -> str:
    shape = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in points)
    return f"<object><name>{name}</name>{more}<polygon>{shape}</polygon></object>"


def items(root, **params):
    return {item.key: item for item in load_semantic_drone(root, **params)}


def first(root, **params):
    return items(root, **params)["000.png"].value.boxes


def test_each_connected_value_of_an_instance_mask_is_a_person(drone):
    mask = blank((1, 2, 4, 6, 1), (10, 0, 20, 10, 2), (6, 6, 7, 7, 1))
    boxes = first(drone({f"{MASKS}/000.png": mask}))
    assert sorted(boxes.xyxy.tolist()) == [[1, 2, 4, 6], [6, 6, 7, 7], [10, 0, 20, 10]]
    assert boxes.categories.names == ("person",)
    assert boxes.categories.ids == (1,)
    assert not boxes.ignore.any()


def test_touching_instances_of_different_values_stay_apart(drone):
    mask = blank((1, 2, 4, 6, 1), (4, 2, 8, 6, 2))
    assert first(drone({f"{MASKS}/000.png": mask})).xyxy.tolist() == [[1, 2, 4, 6], [4, 2, 8, 6]]


def test_pixels_that_touch_at_a_corner_are_one_instance(drone):
    mask = blank((1, 2, 3, 4, 1), (3, 4, 5, 6, 1))
    assert first(drone({f"{MASKS}/000.png": mask})).xyxy.tolist() == [[1, 2, 5, 6]]


def test_instances_may_be_colours_and_lie_in_a_folder_of_persons(drone):
    mask = coloured(blank((1, 2, 4, 6, 1), (4, 2, 8, 6, 2)), {1: (255, 0, 0), 2: (0, 0, 1)})
    boxes = first(drone({f"{MASKS}/person/000.png": mask}))
    assert sorted(boxes.xyxy.tolist()) == [[1, 2, 4, 6], [4, 2, 8, 6]]


def test_instances_may_have_sixteen_bits(drone):
    mask = blank((1, 2, 4, 6, 256), (10, 0, 20, 10, 60000), dtype=np.uint16)
    assert len(first(drone({f"{MASKS}/000.png": mask}))) == 2


def test_black_mask_has_no_boxes(drone):
    assert len(first(drone({f"{MASKS}/000.png": blank()}))) == 0


def test_outlines_of_labelme_become_their_bounds(drone):
    text = outlined(outline((3, 2), (8.5, 1), (5, 6), name="car"), outline((1, 1), (2, 3)))
    boxes = first(drone({f"{LABEL_ME}/000.xml": text}))
    assert boxes.xyxy.tolist() == [[3, 1, 8.5, 6], [1, 1, 2, 3]]
    assert boxes.categories.names == ("unlabeled", "person", "car")
    assert boxes.class_ids.tolist() == [2, 1]


def test_labelme_names_with_line_ends_and_deleted_objects(drone):
    text = outlined(
        outline((1, 1), (2, 3), name="\nperson\n"),
        outline((1, 1), (9, 9), more="<deleted>1</deleted>"),
        outline((5, 5), (9, 9), more="<deleted>0</deleted><attributes>far, ignore</attributes>"),
    )
    boxes = first(drone({f"{LABEL_ME}/000.xml": text}))
    assert boxes.xyxy.tolist() == [[1, 1, 2, 3], [5, 5, 9, 9]]
    assert boxes.ignore.tolist() == [False, True]


def test_chosen_classes_leave_others_out(drone):
    text = outlined(outline((3, 2), (8, 6), name="car"), outline((1, 1), (2, 3)))
    boxes = first(drone({f"{LABEL_ME}/000.xml": text}), classes=["car"])
    assert boxes.categories.names == ("car",)
    assert boxes.categories.ids == (2,)
    assert boxes.xyxy.tolist() == [[3, 2, 8, 6]]


SCENE = blank((0, 0, 5, 4, 1), (6, 0, 7, 1, 1), (10, 2, 20, 10, 2))


@pytest.mark.parametrize("form", ["indices", "colours", "palette"])
def test_connected_regions_of_label_images_become_boxes(drone, form):
    image = SCENE
    root = drone({})
    (root / SEMANTIC).mkdir(parents=True)
    picture = Pillow.fromarray(image)
    if form == "colours":
        picture = Pillow.fromarray(coloured(image, {1: (255, 22, 96), 2: (9, 143, 150)}))
    if form == "palette":
        picture.putpalette([0, 0, 0, 255, 22, 96, 9, 143, 150])
    picture.save(root / SEMANTIC / "000.png")
    boxes = first(root, min_area=2)
    assert {boxes.categories.names[index] for index in boxes.class_ids} == {"person", "car"}
    assert sorted(boxes.xyxy.tolist()) == [[0, 0, 5, 4], [10, 2, 20, 10]]
    assert len(first(root, min_area=1)) == 3
    assert first(root, min_area=21).xyxy.tolist() == [[10, 2, 20, 10]]


def test_layout_of_kaggle_is_read_with_the_published_classes(tmp_path, picture):
    base = tmp_path / "dataset/semantic_drone_dataset"
    picture(base / "original_images/000.jpg")
    (base / "label_images_semantic").mkdir()
    Pillow.fromarray(blank((0, 0, 5, 4, 15), (6, 0, 9, 9, 8))).save(base / "label_images_semantic/000.png")
    (item,) = load_semantic_drone(tmp_path, min_area=1)
    assert item.key == "000.jpg"
    assert item.value.boxes.categories.names == ("person", "dog", "car", "bicycle")
    assert item.value.boxes.categories.ids == (15, 16, 17, 18)
    assert item.value.boxes.xyxy.tolist() == [[0, 0, 5, 4]]


def test_boxes_come_from_the_first_source_there_is_or_the_one_asked_for(drone):
    root = drone(
        {
            f"{MASKS}/000.png": blank((1, 1, 2, 2, 9)),
            f"{LABEL_ME}/000.xml": outlined(outline((2, 2), (3, 3))),
            f"{SEMANTIC}/000.png": blank((3, 3, 4, 4, 1)),
        }
    )
    assert first(root).xyxy.tolist() == [[1, 1, 2, 2]]
    assert first(root, boxes_from="label_me").xyxy.tolist() == [[2, 2, 3, 3]]
    assert first(root, boxes_from="semantic", min_area=1).xyxy.tolist() == [[3, 3, 4, 4]]


def test_source_that_is_not_there_is_named_with_those_that_are(drone):
    root = drone({f"{LABEL_ME}/000.xml": outlined()})
    with pytest.raises(FileNotFoundError, match="no folder for boxes_from: semantic; it has: label_me"):
        items(root, boxes_from="semantic")


class _Opened:
    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)


def test_pickle_is_never_opened_and_the_way_round_it_is_named(drone):
    root = drone({})
    (root / "gt/bounding_box/bounding_boxes/person").mkdir(parents=True)
    pickled = root / "gt/bounding_box/bounding_boxes/person/imgIdToBBoxArray.p"
    pickled.write_bytes(pickle.dumps(_Opened()))
    with pytest.raises(FileNotFoundError, match=r"imgIdToBBoxArray\.p is a pickle.*label_me_xml"):
        items(root)


def test_picture_without_labels_fails_alone_or_has_no_boxes(drone):
    root = drone({f"{LABEL_ME}/000.xml": outlined()})
    found = items(root)
    assert found["000.png"].value.image.size == (20, 10)
    with pytest.raises(FileNotFoundError, match=r"001\.png: there is no file '001' in .*label_me_xml"):
        found["001.png"].make()
    assert len(items(root, unlabelled="empty")["001.png"].value.boxes) == 0


BAD_LABELS = {
    "mask of another size": (
        {f"{MASKS}/000.png": np.zeros((5, 5), np.uint8)},
        AnnotationError,
        r"stated as 5×5 pixels, but the upright picture has 20×10",
    ),
    "mask that is no picture": ({f"{MASKS}/000.png": "no picture"}, PictureError, r"cannot be decoded"),
    "empty mask file": ({f"{MASKS}/000.png": ""}, PictureError, r"cannot be decoded"),
    "photograph for a mask": (
        {f"{MASKS}/000.png": np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)},
        AnnotationError,
        r"more than 4096 different values, so it is a photograph",
    ),
    "unknown value": (
        {f"{SEMANTIC}/000.png": blank((1, 1, 2, 2, 7))},
        AnnotationError,
        r"000\.png: the value 7 is no class",
    ),
    "unknown colour": (
        {f"{SEMANTIC}/000.png": coloured(blank((1, 1, 2, 2, 1)), {1: (1, 2, 3)})},
        AnnotationError,
        r"000\.png: the colour \(1, 2, 3\) is no class",
    ),
    "no xml": ({f"{LABEL_ME}/000.xml": "hello"}, AnnotationError, r"000\.xml:1:1: not XML"),
    "entities": (
        {f"{LABEL_ME}/000.xml": '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'},
        AnnotationError,
        r"000\.xml: refused: DTDForbidden",
    ),
    "unknown name": (
        {f"{LABEL_ME}/000.xml": outlined(outline((1, 1), name="unicorn"))},
        AnnotationError,
        r"000\.xml: object 1: the class 'unicorn' is not in",
    ),
    "no outline": (
        {f"{LABEL_ME}/000.xml": outlined(outline((1, 1), (2, 2)), outline())},
        AnnotationError,
        r"object 2: has no outline",
    ),
    "point no number": (
        {f"{LABEL_ME}/000.xml": outlined(outline((1, float("nan"))))},
        AnnotationError,
        r"object 1: <y> must be a finite number, not 'nan'",
    ),
    "other size stated": (
        {f"{LABEL_ME}/000.xml": outlined(size="<imagesize><nrows>4</nrows><ncols>6</ncols></imagesize>")},
        AnnotationError,
        r"stated as 6×4 pixels",
    ),
}


@pytest.mark.parametrize(("files", "kind", "message"), BAD_LABELS.values(), ids=BAD_LABELS.keys())
def test_bad_labels_fail_that_item_alone_and_are_named(drone, files, kind, message):
    (name,) = files
    good = name.replace("000", "001")
    content = outlined() if name.endswith("xml") else blank()
    found = items(drone({**files, good: content}))
    assert found["001.png"].value.image.size == (20, 10)
    with pytest.raises(kind, match=message):
        found["000.png"].make()


BAD_CLASSES = {
    "empty": ("", r"must be a CSV file with the columns name"),
    "no names": ("r, g, b\n1, 2, 3\n", r"must be a CSV file with the columns name"),
    "name missing": ("name, r, g, b\n, 2, 3, 4\n", r"the name of class 0 must be a text"),
    "name twice": ("name, r, g, b\nx, 2, 3, 4\nx, 1, 1, 1\n", r"the name 'x' occurs twice"),
    "colour no number": ("name, r, g, b\nx, red, 3, 4\n", r"must be whole numbers from 0 to 255"),
    "colour above 255": ("name, r, g, b\nx, 1, 3, 400\n", r"must be whole numbers from 0 to 255"),
    "row too short": ("name, r, g, b\nx, 1\n", r"must be whole numbers from 0 to 255"),
    "id no number": ("name, id\nx, y\n", r"the id of class 0 must be a whole number"),
    "id twice": ("name, id\nx, 1\ny, 1\n", r"the id 1 occurs twice"),
}


@pytest.mark.parametrize(("text", "message"), BAD_CLASSES.values(), ids=BAD_CLASSES.keys())
def test_bad_class_file_is_named(drone, text, message):
    root = drone({f"{LABEL_ME}/000.xml": outlined()}, classes="")
    (root / "gt/semantic").mkdir()
    (root / "gt/semantic/class_dict.csv").write_text(text)
    with pytest.raises(AnnotationError, match=rf"class_dict\.csv: .*{message}"):
        items(root)


def test_class_that_the_data_set_does_not_have_is_named(drone):
    with pytest.raises(AnnotationError, match="no class 'boat'; it has: unlabeled, person, car"):
        items(drone({f"{LABEL_ME}/000.xml": outlined()}), classes=["boat"])


def test_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="has neither images/ nor original_images/"):
        items(tmp_path)


@pytest.mark.parametrize("name", ["images/000.png", f"{LABEL_ME}/000.xml"])
def test_link_out_of_the_root_fails_that_item_alone(drone, tmp_path_factory, name):
    root = drone({f"{LABEL_ME}/000.xml": outlined(), f"{LABEL_ME}/001.xml": outlined()})
    elsewhere = tmp_path_factory.mktemp("elsewhere") / Path(name).name
    (root / name).rename(elsewhere)
    (root / name).symlink_to(elsewhere)
    found = items(root)
    assert found["001.png"].value.image.size == (20, 10)
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        found["000.png"].make()


def test_folder_of_labels_that_links_out_is_refused(drone, tmp_path_factory):
    root = drone({})
    (root / "gt/bounding_box").mkdir(parents=True)
    (root / LABEL_ME).symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(OutsideRootError, match="symbolic link leads out"):
        items(root)


def test_subset_draws_among_the_pictures(drone):
    root = drone({f"{LABEL_ME}/000.xml": outlined(), f"{LABEL_ME}/001.xml": outlined()})
    drawn = [list(items(root, subset=1, subset_seed=seed)) for seed in range(9)]
    assert sorted({key for keys in drawn for key in keys}) == ["000.png", "001.png"]

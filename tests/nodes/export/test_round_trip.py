"""What a loader read, an exporter writes so that the loader reads the same: boxes, classes, ignore regions.

Tolerances: COCO and LabelMe hold thousandths of a pixel, YOLO millionths of the picture's side, VisDrone and
VOC whole pixels. The second trip changes nothing at all, but in YOLO, whose numbers are fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodegraph import Context, Stream
from nodes.export import export_coco, export_semantic_drone, export_visdrone, export_voc, export_yolo
from nodes.image.encode import encode_image
from nodes.load import load_coco, load_semantic_drone, load_visdrone, load_voc, load_yolo
from nodes.load.visdrone_txt import VISDRONE_CLASSES
from nodes.types import Boxes, Categories, Image

COCO_IDS = Categories(("猫 😀", "dog", "naïve & <b>\"x\"</b>: #1, 'y'"), (3, 17, 90))
DRONE = Categories(("car", "ignored regions", "pedestrian"), (4, 0, 1))


Picture = tuple[Image, Boxes]


@dataclass(frozen=True)
class Format:
    """How a data set is written and read, and how far a first trip may move a box.

    Attributes:
        pixels: in pixels.
        share: and by a share of the picture's side.
        is_exact: whether a second trip moves nothing; else it may move a box as far as the first.
    """

    write: Callable[..., Any]
    read: Callable[[Path, Categories], Any]
    pixels: float
    share: float = 0.0
    categories: Categories = COCO_IDS
    is_exact: bool = True


FORMATS = {
    "coco": Format(export_coco, lambda root, _: load_coco(root), 0.0015),
    "yolo": Format(export_yolo, lambda root, _: load_yolo(root), 0.001, 2e-6, is_exact=False),
    "voc": Format(export_voc, lambda root, known: load_voc(root, classes=list(known.names)), 1),
    "visdrone": Format(export_visdrone, lambda root, _: load_visdrone(root), 1, categories=DRONE),
    "semantic_drone": Format(export_semantic_drone, lambda root, _: load_semantic_drone(root), 0.0015),
}


@pytest.fixture(params=FORMATS.values(), ids=FORMATS.keys())
def form(request) -> Format:
    return request.param


def boxes_of(
    rows: list[tuple[float, ...]], classes: list[int], ignore: list[bool], categories: Categories
) -> Boxes:
    return Boxes(
        np.array(rows, np.float32).reshape(-1, 4),
        np.array(classes, np.int64),
        np.ones(len(rows), np.float32),
        categories,
        np.array(ignore, bool),
    )


def trip(form: Format, pictures: dict[str, Picture], tmp: Path) -> dict[str, Picture]:
    """Written and read."""
    files = {key: encode_image(image, format="png") for key, (image, _) in pictures.items()}
    boxes = {key: found for key, (_, found) in pictures.items()}
    artifact = form.write(Stream.of(files), Stream.of(boxes), ctx=Context.for_test(tmp=tmp))
    return {item.key: tuple(item.value) for item in form.read(artifact.folder, form.categories)}


def by_shade(pictures: dict[str, Picture]) -> list[Picture]:
    """Pictures in the order of their grey level, by which a test knows them under another name."""
    return sorted(pictures.values(), key=lambda picture: picture[0].pixels[0, 0, 0])


def objects_first(boxes: Boxes) -> Boxes:
    """Objects before regions to ignore, as YOLO's two files have them."""
    order = np.argsort(boxes.ignore, kind="stable")
    picked = (boxes.xyxy[order], boxes.class_ids[order], boxes.scores[order])
    return Boxes(*picked, boxes.categories, boxes.ignore[order])


def assert_same(before: Picture, after: Picture, pixels: float, share: float) -> None:
    assert np.array_equal(before[0].pixels, after[0].pixels)
    old, new = (objects_first(boxes) for _, boxes in (before, after))
    assert [old.categories.names[index] for index in old.class_ids] == [
        new.categories.names[index] for index in new.class_ids
    ]
    assert old.ignore.tolist() == new.ignore.tolist()
    # Beside the tolerance, the next float32: a side of 300 pixels has steps of 0.00003.
    assert np.abs(old.xyxy - new.xyxy).max(initial=0) <= pixels + share * max(before[0].size) + 1e-4 * pixels


def check_trips(form: Format, pictures: dict[str, Picture], tmp: Path) -> None:
    first = trip(form, pictures, tmp)
    second = trip(form, first, tmp)
    for before, after in zip(by_shade(pictures), by_shade(first), strict=True):
        assert_same(before, after, form.pixels, form.share)
    for before, after in zip(by_shade(first), by_shade(second), strict=True):
        assert before[1].categories == after[1].categories
        if form.is_exact:
            assert_same(before, after, 0, 0)
        else:
            assert_same(before, after, form.pixels, form.share)


def span(side: int) -> st.SearchStrategy[tuple[float, float]]:
    """Begin and end of a box: whole pixels, fractions of them, the whole picture, its last pixel."""
    whole = st.tuples(st.integers(0, side - 1), st.integers(1, side))
    fraction = st.tuples(st.floats(0, side - 0.5, width=32), st.floats(0.5, side, width=32))
    drawn = st.one_of(whole, whole, fraction)
    inside = drawn.map(lambda found: (found[0], min(side, found[0] + found[1])))
    return st.one_of(inside, st.just((0, side)), st.just((side - 1, side)))


@st.composite
def picture_with_boxes(draw: st.DrawFn, categories: Categories, shade: int) -> Picture:
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    count = draw(st.integers(0, 6))
    spans = [(draw(span(width)), draw(span(height))) for _ in range(count)]
    classes = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    ignore = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return make_picture((width, height), shade, spans, classes, ignore, categories)


def make_picture(
    size: tuple[int, int],
    shade: int,
    spans: list[tuple[tuple[float, float], tuple[float, float]]],
    classes: list[int],
    ignore: list[bool],
    categories: Categories,
) -> Picture:
    """A grey picture; boxes of the class of ignored regions are regions to ignore."""
    regions = [
        region or categories.names[index] == VISDRONE_CLASSES[0]
        for region, index in zip(ignore, classes, strict=True)
    ]
    corners = [(across[0], down[0], across[1], down[1]) for across, down in spans]
    pixels = np.full((size[1], size[0], 3), shade, np.uint8)
    return Image(pixels), boxes_of(corners, classes, regions, categories)


keys = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\0"), min_size=1, max_size=12)
    .map(lambda name: f"{name}.jpg")
    .filter(lambda key: not key.startswith("/") and ".." not in key.split("/")),
    min_size=1,
    max_size=3,
    # Names that a format writes alike are refused by its exporter, which other tests show.
    unique_by=lambda key: (
        "".join(letter if letter.isalnum() else "_" for letter in key).casefold().strip("_")
    ),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_read_write_read_is_the_identity(form, data):
    names = data.draw(keys)
    pictures = {
        name: data.draw(picture_with_boxes(form.categories, shade)) for shade, name in enumerate(names)
    }
    with TemporaryDirectory() as place:
        check_trips(form, pictures, Path(place))


def test_three_hundred_boxes_and_none_are_read_back(form, tmp_path):
    random = np.random.default_rng(0)
    spans = [
        ((float(x), float(x + 1 + index % 40)), (float(y), float(y + 1)))
        for index, (x, y) in enumerate(random.integers(0, 200, (300, 2)))
    ]
    classes, ignore = random.integers(0, 3, 300).tolist(), (random.random(300) < 0.2).tolist()
    full = make_picture((240, 201), 1, spans, classes, ignore, form.categories)
    empty = make_picture((240, 201), 2, [], [], [], form.categories)
    check_trips(form, {"full.jpg": full, "empty.jpg": empty}, tmp_path)


def test_only_regions_to_ignore_are_read_back(form, tmp_path):
    picture = make_picture((64, 48), 1, [((0, 64), (0, 48))], [0], [True], form.categories)
    check_trips(form, {"a.jpg": picture}, tmp_path)
    (read,) = trip(form, {"a.jpg": picture}, tmp_path).values()
    assert read[1].ignore.tolist() == [True]


def test_boxes_of_a_wide_photo_keep_their_thousandths(tmp_path):
    spans = [((7999.124, 8001.0), (0.001, 39.999)), ((4096.333, 4097.334), (10.01, 10.02))]
    picture = make_picture((8001, 40), 1, spans, [0, 1], [False, True], COCO_IDS)
    for form in (FORMATS["coco"], FORMATS["semantic_drone"]):
        check_trips(form, {"a.jpg": picture}, tmp_path)

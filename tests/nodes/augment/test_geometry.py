import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Context
from nodes.augment import crop, flip
from nodes.types import Boxes, Categories, Image

BACKGROUND, MARK = 20, 240


def marked(xyxy, size=(60, 40), ignore=False):
    """A dark picture with one bright rectangle, and its box."""
    pixels = np.full((size[1], size[0], 3), BACKGROUND, np.uint8)
    left, top, right, bottom = xyxy
    pixels[top:bottom, left:right] = MARK
    boxes = Boxes(
        np.array([xyxy], np.float32),
        np.zeros(1, np.int64),
        np.full(1, 0.5, np.float32),
        Categories.of("thing"),
        np.array([ignore]),
    )
    return Image(pixels), boxes


def bright_box(image):
    bright = image.pixels[..., 0] == MARK
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(columns) else None


def context(seed=0):
    return Context.for_test(seed=seed)


@pytest.mark.parametrize(("axis", "box"), [("horizontal", [40, 10, 55, 30]), ("vertical", [5, 10, 20, 30])])
def test_box_goes_where_its_pixels_go_when_flipped(axis, box):
    found = flip(*marked((5, 10, 20, 30)), axis=axis, probability=1.0, ctx=context())
    assert found.boxes.xyxy.tolist() == [box]
    assert bright_box(found.image) == box


def test_flipped_twice_is_the_same():
    image, boxes = marked((5, 10, 20, 30))
    twice = flip(*flip(image, boxes, probability=1.0, ctx=context()), probability=1.0, ctx=context())
    assert (twice.image.pixels == image.pixels).all()
    assert (twice.boxes.xyxy == boxes.xyxy).all()


def test_nothing_is_flipped_with_probability_0():
    image, boxes = marked((5, 10, 20, 30))
    assert flip(image, boxes, probability=0.0, ctx=context()) == (image, boxes)


@given(st.integers(0, 2**32))
def test_box_lies_on_its_pixels_after_a_crop(seed):
    found = crop(*marked((20, 10, 40, 25)), min_share=0.1, max_stretch=2.0, ctx=context(seed))
    bright = bright_box(found.image)
    assert found.boxes.xyxy.tolist() == ([] if bright is None else [bright])


@given(st.integers(0, 2**32), st.floats(0.01, 1))
def test_crop_keeps_about_the_least_share_of_the_area(seed, share):
    image, boxes = marked((20, 10, 40, 25), size=(600, 400))
    found = crop(image, boxes, min_share=share, max_stretch=1.0, ctx=context(seed)).image
    assert found.size[0] * found.size[1] >= share * 600 * 400 * 0.98


@pytest.mark.parametrize(("cut_off", "ignored"), [("ignore", [True]), ("drop", [])])
def test_box_of_which_too_little_is_left_is_ignored_or_dropped(cut_off, ignored):
    image, boxes = marked((0, 0, 60, 40))
    found = crop(image, boxes, min_share=0.1, min_visible=1.0, cut_off=cut_off, ctx=context(2))
    assert found.image.size != image.size
    assert found.boxes.ignore.tolist() == ignored


def test_ignore_regions_are_kept_however_little_is_left():
    image, boxes = marked((0, 0, 60, 40), ignore=True)
    found = crop(image, boxes, min_share=0.1, min_visible=1.0, cut_off="drop", ctx=context(2))
    assert found.boxes.ignore.tolist() == [True]


def test_picture_of_one_pixel_and_no_boxes_can_be_cropped():
    nothing = marked((0, 0, 1, 1), size=(1, 1))[1]
    empty = Boxes(
        nothing.xyxy[:0], nothing.class_ids[:0], nothing.scores[:0], nothing.categories, nothing.ignore[:0]
    )
    found = crop(Image(np.zeros((1, 1, 3), np.uint8)), empty, ctx=context())
    assert found.image.size == (1, 1)
    assert len(found.boxes) == 0

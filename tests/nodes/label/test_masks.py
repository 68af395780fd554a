from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.label import boxes_from_masks
from nodes.types import Boxes, BoxTrack, Categories, MaskTrack

CLASSES = Categories.of("cat", "dog")


def classes_of(*class_ids):
    count = len(class_ids)
    return Boxes(
        np.zeros((count, 4), np.float32), np.array(class_ids, np.int64), np.ones(count, np.float32), CLASSES
    )


def one_mask(*filled, size=(12, 10)):
    """One object in one frame; `filled` are (left, top, right, bottom) of its parts."""
    masks = np.zeros((1, 1, size[1], size[0]), dtype=bool)
    for left, top, right, bottom in filled:
        masks[0, 0, top:bottom, left:right] = True
    return MaskTrack(masks, np.full((1, 1), 0.75, np.float32))


def test_single_pixel_gets_the_box_around_it():
    track = boxes_from_masks(one_mask((3, 5, 4, 6)), classes_of(1))
    assert track.xyxy.tolist() == [[[3, 5, 4, 6]]]
    assert track.class_ids.tolist() == [1]
    assert track.scores.tolist() == [[0.75]]
    assert track.visibility.tolist() == [[1]]
    assert track.categories == CLASSES


def test_box_spans_all_parts_of_a_mask():
    track = boxes_from_masks(one_mask((1, 1, 3, 3), (8, 6, 12, 10)), classes_of(0))
    assert track.xyxy.tolist() == [[[1, 1, 12, 10]]]


def test_largest_part_alone_gives_the_box_if_asked_for():
    track = boxes_from_masks(one_mask((1, 1, 3, 3), (8, 6, 12, 10)), classes_of(0), largest_part=True)
    assert track.xyxy.tolist() == [[[8, 6, 12, 10]]]


def test_parts_that_touch_at_a_corner_are_one_part():
    track = boxes_from_masks(one_mask((1, 1, 3, 3), (3, 3, 6, 6)), classes_of(0), largest_part=True)
    assert track.xyxy.tolist() == [[[1, 1, 6, 6]]]


def test_of_equal_parts_the_upper_one_is_taken():
    track = boxes_from_masks(one_mask((8, 6, 10, 8), (1, 1, 3, 3)), classes_of(0), largest_part=True)
    assert track.xyxy.tolist() == [[[1, 1, 3, 3]]]


def test_empty_mask_is_absent():
    track = boxes_from_masks(one_mask(), classes_of(0))
    assert not track.present.any()
    assert track.scores.tolist() == track.visibility.tolist() == [[0]]


@pytest.mark.parametrize(("min_area", "present"), [(6, True), (7, False)])
def test_mask_below_the_least_area_is_absent(min_area, present):
    track = boxes_from_masks(one_mask((1, 1, 4, 3)), classes_of(0), min_area=min_area)
    assert track.present.tolist() == [[present]]


def test_least_area_counts_the_largest_part_only():
    mask = one_mask((1, 1, 3, 3), (6, 6, 8, 8))
    assert boxes_from_masks(mask, classes_of(0), min_area=8).present.all()
    assert not boxes_from_masks(mask, classes_of(0), min_area=8, largest_part=True).present.any()


def test_visibility_comes_from_a_track_of_the_same_frames():
    like = BoxTrack(
        np.zeros((1, 1, 4), np.float32),
        np.ones((1, 1), dtype=bool),
        np.ones((1, 1), np.float32),
        np.full((1, 1), 0.25, np.float32),
        np.array([1]),
        CLASSES,
    )
    assert boxes_from_masks(one_mask((1, 1, 4, 3)), like).visibility.tolist() == [[0.25]]


def test_ignore_regions_stay_ignored():
    like = replace(classes_of(0), ignore=np.array([True]))
    assert boxes_from_masks(one_mask((1, 1, 4, 3)), like).ignore.tolist() == [True]


def test_trimmed_box_leaves_out_stray_pixels_that_a_tight_one_reaches_for():
    mask = one_mask((20, 20, 60, 50), (2, 3, 3, 4), (90, 70, 91, 71), size=(100, 80))
    assert boxes_from_masks(mask, classes_of(0)).xyxy.tolist() == [[[2, 3, 91, 71]]]
    assert boxes_from_masks(mask, classes_of(0), rule="trimmed").xyxy.tolist() == [[[20, 20, 60, 50]]]


def test_trimmed_box_of_a_full_rectangle_loses_the_share_of_its_width_at_each_side():
    mask = one_mask((10, 5, 60, 45), size=(100, 80))
    track = boxes_from_masks(mask, classes_of(0), rule="trimmed", trim=0.1)
    assert track.xyxy.tolist() == [[[15, 9, 55, 41]]]
    assert boxes_from_masks(mask, classes_of(0), rule="trimmed", trim=0.019).xyxy.tolist() == [
        [[10, 5, 60, 45]]
    ]


@pytest.mark.parametrize("trim", [0, 0.1, 0.499])
def test_trimmed_box_of_one_pixel_is_that_pixel(trim):
    track = boxes_from_masks(one_mask((3, 5, 4, 6)), classes_of(1), rule="trimmed", trim=trim)
    assert track.xyxy.tolist() == [[[3, 5, 4, 6]]]


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.49))
def test_trimmed_box_is_the_smallest_with_at_most_the_share_beyond_each_side(seed, trim):
    mask = np.random.default_rng(seed).random((9, 11)) < 0.3
    mask[4, 5] = True
    track = boxes_from_masks(
        MaskTrack(mask[None, None], np.ones((1, 1), np.float32)), classes_of(0), rule="trimmed", trim=trim
    )
    left, top, right, bottom = track.xyxy[0, 0].astype(int)
    spare = trim * mask.sum()
    for beyond, and_one_more in (
        (mask[:, :left], mask[:, : left + 1]),
        (mask[:, right:], mask[:, right - 1 :]),
        (mask[:top], mask[: top + 1]),
        (mask[bottom:], mask[bottom - 1 :]),
    ):
        assert beyond.sum() <= spare < and_one_more.sum()


def test_no_objects_give_a_track_of_no_objects():
    masks = MaskTrack(np.zeros((0, 3, 10, 12), dtype=bool), np.zeros((0, 3), np.float32))
    assert boxes_from_masks(masks, classes_of()).xyxy.shape == (0, 3, 4)


def test_other_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="masks has 1 objects but classes has 2"):
        boxes_from_masks(one_mask(), classes_of(0, 1))


@given(st.integers(0, 11), st.integers(0, 9), st.integers(1, 12), st.integers(1, 10))
def test_box_of_a_filled_rectangle_is_the_rectangle(left, top, width, height):
    right, bottom = min(12, left + width), min(10, top + height)
    for largest_part in (False, True):
        track = boxes_from_masks(
            one_mask((left, top, right, bottom)), classes_of(0), largest_part=largest_part
        )
        assert track.xyxy.tolist() == [[[left, top, right, bottom]]]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.label.cover import covering_boxes


def region(*filled, size=(40, 30)):
    inside = np.zeros((size[1], size[0]), dtype=bool)
    for left, top, right, bottom in filled:
        inside[top:bottom, left:right] = True
    return inside


def cover(inside, min_fill=0.6, min_area=1):
    return covering_boxes(inside, min_fill=min_fill, min_area=min_area)


def test_rectangles_are_covered_by_themselves_the_largest_first():
    assert cover(region((1, 2, 5, 6), (10, 10, 30, 20))) == [(10, 10, 30, 20), (1, 2, 5, 6)]


def test_border_around_a_picture_is_covered_by_its_four_sides():
    inside = ~region((3, 2, 36, 28))
    boxes = cover(inside)
    assert len(boxes) == 4
    assert sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) == inside.sum()


def test_angle_is_covered_by_its_two_arms():
    assert sorted(cover(region((0, 0, 40, 4), (0, 0, 5, 30)))) == [(0, 0, 5, 30), (5, 0, 40, 4)]


def test_parts_with_too_few_pixels_are_left_out():
    assert cover(region((0, 0, 4, 4), (10, 10, 14, 13)), min_area=13) == [(0, 0, 4, 4)]


def test_nothing_is_covered_by_nothing():
    assert cover(region()) == []


def test_diagonal_line_is_cut_no_finer_than_the_least_area_asks_for():
    assert len(cover(np.eye(64, dtype=bool), min_area=16)) <= 16


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_thin_regions_are_covered(shape):
    assert cover(np.ones(shape, dtype=bool)) == [(0, 0, shape[1], shape[0])]


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1), st.floats(0.05, 0.95))
def test_boxes_cover_the_whole_region_and_are_filled(seed, min_fill, density):
    inside = np.random.default_rng(seed).random((12, 15)) < density
    covered = np.zeros_like(inside)
    for left, top, right, bottom in cover(inside, min_fill):
        covered[top:bottom, left:right] = True
        assert inside[top:bottom, left:right].mean() >= min_fill - 1e-9
    assert (covered | ~inside).all()

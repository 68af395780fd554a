from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.video.outline import UNSEEN, carry_box, fill_outline

SIZE = (100, 80)
STILL = np.eye(3)


def shifted(x, y):
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def test_box_inside_the_frame_stays_as_it_is():
    seen = carry_box(np.array([10, 20, 30, 50]), STILL, SIZE)
    assert seen.xyxy == (10, 20, 30, 50)
    assert seen.share == 1.0


def test_box_half_outside_gets_the_bounds_of_the_half_inside():
    seen = carry_box(np.array([10, 20, 30, 50]), shifted(-20, 0), SIZE)
    assert seen.xyxy == (0, 20, 10, 50)
    assert seen.share == pytest.approx(0.5)


def test_box_outside_is_unseen():
    assert carry_box(np.array([10, 20, 30, 50]), shifted(200, 0), SIZE) == UNSEEN


def test_box_without_area_is_unseen():
    assert carry_box(np.array([10, 20, 10, 50]), STILL, SIZE) == UNSEEN


def test_box_turned_by_45_degrees_gets_the_bounds_of_its_diamond():
    c = sqrt(0.5)
    turn = shifted(50, 40) @ np.array([[c, -c, 0], [c, c, 0], [0, 0, 1]]) @ shifted(-50, -40)
    seen = carry_box(np.array([40, 30, 60, 50]), turn, SIZE)
    reach = 10 * sqrt(2)
    assert seen.xyxy == pytest.approx((50 - reach, 40 - reach, 50 + reach, 40 + reach))
    assert seen.share == pytest.approx(1.0)


def test_corner_of_a_diamond_cut_off_gives_the_bounds_of_what_is_left():
    c = sqrt(0.5)
    turn = shifted(0, 40) @ np.array([[c, -c, 0], [c, c, 0], [0, 0, 1]]) @ shifted(-50, -40)
    seen = carry_box(np.array([40, 30, 60, 50]), turn, SIZE)
    assert seen.xyxy == pytest.approx((0, 40 - 10 * sqrt(2), 10 * sqrt(2), 40 + 10 * sqrt(2)))
    assert seen.share == pytest.approx(0.5)


def test_part_behind_the_camera_is_cut_off():
    # The third coordinate is 1 - x / 50: what lies right of x = 50 is behind the camera.
    behind = np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 50, 0, 1]])
    seen = carry_box(np.array([10, 0, 90, 10]), behind, SIZE)
    assert seen.xyxy == pytest.approx((12.5, 0, 100, 30))
    assert carry_box(np.array([60, 0, 90, 10]), behind, SIZE) == UNSEEN


def test_filled_outline_covers_the_pixels_whose_centres_are_inside():
    filled = fill_outline(np.array([10.4, 20.6, 12.6, 22.4]), STILL, SIZE)
    assert [tuple(map(int, place)) for place in np.argwhere(filled)] == [(21, 10), (21, 11), (21, 12)]


def test_filled_outline_of_a_mirrored_box_is_filled_too():
    mirror = np.array([[-1.0, 0, 100], [0, 1, 0], [0, 0, 1]])
    filled = fill_outline(np.array([10, 20, 30, 50]), mirror, SIZE)
    assert filled.sum() == 20 * 30
    assert filled[20:50, 70:90].all()


@st.composite
def boxes(draw):
    left, top = draw(st.floats(-50, 140)), draw(st.floats(-50, 120))
    return np.array([left, top, left + draw(st.floats(0.5, 120)), top + draw(st.floats(0.5, 120))])


@st.composite
def homographies(draw):
    entries = st.floats(-0.4, 0.4)
    matrix = np.eye(3)
    matrix[:2, :2] += np.array([[draw(entries), draw(entries)], [draw(entries), draw(entries)]])
    matrix[:2, 2] = draw(st.floats(-60, 60)), draw(st.floats(-60, 60))
    matrix[2, :2] = draw(st.floats(-0.003, 0.003)), draw(st.floats(-0.003, 0.003))
    return matrix


@given(boxes(), homographies())
def test_seen_bounds_lie_inside_the_frame_and_the_share_between_0_and_1(box, homography):
    seen = carry_box(box, homography, SIZE)
    left, top, right, bottom = seen.xyxy
    assert 0 <= left <= right <= SIZE[0]
    assert 0 <= top <= bottom <= SIZE[1]
    assert 0 <= seen.share <= 1


@given(boxes(), homographies())
def test_filled_pixels_lie_inside_the_seen_bounds(box, homography):
    rows, columns = np.nonzero(fill_outline(box, homography, SIZE))
    left, top, right, bottom = carry_box(box, homography, SIZE).xyxy
    if len(rows):
        assert left - 1e-6 <= columns.min() + 0.5
        assert columns.max() + 0.5 <= right + 1e-6
        assert top - 1e-6 <= rows.min() + 0.5
        assert rows.max() + 0.5 <= bottom + 1e-6


@given(boxes(), st.floats(-60, 60), st.floats(-60, 60))
def test_a_shift_shifts_the_bounds_and_cuts_them(box, x, y):
    seen = carry_box(box, shifted(x, y), SIZE)
    moved = box + np.array([x, y, x, y])
    if seen.share > 0.01:
        assert seen.xyxy == pytest.approx(np.clip(moved, 0, (*SIZE, *SIZE)), abs=1e-6)

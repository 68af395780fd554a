import numpy as np
import pytest

from nodes.inpaint.window import STEP, size_near, window_around


def holes(frames=2, height=100, width=200):
    empty = np.zeros((frames, height, width), dtype=bool)
    empty[0, 40:50, 60:70] = True
    empty[1, 45:60, 80:90] = True
    return empty


def test_window_without_margin_is_the_whole_frame():
    window = window_around(holes(), None, 512)
    assert (window.left, window.top, window.right, window.bottom) == (0, 0, 200, 100)
    assert window.size == (704, 384)


def test_window_with_margin_is_around_the_holes_of_all_frames_and_inside_the_frame():
    window = window_around(holes(), 45, 128)
    assert (window.left, window.top, window.right, window.bottom) == (15, 0, 135, 100)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (6000, 4000), (4000, 6000), (5000, 2), (2, 5000)])
@pytest.mark.parametrize("side", [64, 512])
def test_size_is_of_multiples_and_bounded_whatever_the_rectangle(width, height, side):
    size = size_near(width, height, side)
    assert all(each % STEP == 0 and STEP <= each <= 4 * side for each in size)
    assert size[0] * size[1] <= 4 * side * side
    if 1 <= width / height <= 2:
        assert size[0] * size[1] == pytest.approx(side * side, rel=0.35)


def test_every_pixel_of_a_hole_is_in_the_hole_that_the_pipeline_gets():
    tiny = np.zeros((1, 1000, 1000), dtype=bool)
    tiny[0, 501, 502] = True
    window = window_around(tiny, None, 64)
    scaled = window.scaled_hole(tiny[0], 8)
    assert scaled.shape == (64, 64)
    assert scaled.sum() == 17 * 17


def test_what_was_painted_goes_into_the_hole_alone():
    hole = holes()[0]
    frame = np.zeros((100, 200, 3), np.uint8)
    window = window_around(holes(), 10, 64)
    window.put(np.full((*window.size[::-1], 3), 200, np.uint8), hole, frame)
    assert (frame[hole] == 200).all()
    assert not frame[~hole].any()

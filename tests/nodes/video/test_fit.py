"""Where photos and their boxes come to lie in clips of a model's sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nodes.types import Boxes, Categories
from nodes.video.fit import Fit, cut_frames, fitted, place_boxes, place_photo, seen_photo

FITS: tuple[Fit, ...] = ("near", "crop", "pad", "paper")


def boxes_of(*xyxy: tuple[float, float, float, float], ignore: list[bool] | None = None) -> Boxes:
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(count, 4),
        np.arange(count),
        np.ones(count, np.float32),
        Categories.of(*[f"c{index}" for index in range(count)]),
        np.array(ignore or [False] * count),
    )


def marked_photo(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """Black, and white within a box."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return pixels


def bounds_of_white(frame: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(frame[..., 0] > 127)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (640, 480), (97, 331)])
def test_boxes_lie_where_their_pixels_came_to_lie(fit: Fit, size: tuple[int, int]) -> None:
    width, height = size
    box = (width * 3 // 10, height * 3 // 10, width * 7 // 10, height * 6 // 10)
    at = fitted(size, (256, 192), fit)
    seen = seen_photo(marked_photo(width, height, box), at)
    (placed,) = place_boxes(boxes_of(box), at).xyxy
    assert np.abs(placed - bounds_of_white(seen)).max() <= 1


@pytest.mark.parametrize("fit", FITS)
def test_frames_cut_to_their_window_have_the_size_of_the_photo_in_the_clip(fit: Fit) -> None:
    at = fitted((300, 200), (256, 192), fit)
    canvas = np.asarray(place_photo(np.zeros((200, 300, 3), np.uint8), at).resize(at.size))
    clip = cut_frames(np.stack([canvas] * 2), at)
    assert clip[0].shape == seen_photo(np.zeros((200, 300, 3), np.uint8), at).shape


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), fit=st.sampled_from(FITS))
@example(width=1, height=207, fit="near")
@example(width=63, height=1, fit="near")
def test_any_photo_gets_a_size_that_a_model_can_make(width: int, height: int, fit: Fit) -> None:
    at = fitted((width, height), (1024, 576), fit)
    left, top, right, bottom = at.window
    assert at.size[0] % 8 == 0
    assert at.size[1] % 8 == 0
    assert at.size[0] * at.size[1] <= 1.2 * 1024 * 576
    assert 0 <= left < right <= at.size[0]
    assert 0 <= top < bottom <= at.size[1]
    assert at.view[0] >= 0
    assert at.view[1] >= 0
    assert at.view[2] <= width
    assert at.view[3] <= height


@pytest.mark.parametrize("fit", ["near", "crop", "pad"])
def test_the_photo_keeps_its_shape_where_its_size_allows(fit: Fit) -> None:
    at = fitted((1280, 720), (1024, 576), fit)
    across = (at.window[2] - at.window[0]) / (at.view[2] - at.view[0])
    down = (at.window[3] - at.window[1]) / (at.view[3] - at.view[1])
    assert across == pytest.approx(down, rel=0.01)
    assert fitted((1024, 576), (1024, 576), fit).view == (0, 0, 1024, 576)


def test_near_makes_an_upright_clip_of_an_upright_photo() -> None:
    assert fitted((576, 1024), (1024, 576), "near").size == (576, 1024)


def test_paper_stretches() -> None:
    at = fitted((64, 64), (1024, 576), "paper")
    assert at.as_is
    assert place_boxes(boxes_of((16, 16, 32, 48)), at).xyxy.tolist() == [[256, 144, 512, 432]]


def test_padding_repeats_the_border_around_the_photo() -> None:
    photo = np.zeros((10, 10, 3), np.uint8)
    photo[:, 5:] = 200
    at = fitted((10, 10), (64, 32), "pad")
    assert at.window == (16, 0, 48, 32)
    canvas = np.asarray(place_photo(photo, at))
    assert canvas.shape == (32, 64, 3)
    assert (canvas[:, :16] == 0).all()
    assert (canvas[:, 48:] == 200).all()


def test_boxes_are_cut_at_the_frame_and_left_out_beyond_it() -> None:
    at = fitted((200, 100), (64, 64), "crop")  # columns 50 to 150 are seen
    placed = place_boxes(
        boxes_of((0, 0, 40, 50), (40, -10, 100, 50), (60, 10, 61, 11), ignore=[False, True, False]), at
    )
    assert placed.xyxy.tolist() == pytest.approx(np.array([[0, 0, 32, 32], [6.4, 6.4, 7.04, 7.04]]), abs=1e-5)
    assert (placed.class_ids.tolist(), placed.ignore.tolist()) == ([1, 2], [True, False])


def test_without_boxes_there_are_none() -> None:
    assert len(place_boxes(None, fitted((10, 10), (64, 64), "crop"))) == 0


def test_a_photo_of_fifty_megapixels_reaches_the_model_in_the_clips_size() -> None:
    photo = np.zeros((5000, 10000, 3), np.uint8)
    for fit in FITS:
        at = fitted((10000, 5000), (128, 64), fit)
        assert place_photo(photo, at).size == at.size


def test_sides_that_a_model_cannot_make_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        fitted((10, 10), (1000, 576), "crop", multiple=16)

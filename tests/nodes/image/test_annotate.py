from dataclasses import replace

import numpy as np
import pytest

from nodes.image import annotate_image, annotate_video
from nodes.image.annotate import CLASS_COLOURS, IGNORE_COLOUR
from nodes.types import Boxes, BoxTrack, Categories, Image, Video

CATEGORIES = Categories.of("cat", "größer")


def grey(height: int = 200, width: int = 300) -> Image:
    return Image(np.full((height, width, 3), 128, np.uint8))


def boxes(*rows: tuple[float, float, float, float, int]) -> Boxes:
    return Boxes(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.int64),
        np.ones(len(rows), np.float32),
        CATEGORIES,
    )


def colour(class_id: int) -> tuple[int, ...]:
    return tuple(bytes.fromhex(CLASS_COLOURS[class_id][1:]))


def test_a_box_is_outlined_in_the_colour_of_its_class_and_not_filled():
    drawn = annotate_image(grey(), boxes((100, 80, 200, 160, 1))).pixels
    for row, column in ((120, 100), (120, 200), (160, 150)):
        assert tuple(drawn[row, column]) == colour(1)
    assert tuple(drawn[120, 150]) == (128, 128, 128)


def test_the_name_stands_above_the_box():
    drawn = annotate_image(grey(), boxes((100, 80, 200, 160, 0))).pixels
    label = drawn[62:78, 100:120].reshape(-1, 3)
    assert (label == colour(0)).all(axis=1).any()
    assert (label.min(axis=1) > 200).any()


def test_a_score_below_one_is_written_too():
    certain = boxes((100, 80, 200, 160, 0))
    unsure = Boxes(certain.xyxy, certain.class_ids, np.array([0.5], np.float32), CATEGORIES)
    assert (annotate_image(grey(), certain).pixels != annotate_image(grey(), unsure).pixels).any()


def test_a_score_that_would_round_to_one_is_written_as_99_hundredths():
    certain = boxes((100, 80, 200, 160, 0))
    nearly, below = (
        annotate_image(
            grey(), Boxes(certain.xyxy, certain.class_ids, np.array([score], np.float32), CATEGORIES)
        )
        for score in (0.997, 0.99)
    )
    assert (nearly.pixels == below.pixels).all()


def test_the_given_picture_stays_as_it_was():
    image = grey()
    image.pixels.flags.writeable = False
    annotate_image(image, boxes((100, 80, 200, 160, 0)))
    assert (image.pixels == 128).all()


def test_boxes_are_scaled_with_a_shrunk_picture():
    drawn = annotate_image(grey(200, 400), boxes((200, 80, 400, 160, 0)), max_side=200).pixels
    assert drawn.shape == (100, 200, 3)
    assert tuple(drawn[60, 100]) == colour(0)


def test_a_small_picture_is_not_enlarged_and_without_boxes_not_changed():
    image = grey(20, 30)
    np.testing.assert_array_equal(annotate_image(image, boxes(), max_side=320).pixels, image.pixels)


def test_a_box_reaching_out_of_the_picture_is_drawn_as_far_as_it_goes():
    drawn = annotate_image(grey(), boxes((-50, -50, 600, 100, 0))).pixels
    assert tuple(drawn[100, 150]) == colour(0)


def test_equal_input_gives_equal_pixels():
    given = grey(), boxes((10, 10, 100, 90, 0), (20, 15, 90, 80, 1))
    np.testing.assert_array_equal(annotate_image(*given).pixels, annotate_image(*given).pixels)


def test_an_ignore_region_is_hatched_in_grey_without_the_colour_of_its_class():
    given = boxes((100, 80, 200, 160, 0))
    drawn = annotate_image(grey(), replace(given, ignore=np.array([True]))).pixels
    inside = drawn[90:150, 110:190].reshape(-1, 3)
    grey_lines = (inside == tuple(bytes.fromhex(IGNORE_COLOUR[1:]))).all(axis=1)
    assert 0.05 < grey_lines.mean() < 0.5
    assert tuple(drawn[120, 100]) == tuple(bytes.fromhex(IGNORE_COLOUR[1:]))
    assert not (drawn == colour(0)).all(axis=2).any()


def test_an_object_in_an_ignore_region_is_drawn_over_it_with_its_own_name():
    region, inside = (50, 50, 250, 180, 0), (100, 80, 200, 160, 1)
    both = replace(boxes(region, inside), ignore=np.array([True, False]))
    drawn = annotate_image(grey(), both).pixels
    assert tuple(drawn[120, 100]) == colour(1)
    alone = annotate_image(grey(), boxes(inside)).pixels
    assert (drawn[85:98, 102:130] == alone[85:98, 102:130]).all(axis=2).mean() > 0.5


def test_ignore_regions_reaching_out_of_the_picture_and_of_one_pixel_are_drawn():
    given = boxes((-50, -50, 600, 100, 0), (299, 199, 300, 200, 0), (400, 300, 500, 400, 0))
    drawn = annotate_image(grey(), replace(given, ignore=np.ones(3, dtype=bool))).pixels
    assert (drawn[:90] != 128).any()


def test_300_boxes_are_drawn():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 280, (300, 2))
    many = Boxes(
        np.concatenate([low, low + 20], axis=1).astype(np.float32),
        np.arange(300) % 2,
        np.ones(300, np.float32),
        CATEGORIES,
        np.arange(300) % 3 == 0,
    )
    assert (annotate_image(grey(300, 300), many).pixels != 128).any(axis=2).mean() > 0.5


def track(frames: int) -> BoxTrack:
    xyxy = np.zeros((1, frames, 4), np.float32)
    for index in range(frames):
        xyxy[0, index] = (50 + 20 * index, 50, 100 + 20 * index, 100)
    present = np.ones((1, frames), bool)
    present[0, -1] = False
    ones = np.ones((1, frames), np.float32)
    return BoxTrack(xyxy, present, ones, ones, np.array([0]), CATEGORIES)


def test_every_frame_of_a_clip_shows_the_boxes_present_in_it():
    clip = Video(np.full((3, 200, 300, 3), 128, np.uint8), 6.0)
    drawn = annotate_video(clip, track(3))
    assert drawn.fps == 6.0
    assert tuple(drawn.frames[0, 75, 50]) == colour(0)
    assert tuple(drawn.frames[1, 75, 70]) == colour(0)
    assert (drawn.frames[2] == 128).all()


def test_boxes_of_another_clip_are_refused():
    clip = Video(np.zeros((2, 20, 30, 3), np.uint8), 6.0)
    with pytest.raises(ValueError, match="the clip has 2 frames but the boxes cover 3"):
        annotate_video(clip, track(3))

from __future__ import annotations

import numpy as np
import pytest

from nodegraph import Context
from nodes.detector import use_detector
from nodes.load.detector import load_detector
from nodes.train.detector import _normalized, _resized
from nodes.train.loop import _flipped
from nodes.train.network import square_processor
from nodes.train.pictures import BLANK, Objects, blanked, flips, objects_of, sample_order, step_seed
from tests.nodes.train.scenes import boxes_of, scene

NUMBERS = {"red": 1, "green": 0}


def test_objects_are_centres_and_sides_as_shares_of_the_picture_with_the_models_numbers():
    objects = objects_of(boxes_of([[10, 20, 30, 60]], [0]), (100, 80), NUMBERS)
    assert objects.boxes.numpy() == pytest.approx(np.array([[0.2, 0.5, 0.2, 0.5]]))
    assert objects.classes.tolist() == [1]


def test_boxes_are_cut_at_the_edge_and_empty_outside_or_ignored_ones_left_out():
    boxes = boxes_of(
        [[-10, -10, 50, 40], [200, 0, 300, 9], [5, 5, 5, 9], [1, 1, 9, 9]],
        [0, 1, 1, 1],
        ignore=[False, False, False, True],
    )
    objects = objects_of(boxes, (100, 80), NUMBERS)
    assert objects.boxes.numpy() == pytest.approx(np.array([[0.25, 0.25, 0.5, 0.5]]))


def test_mirrored_box_lies_on_the_same_pixels_of_the_mirrored_picture():
    import torch

    pixels = torch.zeros(3, 4, 8, dtype=torch.uint8)
    pixels[0, 1:3, 1:3] = 9
    mirrored, objects = _flipped(pixels, objects_of(boxes_of([[1, 1, 3, 3]], [0]), (8, 4), NUMBERS))
    x, y, width, height = (objects.boxes[0] * torch.tensor([8, 4, 8, 4])).tolist()
    left, top = round(x - width / 2), round(y - height / 2)
    assert mirrored[0, top : top + 2, left : left + 2].tolist() == [[9, 9], [9, 9]]
    assert isinstance(objects, Objects)


def test_every_epoch_shows_each_picture_once_in_an_order_of_its_own():
    whole = sample_order(5, 0, 15, seed=2)
    assert [sorted(whole[start : start + 5]) for start in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(whole[start : start + 5]) for start in (0, 5, 10)}) > 1
    assert whole != sample_order(5, 0, 15, seed=3)


def test_samples_taken_in_parts_are_those_taken_at_once():
    whole = sample_order(5, 0, 15, seed=2)
    assert [*sample_order(5, 0, 4, seed=2), *sample_order(5, 4, 11, seed=2)] == whole


def test_flips_and_seeds_follow_from_the_step():
    drawn = flips(1000, 0.25, 1, 7)
    assert sum(drawn) == pytest.approx(250, abs=60)
    assert drawn == flips(1000, 0.25, 1, 7)
    assert drawn != flips(1000, 0.25, 1, 8)
    assert not any(flips(100, 0.0, 1, 7))
    assert all(flips(100, 1.0, 1, 7))
    assert step_seed(1, 7) == step_seed(1, 7) != step_seed(1, 8)


def test_ignore_regions_are_painted_over_except_where_a_box_that_counts_lies():
    pixels = np.full((10, 10, 3), 7, np.uint8)
    painted = blanked(pixels, boxes_of([[0, 0, 10, 5], [2, 2, 4, 8]], [0, 0], ignore=[True, False]))
    assert (painted[0, 0] == BLANK).all()
    assert (painted[3, 3] == 7).all()
    assert (painted[6:] == 7).all()
    assert (pixels == 7).all()


@pytest.mark.parametrize("architecture", ["rt_detr", "detr"])
def test_training_sees_pictures_as_the_saved_processor_makes_them(checkpoint, architecture):
    ctx = Context.for_test()
    with use_detector(ctx, load_detector(checkpoint(architecture), ctx=ctx)) as detector:
        processor = square_processor(detector.processor, 96)
    pixels = scene(0)[0].pixels
    expected = processor(images=[pixels.copy()], return_tensors="pt")["pixel_values"]
    made = _normalized(processor, _resized(processor, pixels)[None])
    assert made.shape == (1, 3, 96, 96)
    assert np.allclose(made, expected, atol=1e-5)

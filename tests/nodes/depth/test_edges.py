import numpy as np
import pytest

from nodes.depth import sharpen
from nodes.types import Depth, Image
from nodes.video import camera_motion


def step(width=200, height=60):
    values = np.full((height, width), 0.2, np.float32)
    values[:, width // 2 :] = 0.9
    return values


def softened(sigma):
    import cv2

    return cv2.GaussianBlur(step(), (0, 0), sigma)


def test_soft_border_becomes_the_step_that_it_was():
    soft = softened(1.2)
    assert np.isin(sharpen(Depth(soft), reach=3).nearness.round(2), np.float32([0.2, 0.9])).all()
    np.testing.assert_allclose(sharpen(Depth(soft), reach=3).nearness, step(), atol=1e-2)


def test_slope_that_rises_less_keeps_its_values():
    slope = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (60, 1))
    assert np.array_equal(sharpen(Depth(slope), reach=1, least=0.1).nearness, slope)


def test_border_warps_without_tearing_the_object_apart():
    """White object, black wall: a torn border leaves pixels of the object strewn over the hole beside it."""
    soft = Depth(softened(2))
    photo = Image(np.repeat((step() > 0.5)[..., None] * np.uint8(255), 3, axis=2))

    def strips(depth):
        last = camera_motion(photo, None, depth, frames=2, path="truck_left", amplitude=0.1).revealed.masks[
            0, 1
        ]
        return int(np.abs(np.diff(last[30].astype(int))).sum())

    assert strips(soft) > strips(sharpen(soft, reach=3)) == strips(Depth(step()))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (0, 0)])
def test_map_smaller_than_the_reach_is_taken(shape):
    assert sharpen(Depth(np.full(shape, 0.3, np.float32)), reach=20).nearness.shape == shape


def test_reach_of_zero_changes_nothing():
    soft = Depth(softened(2))
    assert sharpen(soft, reach=0) is soft

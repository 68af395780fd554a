import numpy as np
import pytest

from nodes.track.anchors import corner_strength, scene_anchors
from nodes.track.dense_flow import FlowPair, follow, sample
from nodes.track.motion_model import agrees, at_scale, carry, fit_object, fit_scene

HOMOGRAPHY = np.array([[1.1, 0.05, -8], [-0.03, 0.95, 6], [1e-4, -2e-4, 1]])


def points(count, seed=0):
    return np.random.default_rng(seed).uniform(0, 300, (count, 2)).astype(np.float32)


def test_homography_is_found_among_40_percent_wrong_matches():
    start = points(400)
    end = carry(HOMOGRAPHY, start)
    end[:160] += np.random.default_rng(1).uniform(20, 90, (160, 2))
    model = fit_scene(start, end, 1.5)
    np.testing.assert_allclose(carry(model, start), carry(HOMOGRAPHY, start), atol=0.01)


@pytest.mark.parametrize("count", [16, 6, 1])
def test_shift_is_found_from_few_matches(count):
    start = points(count)
    model = fit_object(start, start + np.float32([5, -3]), 1.5)
    np.testing.assert_allclose(carry(model, start), start + np.float32([5, -3]), atol=1e-3)


def test_affine_motion_is_found_from_enough_matches():
    affine = np.array([[1.1, 0.1, 5], [-0.05, 0.9, 2], [0, 0, 1]])
    start = points(60)
    model = fit_object(start, carry(affine, start), 1.5)
    np.testing.assert_allclose(model, affine, atol=1e-3)


def test_no_match_determines_no_model():
    none = np.zeros((0, 2), np.float32)
    assert fit_object(none, none, 1.5) is None
    assert fit_scene(none, none, 1.5) is None


def test_matches_on_one_point_give_a_shift_and_no_collapsed_model():
    start = np.tile(np.float32([[10, 10]]), (50, 1))
    np.testing.assert_allclose(fit_object(start, start + 4, 1.5), [[1, 0, 4], [0, 1, 4], [0, 0, 1]])


def test_mirrored_matches_give_no_mirrored_model():
    start = points(60)
    mirrored = start * np.float32([-1, 1])
    model = fit_object(start, mirrored, 1.5)
    assert np.linalg.det(model[:2, :2]) > 0


def test_model_at_another_scale_carries_scaled_points_alike():
    start = points(20)
    larger = carry(at_scale(HOMOGRAPHY, (2.0, 3.0)), start * np.float32([2, 3]))
    np.testing.assert_allclose(larger, carry(HOMOGRAPHY, start) * np.float32([2, 3]), rtol=1e-4)


def test_matches_within_the_tolerance_agree():
    start = np.zeros((3, 2), np.float32)
    end = np.float32([[0, 0], [3, 4], [3, 4.1]])
    assert agrees(np.eye(3), start, end, 5.0).tolist() == [True, True, False]


def test_points_behind_the_camera_are_carried_far_outside():
    behind = np.array([[1.0, 0, 0], [0, 1, 0], [-0.1, 0, 1]])
    assert np.abs(carry(behind, np.float32([[50, 50]]))).max() > 1e6


def test_sample_reads_pixel_centres_exactly_and_interpolates_between_them():
    field = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    at = np.float32([[0.5, 0.5], [1.0, 0.5], [3.5, 2.5], [-5, -5], [99, 99]])
    assert sample(field, at)[:, 0].tolist() == [0, 0.5, 11, 0, 11]


def test_flow_that_does_not_lead_back_is_not_closed():
    forward = np.zeros((20, 20, 2), np.float32)
    forward[..., 0] = 4
    honest, broken = FlowPair(forward, -forward), FlowPair(forward, forward)
    inner, leaving = np.float32([[5, 5]]), np.float32([[18, 5]])
    assert follow(honest, inner).closed.tolist() == [True]
    assert follow(broken, inner).closed.tolist() == [False]
    assert follow(honest, leaving).closed.tolist() == [False]


def test_scene_anchors_avoid_cells_without_texture():
    grey = np.zeros((100, 100), np.uint8)
    grey[:, :50] = np.random.default_rng(0).integers(0, 256, (100, 50), dtype=np.uint8)
    found = scene_anchors(corner_strength(grey), 100)
    assert len(found) > 30
    assert found[:, 0].max() < 56

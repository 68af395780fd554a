from math import cos, radians, sin, tan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.video.camera_path import PATHS, check_amplitude, ease, motion_of, view_at

SIZES = [(640, 480), (640, 427), (512, 512), (400, 600)]
EASINGS = ["linear", "ease_in", "ease_out", "ease_in_out"]


def carried(path, point, amplitude, size=(200, 100), fov=90.0, share=1.0, inverse_depth=1.0):
    moved = view_at(path, amplitude, share, size, fov).homography(inverse_depth) @ (*point, 1.0)
    return moved[:2] / moved[2]


def mean_displacement(path, size):
    """Mean distance that the photo's pixels move, in picture widths, in the last frame."""
    homography = view_at(path, motion_of(path).default, 1.0, size, 50.0).homography()
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    moved = np.stack([x, y, np.ones_like(x)], axis=-1) @ homography.T
    moved = moved[..., :2] / moved[..., 2:]
    return float(np.hypot(moved[..., 0] - x, moved[..., 1] - y).mean() / size[0])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", SIZES)
def test_default_amplitude_moves_the_picture_by_15_percent_of_its_width_or_15_degrees(path, size):
    turns = path.startswith(("pan", "orbit", "roll"))
    assert mean_displacement(path, size) >= 0.15 or (turns and motion_of(path).default >= 15)


@pytest.mark.parametrize("path", PATHS)
def test_no_share_of_the_way_leaves_every_pixel_in_place(path):
    homography = view_at(path, motion_of(path).default, 0.0, (640, 480), 50.0).homography()
    np.testing.assert_allclose(homography / homography[2, 2], np.eye(3), atol=1e-9)


# With a field of view of 90° the focal length is half of the width: 100 pixels here, the middle is (100, 50).


def test_pan_right_moves_the_middle_left_by_focal_length_times_tangent():
    np.testing.assert_allclose(carried("pan_right", (100, 50), 20.0), (100 - 100 * tan(radians(20)), 50))
    np.testing.assert_allclose(carried("pan_left", (100, 50), 20.0), (100 + 100 * tan(radians(20)), 50))


def test_pan_up_moves_the_middle_down():
    np.testing.assert_allclose(carried("pan_up", (100, 50), 20.0), (100, 50 + 100 * tan(radians(20))))
    np.testing.assert_allclose(carried("pan_down", (100, 50), 20.0), (100, 50 - 100 * tan(radians(20))))


def test_truck_right_shifts_the_plane_left_by_a_share_of_the_width():
    np.testing.assert_allclose(carried("truck_right", (30, 70), 0.25), (30 - 50, 70))
    np.testing.assert_allclose(carried("truck_left", (30, 70), 0.25), (30 + 50, 70))


def test_truck_moves_what_is_twice_as_near_twice_as_far():
    np.testing.assert_allclose(carried("truck_right", (30, 70), 0.25, inverse_depth=2.0), (30 - 100, 70))


def test_pedestal_shifts_against_the_camera_by_a_share_of_the_width():
    np.testing.assert_allclose(carried("pedestal_up", (30, 70), 0.1), (30, 70 + 20))
    np.testing.assert_allclose(carried("pedestal_down", (30, 70), 0.1), (30, 70 - 20))


def test_zoom_scales_about_the_middle_evenly_in_the_logarithm():
    np.testing.assert_allclose(carried("zoom_in", (110, 60), 4.0), (140, 90))
    np.testing.assert_allclose(carried("zoom_in", (110, 60), 4.0, share=0.5), (120, 70))
    np.testing.assert_allclose(carried("zoom_out", (140, 90), 4.0), (110, 60))


def test_dolly_half_way_to_the_plane_doubles_it_and_as_far_back_halves_it():
    np.testing.assert_allclose(carried("dolly_in", (110, 60), 0.5), (120, 70))
    np.testing.assert_allclose(carried("dolly_out", (120, 70), 1.0), (110, 60))


def test_orbit_keeps_the_middle_and_brings_the_near_side_closer():
    np.testing.assert_allclose(carried("orbit_right", (100, 50), 30.0), (100, 50), atol=1e-9)
    # Point (1, 0, 1): one unit to the right of the pivot. It turns to (cos 30°, 0, 1 - sin 30°).
    np.testing.assert_allclose(
        carried("orbit_right", (200, 50), 30.0), (100 + 100 * cos(radians(30)) / (1 - sin(radians(30))), 50)
    )
    np.testing.assert_allclose(
        carried("orbit_left", (200, 50), 30.0), (100 + 100 * cos(radians(30)) / (1 + sin(radians(30))), 50)
    )


def test_roll_of_a_clockwise_camera_turns_the_picture_counter_clockwise():
    np.testing.assert_allclose(carried("roll", (110, 50), 90.0), (100, 40), atol=1e-9)


def test_negative_amplitude_goes_the_other_way():
    np.testing.assert_allclose(carried("pan_left", (20, 30), -12.0), carried("pan_right", (20, 30), 12.0))


@pytest.mark.parametrize(
    ("path", "amplitude"),
    [("pan_left", 60.0), ("zoom_in", 0.0), ("zoom_out", -2.0), ("dolly_in", 1.0), ("orbit_left", -75.0)],
)
def test_amplitude_out_of_bounds_is_refused_with_bounds_and_unit(path, amplitude):
    with pytest.raises(ValueError, match=rf"{path}.*must lie between .* the default is"):
        check_amplitude(path, amplitude)


@pytest.mark.parametrize("path", PATHS)
def test_default_amplitude_lies_within_its_own_bounds(path):
    assert check_amplitude(path, check_amplitude(path, None)) == motion_of(path).default


@given(st.sampled_from(EASINGS), st.floats(0, 1), st.floats(0, 1))
def test_easing_runs_from_0_to_1_and_never_back(easing, first, second):
    early, late = sorted((first, second))
    assert ease(0.0, easing) == 0.0
    assert ease(1.0, easing) == 1.0
    assert 0 <= ease(early, easing) <= ease(late, easing) + 1e-12 <= 1 + 1e-12


def test_ease_in_starts_slowly_and_ease_out_ends_slowly():
    assert ease(0.25, "ease_in") < 0.25 < ease(0.25, "ease_out")
    assert ease(0.25, "ease_in_out") < 0.25 < 0.75 < ease(0.75, "ease_in_out")

from dataclasses import replace

import numpy as np
import pytest

from nodes.types import Boxes, Categories, Depth, Image
from nodes.video import camera_motion
from nodes.video.camera_path import PATHS

CLASSES = Categories.of("thing")


def boxes_of(*xyxy):
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        CLASSES,
    )


def plain(width, height, value):
    return Image(np.full((height, width, 3), value, np.uint8))


def with_rectangle(width, height, box):
    """White with a red rectangle on whole pixels."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = (255, 0, 0)
    return Image(pixels)


def red_bounds(frame):
    """Bounds of the red pixels, where half-covered pixels count."""
    rows, columns = np.nonzero((frame[..., 0] > 128) & (frame[..., 1] < 128))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def gradient(width, height):
    x, y = np.meshgrid(np.linspace(40, 220, width), np.linspace(40, 220, height))
    return Image(np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("path", PATHS)
def test_first_frame_is_the_photo_with_its_boxes_and_nothing_revealed(path):
    photo = gradient(64, 48)
    clip = camera_motion(photo, boxes_of((5, 6, 20, 30)), path=path)
    assert np.array_equal(clip.out.frames[0], photo.pixels)
    assert clip.boxes.xyxy[0, 0].tolist() == [5, 6, 20, 30]
    assert clip.boxes.visibility[0, 0] == 1
    assert not clip.revealed.masks[:, 0].any()


def test_truck_by_whole_pixels_copies_pixels_exactly():
    photo = Image(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))
    clip = camera_motion(photo, frames=2, path="truck_right", amplitude=0.25)
    assert np.array_equal(clip.out.frames[1][:, :30], photo.pixels[:, 10:])
    assert clip.revealed.masks[0, 1, :, 30:].all()
    assert not clip.revealed.masks[0, 1, :, :30].any()


def test_box_at_the_photos_edge_is_cut_to_the_photo():
    clip = camera_motion(gradient(40, 30), boxes_of((-5, 0, 10, 40)), frames=1)
    assert clip.boxes.xyxy[0, 0].tolist() == [0, 0, 10, 30]


@pytest.mark.parametrize("path", PATHS)
def test_box_truth_agrees_with_the_rectangle_measured_in_the_frames(path):
    box = (130, 90, 210, 150)
    clip = camera_motion(with_rectangle(320, 240, box), boxes_of(box), path=path, fill="white")
    for frame, truth, share in zip(
        clip.out.frames, clip.boxes.xyxy[0], clip.boxes.visibility[0], strict=True
    ):
        if share > 0.1:
            # A pixel counts as red if half of it is: at a turned rectangle's tips more than one can miss.
            np.testing.assert_allclose(red_bounds(frame), truth, atol=2.0 if path == "roll" else 1.0)


@pytest.mark.parametrize("path", PATHS)
def test_revealed_is_exactly_where_a_white_photo_is_not_white(path):
    clip = camera_motion(plain(160, 120, 255), path=path, fill="black")
    assert np.array_equal((clip.out.frames == 0).all(axis=-1), clip.revealed.masks[0])
    assert np.array_equal((clip.out.frames == 255).all(axis=-1), ~clip.revealed.masks[0])


@pytest.mark.parametrize(("fill", "value"), [("black", 0), ("grey", 114), ("white", 255)])
def test_fill_gives_the_colour_of_revealed_area(fill, value):
    clip = camera_motion(plain(40, 30, 77), path="zoom_out", fill=fill)
    assert np.unique(clip.out.frames[clip.revealed.masks[0]]).tolist() == [value]


def test_fill_edge_extends_the_nearest_seen_pixel():
    clip = camera_motion(gradient(40, 30), frames=2, path="truck_right", amplitude=0.25, fill="edge")
    frame = clip.out.frames[1]
    assert np.array_equal(frame[:, 30:], np.repeat(frame[:, 29:30], 10, axis=1))


def test_visibility_is_the_share_of_the_outline_inside_the_frame():
    clip = camera_motion(
        gradient(100, 80), boxes_of((10, 10, 30, 30), (0, 0, 5, 5)), frames=3, path="truck_right"
    )
    np.testing.assert_allclose(clip.boxes.visibility[0], [1, 1, 0.5], atol=1e-6)
    assert clip.boxes.present.tolist() == [[True, True, True], [True, False, False]]
    assert clip.boxes.xyxy[1, 1:].tolist() == [[0] * 4] * 2
    assert (clip.boxes.scores == 1).all()


def test_zooming_in_reveals_nothing_and_zooming_out_by_two_three_quarters():
    assert not camera_motion(gradient(64, 48), path="zoom_in").revealed.masks.any()
    last = camera_motion(gradient(64, 48), path="zoom_out").revealed.masks[0, -1]
    assert last.mean() == pytest.approx(0.75)


def test_zooming_out_smooths_detail_instead_of_aliasing():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    frame = camera_motion(Image(stripes), frames=2, path="zoom_out", amplitude=2.0).out.frames[1]
    assert frame[20:44, 20:44].min() > 60
    assert frame[20:44, 20:44].max() < 200


def test_easing_changes_when_the_picture_moves_but_not_how_far():
    photo, box = gradient(100, 80), boxes_of((50, 30, 60, 40))
    tracks = {
        easing: camera_motion(photo, box, path="truck_right", easing=easing).boxes.xyxy[0, :, 0]
        for easing in ("linear", "ease_in", "ease_out")
    }
    assert tracks["ease_in"][3] > tracks["linear"][3] > tracks["ease_out"][3]
    assert tracks["ease_in"][-1] == tracks["linear"][-1] == tracks["ease_out"][-1]


@pytest.mark.parametrize("boxes", [None, boxes_of()])
def test_photo_without_objects_gives_a_track_without_objects(boxes):
    clip = camera_motion(gradient(40, 30), boxes, frames=3)
    assert clip.boxes.xyxy.shape == (0, 3, 4)
    assert clip.boxes.present.shape == (0, 3)


def test_clip_has_the_asked_length_frame_rate_and_shapes():
    clip = camera_motion(gradient(40, 30), boxes_of((1, 1, 5, 5), (2, 2, 9, 9)), frames=5, fps=12.5)
    assert clip.out.frames.shape == (5, 30, 40, 3)
    assert clip.out.fps == 12.5
    assert clip.boxes.xyxy.shape == (2, 5, 4)
    assert clip.revealed.masks.shape == (1, 5, 30, 40)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("with_depth", [False, True])
def test_photo_of_one_pixel_is_moved_without_error(path, with_depth):
    depth = Depth(np.ones((1, 1), np.float32)) if with_depth else None
    clip = camera_motion(plain(1, 1, 9), boxes_of((0, 0, 1, 1)), depth, path=path, fill="edge")
    assert clip.out.frames.shape == (8, 1, 1, 3)


def test_amplitude_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match="dolly_in"):
        camera_motion(gradient(40, 30), path="dolly_in", amplitude=1.5)


def test_same_call_gives_the_same_bytes():
    first, second = (camera_motion(gradient(60, 50), path="orbit_left") for _ in range(2))
    assert np.array_equal(first.out.frames, second.out.frames)


def test_first_has_the_photos_boxes_cut_at_its_edges_and_one_row_for_each():
    given = boxes_of((5, 6, 20, 30), (-5, 20, 10, 90), (50, 10, 70, 20))
    clip = camera_motion(gradient(40, 30), given, path="zoom_in")
    assert clip.first.xyxy.tolist() == [[5, 6, 20, 30], [0, 20, 10, 30], [40, 10, 40, 20]]
    assert clip.first.scores is given.scores
    assert clip.first.categories == CLASSES
    assert len(camera_motion(gradient(40, 30)).first) == 0


def test_of_a_box_that_reaches_outside_the_photo_the_part_inside_is_the_object():
    box = (90, 20, 140, 60)
    photo = with_rectangle(120, 90, box)
    clip = camera_motion(photo, boxes_of(box), frames=2, path="truck_right", fill="white")
    assert np.abs(clip.boxes.xyxy[0, 1] - red_bounds(clip.out.frames[1])).max() <= 1
    assert clip.boxes.visibility[0].tolist() == [1, 1]


def test_regions_to_ignore_stay_regions_to_ignore():
    given = replace(boxes_of((5, 6, 20, 30), (1, 2, 9, 9)), ignore=np.array([False, True]))
    clip = camera_motion(gradient(40, 30), given)
    assert clip.boxes.ignore.tolist() == [False, True]
    assert clip.first.ignore.tolist() == [False, True]
    assert clip.boxes.frame(0).ignore.tolist() == [False, True]


@pytest.mark.parametrize("with_depth", [False, True])
def test_photo_above_max_side_is_made_smaller_with_its_boxes_and_depth(with_depth):
    depth = Depth(np.tile(np.linspace(0, 1, 400, dtype=np.float32), (200, 1))) if with_depth else None
    box = (100, 60, 180, 120)
    photo = with_rectangle(400, 200, box)
    large = camera_motion(photo, boxes_of(box), depth, frames=3, path="truck_right", amplitude=0.1)
    small = camera_motion(
        photo, boxes_of(box), depth, frames=3, path="truck_right", amplitude=0.1, max_side=100
    )
    assert small.out.size == (100, 50)
    assert small.revealed.masks.shape == (1, 3, 50, 100)
    assert small.first.xyxy.tolist() == [[25, 15, 45, 30]]
    np.testing.assert_allclose(small.boxes.xyxy * 4, large.boxes.xyxy, atol=1.5)
    assert red_bounds(small.out.frames[0]) == (25, 15, 45, 30)


def test_boxes_and_depth_of_a_photo_of_fifty_megapixels_are_carried():
    row = np.linspace(0, 255, 8165).astype(np.uint8)
    photo = Image(np.broadcast_to(row[None, :, None], (6124, 8165, 3)))
    depth = Depth(np.broadcast_to((row / np.float32(255))[None], (6124, 8165)))
    clip = camera_motion(photo, boxes_of((2000, 2000, 6000, 4000)), depth, frames=2, max_side=512)
    assert clip.out.size == (512, 384)
    assert clip.boxes.present.all()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("with_depth", [False, True])
def test_boxes_of_a_pixel_of_no_area_and_outside_the_photo_are_carried(path, with_depth):
    depth = Depth(np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))) if with_depth else None
    given = boxes_of(
        (30, 20, 31, 21), (30, 20, 30, 20), (-90, -50, -10, -5), (64, 48, 70, 60), (-20, -20, 90, 90)
    )
    clip = camera_motion(gradient(64, 48), given, depth, frames=2, path=path)
    assert clip.boxes.present[:, 0].tolist() == [True, False, False, False, True]
    assert (clip.boxes.visibility[~clip.boxes.present] == 0).all()
    assert (clip.boxes.xyxy >= 0).all()
    assert (clip.boxes.xyxy <= (64, 48, 64, 48)).all()


def test_three_hundred_boxes_are_each_carried_as_if_alone():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (300, 2)).astype(np.float32)
    given = boxes_of(*np.hstack([corners, corners + rng.uniform(1, 30, (300, 2))]).tolist())
    depth = Depth(rng.random((60, 80), np.float32))
    clip = camera_motion(gradient(80, 60), given, depth, frames=2, path="dolly_in")
    for index in (0, 150, 299):
        alone = camera_motion(
            gradient(80, 60), boxes_of(given.xyxy[index]), depth, frames=2, path="dolly_in"
        ).boxes
        assert np.array_equal(alone.xyxy[0], clip.boxes.xyxy[index])
        assert np.array_equal(alone.visibility[0], clip.boxes.visibility[index])


# Parallax


def step_scene():
    """Grey far wall, and on it a red square that is four times as near."""
    pixels = np.full((90, 120, 3), 90, np.uint8)
    pixels[30:60, 40:70] = (255, 0, 0)
    nearness = np.zeros((90, 120), np.float32)
    nearness[30:60, 40:70] = 1
    return Image(pixels), Depth(nearness)


def test_near_square_moves_relief_times_as_far_as_the_wall_and_reveals_what_it_hid():
    photo, depth = step_scene()
    # The median is the wall, at unit depth: it moves 6 pixels, the square 24.
    clip = camera_motion(
        photo, boxes_of((40, 30, 70, 60)), depth, frames=2, path="truck_right", amplitude=0.05, relief=4.0
    )
    frame, revealed = clip.out.frames[1], clip.revealed.masks[0, 1]
    assert red_bounds(frame) == (16, 30, 46, 60)
    np.testing.assert_allclose(clip.boxes.xyxy[0, 1], (16, 30, 46, 60), atol=1e-3)
    expected = np.zeros((90, 120), dtype=bool)
    expected[:, 114:] = True
    expected[30:60, 46:64] = True
    assert np.array_equal(revealed, expected)
    assert (frame[~revealed] != 0).any(axis=-1).all()


def test_box_behind_a_nearer_surface_is_less_visible():
    photo, depth = step_scene()
    # The wall's box goes 6 pixels left, to -2 to 28; the square then covers 16 to 46: 12 of the 28 in view.
    clip = camera_motion(
        photo, boxes_of((4, 30, 34, 60)), depth, frames=2, path="truck_right", amplitude=0.05, relief=4.0
    )
    assert clip.boxes.xyxy[0, 1].tolist() == pytest.approx([0, 30, 28, 60], abs=1e-3)
    assert clip.boxes.visibility[0, 1] == pytest.approx(28 / 30 * 16 / 28, abs=0.03)


def test_large_box_behind_a_nearer_surface_has_the_visibility_of_the_same_scene_at_a_smaller_size():
    photo, depth = step_scene()
    large_photo, large_depth = (
        each.repeat(8, axis=0).repeat(8, axis=1) for each in (photo.pixels, depth.nearness)
    )
    far = {"frames": 2, "path": "truck_right", "amplitude": 0.05, "relief": 4.0}
    small = camera_motion(photo, boxes_of((4, 30, 34, 60)), depth, **far)
    large = camera_motion(Image(large_photo), boxes_of((32, 240, 272, 480)), Depth(large_depth), **far)
    np.testing.assert_allclose(large.boxes.visibility, small.boxes.visibility, atol=0.01)


@pytest.mark.parametrize("path", PATHS)
def test_flat_depth_gives_the_same_clip_as_no_depth(path):
    photo = gradient(80, 60)
    flat = Depth(np.full((60, 80), 0.5, np.float32))
    box = boxes_of((20, 20, 50, 40))
    with_depth, without = camera_motion(photo, box, flat, path=path), camera_motion(photo, box, path=path)
    np.testing.assert_allclose(with_depth.boxes.xyxy, without.boxes.xyxy, atol=1e-3)
    same = ~with_depth.revealed.masks[0] & ~without.revealed.masks[0]
    assert same.mean() > 0.95 * (~without.revealed.masks).mean()
    difference = np.abs(with_depth.out.frames[same].astype(int) - without.out.frames[same])
    assert difference.max() <= 2


def test_slanted_surface_stays_closed_when_it_is_stretched():
    photo = plain(120, 90, 255)
    ramp = Depth(np.broadcast_to(np.linspace(0, 1, 120, dtype=np.float32), (90, 120)).copy())
    clip = camera_motion(photo, None, ramp, path="truck_left", amplitude=0.1, relief=3.0)
    inner = clip.revealed.masks[0, -1][:, 40:110]
    assert not inner.any()


def test_depth_of_another_size_is_refused():
    with pytest.raises(ValueError, match="9×7 but the photo 8×7"):
        camera_motion(plain(8, 7, 1), None, Depth(np.zeros((7, 9), np.float32)))


def test_depth_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        camera_motion(plain(8, 7, 1), None, Depth(np.full((7, 8), np.nan, np.float32)))

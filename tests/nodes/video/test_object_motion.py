from itertools import pairwise

import numpy as np
import pytest

from nodegraph import Context
from nodes.types import Boxes, Categories, Image, MaskTrack
from nodes.video.object_motion import cut_scene, move_scene, object_motion, similarity

CLASSES = Categories.of("thing", "other")


def boxes_of(*xyxy, ignore=None):
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        CLASSES,
        np.zeros(count, dtype=bool) if ignore is None else np.array(ignore),
    )


def squares(size, *placed, background=(255, 255, 255)):
    """A plain photo with (left, top, side, colour) squares, their boxes and masks."""
    pixels = np.full((size[1], size[0], 3), background, np.uint8)
    masks = np.zeros((len(placed), 1, size[1], size[0]), dtype=bool)
    for n, (left, top, side, colour) in enumerate(placed):
        pixels[top : top + side, left : left + side] = colour
        masks[n, 0, top : top + side, left : left + side] = True
    boxes = boxes_of(*[(x, y, x + side, y + side) for x, y, side, _ in placed])
    return Image(pixels), boxes, MaskTrack(masks, np.ones((len(placed), 1), np.float32))


def shifted(*shifts):
    """Models [1, T, 3, 3] of one object that is shifted by (dx, dy) in each frame."""
    return np.stack([similarity((0, 0), shift=shift) for shift in shifts])[None]


def still(frames):
    return np.tile(np.eye(3), (frames, 1, 1))


def moved(image, boxes, masks, models):
    cut = cut_scene(image.pixels, boxes, list(masks.masks[:, 0]))
    return move_scene(cut, models, still(models.shape[1]))


def photo(width=96, height=72, seed=0):
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def clip_of(image, boxes, masks=None, *, seed=0, **params):
    return object_motion(image, boxes, masks, ctx=Context.for_test(seed=seed), **params)


RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_first_frame_is_the_photo_with_its_boxes_and_nothing_revealed():
    image = photo()
    clip = clip_of(image, boxes_of((10, 12, 40, 50), (60, 20, 80, 40)))
    assert np.array_equal(clip.out.frames[0], image.pixels)
    assert clip.first.xyxy.tolist() == clip.boxes.xyxy[:, 0].tolist() == [[10, 12, 40, 50], [60, 20, 80, 40]]
    assert clip.boxes.visibility[:, 0].tolist() == [1, 1]
    assert not clip.revealed.masks[0, 0].any()


def test_object_shifted_by_whole_pixels_is_drawn_there_and_uncovers_what_it_hid():
    clip = moved(*squares((60, 40), (10, 10, 8, RED)), shifted((0, 0), (20, 5)))
    red = (clip.out.frames[1] == RED).all(axis=-1)
    assert red[16:22, 31:37].all()
    assert red.sum() <= 64
    assert clip.boxes.xyxy[0, 1].tolist() == [30, 15, 38, 23]
    assert clip.masks.masks[0, 1, 15:23, 30:38].mean() > 0.9
    assert clip.revealed.masks[0, 1, 10:18, 10:18].all()
    assert not clip.revealed.masks[0, 1, 16:22, 31:37].any()
    assert (clip.out.frames[1][10:18, 10:18] == 255).all()


def test_object_leaves_in_part_and_wholly_and_returns():
    clip = moved(*squares((60, 40), (40, 10, 10, RED)), shifted((0, 0), (15, 0), (25, 0), (10, 0)))
    assert clip.boxes.present[0].tolist() == [True, True, False, True]
    assert clip.boxes.xyxy[0].tolist() == [[40, 10, 50, 20], [55, 10, 60, 20], [0] * 4, [50, 10, 60, 20]]
    np.testing.assert_allclose(clip.boxes.visibility[0], [1, 0.5, 0, 1], atol=1e-6)
    assert not clip.masks.masks[0, 2].any()


def test_nearer_object_hides_the_farther_whose_box_stays_whole():
    image, boxes, masks = squares((80, 40), (10, 5, 10, RED), (40, 5, 20, BLUE))
    models = np.concatenate([shifted((0, 0), (25, 3), (35, 3)), shifted((0, 0), (0, 0), (0, 0))])
    clip = moved(image, boxes, masks, models)
    assert clip.boxes.present[0].all()
    assert clip.boxes.visibility[0, 1] == pytest.approx(0.5, abs=0.06)
    assert clip.boxes.visibility[0, 2] == pytest.approx(0, abs=0.01)
    assert clip.boxes.visibility[1].tolist() == [1, 1, 1]
    assert clip.boxes.xyxy[0, 2].tolist() == [45, 8, 55, 18]
    assert not clip.masks.masks[0, 2].any()
    assert (clip.out.frames[2][10:16, 47:53] == BLUE).all()


def test_of_overlapping_objects_the_one_that_reaches_lower_is_nearer():
    image, boxes, masks = squares((60, 60), (10, 20, 20, RED), (20, 10, 20, BLUE))
    clip = moved(image, boxes, masks, np.tile(np.eye(3), (2, 1, 1, 1)))
    assert clip.boxes.visibility[:, 0] == pytest.approx([1, 0.75], abs=0.05)


def test_box_inside_another_moves_with_it_and_hides_nothing_of_it():
    clip = clip_of(photo(), boxes_of((10, 5, 60, 65), (25, 10, 45, 30)), camera=0, amplitude=0.2)
    assert clip.boxes.visibility[:, 0].tolist() == [1, 1]
    offsets = clip.boxes.xyxy[1, :, :2] - clip.boxes.xyxy[0, :, :2]
    assert np.ptp(offsets, axis=0).max() < 2
    assert np.ptp(clip.boxes.xyxy[1, :, 0]) > 0.5


def test_turned_object_with_a_round_mask_keeps_the_size_of_its_box():
    y, x = np.mgrid[:80, :80] + 0.5
    disc = (x - 40) ** 2 + (y - 40) ** 2 <= 20**2
    masks = MaskTrack(disc[None, None], np.ones((1, 1), np.float32))
    models = np.stack([np.eye(3), similarity((40, 40), degrees=45)])[None]
    clip = moved(photo(80, 80), boxes_of((20, 20, 60, 60)), masks, models)
    np.testing.assert_allclose(clip.boxes.xyxy[0, 1], (20, 20, 60, 60), atol=0.6)


def test_region_to_ignore_stays_in_the_background_and_is_carried_on():
    boxes = boxes_of((10, 10, 30, 30), (50, 20, 80, 60), ignore=[True, False])
    clip = clip_of(photo(), boxes, camera=0)
    assert clip.first.ignore.tolist() == clip.boxes.ignore.tolist() == [True, False]
    assert (clip.boxes.xyxy[0] == (10, 10, 30, 30)).all()
    assert (clip.boxes.visibility[0] == 1).all()
    assert np.ptp(clip.boxes.xyxy[1, :, 0]) > 0.5
    assert not clip.revealed.masks[0, :, 5:35, 5:35].any()


def test_camera_alone_reveals_the_area_beyond_the_photos_edge():
    clip = clip_of(photo(), boxes_of(), camera=0.2, seed=1)
    assert len(clip.boxes.class_ids) == 0
    assert clip.revealed.masks[0, -1].any()
    assert not clip.revealed.masks[0, -1].all()


def test_photo_without_objects_or_camera_motion_gives_a_still_clip():
    image = photo()
    clip = clip_of(image, boxes_of(), camera=0, frames=3)
    assert (clip.out.frames == image.pixels).all()
    assert clip.masks.masks.shape == (0, 3, 72, 96)


def test_motion_is_smooth_and_grows_with_the_amplitude():
    boxes = boxes_of((40, 30, 56, 42))

    def path(amplitude):
        xyxy = clip_of(photo(), boxes, camera=0, amplitude=amplitude, frames=16).boxes.xyxy[0]
        return (xyxy[:, :2] + xyxy[:, 2:]) / 2

    steps = np.diff(path(1.0), axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.5 * np.abs(steps).max() + 0.2
    assert 0 < np.ptp(path(0.25), axis=0).max() < np.ptp(path(1.0), axis=0).max()
    assert np.ptp(path(0.0), axis=0).max() == 0


def test_same_seed_gives_the_same_clip_and_another_seed_another():
    boxes = boxes_of((10, 12, 40, 50))
    first, again, other = (clip_of(photo(), boxes, seed=seed).out.frames for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("box", [(20, 30, 21, 31), (20.2, 30.2, 20.6, 30.7), (0, 0, 96, 72)])
def test_object_of_one_pixel_less_or_the_whole_photo_is_moved(box):
    clip = clip_of(photo(), boxes_of(box), amplitude=1.0, camera=0)
    assert clip.boxes.present[0].all()
    assert (clip.boxes.visibility[0] > 0.3).all()


@pytest.mark.parametrize("box", [(-50, -50, -10, -10), (96, 72, 120, 100), (5, 5, 5, 20)])
def test_box_outside_the_photo_or_without_area_is_absent_and_moves_nothing(box):
    image = photo()
    clip = clip_of(image, boxes_of(box), camera=0, frames=3)
    assert not clip.boxes.present.any()
    assert len(clip.first) == 1
    assert (clip.out.frames == image.pixels).all()


def test_of_a_box_that_reaches_outside_the_part_inside_is_the_object():
    clip = clip_of(photo(), boxes_of((-20, 10, 20, 50)), camera=0, amplitude=0)
    assert clip.first.xyxy.tolist() == [[0, 10, 20, 50]]
    np.testing.assert_allclose(clip.boxes.visibility, 1, atol=1e-6)


def test_large_photo_is_made_smaller_with_its_boxes_and_masks():
    image = photo(400, 300)
    masks = np.zeros((1, 1, 300, 400), dtype=bool)
    masks[0, 0, 100:200, 40:80] = True
    clip = clip_of(
        image, boxes_of((40, 100, 80, 200)), MaskTrack(masks, np.ones((1, 1), np.float32)), max_side=100
    )
    assert clip.out.size == (100, 75)
    assert clip.first.xyxy.tolist() == [[10, 25, 20, 50]]
    assert clip.masks.masks[0, 0].sum() == 250


def test_hundreds_of_objects_without_their_masks():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, (80, 60), (300, 2))
    clip = clip_of(photo(), boxes_of(*np.concatenate([corners, corners + 8], axis=1)), visible_masks=False)
    assert clip.boxes.xyxy.shape == (300, 8, 4)
    assert clip.masks.masks.shape == (0, 8, 72, 96)
    assert (clip.boxes.visibility[:, 1:] < 0.5).any()


def test_clip_of_one_frame_is_the_photo():
    image = photo()
    clip = clip_of(image, boxes_of((10, 12, 40, 50)), frames=1)
    assert np.array_equal(clip.out.frames[0], image.pixels)
    assert clip.boxes.present.shape == (1, 1)


def test_frames_change_a_little_at_a_time():
    clip = clip_of(
        Image(np.tile(np.arange(96, dtype=np.uint8)[None, :, None], (72, 1, 3))), boxes_of((30, 20, 60, 50))
    )
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(clip.out.frames)]
    assert max(steps) < 10


def test_masks_of_other_objects_are_refused():
    masks = MaskTrack(np.zeros((2, 1, 72, 96), dtype=bool), np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match="masks has 2 objects but boxes has 1"):
        clip_of(photo(), boxes_of((1, 2, 30, 40)), masks)


@pytest.mark.parametrize("shape", [(1, 1, 36, 48), (1, 0, 72, 96)])
def test_masks_of_another_photo_are_refused(shape):
    masks = MaskTrack(np.zeros(shape, dtype=bool), np.zeros(shape[:2], np.float32))
    with pytest.raises(ValueError, match="this very photo is 96×72"):
        clip_of(photo(), boxes_of((1, 2, 30, 40)), masks)


def test_run_that_is_being_stopped_stops_before_the_next_frame(tmp_path):
    told = []
    ctx = Context(
        workdir=lambda: tmp_path,
        new_folder=lambda: tmp_path,
        progress=lambda done, total: told.append(done),
        cancelled=lambda: len(told) == 2,
        seeds=[0],
    )
    with pytest.raises(InterruptedError, match="stopped"):
        object_motion(photo(), boxes_of((10, 10, 40, 40)), frames=5, ctx=ctx)
    assert told == [1, 2]

"""`track.flow` against the exact truth of composed layers; for tables see tests/benchmarks/propagation.py."""

import numpy as np
import pytest

from nodegraph import Context
from nodes.evaluate import propagation
from nodes.track import track_flow
from nodes.types import Boxes, Categories
from nodes.video.object_motion import cut_scene, move_scene, similarity

SIZE, FRAMES = (240, 180), 16
TIME = np.linspace(0, 1, FRAMES)


def followed(video, boxes):
    return track_flow(video, boxes, ctx=Context.for_test())


def textured(width, height, seed):
    import cv2

    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for cell in (4, 12, 40):
        noise = rng.uniform(0, 255, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        pixels += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 3
    return np.clip(pixels, 0, 255).astype(np.uint8)


def clip_of(*objects, seeds=(1, 2, 3)):
    """A clip of objects (left, top, width, height, shifts [T, 2]) over a background that drifts."""
    photo = textured(*SIZE, seed=0)
    masks, xyxy, paths = [], [], []
    for seed, (left, top, width, height, shifts) in zip(seeds, objects, strict=False):
        photo[top : top + height, left : left + width] = textured(width, height, seed)
        mask = np.zeros(SIZE[::-1], dtype=bool)
        mask[top : top + height, left : left + width] = True
        masks.append(mask)
        xyxy.append((left, top, left + width, top + height))
        paths.append([similarity((0, 0), shift=(float(x), float(y))) for x, y in shifts])
    count = len(objects)
    boxes = Boxes(np.float32(xyxy), np.zeros(count, np.int64), np.ones(count, np.float32), Categories.of("a"))
    drift = np.stack([similarity((0, 0), shift=(6 * t, -4 * t)) for t in TIME])
    return move_scene(cut_scene(photo, boxes, masks), drift @ np.array(paths), drift)


def line(x, y):
    return TIME[:, None] * (x, y)


CLIPS = {
    "leaving": (
        (180, 60, 40, 40, line(90, 0)),
        (8, 20, 20, 24, line(-60, 10)),
        (90, 90, 60, 50, line(0, 80)),
    ),
    "returning": (
        (180, 60, 40, 40, np.sin(np.pi * TIME)[:, None] * (66, 0)),
        (30, 10, 50, 44, np.sin(np.pi * TIME)[:, None] * (0, -62)),
    ),
    "crossing": (
        (20, 60, 30, 26, line(110, 0)),
        (80, 50, 36, 60, line(0, 0)),
        (150, 20, 44, 40, line(-60, 20)),
    ),
}


@pytest.mark.parametrize("story", CLIPS)
def test_boxes_follow_objects_that_leave_return_and_hide_each_other(story):
    clip = clip_of(*CLIPS[story])
    found = propagation(followed(clip.out, clip.first).boxes, clip.boxes)
    assert found.mean_iou > 0.9
    assert not found.false_survivals
    assert found.missed < 0.05
    assert (found.gone > 3) == (story != "crossing")


def test_hidden_object_is_absent_until_it_comes_out():
    clip = clip_of(*CLIPS["crossing"])
    tracked = followed(clip.out, clip.first).boxes
    hidden = clip.boxes.visibility[0] < 0.05
    assert hidden.any()
    assert not tracked.present[0, hidden].any()
    assert tracked.present[0, -1]


def test_object_that_comes_out_elsewhere_is_followed_back_to_where_it_first_shows():
    """It turns behind another: where it comes out it is not expected, and told for sure when most is seen."""
    time = np.arange(FRAMES)
    turns = np.stack([9 * np.minimum(time, 7), 9 * np.maximum(time - 7, 0)], axis=1)
    clip = clip_of((20, 76, 36, 36, turns), (80, 60, 60, 60, line(0, 0)))
    tracked = followed(clip.out, clip.first).boxes
    assert (clip.boxes.visibility[0, 7:9] < 0.05).all()
    assert not tracked.present[0, 7:9].any()
    assert 0.5 < clip.boxes.visibility[0, 10] < 0.6
    assert tracked.present[0, 10:12].all()
    np.testing.assert_allclose(tracked.xyxy[0, 10:12], clip.boxes.xyxy[0, 10:12], atol=2)


def test_another_object_that_looks_the_same_is_not_taken_for_one_that_left():
    clip = clip_of((6, 20, 34, 34, line(-90, 0)), (90, 40, 34, 34, line(-60, -10)), seeds=(1, 1))
    tracked = followed(clip.out, clip.first).boxes
    assert (~clip.boxes.present[0]).sum() > 3
    assert not (tracked.present & ~clip.boxes.present).any()
    assert tracked.present[1].all()


def test_regions_to_ignore_are_carried_as_such():
    clip = clip_of(*CLIPS["leaving"])
    first = clip.first
    ignore = np.array([False, True, False])
    boxes = Boxes(first.xyxy, first.class_ids, first.scores, first.categories, ignore)
    assert followed(clip.out, boxes).boxes.ignore.tolist() == [False, True, False]

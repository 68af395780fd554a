"""`track.grabcut`: objects cut out by colour in every frame, without memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodegraph import Context
from nodes.track.flow import Tracked
from nodes.track.segment_grabcut import track_grabcut
from nodes.types import Boxes, Categories, MaskTrack, Video

WIDTH, HEIGHT = 120, 80


def disc(x: float, y: float, radius: float) -> np.ndarray[Any, Any]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return (columns - x) ** 2 + (rows - y) ** 2 < radius**2


def scene(*centres: tuple[float, float]) -> tuple[Video, np.ndarray[Any, Any]]:
    """A red disc on a green ground with noise, one frame a centre; and its masks bool `[T, H, W]`."""
    rng = np.random.default_rng(0)
    masks = np.stack([disc(x, y, 15) for x, y in centres])
    frames = np.where(masks[..., None], (200, 40, 40), (40, 160, 60)) + rng.integers(
        -20, 20, (*masks.shape, 1)
    )
    return Video(frames.clip(0, 255).astype(np.uint8), 7.0), masks


def boxes_at(*xyxy: tuple[float, float, float, float]) -> Boxes:
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        Categories.of("disc"),
        np.ones(count, dtype=bool),
    )


def run(video: Video, boxes: Boxes, masks: MaskTrack | None = None, **params: Any) -> Tracked:
    return track_grabcut(video, boxes, masks, ctx=Context.for_test(), **params)


def iou(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float((one & other).sum() / (one | other).sum())


BOX = (40, 20, 80, 60)


def test_an_object_of_its_own_colour_is_cut_out_and_its_box_is_tight():
    video, masks = scene((60, 40), (62, 41), (64, 42))
    found = run(video, boxes_at(BOX))
    assert min(iou(found.masks.masks[0, t], masks[t]) for t in range(3)) > 0.95
    assert np.abs(found.boxes.xyxy[0, 1] - (47, 26, 77, 56)).max() <= 2
    assert found.boxes.ignore.tolist() == [True]
    assert found.boxes.scores[0, 0] == pytest.approx(30 * 30 / 40 / 40, abs=0.1)


def test_cut_on_a_smaller_picture_stays_near():
    video, masks = scene((60, 40))
    assert iou(run(video, boxes_at(BOX), side=32).masks.masks[0, 0], masks[0]) > 0.85


def test_nothing_is_followed_so_an_object_that_leaves_its_box_is_lost():
    video, masks = scene((60, 40), (20, 40))
    found = run(video, boxes_at(BOX))
    assert iou(found.masks.masks[0, 0], masks[0]) > 0.95
    assert not (found.masks.masks[0, 1] & masks[1]).any()


def test_same_result_at_every_run_and_beside_other_objects():
    video, _ = scene((60, 40), (62, 41))
    one, again = run(video, boxes_at(BOX)), run(video, boxes_at((5, 5, 30, 30), BOX))
    assert np.array_equal(one.masks.masks[0], again.masks.masks[1])


def test_masks_stand_for_the_first_frame():
    video, masks = scene((60, 40), (60, 40))
    given = MaskTrack(np.roll(masks[None, :1], 5, axis=3), np.ones((1, 1), np.float32))
    found = run(video, boxes_at(BOX), given)
    assert np.array_equal(found.masks.masks[0, 0], given.masks[0, 0])
    assert iou(found.masks.masks[0, 1], masks[1]) > 0.95
    with pytest.raises(ValueError, match="masks has 1 objects but boxes has 2"):
        run(video, boxes_at(BOX, BOX), given)


def test_boxes_that_cannot_be_cut_are_taken_whole_and_those_out_of_sight_are_absent():
    video, _ = scene((60, 40))
    hard = boxes_at(
        (-9, -9, 500, 500),  # no background left
        (10, 10, 11, 11),
        (10.2, 10.2, 10.8, 10.8),
        (-50, 0, -10, 40),
        (0, 0, 0, 40),
        (100, 60, 300, 300),  # all ground: may be cut out or not, without an error
    )
    found = run(video, hard)
    assert found.boxes.present[:5, 0].tolist() == [True, True, True, False, False]
    assert found.masks.masks[0, 0].all()
    assert found.boxes.xyxy[1:3, 0].tolist() == [[10, 10, 11, 11]] * 2


def test_zero_boxes_give_empty_tracks():
    found = run(scene((60, 40))[0], boxes_at())
    assert found.boxes.xyxy.shape == (0, 1, 4)
    assert found.masks.masks.shape == (0, 1, HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (300, 6)])
def test_pictures_of_any_size_are_taken(size: tuple[int, int]):
    video = Video(np.random.default_rng(0).integers(0, 256, (2, size[1], size[0], 3), np.uint8), 5.0)
    found = run(video, boxes_at((0, 0, 1, 1), (1, 1, 200, 5)))
    assert found.masks.masks.shape == (2, 2, size[1], size[0])


def test_a_stopped_run_ends(tmp_path: Path):
    stopped = Context(
        workdir=lambda: tmp_path,
        new_folder=lambda: tmp_path,
        progress=lambda done, total: None,
        cancelled=lambda: True,
    )
    with pytest.raises(InterruptedError):
        track_grabcut(scene((60, 40))[0], boxes_at(BOX), ctx=stopped)

import numpy as np
import pytest

from nodegraph import Context
from nodes.track import track_flow
from nodes.track.dense_flow import flow_both_ways
from nodes.types import Boxes, Categories, Image, MaskTrack, Video
from nodes.video import camera_motion
from nodes.video.camera_path import PATHS

CLASSES = Categories.of("thing")


def followed(*inputs, **params):
    return track_flow(*inputs, ctx=Context.for_test(), **params)


def boxes_of(*xyxy, scores=None):
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.ones(count, np.float32) if scores is None else np.array(scores, np.float32),
        CLASSES,
    )


def textured(width, height, seed=0):
    """A picture with detail at several scales, as photos have."""
    import cv2

    rng = np.random.default_rng(seed)
    pixels = np.zeros((height, width, 3), np.float32)
    for cell in (4, 12, 40):
        noise = rng.uniform(0, 255, (height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        pixels += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 3
    return np.clip(pixels, 0, 255).astype(np.uint8)


def iou(first, second):
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = sides.clip(0).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (first, second)]
    return shared / (areas[0] + areas[1] - shared)


def still_clip(frames=6, size=(240, 180)):
    return np.repeat(textured(*size)[None], frames, axis=0)


def with_object(background, places, size=(60, 50), seed=7):
    """A textured patch pasted into each frame at its place (left, top)."""
    frames = background.copy()
    patch = textured(*size, seed=seed)
    for frame, (left, top) in zip(frames, places, strict=True):
        frame[top : top + size[1], left : left + size[0]] = patch
    truth = np.array([(x, y, x + size[0], y + size[1]) for x, y in places], np.float32)
    return frames, truth


@pytest.mark.parametrize(
    ("path", "fill"), [*((path, "black") for path in PATHS), ("zoom_out", "edge"), ("pan_left", "white")]
)
def test_boxes_follow_every_camera_path(path, fill):
    source = boxes_of((60, 40, 150, 130), (150, 60, 190, 100))
    clip = camera_motion(Image(textured(240, 180)), source, path=path, fill=fill)
    tracked = followed(clip.out, source).boxes
    seen = clip.boxes.present & (clip.boxes.visibility > 0.1)
    assert iou(tracked.xyxy, clip.boxes.xyxy)[seen].min() > 0.95
    assert tracked.scores[seen].mean() > 0.9
    np.testing.assert_allclose(tracked.visibility, clip.boxes.visibility, atol=0.15)


def test_first_frame_keeps_the_boxes_scores_and_classes():
    source = Boxes(
        np.array([[10, 20, 80, 90], [-5, 100, 50, 250]], np.float32),
        np.array([1, 0]),
        np.array([0.5, 1.0], np.float32),
        Categories.of("a", "b"),
    )
    tracked = followed(Video(still_clip(2), 8.0), source).boxes
    assert tracked.xyxy[:, 0].tolist() == [[10, 20, 80, 90], [0, 100, 50, 180]]
    assert tracked.scores[:, 0].tolist() == [0.5, 1.0]
    assert tracked.scores[0, 1] == pytest.approx(0.5, abs=0.05)
    assert tracked.class_ids.tolist() == [1, 0]
    assert tracked.categories == source.categories


def test_boxes_of_a_still_clip_stay_where_they_are():
    tracked = followed(Video(still_clip(), 8.0), boxes_of((40, 30, 120, 110))).boxes
    np.testing.assert_allclose(tracked.xyxy, np.broadcast_to((40, 30, 120, 110), (1, 6, 4)), atol=0.2)
    assert tracked.scores.min() > 0.95


def test_object_moving_over_a_still_scene_is_followed_by_its_own_motion():
    frames, truth = with_object(still_clip(), [(30 + 9 * t, 60 + 3 * t) for t in range(6)])
    tracked = followed(Video(frames, 8.0), boxes_of(truth[0])).boxes
    assert iou(tracked.xyxy[0], truth).min() > 0.9


def test_object_creeping_one_pixel_a_frame_is_not_taken_for_the_scene():
    frames, truth = with_object(still_clip(8), [(30 + t, 60) for t in range(8)])
    tracked = followed(Video(frames, 8.0), boxes_of(truth[0])).boxes
    assert iou(tracked.xyxy[0], truth).min() > 0.96


def test_still_object_in_a_moving_scene_stays():
    clip = camera_motion(Image(textured(240, 180)), path="truck_right", amplitude=0.3)
    frames, truth = with_object(clip.out.frames, [(90, 60)] * 8)
    tracked = followed(Video(frames, 8.0), boxes_of(truth[0])).boxes
    assert iou(tracked.xyxy[0], truth).min() > 0.9


def test_object_that_leaves_and_returns_keeps_its_extent():
    there = camera_motion(Image(textured(240, 180)), path="truck_right", amplitude=0.4, frames=6).out.frames
    frames = np.concatenate([there, there[::-1]])
    tracked = followed(Video(frames, 8.0), boxes_of((10, 60, 70, 120))).boxes
    assert tracked.present[0].tolist() == [True] * 4 + [False] * 4 + [True] * 4
    assert (tracked.xyxy[0, 5] == 0).all()
    assert tracked.scores[0, 5] == 0
    np.testing.assert_allclose(tracked.xyxy[0, -1], (10, 60, 70, 120), atol=0.5)


def test_hidden_part_of_an_object_lowers_visibility_and_score_but_not_the_box():
    frames = still_clip(6)
    for t in range(1, 6):
        frames[t, :, : 30 + 15 * t] = (200, 30, 30)
    tracked = followed(Video(frames, 8.0), boxes_of((60, 40, 160, 140))).boxes
    # In the last frame columns up to 105 are covered: 45 of the object's 100.
    assert tracked.visibility[0, -1] == pytest.approx(0.55, abs=0.12)
    assert tracked.scores[0, -1] < 0.7
    assert iou(tracked.xyxy[0, -1], np.array([60, 40, 160, 140])) > 0.97


def test_frame_that_shows_something_else_gets_a_low_score():
    frames = np.stack([textured(240, 180, seed=0), textured(240, 180, seed=1)])
    tracked = followed(Video(frames, 8.0), boxes_of((60, 40, 160, 140))).boxes
    assert tracked.scores[0, 1] < 0.3


def test_clip_without_texture_keeps_the_boxes():
    tracked = followed(Video(np.full((3, 60, 80, 3), 90, np.uint8), 8.0), boxes_of((10, 10, 40, 40))).boxes
    np.testing.assert_allclose(tracked.xyxy[0], np.broadcast_to((10, 10, 40, 40), (3, 4)), atol=1e-3)


def test_flow_on_smaller_pictures_still_gives_boxes_in_full_size():
    source = boxes_of((150, 100, 390, 330))
    clip = camera_motion(Image(textured(601, 453)), source, path="zoom_in")
    tracked = followed(clip.out, source, flow_side=200).boxes
    assert iou(tracked.xyxy[0], clip.boxes.xyxy[0]).min() > 0.97


def test_masks_are_the_filled_boxes_if_none_are_linked():
    clip = camera_motion(Image(textured(120, 90)), path="truck_right", amplitude=0.25, frames=6)
    masks = followed(clip.out, boxes_of((50, 20, 90, 60))).masks
    assert masks.masks.shape == (1, 6, 90, 120)
    assert masks.masks[0, 0].sum() == masks.masks[0, 0, 20:60, 50:90].sum() == 1600
    shifted = np.zeros((90, 120), dtype=bool)
    shifted[20:60, 20:60] = True
    assert (masks.masks[0, -1] ^ shifted).sum() <= 80


def test_linked_masks_are_carried_and_only_their_points_followed():
    frames, _ = with_object(still_clip(), [(30 + 9 * t, 60) for t in range(6)])
    first = np.zeros((1, 1, 180, 240), dtype=bool)
    first[0, 0, 60:110, 30:90] = True
    loose = boxes_of((10, 40, 150, 130))
    tracked = followed(Video(frames, 8.0), loose, MaskTrack(first, np.ones((1, 1), np.float32)))
    expected = np.zeros((180, 240), dtype=bool)
    expected[60:110, 75:135] = True
    last = tracked.masks.masks[0, -1]
    assert (last & expected).sum() / (last | expected).sum() > 0.93
    np.testing.assert_allclose(tracked.boxes.xyxy[0, -1], (55, 40, 195, 130), atol=2)


def test_object_outside_the_frame_has_an_empty_mask_with_score_0():
    clip = camera_motion(Image(textured(120, 90)), path="truck_right", amplitude=0.5, frames=6)
    masks = followed(clip.out, boxes_of((5, 20, 30, 60))).masks
    assert not masks.masks[0, -1].any()
    assert masks.scores[0, -1] == 0


def test_photo_without_objects_gives_empty_tracks():
    tracked = followed(Video(still_clip(3), 8.0), boxes_of())
    assert tracked.boxes.xyxy.shape == (0, 3, 4)
    assert tracked.masks.masks.shape == (0, 3, 180, 240)


def test_clip_of_one_frame_gives_the_boxes_back():
    tracked = followed(Video(still_clip(1), 8.0), boxes_of((1, 2, 30, 40)))
    assert tracked.boxes.xyxy.tolist() == [[[1, 2, 30, 40]]]


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 50), (50, 3)])
def test_tiny_frames_are_tracked_without_error(size):
    frames = np.random.default_rng(0).integers(0, 256, (3, size[1], size[0], 3), dtype=np.uint8)
    tracked = followed(Video(frames, 8.0), boxes_of((0, 0, *size), (0, 0, 0, 0)))
    assert tracked.boxes.present[:, 0].tolist() == [True, False]


def test_masks_of_other_objects_are_refused():
    masks = MaskTrack(np.zeros((2, 1, 180, 240), dtype=bool), np.zeros((2, 1), np.float32))
    with pytest.raises(ValueError, match="masks has 2 objects but boxes has 1"):
        followed(Video(still_clip(2), 8.0), boxes_of((1, 2, 30, 40)), masks)


@pytest.mark.parametrize("shape", [(1, 1, 90, 120), (1, 0, 180, 240)])
def test_masks_of_another_clip_are_refused(shape):
    masks = MaskTrack(np.zeros(shape, dtype=bool), np.zeros(shape[:2], np.float32))
    with pytest.raises(ValueError, match="the clip's first frame is 240×180"):
        followed(Video(still_clip(2), 8.0), boxes_of((1, 2, 30, 40)), masks)


def test_flow_does_not_depend_on_the_number_of_threads():
    import cv2

    first, second = textured(640, 427), np.roll(textured(640, 427), (5, 9), axis=(0, 1))
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second)]
    before = cv2.getNumThreads()
    try:
        flows = []
        for threads in (1, 2, 3, 8):
            cv2.setNumThreads(threads)
            flows.append(flow_both_ways(grey[0], grey[1], "medium"))
    finally:
        cv2.setNumThreads(before)
    assert all(np.array_equal(flows[0].forward, flow.forward) for flow in flows)
    assert all(np.array_equal(flows[0].backward, flow.backward) for flow in flows)


def test_same_clip_gives_the_same_track():
    clip = camera_motion(Image(textured(120, 90)), path="roll")
    first, second = (followed(clip.out, boxes_of((30, 20, 70, 60))).boxes for _ in range(2))
    assert np.array_equal(first.xyxy, second.xyxy)
    assert np.array_equal(first.scores, second.scores)


@pytest.mark.parametrize("cancelled", [False, True])
def test_run_that_is_being_stopped_stops_before_the_next_frame(cancelled, tmp_path):
    told = []
    ctx = Context(
        workdir=lambda: tmp_path,
        new_folder=lambda: tmp_path,
        progress=lambda done, total: told.append((done, total)),
        cancelled=lambda: cancelled or len(told) == 2,
    )
    with pytest.raises(InterruptedError, match="stopped"):
        track_flow(Video(still_clip(5), 8.0), boxes_of((60, 40, 160, 140)), ctx=ctx)
    assert told == ([] if cancelled else [(1, 4), (2, 4)])

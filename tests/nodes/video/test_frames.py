import numpy as np
import pytest

from nodes.types import BoxTrack, Categories, Video
from nodes.video.frames import video_frames

CATEGORIES = Categories.of("cat", "dog")


def clip(count: int) -> Video:
    shades = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Video(np.broadcast_to(shades, (count, 4, 6, 3)), 6.0)


def track(present: list[list[bool]]) -> BoxTrack:
    shown = np.array(present)
    xyxy = np.where(shown[..., None], np.array([1, 1, 3, 3], np.float32), 0).astype(np.float32)
    ones = np.ones(shown.shape, np.float32)
    return BoxTrack(xyxy, shown, ones, ones, np.arange(len(present)), CATEGORIES)


def test_frames_come_in_playing_order_under_their_numbers():
    items = list(video_frames(clip(12)))
    assert [item.key for item in items] == [f"{number:04d}" for number in range(12)]
    assert [int(item.value.image.pixels[0, 0, 0]) for item in items] == list(range(12))


def test_frames_are_made_only_when_asked_for():
    assert all(item.make is not None for item in video_frames(clip(2)))


def test_a_frame_has_the_boxes_present_in_it():
    items = list(video_frames(clip(3), track([[True, True, False], [False, True, False]])))
    assert [item.value.boxes.class_ids.tolist() for item in items] == [[0], [0, 1], []]
    assert items[1].value.boxes.categories == CATEGORIES


def test_frames_without_boxes_are_left_out_on_request():
    items = list(video_frames(clip(3), track([[True, False, True]]), keep_empty=False))
    assert [item.key for item in items] == ["0000", "0002"]


def test_without_a_track_every_frame_is_kept_with_empty_boxes():
    items = list(video_frames(clip(2), keep_empty=False))
    assert [len(item.value.boxes) for item in items] == [0, 0]


def test_a_track_of_another_clip_is_refused():
    with pytest.raises(ValueError, match="the clip has 3 frames but the boxes cover 2"):
        list(video_frames(clip(3), track([[True, True]])))

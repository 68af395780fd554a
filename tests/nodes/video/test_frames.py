from dataclasses import replace

import numpy as np
import pytest

from nodes.types import BoxTrack, Categories, MaskTrack, Video
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


def test_ignore_regions_go_along_and_do_not_fill_a_frame():
    given = replace(track([[True, True, False], [False, True, False]]), ignore=np.array([True, False]))
    assert [item.value.boxes.ignore.tolist() for item in video_frames(clip(3), given)] == [
        [True],
        [True, False],
        [],
    ]
    assert [item.key for item in video_frames(clip(3), given, keep_empty=False)] == ["0001"]


def masks(frames: int, height: int = 4, width: int = 6) -> MaskTrack:
    """Two objects; the first has pixel (0, t) in frame t, the second all of row 1 in frame 1."""
    pixels = np.zeros((2, frames, height, width), dtype=bool)
    for index in range(frames):
        pixels[0, index, 0, index] = True
    pixels[1, 1:2, 1] = True
    return MaskTrack(pixels, np.ones((2, frames), np.float32))


def test_a_frame_has_the_union_of_what_was_revealed_in_it():
    items = list(video_frames(clip(3), revealed=masks(3)))
    assert [np.argwhere(item.value.revealed.pixels).tolist() for item in items] == [
        [[0, 0]],
        [[0, 1], *[[1, column] for column in range(6)]],
        [[0, 2]],
    ]


@pytest.mark.parametrize(
    "none", [None, MaskTrack(np.zeros((0, 1, 4, 6), bool), np.zeros((0, 1), np.float32))]
)
def test_where_nothing_was_revealed_a_frame_has_an_empty_mask(none):
    (item,) = video_frames(clip(1), revealed=none)
    assert item.value.revealed.pixels.shape == (4, 6)
    assert not item.value.revealed.pixels.any()


@pytest.mark.parametrize("other", [masks(2), masks(3, 5, 6)])
def test_what_was_revealed_in_another_clip_is_refused(other):
    with pytest.raises(ValueError, match="the clip has 3 frames of 6×4 but revealed"):
        list(video_frames(clip(3), revealed=other))


def test_without_a_track_every_frame_is_kept_with_empty_boxes():
    items = list(video_frames(clip(2), keep_empty=False))
    assert [len(item.value.boxes) for item in items] == [0, 0]


def test_a_track_of_another_clip_is_refused():
    with pytest.raises(ValueError, match="the clip has 3 frames but the boxes cover 2"):
        list(video_frames(clip(3), track([[True, True]])))

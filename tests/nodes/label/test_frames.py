from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Drop
from nodes.label import select_frames
from nodes.types import BoxTrack, Categories, MaskTrack, Video


def numbered_clip(frames):
    """Frame t has the grey value t."""
    values = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    return Video(np.broadcast_to(values, (frames, 6, 8, 3)).copy(), 12.0)


def numbered_track(frames, absent=()):
    """The box of frame t is (0, 0, t + 1, t + 1)."""
    xyxy = np.zeros((1, frames, 4), np.float32)
    xyxy[0, :, 2:] = np.arange(1, frames + 1)[:, None]
    present = np.ones((1, frames), dtype=bool)
    present[0, list(absent)] = False
    ones = np.ones((1, frames), np.float32)
    return BoxTrack(xyxy, present, ones, ones, np.zeros(1, np.int64), Categories.of("thing"))


def selected(frames, **rules):
    return select_frames(numbered_clip(frames), **rules).out.frames[:, 0, 0, 0].tolist()


def test_without_rules_every_frame_is_taken():
    assert selected(4) == [0, 1, 2, 3]


def test_frame_with_nothing_but_ignore_regions_is_empty():
    track = replace(numbered_track(2), ignore=np.array([True]))
    with pytest.raises(Drop):
        select_frames(numbered_clip(2), track, empty=False)


def test_ignored_objects_stay_ignored():
    track = replace(numbered_track(4), ignore=np.array([True]))
    assert select_frames(numbered_clip(4), track, every=2).boxes.ignore.tolist() == [True]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"skip_first": 1}, [1, 2, 3, 4, 5, 6, 7]),
        ({"every": 3}, [0, 3, 6]),
        ({"skip_first": 1, "every": 3}, [1, 4, 7]),
        ({"count": 3}, [0, 4, 7]),
        ({"count": 1}, [0]),
        ({"count": 99}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"skip_first": 1, "every": 2, "count": 2}, [1, 7]),
    ],
)
def test_rules_apply_in_their_order(rules, expected):
    assert selected(8, **rules) == expected


def test_labels_stay_with_their_frames():
    masks = np.zeros((2, 5, 6, 8), dtype=bool)
    masks[1, 3] = True
    chosen = select_frames(
        numbered_clip(5),
        numbered_track(5),
        MaskTrack(masks, np.ones((2, 5), np.float32)),
        skip_first=1,
        every=2,
    )
    assert chosen.out.frames[:, 0, 0, 0].tolist() == [1, 3]
    assert chosen.out.fps == 12.0
    assert chosen.boxes.xyxy[0, :, 2].tolist() == [2, 4]
    assert chosen.masks.masks.any(axis=(2, 3)).tolist() == [[False, False], [False, True]]


def test_frames_without_objects_are_left_out_if_asked_for():
    chosen = select_frames(numbered_clip(4), numbered_track(4, absent=[0, 2]), empty=False)
    assert chosen.out.frames[:, 0, 0, 0].tolist() == [1, 3]


def test_leaving_out_empty_frames_without_boxes_is_refused():
    with pytest.raises(ValueError, match="link boxes"):
        select_frames(numbered_clip(4), empty=False)


def test_without_labels_the_tracks_have_no_objects():
    chosen = select_frames(numbered_clip(4), count=2)
    assert chosen.boxes.xyxy.shape == (0, 2, 4)
    assert chosen.masks.masks.shape == (0, 2, 6, 8)


def test_clip_with_no_frame_left_is_dropped():
    with pytest.raises(Drop, match="no frame of 4"):
        select_frames(numbered_clip(4), skip_first=4)
    with pytest.raises(Drop):
        select_frames(numbered_clip(1), numbered_track(1, absent=[0]), empty=False)


@pytest.mark.parametrize("labels", [{"boxes": numbered_track(3)}, {"masks": None}])
def test_labels_of_another_length_are_refused(labels):
    if labels.get("masks", 0) is None:
        labels = {"masks": MaskTrack(np.zeros((1, 3, 6, 8), dtype=bool), np.ones((1, 3), np.float32))}
    with pytest.raises(ValueError, match=r"(boxes|masks) has 3 frames but the clip has 4"):
        select_frames(numbered_clip(4), **labels)


@given(st.integers(1, 30), st.integers(0, 5), st.integers(1, 5), st.integers(1, 10))
def test_chosen_frames_are_in_order_unique_and_at_most_as_many_as_asked(frames, skip_first, every, count):
    if skip_first >= frames:
        return
    chosen = selected(frames, skip_first=skip_first, every=every, count=count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(range(skip_first, frames, every)))
    assert all((index - skip_first) % every == 0 for index in chosen)

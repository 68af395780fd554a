from dataclasses import replace

import numpy as np
import pytest

from nodegraph import Drop
from nodes.label import disocclusion
from nodes.types import BoxTrack, Categories, MaskTrack, Video


def clip_of(*colours, size=(40, 30)):
    """One plain frame per colour."""
    frames = np.zeros((len(colours), size[1], size[0], 3), np.uint8)
    for frame, colour in zip(frames, colours, strict=True):
        frame[:] = colour
    return Video(frames, 5.0)


def revealed_columns(*counts, size=(40, 30)):
    """Per frame, the number of columns at the right that are revealed."""
    masks = np.zeros((1, len(counts), size[1], size[0]), dtype=bool)
    for mask, count in zip(masks[0], counts, strict=True):
        mask[:, size[0] - count :] = True
    return MaskTrack(masks, np.ones((1, len(counts)), np.float32))


def track_of(frames):
    xyxy = np.zeros((1, frames, 4), np.float32)
    xyxy[0, :, 2:] = np.arange(1, frames + 1)[:, None]
    ones = np.ones((1, frames), np.float32)
    return BoxTrack(xyxy, ones.astype(bool), ones, ones, np.zeros(1, np.int64), Categories.of("thing"))


def test_fill_gives_revealed_area_the_grey_value_and_leaves_the_rest():
    done = disocclusion(clip_of(50, 60), revealed_columns(0, 10), mode="fill", colour=200)
    assert np.array_equal(done.out.frames[0], clip_of(50).frames[0])
    assert (done.out.frames[1, :, 30:] == 200).all()
    assert (done.out.frames[1, :, :30] == 60).all()
    assert done.out.fps == 5.0


def test_mean_is_the_mean_colour_of_what_is_not_revealed():
    clip = clip_of(250)
    frames = clip.frames.copy()
    frames[0, :, :15], frames[0, :, 15:30] = (10, 20, 30), (30, 40, 50)
    done = disocclusion(Video(frames, 5.0), revealed_columns(10), mode="mean")
    assert np.unique(done.out.frames[0, :, 30:].reshape(-1, 3), axis=0).tolist() == [[20, 30, 40]]


def test_blur_takes_its_colours_from_the_surroundings_alone():
    frames = clip_of(255).frames.copy()
    frames[0, :, :30] = (0, 100, 0)
    done = disocclusion(Video(frames, 5.0), revealed_columns(10), mode="blur")
    assert np.unique(done.out.frames[0].reshape(-1, 3), axis=0).tolist() == [[0, 100, 0]]


def test_blur_between_two_colours_goes_from_one_to_the_other():
    frames = np.zeros((1, 60, 60, 3), np.uint8)
    frames[0, :, 40:] = 200
    masks = np.zeros((1, 1, 60, 60), dtype=bool)
    masks[..., 20:40] = True
    done = disocclusion(Video(frames, 5.0), MaskTrack(masks, np.ones((1, 1), np.float32)), mode="blur")
    row = done.out.frames[0, 30, 20:40, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[0] < 40
    assert row[-1] > 160


def test_keep_changes_no_pixel():
    clip = clip_of(50, 60)
    assert np.array_equal(disocclusion(clip, revealed_columns(5, 10), mode="keep").out.frames, clip.frames)


@pytest.mark.parametrize("mode", ["fill", "blur", "mean"])
def test_frame_that_is_revealed_whole_gets_the_fill_value(mode):
    done = disocclusion(clip_of(50), revealed_columns(40), mode=mode, colour=7)
    assert (done.out.frames == 7).all()


def test_frames_over_the_threshold_are_dropped_with_their_boxes_and_masks():
    clip, revealed = clip_of(10, 20, 30, 40), revealed_columns(0, 20, 10, 11)
    done = disocclusion(clip, revealed, track_of(4), mode="keep", max_revealed=0.25)
    assert done.out.frames[:, 0, 0, 0].tolist() == [10, 30]
    assert done.boxes.xyxy[0, :, 2].tolist() == [1, 3]
    assert done.revealed.masks[0].mean(axis=(1, 2)).tolist() == [0, 0.25]


def test_clip_with_every_frame_over_the_threshold_is_dropped():
    with pytest.raises(Drop, match="more than 10% revealed"):
        disocclusion(clip_of(10, 20), revealed_columns(20, 30), max_revealed=0.1)


def test_union_of_all_masks_counts():
    masks = np.zeros((2, 1, 30, 40), dtype=bool)
    masks[0, :, :, :10], masks[1, :, :, 10:20] = True, True
    done = disocclusion(clip_of(50), MaskTrack(masks, np.ones((2, 1), np.float32)), colour=9)
    assert (done.out.frames[0, :, :20] == 9).all()
    assert (done.out.frames[0, :, 20:] == 50).all()


def test_no_masks_reveal_nothing():
    none = MaskTrack(np.zeros((0, 2, 30, 40), dtype=bool), np.zeros((0, 2), np.float32))
    clip = clip_of(50, 60)
    assert np.array_equal(disocclusion(clip, none).out.frames, clip.frames)


def test_without_boxes_the_track_has_no_objects():
    assert disocclusion(clip_of(1, 2), revealed_columns(0, 0)).boxes.xyxy.shape == (0, 2, 4)


def test_boxes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="boxes has 3 frames but the clip has 2"):
        disocclusion(clip_of(1, 2), revealed_columns(0, 0), track_of(3))


def test_revealed_of_another_size_is_refused():
    with pytest.raises(ValueError, match="revealed is 8×6 but the clip 40×30"):
        disocclusion(clip_of(1), revealed_columns(1, size=(8, 6)))


def test_ignored_objects_stay_ignored():
    track = replace(track_of(2), ignore=np.array([True]))
    assert disocclusion(clip_of(1, 2), revealed_columns(0, 0), track).boxes.ignore.tolist() == [True]


def test_revealed_area_becomes_ignore_regions_of_the_frames_that_stay():
    done = disocclusion(
        clip_of(1, 2, 3, 4), revealed_columns(0, 30, 10, 12), track_of(4), max_revealed=0.5, as_ignore=True
    )
    assert done.boxes.ignore.tolist() == [False, True]
    assert done.boxes.present.tolist() == [[True] * 3, [False, True, True]]
    assert done.boxes.xyxy[1].tolist() == [[0] * 4, [30, 0, 40, 30], [28, 0, 40, 30]]


def test_parts_smaller_than_the_least_area_get_no_ignore_region():
    for least, regions in ((30, 1), (31, 0)):
        done = disocclusion(
            clip_of(1), revealed_columns(1), track_of(1), as_ignore=True, min_ignore_area=least
        )
        assert done.boxes.ignore.sum() == regions


def test_ignore_regions_without_classes_are_refused():
    with pytest.raises(ValueError, match="link boxes that list classes"):
        disocclusion(clip_of(1), revealed_columns(5), as_ignore=True)


@pytest.mark.parametrize("mode", ["fill", "blur", "mean", "keep"])
def test_frames_of_one_pixel_are_blanked_without_error(mode):
    done = disocclusion(clip_of(5, 6, size=(1, 1)), revealed_columns(0, 1, size=(1, 1)), mode=mode)
    assert done.out.frames.shape == (2, 1, 1, 3)

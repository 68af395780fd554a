from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.label import filter_tracks, track_quality
from nodes.types import BoxTrack, Categories, MaskTrack

SIZE = (120, 90)


def track_of(*objects, scores=None):
    """Boxes per object and frame; None where absent."""
    shape = (len(objects), len(objects[0]) if objects else 3)
    xyxy, present = np.zeros((*shape, 4), np.float32), np.zeros(shape, dtype=bool)
    for n, boxes in enumerate(objects):
        for t, box in enumerate(boxes):
            if box is not None:
                xyxy[n, t], present[n, t] = box, True
    ones = present.astype(np.float32)
    scores = ones if scores is None else np.array(scores, np.float32)
    return BoxTrack(xyxy, present, scores, ones, np.zeros(shape[0], np.int64), Categories.of("thing"))


def moving(*lefts, size=(20, 20)):
    return [(left, 30, left + size[0], 30 + size[1]) for left in lefts]


def masks_in(track, *shares):
    """Masks that fill a share of the width of each box, per frame."""
    masks = np.zeros((*track.present.shape, SIZE[1], SIZE[0]), dtype=bool)
    for n, t in np.argwhere(track.present):
        left, top, right, bottom = track.xyxy[n, t].astype(int)
        masks[n, t, top:bottom, left : left + round((right - left) * shares[t])] = True
    return MaskTrack(masks, np.ones(track.present.shape, np.float32))


STEADY = moving(10, 20, 30, 40, 50)


def test_steady_track_has_the_scores_of_its_tracker():
    done = track_quality(track_of(STEADY, scores=[[1, 0.9, 0.8, 0.7, 0.6]]))
    assert done.out.scores[0].tolist() == pytest.approx([1, 0.9, 0.8, 0.7, 0.6])
    assert done.clip == pytest.approx(0.8)
    assert done.per_object == [pytest.approx(0.8)]
    assert done.per_frame == pytest.approx([1, 0.9, 0.8, 0.7, 0.6])


def test_box_that_jumps_by_the_half_drift_is_worth_half():
    diagonal = 20 * 2**0.5
    track = track_of(moving(10, 20, 30, 40 + diagonal / 4, 50, 60, 70))
    quality = track_quality(track, half_drift=0.25).out.scores[0]
    assert quality[3] == pytest.approx(0.5)
    assert quality[[2, 4]].tolist() == pytest.approx([0.5**0.5] * 2)
    assert quality[[1, 5]].tolist() == pytest.approx([1, 1])


def test_box_whose_area_alone_jumps_by_the_half_change_is_worth_half():
    side = 20 * 1.5**0.5
    boxes = [(50, 30, 70, 50)] * 7
    boxes[3] = (60 - side / 2, 40 - side / 2, 60 + side / 2, 40 + side / 2)
    assert track_quality(track_of(boxes), half_change=1.5).out.scores[0, 3] == pytest.approx(0.5)


def test_box_whose_mask_shrinks_to_half_is_worth_half():
    track = track_of(STEADY)
    quality = track_quality(track, masks_in(track, 1, 1, 0.5, 1, 1)).out.scores[0]
    assert quality.tolist() == pytest.approx([1, 1, 0.5, 1, 1])


def test_mask_that_fills_half_of_every_box_is_steady():
    track = track_of(STEADY)
    assert track_quality(track, masks_in(track, *[0.5] * 5)).clip == pytest.approx(1)


def test_box_that_holds_half_of_its_mask_is_worth_half_and_one_without_a_mask_nothing():
    track = track_of(STEADY)
    masks = masks_in(track, *[1] * 5).masks.copy()
    masks[0, 2, 50:70, 30:50] = True
    masks[0, 4] = False
    quality = track_quality(track, MaskTrack(masks, np.ones((1, 5), np.float32))).out.scores[0]
    assert quality.tolist() == pytest.approx([1, 1, 0.5, 1, 0])


def test_where_tracking_backward_gives_another_box_quality_falls_by_their_overlap():
    backward = track_of([STEADY[0], None, *moving(40), *STEADY[3:]])
    quality = track_quality(track_of(STEADY), backward=backward).out.scores[0]
    assert quality.tolist() == pytest.approx([1, 0, 1 / 3, 1, 1])


def test_absent_objects_count_for_nothing():
    done = track_quality(track_of([None] * 3, [*moving(5), None, None], scores=[[0] * 3, [0.5, 0, 0]]))
    assert done.per_object == [None, 0.5]
    assert done.per_frame == [0.5, None, None]
    assert done.clip == 0.5
    assert not done.out.scores[0].any()


def test_scores_of_ignore_regions_stay_and_do_not_count():
    track = track_of(moving(10, 80, 15, 70, 20), STEADY, scores=[[0.4] * 5, [0.8] * 5])
    done = track_quality(replace(track, ignore=np.array([True, False])))
    assert done.out.scores[0].tolist() == pytest.approx([0.4] * 5)
    assert done.out.ignore.tolist() == [True, False]
    assert done.clip == pytest.approx(0.8)
    assert done.per_object == [None, pytest.approx(0.8)]


def test_clip_without_objects_has_quality_one():
    assert track_quality(track_of()).clip == 1


def test_clip_of_one_frame_has_the_scores_of_the_tracker():
    assert track_quality(track_of(moving(5), scores=[[0.25]])).out.scores.tolist() == [[0.25]]


def test_one_pixel_and_empty_boxes_have_a_quality():
    track = track_of([(5, 5, 6, 6)] * 3, [(5, 5, 5, 5)] * 3, [(-9, -9, -8, -8)] * 3)
    assert track_quality(track, masks_in(track, 1, 1, 1)).out.scores.tolist() == [[1] * 3, [0] * 3, [0] * 3]


def test_masks_and_backward_tracks_of_other_objects_are_refused():
    track = track_of(STEADY)
    with pytest.raises(ValueError, match="masks 2 over 5: link the same objects"):
        track_quality(track, masks_in(track_of(STEADY, STEADY), *[1] * 5))
    with pytest.raises(ValueError, match="backward 2 over 5: link the same objects"):
        track_quality(track, backward=track_of(STEADY, STEADY))


def test_filter_takes_the_least_quality_as_its_least_score():
    track = track_of(moving(10, 20, 30, 60, 50, 60, 70))
    kept = filter_tracks(track_quality(track, half_drift=0.25).out, min_score=0.5)
    assert kept.present[0].tolist() == [True, True, False, False, False, True, True]


@given(st.lists(st.tuples(*[st.floats(-50, 200)] * 2, *[st.floats(0, 60)] * 2), min_size=1, max_size=6))
def test_quality_is_never_above_the_score_of_the_tracker(corners):
    boxes = [(left, top, left + width, top + height) for left, top, width, height in corners]
    track = track_of(boxes, scores=[[0.7] * len(boxes)])
    quality = track_quality(track).out.scores
    assert (quality >= 0).all()
    assert (quality <= np.float32(0.7) + 1e-6).all()

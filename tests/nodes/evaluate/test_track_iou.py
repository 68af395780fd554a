import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Drop
from nodes.evaluate import track_iou
from nodes.evaluate.track_iou import box_iou
from nodes.types import Boxes, BoxTrack, Categories

CLASSES = Categories.of("thing")


def track_of(*objects, visibility=None):
    """Boxes per object and frame; None where absent."""
    shape = (len(objects), len(objects[0]) if objects else 3)
    xyxy, present = np.zeros((*shape, 4), np.float32), np.zeros(shape, dtype=bool)
    for n, boxes in enumerate(objects):
        for t, box in enumerate(boxes):
            if box is not None:
                xyxy[n, t], present[n, t] = box, True
    seen = present.astype(np.float32)
    return BoxTrack(
        xyxy,
        present,
        seen,
        seen if visibility is None else np.float32(visibility),
        np.zeros(len(objects), np.int64),
        CLASSES,
    )


HERE, HALF_OFF, FAR = (0, 0, 10, 10), (5, 0, 15, 10), (50, 50, 60, 60)


def test_iou_of_boxes_that_overlap_by_half_is_a_third():
    assert box_iou(np.float32(HERE), np.float32(HALF_OFF)) == pytest.approx(1 / 3)


def test_iou_of_empty_boxes_is_0():
    assert box_iou(np.zeros(4, np.float32), np.zeros(4, np.float32)) == 0


def test_means_over_clip_frames_and_objects():
    truth = track_of([HERE, HERE, HERE], [FAR, FAR, FAR])
    tracked = track_of([HERE, HALF_OFF, HERE], [FAR, FAR, HERE])
    result = track_iou(tracked, truth)
    assert result.mean_iou == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)
    assert result.per_frame == [None, pytest.approx(2 / 3), pytest.approx(0.5)]
    assert result.per_object == [pytest.approx(2 / 3), pytest.approx(0.5)]
    assert result.counted == 4


def test_static_boxes_are_those_of_the_truths_first_frame():
    result = track_iou(track_of([HERE, HALF_OFF]), track_of([HERE, HALF_OFF]))
    assert result.mean_iou == 1
    assert result.static_iou == pytest.approx(1 / 3)


def test_linked_source_is_the_static_baseline():
    source = Boxes(np.float32([FAR]), np.zeros(1, np.int64), np.ones(1, np.float32), CLASSES)
    assert track_iou(track_of([HERE, HERE]), track_of([HERE, HERE]), source).static_iou == 0


def test_first_frame_counts_if_nothing_is_skipped():
    assert track_iou(track_of([HALF_OFF]), track_of([HERE]), skip_first=0).mean_iou == pytest.approx(1 / 3)


def test_object_that_the_tracker_lost_has_iou_0():
    assert track_iou(track_of([HERE, None, HERE]), track_of([HERE, HERE, HERE])).mean_iou == pytest.approx(
        0.5
    )


def test_object_that_is_truly_absent_does_not_count():
    result = track_iou(track_of([HERE, HERE, HERE]), track_of([HERE, None, HERE]))
    assert result.mean_iou == 1
    assert result.counted == 1


@pytest.mark.parametrize(("least", "counted"), [(0.3, 2), (0.31, 1)])
def test_object_visible_below_the_floor_does_not_count(least, counted):
    truth = track_of([HERE, HERE, HERE], visibility=[[1, 0.3, 1]])
    assert track_iou(truth, truth, min_visibility=least).counted == counted


@pytest.mark.parametrize("truth", [track_of(), track_of([HERE]), track_of([HERE, None])])
def test_clip_in_which_nothing_counts_is_dropped(truth):
    with pytest.raises(Drop, match="no true box"):
        track_iou(truth, truth)


def test_tracks_of_other_shape_are_refused():
    with pytest.raises(ValueError, match="tracked has 1 objects over 2 frames, truth 1 over 3"):
        track_iou(track_of([HERE, HERE]), track_of([HERE, HERE, HERE]))


def test_source_of_another_length_is_refused():
    none = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), CLASSES)
    with pytest.raises(ValueError, match="source has 0 boxes but truth 1"):
        track_iou(track_of([HERE, HERE]), track_of([HERE, HERE]), none)


@st.composite
def boxes(draw):
    left, top = draw(st.integers(0, 50)), draw(st.integers(0, 50))
    return np.float32([left, top, left + draw(st.integers(1, 40)), top + draw(st.integers(1, 40))])


@given(boxes(), boxes())
def test_iou_is_symmetric_between_0_and_1_and_1_only_for_equal_boxes(first, second):
    overlap = float(box_iou(first, second))
    assert overlap == float(box_iou(second, first))
    assert 0 <= overlap <= 1
    assert (overlap == 1) == np.array_equal(first, second)


@given(boxes(), boxes(), st.integers(-30, 30), st.integers(1, 5))
def test_iou_does_not_change_when_both_boxes_move_or_grow(first, second, shift, factor):
    assert box_iou(first * factor + shift, second * factor + shift) == pytest.approx(
        float(box_iou(first, second))
    )

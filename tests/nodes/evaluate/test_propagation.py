import numpy as np
import pytest

from nodegraph import Drop
from nodes.evaluate import propagation
from nodes.types import BoxTrack, Categories

HERE, HALF_OFF = (0, 0, 10, 10), (5, 0, 15, 10)


def track_of(*objects, visibility=None, ignore=None):
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
        Categories.of("thing"),
        np.zeros(len(objects), dtype=bool) if ignore is None else np.array(ignore),
    )


def test_objects_in_view_are_averaged_and_a_missed_one_has_iou_0():
    found = propagation(track_of([HERE, HALF_OFF, None]), track_of([HERE, HERE, HERE]))
    assert found.mean_iou == pytest.approx((1 / 3 + 0) / 2)
    assert found.missed == 0.5
    assert (found.in_view, found.gone, found.hidden) == (2, 0, 0)
    assert found.false_survivals is None


def test_box_that_survives_after_its_object_left_is_a_false_survival():
    found = propagation(track_of([HERE, HERE, None, HERE]), track_of([HERE, None, None, HERE]))
    assert found.false_survivals == 0.5
    assert found.gone == 2


def test_hidden_object_counts_neither_as_in_view_nor_as_gone():
    truth = track_of([HERE, HERE, HERE, HERE], visibility=[[1, 0, 0.02, 0.2]])
    tracked = track_of([HERE, HERE, None, HERE], visibility=[[1, 0.9, 0, 0.5]])
    found = propagation(tracked, truth)
    assert (found.in_view, found.gone, found.hidden) == (0, 0, 2)
    assert found.hidden_kept == 0.5
    assert found.hidden_unnoticed == 0.5
    assert found.mean_iou is None


def test_hidden_object_that_the_tracker_says_is_hidden_is_noticed():
    truth = track_of([HERE, HERE], visibility=[[1, 0]])
    found = propagation(track_of([HERE, HERE], visibility=[[1, 0.1]]), truth)
    assert (found.hidden_kept, found.hidden_unnoticed) == (1, 0)


def test_size_class_is_that_of_the_first_true_box():
    small, large = (0, 0, 31, 33), (0, 0, 96, 96)
    truth = track_of([small, large], [large, small], [(0, 0, 32, 32), HERE])
    by_size = propagation(truth, truth).by_size
    assert [by_size[name]["in_view"] for name in ("small", "medium", "large")] == [1, 1, 1]
    assert by_size["large"]["mean_iou"] == 1
    assert propagation(track_of([large, None]), track_of([large, large])).by_size["large"]["missed"] == 1
    assert by_size["small"]["false_survivals"] is None


def test_regions_to_ignore_do_not_count():
    truth = track_of([HERE, HERE], [HERE, HERE], ignore=[True, False])
    found = propagation(track_of([HERE, None], [HERE, HERE]), truth)
    assert (found.mean_iou, found.in_view) == (1, 1)


def test_object_that_the_truth_never_has_does_not_count():
    found = propagation(track_of([HERE, HERE], [HERE, HERE]), track_of([None, None], [HERE, HERE]))
    assert found.gone == 0


@pytest.mark.parametrize("truth", [track_of(), track_of([HERE])])
def test_clip_in_which_nothing_counts_is_dropped(truth):
    with pytest.raises(Drop, match="no true box"):
        propagation(truth, truth)


def test_tracks_of_other_shape_are_refused():
    with pytest.raises(ValueError, match="tracked has 1 objects over 2 frames, truth 1 over 3"):
        propagation(track_of([HERE, HERE]), track_of([HERE, HERE, HERE]))

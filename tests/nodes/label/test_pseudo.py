from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.evaluate.track_iou import box_iou
from nodes.label import add_pseudo_labels
from nodes.types import Boxes, Categories, Mask

CLASSES = Categories.of("cat", "dog")


def boxes(*rows, scores=None, ignore=None, categories=CLASSES):
    """Rows of left, top, right, bottom, class id."""
    return Boxes(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.int64),
        np.ones(len(rows), np.float32) if scores is None else np.array(scores, np.float32),
        categories,
        np.zeros(len(rows), dtype=bool) if ignore is None else np.array(ignore, dtype=bool),
    )


TRACKED = boxes((0, 0, 20, 20, 0))


def test_new_objects_come_after_the_boxes_by_falling_score():
    found = boxes((50, 0, 60, 10, 0), (70, 0, 90, 10, 1), scores=(0.6, 0.9))
    merged = add_pseudo_labels(TRACKED, found)
    assert merged.xyxy.tolist() == [[0, 0, 20, 20], [70, 0, 90, 10], [50, 0, 60, 10]]
    assert merged.class_ids.tolist() == [0, 1, 0]
    assert merged.scores.tolist() == pytest.approx([1, 0.9, 0.6])
    assert merged.categories == CLASSES


@pytest.mark.parametrize(("most", "added"), [(0.5, 1), (0.49, 0)])
def test_detection_that_overlaps_a_box_of_any_class_by_more_is_not_added(most, added):
    merged = add_pseudo_labels(TRACKED, boxes((0, 0, 20, 10, 1), scores=[0.9]), max_iou=most)
    assert len(merged) == 1 + added


@pytest.mark.parametrize(("least", "added"), [(0.5, 1), (0.51, 0)])
def test_detection_below_the_least_score_is_not_added(least, added):
    merged = add_pseudo_labels(TRACKED, boxes((50, 0, 60, 10, 0), scores=[0.5]), min_score=least)
    assert len(merged) == 1 + added


@pytest.mark.parametrize(("left", "added"), [(90, 1), (89, 0)])
def test_detection_mostly_inside_ignore_regions_is_not_added(left, added):
    tracked = boxes((0, 0, 60, 40, 0), (50, 0, 100, 40, 1), ignore=(True, True))
    merged = add_pseudo_labels(tracked, boxes((left, 0, left + 20, 20, 0), scores=[0.9]), max_ignored=0.5)
    assert len(merged) == 2 + added
    assert merged.ignore[:2].all()
    assert not merged.ignore[2:].any()


def test_ignore_region_is_no_box_that_a_detection_repeats():
    tracked = boxes((0, 0, 20, 20, 0), ignore=[True])
    assert len(add_pseudo_labels(tracked, boxes((0, 0, 20, 20, 0), scores=[0.9]), max_ignored=1.0)) == 2


@pytest.mark.parametrize(("least", "added"), [(0.25, 1), (0.26, 0), (0, 1)])
def test_detection_has_to_lie_in_revealed_area_to_the_share_asked_for(least, added):
    area = np.zeros((30, 100), dtype=bool)
    area[:, 65:] = True
    merged = add_pseudo_labels(
        TRACKED, boxes((50, 0, 70, 10, 0), scores=[0.9]), Mask(area), min_revealed=least
    )
    assert len(merged) == 1 + added


def test_share_of_revealed_area_without_it_is_refused():
    with pytest.raises(ValueError, match="link revealed"):
        add_pseudo_labels(TRACKED, boxes(), min_revealed=0.5)


def test_classes_are_matched_by_name_and_others_left_out():
    other = Categories.of("whale", "dog")
    found = boxes((50, 0, 60, 10, 0), (70, 0, 90, 10, 1), scores=(0.9, 0.9), categories=other)
    merged = add_pseudo_labels(TRACKED, found)
    assert merged.class_ids.tolist() == [0, 1]
    assert merged.categories == CLASSES


def test_boxes_without_classes_take_those_of_the_detections():
    none = boxes(categories=Categories((), ()))
    merged = add_pseudo_labels(none, boxes((50, 0, 60, 10, 1), scores=[0.9]))
    assert merged.categories == CLASSES
    assert merged.class_ids.tolist() == [1]


def test_scores_of_what_is_added_stay_below_one():
    merged = add_pseudo_labels(TRACKED, boxes((50, 0, 60, 10, 0)))
    assert merged.scores[0] == 1
    assert 0.999 < merged.scores[1] < 1


def test_detections_marked_as_ignored_are_not_added():
    found = replace(boxes((50, 0, 60, 10, 0), scores=[0.9]), ignore=np.array([True]))
    assert len(add_pseudo_labels(TRACKED, found)) == 1


def test_without_detections_and_without_boxes_nothing_changes():
    assert len(add_pseudo_labels(boxes(), boxes())) == 0
    assert add_pseudo_labels(TRACKED, boxes()).xyxy.tolist() == TRACKED.xyxy.tolist()


def test_detections_outside_the_picture_and_of_one_pixel_are_judged():
    area = Mask(np.ones((30, 100), dtype=bool))
    found = boxes((-30, -30, -10, -10, 0), (200, 5, 210, 9, 0), (40, 10, 41, 11, 0), scores=[0.9] * 3)
    merged = add_pseudo_labels(TRACKED, found, area, min_revealed=0.5)
    assert merged.xyxy.tolist() == [[0, 0, 20, 20], [40, 10, 41, 11]]


@given(st.integers(0, 2**32 - 1))
def test_nothing_added_overlaps_300_tracked_boxes_by_more_than_allowed(seed):
    rng = np.random.default_rng(seed)

    def random(count):
        low = rng.uniform(0, 200, (count, 2))
        rows = np.concatenate([low, low + rng.uniform(1, 30, (count, 2))], axis=1)
        return boxes(*[(*row, 0) for row in rows], scores=rng.random(count), ignore=rng.random(count) < 0.1)

    tracked, found = random(300), random(50)
    merged = add_pseudo_labels(tracked, found, max_iou=0.2, min_score=0.3)
    assert np.array_equal(merged.xyxy[:300], tracked.xyxy)
    assert np.array_equal(merged.ignore[:300], tracked.ignore)
    added = merged.xyxy[300:]
    counted = tracked.xyxy[~tracked.ignore]
    overlaps = box_iou(np.repeat(added, len(counted), axis=0), np.tile(counted, (len(added), 1)))
    assert (overlaps <= 0.2 + 1e-6).all()

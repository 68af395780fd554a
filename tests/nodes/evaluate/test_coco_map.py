import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nodegraph import Drop, Stream
from nodes.evaluate import coco_map, evaluate_detections
from nodes.evaluate.coco_map import covered_share
from nodes.types import Boxes, Categories

CLASSES = Categories.of("cat", "dog", "bird")


def boxes(*rows, scores=None, ignore=None, categories=CLASSES):
    """Rows of left, top, right, bottom, class id."""
    return Boxes(
        np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[4] for row in rows], np.int64),
        np.ones(len(rows), np.float32) if scores is None else np.array(scores, np.float32),
        categories,
        np.zeros(len(rows), dtype=bool) if ignore is None else np.array(ignore, dtype=bool),
    )


def random_boxes(rng, count, *, truth=None):
    """Boxes of three classes in 300 px; near true ones, where there are any, with scores below 1."""
    low = rng.uniform(0, 250, (count, 2))
    xyxy = np.concatenate([low, low + rng.uniform(1, 1 + 130 * rng.random((count, 1)), (count, 2))], axis=1)
    class_ids = rng.integers(0, 3, count)
    if truth is None:
        return Boxes(
            xyxy.astype(np.float32), class_ids, np.ones(count, np.float32), CLASSES, rng.random(count) < 0.15
        )
    if len(truth) and count:
        near = rng.integers(0, len(truth), count)
        xyxy = np.where(rng.random((count, 1)) < 0.7, truth.xyxy[near] + rng.normal(0, 3, (count, 4)), xyxy)
        xyxy[:, 2:] = np.maximum(xyxy[:, :2], xyxy[:, 2:])
        class_ids = np.where(rng.random(count) < 0.8, truth.class_ids[near], class_ids)
    return Boxes(xyxy.astype(np.float32), class_ids, rng.random(count).round(2).astype(np.float32), CLASSES)


def document(pictures):
    rows = []
    for number, found in enumerate(pictures, start=1):
        columns = (found.xyxy.astype(float).tolist(), found.class_ids.tolist(), found.scores.tolist())
        for (x0, y0, x1, y1), class_id, score, ignore in zip(*columns, found.ignore.tolist(), strict=True):
            size = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
            row = {"id": len(rows) + 1, "image_id": number, "category_id": class_id + 1, "score": score}
            rows.append({**row, **size, "iscrowd": int(ignore)})
    return {
        "images": [{"id": number + 1} for number in range(len(pictures))],
        "annotations": rows,
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES.names, start=1)],
    }


def by_pycocotools(truth, detected):
    """COCO's twelve measures, and the AP of each class."""
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for pictures in (truth, detected):
            side = COCO()
            side.dataset = document(pictures)
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    per_class = [evaluation.eval["precision"][:, :, index, 0, 2] for index in range(len(CLASSES.names))]
    return evaluation.stats, [each[each > -1].mean() if (each > -1).any() else None for each in per_class]


@pytest.mark.parametrize("seed", range(4))
def test_scores_of_random_boxes_are_those_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    truth = [random_boxes(rng, int(rng.integers(0, 12))) for _ in range(20)]
    detected = [random_boxes(rng, int(rng.integers(0, 40)), truth=each) for each in truth]
    scores = coco_map(truth, detected)
    stats, per_class = by_pycocotools(truth, detected)
    ours = (*scores[:6], scores.mar1, scores.mar10, scores.mar100)
    assert [-1 if each is None else each for each in ours] == pytest.approx(stats[:9].tolist(), abs=1e-9)
    assert scores.mar == scores.mar100
    assert list(scores.per_class) == list(CLASSES.names)
    assert list(scores.per_class.values()) == pytest.approx(per_class, abs=1e-9)
    assert 0.01 < scores.map < 0.95


def test_300_boxes_in_one_picture_score_as_in_pycocotools():
    rng = np.random.default_rng(9)
    truth = [random_boxes(rng, 300)]
    detected = [random_boxes(rng, 300, truth=truth[0])]
    stats, _ = by_pycocotools(truth, detected)
    assert coco_map(truth, detected).map == pytest.approx(stats[0], abs=1e-9)


def test_right_detections_score_one_whatever_the_order_of_class_ids():
    truth = [boxes((0, 0, 20, 20, 0), (30, 30, 90, 90, 1)), boxes((5, 5, 6, 6, 0))]
    turned = Categories.of("dog", "whale", "cat")
    found = [
        boxes((30, 30, 90, 90, 0), (0, 0, 20, 20, 2), categories=turned, scores=(0.9, 0.4)),
        boxes((5, 5, 6, 6, 2), (0, 0, 9, 9, 1), categories=turned, scores=(0.3, 1)),
    ]
    scores = coco_map(truth, found)
    assert scores.map == scores.map50 == scores.map75 == scores.mar100 == pytest.approx(1)
    assert scores.per_class == {"cat": pytest.approx(1), "dog": pytest.approx(1), "bird": None}
    assert (scores.map_small, scores.map_medium, scores.map_large) == (
        pytest.approx(1),
        pytest.approx(1),
        None,
    )
    assert (scores.images, scores.objects) == (2, 3)


def test_no_detections_score_zero():
    scores = coco_map([boxes((0, 0, 20, 20, 0))], [boxes()])
    assert (scores.map, scores.map50, scores.map_small, scores.mar100) == (0, 0, 0, 0)
    assert scores.map_large is None


def test_without_a_true_box_the_scores_are_dropped():
    for truth in ([], [boxes()], [boxes((0, 0, 9, 9, 0), ignore=[True])]):
        with pytest.raises(Drop, match="no true box"):
            coco_map(truth, [boxes((0, 0, 9, 9, 0)) for _ in truth])


def test_detection_in_an_ignore_region_of_its_class_does_not_count():
    truth = [boxes((0, 0, 20, 20, 0), (50, 0, 100, 50, 0), ignore=[False, True])]
    inside, of_another_class = (60, 5, 80, 25, 0), (60, 5, 80, 25, 1)
    right = (0, 0, 20, 20, 0)
    assert coco_map(truth, [boxes(inside, right, scores=(0.9, 0.5))]).map == pytest.approx(1)
    beside = [boxes((60, 60, 80, 80, 0), right, scores=(0.9, 0.5))]
    assert coco_map(truth, beside).map == pytest.approx(0.5)
    both = [boxes((0, 0, 20, 20, 0), (0, 0, 9, 9, 1), (50, 0, 100, 50, 0), ignore=[False, False, True])]
    found = [boxes(of_another_class, (0, 0, 9, 9, 1), right, scores=(0.9, 0.5, 0.5))]
    assert coco_map(both, found).per_class["dog"] == pytest.approx(0.5)
    assert coco_map(both, found, ignored_overlap=0.5).per_class["dog"] == pytest.approx(1)


@pytest.mark.parametrize(("left", "counts"), [(90, False), (91, True)])
def test_half_inside_ignore_regions_is_left_out_on_both_sides(left, counts):
    # The regions overlap: together they are 100 wide, of which the detection shares 110 - left.
    truth = [
        boxes((0, 0, 60, 20, 1), (40, 0, 100, 20, 2), (left, 0, left + 20, 20, 0), (200, 0, 220, 20, 0),
              ignore=[True, True, False, False])
    ]  # fmt: skip
    found = [boxes((200, 0, 220, 20, 0), (left, 5, left + 20, 14, 0), scores=(0.5, 0.9))]
    scores = coco_map(truth, found, ignored_overlap=0.5)
    assert scores.objects == (2 if counts else 1)
    assert (scores.map50 == pytest.approx(1)) is not counts


def test_only_regions_of_the_classes_named_leave_others_out():
    truth = [boxes((0, 0, 50, 50, 1), (0, 0, 40, 40, 0), ignore=[True, False])]
    found = [boxes((0, 0, 40, 40, 0))]
    kept = coco_map(truth, found, ignored_overlap=0.5, region_classes=["bird"])
    assert kept.map == pytest.approx(1)
    with pytest.raises(Drop):
        coco_map(truth, found, ignored_overlap=0.5, region_classes=["dog"])


def test_classes_left_out_are_not_scored():
    truth = [boxes((0, 0, 40, 40, 0), (0, 0, 40, 40, 1))]
    scores = coco_map(truth, [boxes((0, 0, 40, 40, 0))], left_out=["dog"])
    assert scores.map == pytest.approx(1)
    assert list(scores.per_class) == ["cat", "bird"]


def test_misspelled_class_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"left_out names the class 'dogs', .* did you mean 'dog'"):
        coco_map([boxes((0, 0, 40, 40, 0))], [boxes()], left_out=["dogs"])


def test_classes_with_nothing_in_common_are_refused():
    with pytest.raises(ValueError, match="detected whale; the truth has cat, dog, bird"):
        coco_map([boxes((0, 0, 40, 40, 0))], [boxes((0, 0, 40, 40, 0), categories=Categories.of("whale"))])


def test_only_the_best_detections_up_to_the_limit_count():
    truth = [boxes((0, 0, 40, 40, 0), (50, 50, 90, 90, 0))]
    found = [boxes((0, 0, 40, 40, 0), (50, 50, 90, 90, 0), scores=(0.5, 0.9))]
    assert coco_map(truth, found, max_detections=1).mar == pytest.approx(0.5)
    assert coco_map(truth, found, max_detections=500).mar == pytest.approx(1)
    assert coco_map(truth, found, max_detections=500).mar1 == pytest.approx(0.5)


def test_pictures_are_matched_by_their_keys():
    truth = Stream.of({"a": boxes((0, 0, 40, 40, 0)), "b": boxes((50, 50, 90, 90, 1)), "c": boxes()})
    found = Stream.of({"b": boxes((50, 50, 90, 90, 1)), "a": boxes((0, 0, 40, 40, 0)), "x": boxes()})
    scores = evaluate_detections(found, truth)
    assert (scores.map, scores.images) == (pytest.approx(1), 2)


def test_streams_of_other_pictures_are_refused():
    with pytest.raises(ValueError, match="no picture in common: detected has 'b', truth 'a'"):
        evaluate_detections(Stream.of({"b": boxes()}), Stream.of({"a": boxes()}))


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_covered_share_is_the_share_of_covered_pixels(seed, count):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.integers(0, 13, (count + 3, 2, 2)), axis=1).reshape(-1, 4).astype(np.float32)
    inside = np.zeros((12, 12), dtype=bool)
    for left, top, right, bottom in corners[3:].astype(int):
        inside[top:bottom, left:right] = True
    for box, share in zip(corners[:3].astype(int), covered_share(corners[:3], corners[3:]), strict=True):
        pixels = inside[box[1] : box[3], box[0] : box[2]]
        assert share == pytest.approx(pixels.mean() if pixels.size else 0)

import numpy as np
import pytest

from nodes.detect import detect_people
from nodes.evaluate.track_iou import box_iou
from nodes.types import Image


def picture(*people, size=(400, 300)):
    """Dark silhouettes on a light ground; each of `people` is (middle, top, height)."""
    import cv2

    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    for x, y, h in people:
        cv2.ellipse(pixels, (x, y + h * 8 // 100), (h * 6 // 100, h * 8 // 100), 0, 0, 360, (40,) * 3, -1)
        cv2.ellipse(pixels, (x, y + h // 3), (h * 11 // 100, h // 5), 0, 0, 360, (40,) * 3, -1)
        for side in (-1, 1):
            hip, foot = (x + side * h // 20, y + h // 2), (x + side * h * 7 // 100, y + h * 95 // 100)
            cv2.line(pixels, hip, foot, (40,) * 3, h * 9 // 100)
            shoulder, hand = (x + side * h * 11 // 100, y + h // 5), (x + side * h * 14 // 100, y + h // 2)
            cv2.line(pixels, shoulder, hand, (40,) * 3, h // 20)
    return Image(cv2.GaussianBlur(pixels, (0, 0), 1.2))


def test_standing_people_are_found_where_they_are():
    found = detect_people(picture((120, 50, 200), (300, 80, 160)))
    order = np.argsort(found.xyxy[:, 0])
    truth = np.array([(86, 50, 154, 250), (273, 80, 327, 240)], np.float32)
    assert (box_iou(found.xyxy[order], truth) > 0.6).all()
    assert found.categories.names == ("person",)
    assert ((found.scores > 0.9) & (found.scores < 1)).all()
    assert (np.diff(found.scores) <= 0).all()


def test_nothing_is_found_on_an_even_ground():
    assert len(detect_people(picture())) == 0


@pytest.mark.parametrize(("limits", "count"), [({"max_detections": 1}, 1), ({"threshold": 0.999}, 0)])
def test_limits_keep_the_best(limits, count):
    assert len(detect_people(picture((120, 50, 200), (300, 80, 160)), **limits)) == count


def test_person_at_the_edge_has_a_box_inside_the_picture():
    found = detect_people(picture((20, 50, 200), (380, 80, 210)))
    assert len(found)
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= (400, 300, 400, 300)).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (32, 64), (64, 128)])
def test_pictures_smaller_than_the_search_window_are_searched(size):
    assert len(detect_people(Image(np.zeros((size[1], size[0], 3), np.uint8)))) == 0


def test_person_who_fills_a_small_picture_is_found():
    assert len(detect_people(picture((32, 8, 112), size=(64, 128)), min_hits=0)) == 1


def test_equal_pictures_give_equal_boxes_whatever_the_threads_do():
    image = picture((80, 50, 200), (200, 30, 240), (330, 80, 160))
    first = detect_people(image, min_hits=0, threshold=0)
    for _ in range(4):
        again = detect_people(image, min_hits=0, threshold=0)
        np.testing.assert_array_equal(again.xyxy, first.xyxy)
        np.testing.assert_array_equal(again.scores, first.scores)

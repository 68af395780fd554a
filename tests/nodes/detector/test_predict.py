from __future__ import annotations

import numpy as np
import pytest

from nodegraph import Context
from nodes.detector import predict
from nodes.load.detector import load_detector

ARCHITECTURES = ("rt_detr", "d_fine", "detr", "yolos")


def found_in(folder, pictures, *, threshold=0.0, max_detections=300, dtype="float32"):
    ctx = Context.for_test()
    with ctx.use(load_detector(folder, dtype=dtype, ctx=ctx)) as detector:
        return predict(detector, pictures, threshold=threshold, max_detections=max_detections)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_boxes_lie_in_their_picture_and_are_sorted_by_score(detectors, pictures, architecture):
    found = found_in(detectors[architecture], pictures)
    assert len(found) == len(pictures)
    for picture, detected in zip(pictures, found, strict=True):
        assert detected.xyxy.dtype == detected.scores.dtype == np.float32
        assert len(detected.xyxy) == len(detected.labels) == len(detected.scores) > 0
        assert set(detected.labels) <= {"cat", "dog"}
        assert (detected.xyxy[:, 2:] > detected.xyxy[:, :2]).all()
        assert (detected.xyxy >= 0).all()
        assert (detected.xyxy[:, 2:] <= picture.size).all()
        assert (np.diff(detected.scores) <= 0).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_boxes_and_scores_are_those_of_transformers_for_the_same_picture(detectors, pictures, architecture):
    import torch
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    processor = AutoImageProcessor.from_pretrained(detectors[architecture])
    model = AutoModelForObjectDetection.from_pretrained(detectors[architecture]).eval()
    with torch.no_grad():
        outputs = model(**processor(images=pictures[0].pixels, return_tensors="pt"))
    expected = processor.post_process_object_detection(outputs, threshold=0.4, target_sizes=[(60, 90)])[0]
    (found,) = found_in(detectors[architecture], pictures[:1], threshold=0.4)
    order = np.argsort(-expected["scores"].numpy(), kind="stable")
    assert np.array_equal(found.scores, expected["scores"].numpy()[order])
    inside = expected["boxes"].numpy()[order].clip(0, [90, 60, 90, 60])
    assert np.allclose(found.xyxy, inside, atol=1e-4)


def test_picture_gives_the_same_alone_and_beside_others(detectors, pictures):
    together = found_in(detectors["rt_detr"], pictures)
    alone = [found_in(detectors["rt_detr"], [picture])[0] for picture in pictures]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.xyxy, other.xyxy)
        assert np.array_equal(one.scores, other.scores)


def test_threshold_and_most_detections_bound_what_is_kept(detectors, pictures):
    everything = found_in(detectors["rt_detr"], pictures[:1])[0]
    middle = float(np.median(everything.scores))
    above = found_in(detectors["rt_detr"], pictures[:1], threshold=middle)[0]
    few = found_in(detectors["rt_detr"], pictures[:1], max_detections=3)[0]
    assert len(above.scores) == (everything.scores > middle).sum()
    assert np.array_equal(few.scores, everything.scores[:3])
    assert found_in(detectors["rt_detr"], pictures[:1], threshold=1.0)[0].labels == ()


def test_bfloat16_finds_boxes_in_float32(detectors, pictures):
    found = found_in(detectors["rt_detr"], pictures[:1], dtype="bfloat16")[0]
    assert found.xyxy.dtype == np.float32
    assert len(found.labels) > 0


def test_picture_of_one_pixel_is_looked_at(detectors, pictures):
    one = type(pictures[0])(pictures[0].pixels[:1, :1])
    (found,) = found_in(detectors["rt_detr"], [one])
    assert (found.xyxy <= 1).all()

"""`evaluate.detector`: COCO mAP of an object detector on annotated pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from nodegraph import Artifact, Collected, Context, ModelRef, Param, node
from nodes.detector import Detected, Detector, predict, use_detector
from nodes.evaluate.coco_map import Scores, coco_map
from nodes.evaluate.detections import IgnoredOverlap, LeftOut, MaxDetections, RegionClasses
from nodes.types import Boxes, Categories, Image

if TYPE_CHECKING:
    from collections.abc import Collection

_TOGETHER = 8


@node("evaluate.detector", version=2)
def evaluate_detector(
    images: Collected[Image],
    boxes: Collected[Boxes],
    model: ModelRef | Artifact,
    *,
    threshold: Annotated[
        float, Param(ge=0, lt=1, help="detections below this score are left out; mAP asks for a low one")
    ] = 0.001,
    max_detections: MaxDetections = 100,
    ignored_overlap: IgnoredOverlap = None,
    region_classes: RegionClasses = None,
    left_out: LeftOut = None,
    ctx: Context,
) -> Scores:
    """Score an object detector on pictures by COCO's mean average precision.

    `model` is a detector that `load.detector` names, or what `train.detector` trained. Pictures and true
    boxes are matched by their keys, classes by their names: a class that the detector does not know counts
    with 0, and what it finds of classes that the truth does not list does not count. Ignore regions are as
    in `evaluate.detections`.

    Raises:
        Drop: if no true box counts.
        ModelError: if the model is no detector, or cannot be loaded.
        ValueError: if there is no picture, or the streams have no picture, or no class, in common.
        RuntimeError: if faster-coco-eval is not installed (extra `train`).
    """
    there = set(images.keys())
    keys = [key for key in boxes.keys() if key in there]  # noqa: SIM118 (a stream is no dict)
    if not there and not len(boxes):
        raise ValueError(
            "there is no picture to score on: link streams that have some; a split of few pictures may leave "
            "a part of it empty, which another share or seed changes"
        )
    if not keys and there and len(boxes):
        raise ValueError("images and boxes have no item in common: link pictures and boxes of the same items")
    with use_detector(ctx, model) as detector:
        return score_detector(
            detector, images, boxes, keys,
            threshold=threshold,
            max_detections=max_detections,
            ignored_overlap=ignored_overlap,
            region_classes=region_classes or (),
            left_out=left_out or (),
            told=partial(_tell, ctx),
        )  # fmt: skip


def score_detector(
    detector: Detector,
    images: Collected[Image],
    boxes: Collected[Boxes],
    keys: Sequence[str],
    *,
    threshold: float = 0.001,
    max_detections: int = 100,
    ignored_overlap: float | None = None,
    region_classes: Collection[str] = (),
    left_out: Collection[str] = (),
    told: Callable[[int, int], None] | None = None,
) -> Scores:
    """COCO's measures of what a detector finds in the pictures of these keys; see `evaluate.detector`.

    `told` is called now and then with how many pictures are done, and of how many; it may raise.
    """
    truth: list[Boxes] = []
    found: list[Boxes] = []
    known = Categories.of(*dict.fromkeys(detector.labels))
    for start in range(0, len(keys), _TOGETHER):
        part = keys[start : start + _TOGETHER]
        pictures = [images[key].value for key in part]
        # The limit holds for each class; a picture may have that many of every one.
        most = max_detections * len(known.names)
        detected = predict(detector, pictures, threshold=threshold, max_detections=most)
        found += [_boxes(each, known) for each in detected]
        truth += [boxes[key].value for key in part]
        if told is not None:
            told(len(found), len(keys))
    return coco_map(
        truth,
        found,
        max_detections=max_detections,
        ignored_overlap=ignored_overlap,
        region_classes=region_classes,
        left_out=left_out,
    )


def _tell(ctx: Context, done: int, total: int) -> None:
    """Report how many pictures are done; stop where the run is being stopped."""
    if ctx.cancelled:
        raise InterruptedError("the run is being stopped")
    ctx.progress(done, total)


def _boxes(detected: Detected, categories: Categories) -> Boxes:
    import numpy as np

    number = {name: index for index, name in enumerate(categories.names)}
    class_ids = np.array([number[label] for label in detected.labels], np.int64)
    return Boxes(detected.xyxy, class_ids, detected.scores, categories)

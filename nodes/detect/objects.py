"""`detect.objects`: what a detector of transformers finds in pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Artifact, Batch, Context, ModelRef, Param, node
from nodes.detect.class_names import class_ids, own_categories
from nodes.detector import Detected, predict, use_detector
from nodes.types import Boxes, Categories, Image

if TYPE_CHECKING:
    import numpy as np

_CANDIDATES = 300
"""Objects asked of the detector at least, before classes are mapped: the queries of DETR's descendants."""

_TOGETHER = 8
_BYTES_A_PICTURE = 300_000_000


def detection_bytes(batch: int, image: Image | None = None, model: ModelRef | Artifact | None = None) -> int:
    """Bytes that `detect.objects` works in: 300 MB a picture, of which at most eight pass together.

    That is our estimate for a detector that sees 640 × 640 pixels in float32.
    """
    share = 0.5 if isinstance(model, ModelRef) and model.dtype != "float32" else 1.0
    pixels = 0 if image is None else image.size[0] * image.size[1]
    return int(min(batch, _TOGETHER) * (_BYTES_A_PICTURE * share + 15 * pixels))


@node("detect.objects", version=1, memory=detection_bytes)
def detect_objects(
    image: Batch[Image],
    model: ModelRef | Artifact,
    boxes: Batch[Boxes | None] = None,
    *,
    threshold: Annotated[float, Param(ge=0, lt=1, help="scores have to be above this")] = 0.5,
    classes: Annotated[
        dict[str, str] | None,
        Param(
            help="the dataset's class for each class of the detector, others are dropped; null = same name"
        ),
    ] = None,
    nms: Annotated[
        float | None,
        Param(
            ge=0, le=1, help="of boxes of one class that overlap more (IoU) the best stays; null = all stay"
        ),
    ] = None,
    max_detections: Annotated[int, Param(ge=1, le=1000, help="the best so many of a picture are kept")] = 100,
    ctx: Context,
) -> Batch[Boxes]:
    """Find objects in pictures by a detector: RT-DETR, D-FINE, DETR, YOLOS or another of transformers.

    The most certain come first. Threshold, classes, NMS and the limit apply in this order. DETR and its
    descendants are trained to give each object once and need no NMS.

    On a CPU what is found in a picture is the same to the bit whatever shares its batch; on other devices
    scores may differ in the last digits.

    Args:
        image: the pictures.
        model: a detector that load.detector names or train.detector has trained.
        boxes: of the same pictures. Their classes, in their order, are those that detections get; without,
            classes are those that `classes` maps to, or all of the detector's.

    Raises:
        ModelError: if the model cannot be loaded, or is no detector.
        ValueError: if `classes` names a class that the detector or the linked boxes do not have, or they have
            none in common.
    """
    with use_detector(ctx, model) as detector:
        categories = [_categories(each, detector.labels, classes) for each in boxes or [None] * len(image)]
        found = predict(detector, image, threshold=threshold, max_detections=max(_CANDIDATES, max_detections))
        return [
            _as_boxes(each, class_ids(detector.labels, classes, theirs), theirs, nms, max_detections)
            for each, theirs in zip(found, categories, strict=True)
        ]


def _categories(boxes: Boxes | None, labels: Sequence[str], mapping: Mapping[str, str] | None) -> Categories:
    """The classes that detections in a picture get."""
    if boxes is None:
        return own_categories(labels, mapping)
    names = boxes.categories.names
    if mapping is None and not set(names) & set(labels):
        raise ValueError(
            f"the detector knows {', '.join(labels[:8])}{', ...' if len(labels) > 8 else ''}, "
            f"the linked boxes {', '.join(names[:8]) or 'no classes'}: say by classes which is which"
        )
    return boxes.categories


def _as_boxes(
    found: Detected, ids: Mapping[str, int], categories: Categories, nms: float | None, most: int
) -> Boxes:
    """Detections of the classes that have an id, with scores below 1."""
    import numpy as np

    kept = np.array([label in ids for label in found.labels], dtype=bool)
    xyxy, scores = found.xyxy[kept], found.scores[kept]
    numbers = np.array([ids[label] for label in found.labels if label in ids], np.int64)
    order = np.argsort(-scores, kind="stable")
    if nms is not None:
        order = order[_best(xyxy[order], scores[order], numbers[order], nms)]
    order = order[:most]
    below_one = np.minimum(scores[order], np.nextafter(np.float32(1), np.float32(0)))
    return Boxes(xyxy[order], numbers[order], below_one, categories)


def _best(
    xyxy: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], numbers: np.ndarray[Any, Any], overlap: float
) -> np.ndarray[Any, Any]:
    """Which boxes no better box of their class overlaps by more: bool `[N]`."""
    import numpy as np
    import supervision

    if not len(xyxy):
        return np.zeros(0, dtype=bool)
    rows = np.column_stack([xyxy, scores, numbers]).astype(np.float64)
    return supervision.box_non_max_suppression(rows, overlap)

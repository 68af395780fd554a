"""`label.pseudo`: detections stand in for the labels of objects that came into view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Param, node
from nodes.evaluate.coco_map import covered_share
from nodes.types import Boxes, Mask

if TYPE_CHECKING:
    import numpy as np


@node("label.pseudo", version=1)
def add_pseudo_labels(
    boxes: Boxes,
    detected: Boxes,
    revealed: Mask | None = None,
    *,
    min_score: Annotated[float, Param(ge=0, le=1, help="least score of a detection that is added")] = 0.5,
    max_iou: Annotated[
        float, Param(ge=0, le=1, help="detections that overlap a box by more are of an object that has one")
    ] = 0.3,
    max_ignored: Annotated[
        float, Param(ge=0, le=1, help="detections of which more lies in ignore regions are not added")
    ] = 0.5,
    min_revealed: Annotated[
        float, Param(ge=0, le=1, help="least share of a detection that lies in revealed area")
    ] = 0.0,
) -> Boxes:
    """Add a detector's finds to the boxes of a picture, where no box tells of them yet.

    An object that came into view has no box, since boxes are carried along from the first frame; unlabelled
    it would teach a detector to miss it. The paper (arXiv 2512.12508) names pseudo-labels as one remedy,
    without the rules; these are ours. A detection is added if

    - its score is at least `min_score`;
    - it overlaps no box by more than `max_iou` (intersection over union), of whatever class: a tracker's box
      is believed rather than a detector's class. Ignore regions do not count here;
    - at most the share `max_ignored` of it lies in ignore regions;
    - with `min_revealed`, at least that share of it lies in revealed area, which then has to be linked.

    Boxes come first, as they are; then the detections added, by falling score, with scores below 1. Classes
    are those of the boxes, matched by name; detections of other classes are left out. Boxes that list no
    classes take those of the detections.

    Raises:
        ValueError: if `min_revealed` is above 0 without revealed.
    """
    import numpy as np

    if min_revealed and revealed is None:
        raise ValueError("min_revealed is above 0: link revealed, the area that came into view")
    categories = boxes.categories if boxes.categories.names else detected.categories
    ids = {name: index for index, name in enumerate(categories.names)}
    class_ids = np.array(
        [ids.get(detected.categories.names[class_id], -1) for class_id in detected.class_ids], np.int64
    )
    added = (class_ids >= 0) & (detected.scores >= np.float32(min_score)) & ~detected.ignore
    added &= _largest_iou(detected.xyxy, boxes.xyxy[~boxes.ignore]) <= max_iou
    added &= covered_share(detected.xyxy, boxes.xyxy[boxes.ignore].astype(np.float64)) <= max_ignored
    if min_revealed and revealed is not None:
        added &= _revealed_share(detected.xyxy, revealed.pixels) >= min_revealed
    order = np.flatnonzero(added)
    order = order[np.argsort(-detected.scores[order], kind="stable")]
    below_one = np.minimum(detected.scores[order], np.nextafter(np.float32(1), np.float32(0)))
    return Boxes(
        np.concatenate([boxes.xyxy, detected.xyxy[order]]),
        np.concatenate([boxes.class_ids, class_ids[order]]),
        np.concatenate([boxes.scores, below_one]),
        categories,
        np.concatenate([boxes.ignore, np.zeros(len(order), dtype=bool)]),
    )


def _largest_iou(detections: np.ndarray[Any, Any], boxes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The largest intersection over union of each detection with a box: `[N]`, 0 where there is none."""
    import numpy as np
    import supervision

    if not len(boxes) or not len(detections):
        return np.zeros(len(detections))
    return supervision.box_iou_batch(detections, boxes).max(axis=1)


def _revealed_share(xyxy: np.ndarray[Any, Any], revealed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The share of the pixels with their centre in each box that are revealed: `[N]`, 0 where it has none."""
    import numpy as np

    shares = np.zeros(len(xyxy))
    for n, (left, top, right, bottom) in enumerate(np.ceil(xyxy - 0.5).astype(int).clip(0)):
        window = revealed[top:bottom, left:right]
        shares[n] = window.mean() if window.size else 0.0
    return shares

"""`detect.people`: people on their feet, found without a model to fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Param, node
from nodes.types import Boxes, Categories, Image

if TYPE_CHECKING:
    import numpy as np

PEOPLE = Categories.of("person")

_WINDOW = (64, 128)
_MARGIN = (16 / 64, 16 / 128)
"""What the detector's window shows around a person, as shares of its sides (Dalal and Triggs, section 6)."""

_SAME = 0.2
"""Hits whose sides differ by at most this share are one person: `eps` of OpenCV's groupRectangles."""


@node("detect.people", version=1)
def detect_people(
    image: Image,
    *,
    threshold: Annotated[float, Param(ge=0, lt=1, help="least score of what is kept")] = 0.3,
    scale: Annotated[
        float, Param(gt=1.005, le=2, help="factor between the sizes that are searched; less finds more")
    ] = 1.05,
    min_hits: Annotated[
        int,
        Param(
            ge=0,
            le=100,
            help="a person is found at more than so many neighbouring places and sizes; 0 = each is one",
        ),
    ] = 2,
    max_detections: Annotated[int, Param(ge=1, le=1000, help="the best so many are kept")] = 100,
) -> Boxes:
    """Find people who stand or walk, from 96 pixels of height, by the detector that OpenCV comes with.

    Histograms of oriented gradients and a linear support vector machine (Dalal and Triggs, CVPR 2005),
    trained on INRIA's pedestrians: it needs no weights and knows one class, "person". It misses people who
    sit, are cut off or are small, and takes poles for people; it is for graphs that have to run without a
    detector's weights.

    Scores are `1 - exp(-m)`, m the machine's margin: 0.63 at a margin of 1. They order what is found and
    are no probabilities. Boxes are those of the search window less the margin that it shows around a person,
    cut at the picture's edges.
    """
    import numpy as np

    hits, margins = _hits(image.pixels, scale)
    xyxy, found = _grouped(hits, margins, min_hits)
    xyxy = _without_margin(xyxy).clip(0, np.array(image.size * 2, np.float32))
    scores = (1 - np.exp(-found.clip(0, 15))).astype(np.float32)
    kept = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1) & (scores >= np.float32(threshold))
    order = np.flatnonzero(kept)
    order = order[np.argsort(-scores[order], kind="stable")][:max_detections]
    return Boxes(xyxy[order], np.zeros(len(order), np.int64), scores[order], PEOPLE)


def _hits(pixels: np.ndarray[Any, Any], scale: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Every window that shows a person: int32 `[N, 4]` left, top, width, height; margins float64 `[N]`."""
    import cv2
    import numpy as np

    # OpenCV ends the process on pictures smaller than the window.
    missing = [max(0, least - side) for side, least in zip(pixels.shape[1::-1], _WINDOW, strict=True)]
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    bgr = cv2.copyMakeBorder(bgr, 0, missing[1], 0, missing[0], cv2.BORDER_REPLICATE)
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    rectangles, margins = detector.detectMultiScale(
        bgr, winStride=(8, 8), padding=(16, 16), scale=scale, groupThreshold=0
    )
    hits, margins = np.asarray(rectangles, np.int32).reshape(-1, 4), np.asarray(margins, np.float64).ravel()
    # Threads that search the sizes report in any order.
    order = np.lexsort((*hits.T, -margins))
    return hits[order], margins[order]


def _grouped(
    hits: np.ndarray[Any, Any], margins: np.ndarray[Any, Any], min_hits: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """One box per person, float32 `[M, 4]` left, top, right, bottom, and the best margin of its hits."""
    import cv2
    import numpy as np
    import supervision

    if not len(hits):
        return np.zeros((0, 4), np.float32), np.zeros(0)
    groups = np.asarray(cv2.groupRectangles(hits.tolist(), min_hits, _SAME)[0], np.float32).reshape(-1, 4)
    if not len(groups):
        return groups, np.zeros(0)
    boxes, windows = _corners(groups), _corners(hits.astype(np.float32))
    near = supervision.box_iou_batch(boxes, windows) >= 0.5
    best = np.where(near, margins, 0.0).max(axis=1)
    order = np.lexsort((*boxes.T, -best))
    return boxes[order], best[order]


def _corners(rectangles: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], axis=1)


def _without_margin(xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    around = (xyxy[:, 2:] - xyxy[:, :2]) * np.array(_MARGIN, np.float32)
    return np.concatenate([xyxy[:, :2] + around, xyxy[:, 2:] - around], axis=1)

"""A few boxes that cover a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.label.agreement import tight_bounds

if TYPE_CHECKING:
    import numpy as np

Bounds = tuple[int, int, int, int]


def covering_boxes(region: np.ndarray[Any, Any], *, min_fill: float, min_area: float) -> list[Bounds]:
    """Boxes that together cover every part of a region, largest first.

    A part is covered by its tight box; as long as the region fills less than `min_fill` of a box, that is cut
    in two where the tight boxes of both halves are purest, filled or empty. So a border around a picture
    gives four boxes and not the whole picture.

    Args:
        region: bool `[H, W]`.
        min_fill: share of each box that the region fills, above 0 to 1, if `min_area` allows.
        min_area: parts (connected over edges and corners) with fewer pixels are left out, and nothing is
            cut so that one half has fewer.

    Returns:
        left, top, right and bottom of each box, right and bottom exclusive.
    """
    import cv2
    import numpy as np

    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    boxes: list[Bounds] = []
    for part in range(1, count):
        left, top, width, height, area = (int(each) for each in stats[part])
        if area >= min_area:
            inside = labels[top : top + height, left : left + width] == part
            boxes += [_moved(box, left, top) for box in _cut(inside, min_fill, min_area)]
    return sorted(boxes, key=lambda box: (_area(box), box), reverse=True)


def _cut(part: np.ndarray[Any, Any], min_fill: float, min_area: float) -> list[Bounds]:
    """Boxes that cover one part."""
    done: list[Bounds] = []
    left_to_do = [(0, 0, part.shape[1], part.shape[0])]
    while left_to_do:
        left, top, right, bottom = left_to_do.pop()
        box = _moved(tight_bounds(part[top:bottom, left:right]), left, top)
        left, top, right, bottom = box
        inside = part[top:bottom, left:right]
        (x, across), (y, down) = _best_cut(inside, min_area), _best_cut(inside.T, min_area)
        if inside.mean() >= min_fill or min(across, down) == float("inf"):
            done.append(box)
        elif across <= down:
            left_to_do += [(left, top, left + x, bottom), (left + x, top, right, bottom)]
        else:
            left_to_do += [(left, top, right, top + y), (left, top + y, right, bottom)]
    return done


def _best_cut(inside: np.ndarray[Any, Any], min_area: float) -> tuple[int, float]:
    """The column at which to cut bool `[H, W]`, and the impurity of both halves; inf if no cut is allowed.

    Impurity is the Gini index that decision trees split by: filled × empty / all, of each half's tight box.
    """
    import numpy as np

    if inside.shape[1] < 2:
        return 0, np.inf
    impurity = _impurity(inside)[:-1] + _impurity(inside[:, ::-1])[::-1][1:]
    filled = inside.sum(axis=0).cumsum()
    impurity[np.minimum(filled, filled[-1] - filled)[:-1] < min_area] = np.inf
    cut = int(impurity.argmin())
    return cut + 1, float(impurity[cut])


def _impurity(inside: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Filled × empty / all of the tight box of the columns up to each one, that included: float64 `[W]`."""
    import numpy as np

    height, width = inside.shape
    some = inside.any(axis=0)
    first = np.minimum.accumulate(np.where(some, inside.argmax(axis=0), height))
    last = np.maximum.accumulate(np.where(some, height - inside[::-1].argmax(axis=0), 0))
    right = np.maximum.accumulate(np.where(some, np.arange(1, width + 1), 0))
    areas = np.maximum(right - int(some.argmax()), 0) * np.maximum(last - first, 0)
    filled = inside.sum(axis=0).cumsum()
    return filled * (areas - filled) / np.maximum(areas, 1)


def _moved(box: Bounds, x: int, y: int) -> Bounds:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _area(box: Bounds) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])

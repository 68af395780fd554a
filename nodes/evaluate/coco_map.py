"""COCO's mean average precision of detected boxes, as COCO's own evaluator computes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from nodegraph import Drop
from nodes.types import Boxes

if TYPE_CHECKING:
    import numpy as np


class Scores(NamedTuple):
    """How well boxes were detected, 0 to 1; COCO's measures (cocodataset.org, detection evaluation).

    Attributes:
        map: average precision, mean over classes and IoU thresholds 0.50, 0.55, ..., 0.95.
        map50: at IoU 0.50. map75: at IoU 0.75.
        map_small: of objects under 32² px², by the area of their boxes; None where there are none.
        map_medium: of 32² to 96² px². map_large: of 96² px² and more.
        mar1: average recall, mean over classes and IoU thresholds, with at most one detection per class and
            picture. mar10, mar100: with at most 10, 100. mar: with `max_detections`.
        per_class: `map` of each class; None where a class has no object.
        images: how many pictures were counted.
        objects: how many true boxes were counted, ignore regions aside.
    """

    map: float
    map50: float
    map75: float
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    mar1: float
    mar10: float
    mar100: float
    mar: float
    per_class: dict[str, float | None]
    images: int
    objects: int


def coco_map(
    truth: Sequence[Boxes],
    detected: Sequence[Boxes],
    *,
    max_detections: int = 100,
    ignored_overlap: float | None = None,
    region_classes: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Scores:
    """COCO's measures of the detections in pictures against the true boxes, by faster-coco-eval.

    Classes are matched by name; what was detected of a class that no picture's truth lists does not count.
    True boxes that are ignore regions are COCO's crowds: a detection of their class that lies in one to at
    least the IoU threshold, by its own area, counts neither for nor against.

    Args:
        truth: the true boxes, per picture.
        detected: the detections with their scores, per picture; as many. Ignore regions are no detections.
        max_detections: the best so many count, per class and picture.
        ignored_overlap: if given, detections and true boxes of any class of which at least this share lies
            in ignore regions are left out first (VisDrone: 0.5).
        region_classes: names of those ignore regions; empty for all.
        left_out: names of classes that are not scored.

    Raises:
        Drop: if no true box counts.
        ValueError: if there are boxes on both sides but no class in common, or a class named is not there.
        RuntimeError: if faster-coco-eval is not installed.
    """
    names = _names(truth)
    for what, given in (("left_out", left_out), ("region_classes", region_classes)):
        _check_names(what, given, names)
    scored = [name for name in names if name not in left_out]
    _check_common(scored, detected)
    numbers = {name: number for number, name in enumerate(scored, start=1)}
    true_rows, found_rows = _Rows(numbers), _Rows(numbers)
    for true, found in zip(truth, detected, strict=True):
        keep_true, keep_found = _outside(true, found, ignored_overlap, region_classes)
        true_rows.add(true, keep_true)
        found_rows.add(found, keep_found)
    objects = sum(1 for row in true_rows.rows if not row["iscrowd"])
    if not objects:
        raise Drop("no true box to score detections by")
    evaluated = _evaluate(true_rows, found_rows, max_detections)
    return _scores(evaluated, scored, len(truth), objects)


def covered_share(boxes: np.ndarray[Any, Any], regions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The share of each box that lies in the union of regions.

    Args:
        boxes: `[N, 4]`, left, top, right, bottom.
        regions: `[M, 4]`; they may overlap.

    Returns:
        float64 `[N]`, 0 to 1; 0 for boxes without area.
    """
    import numpy as np

    return np.array([_covered(box, regions) for box in boxes.astype(np.float64)], np.float64)


def _covered(box: np.ndarray[Any, Any], regions: np.ndarray[Any, Any]) -> float:
    """The covered share of one box: its cells between the regions' edges are inside a region or not."""
    import numpy as np

    area = float((box[2] - box[0]) * (box[3] - box[1]))
    low, high = np.maximum(regions[:, :2], box[:2]), np.minimum(regions[:, 2:], box[2:])
    meets = (high > low).all(axis=1)
    if area <= 0 or not meets.any():
        return 0.0
    low, high = low[meets], high[meets]
    xs, ys = (np.unique([low[:, axis], high[:, axis]]) for axis in (0, 1))
    inside = np.zeros((len(ys) - 1, len(xs) - 1), dtype=bool)
    for (left, top), (right, bottom) in zip(low, high, strict=True):
        rows = slice(*np.searchsorted(ys, (top, bottom)))
        inside[rows, slice(*np.searchsorted(xs, (left, right)))] = True
    return min(1.0, float((np.diff(ys)[:, None] * np.diff(xs) * inside).sum()) / area)


def _names(pictures: Iterable[Boxes]) -> list[str]:
    """The class names of all pictures, in order of appearance."""
    return list(dict.fromkeys(name for boxes in pictures for name in boxes.categories.names))


def _check_names(what: str, given: Collection[str], names: Sequence[str]) -> None:
    from difflib import get_close_matches

    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names) or 'none'}"
            raise ValueError(f"{what} names the class {name!r}, which the true boxes do not have{hint}")


def _check_common(scored: Sequence[str], detected: Sequence[Boxes]) -> None:
    found = [name for name in _names(detected) if name not in scored]
    if found and any(map(len, detected)) and not set(_names(detected)) & set(scored):
        raise ValueError(
            f"no detected class is a class of the truth: detected {', '.join(found[:8])}; "
            f"the truth has {', '.join(scored[:8])}: name the classes alike"
        )


def _outside(
    true: Boxes, found: Boxes, overlap: float | None, region_classes: Collection[str]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Which true boxes and which detections are not too much inside ignore regions: bool `[N]` and `[M]`."""
    import numpy as np

    region = true.ignore.copy()
    if region_classes:
        region &= np.array([true.categories.names[n] in region_classes for n in true.class_ids], dtype=bool)
    if overlap is None or not region.any():
        return np.ones(len(true), dtype=bool), ~found.ignore
    regions = true.xyxy[region].astype(np.float64)
    return (
        true.ignore | (covered_share(true.xyxy, regions) < overlap),
        ~found.ignore & (covered_share(found.xyxy, regions) < overlap),
    )


class _Rows:
    """The annotations of pictures in COCO's form, with ids from 1."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self.rows: list[dict[str, Any]] = []
        self.pictures = 0

    def add(self, boxes: Boxes, keep: np.ndarray[Any, Any]) -> None:
        """Add the boxes of the next picture."""
        import numpy as np

        self.pictures += 1
        xywh = boxes.xyxy.astype(np.float64)
        xywh[:, 2:] -= xywh[:, :2]
        numbers = [self.numbers.get(name) for name in boxes.categories.names]
        columns = (xywh.tolist(), boxes.class_ids.tolist(), boxes.scores.tolist(), boxes.ignore.tolist())
        for box, class_id, score, ignore, kept in zip(*columns, keep.tolist(), strict=True):
            if kept and numbers[class_id] is not None:
                self.rows.append(
                    {
                        "id": len(self.rows) + 1,
                        "image_id": self.pictures,
                        "category_id": numbers[class_id],
                        "bbox": box,
                        "area": box[2] * box[3],
                        "score": score,
                        "iscrowd": int(ignore),
                    }
                )

    def document(self) -> dict[str, Any]:
        """All of it as a COCO document."""
        return {
            "images": [{"id": number} for number in range(1, self.pictures + 1)],
            "annotations": self.rows,
            "categories": [{"id": number, "name": name} for name, number in self.numbers.items()],
        }


def _evaluate(truth: _Rows, found: _Rows, max_detections: int) -> Any:
    if find_spec("faster_coco_eval") is None:
        raise RuntimeError(
            "faster-coco-eval is not installed; install it with: pip install 'nodegraph[train]'"
        )
    from faster_coco_eval import COCO, COCOeval_faster

    evaluation = COCOeval_faster(COCO(truth.document()), COCO(found.document()), iouType="bbox")
    evaluation.params.maxDets = sorted({min(most, max_detections) for most in (1, 10, 100, max_detections)})
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _scores(evaluation: Any, names: Sequence[str], images: int, objects: int) -> Scores:
    """Means over what has objects; -1 marks what has none."""
    import numpy as np

    # Axes: IoU threshold, recall, class, area (all, small, medium, large), limit; recall lacks the second.
    precision, recall = (np.asarray(evaluation.eval[name]) for name in ("precision", "recall"))
    best = precision[..., -1]
    most = evaluation.params.maxDets

    def recall_at(limit: int) -> float:
        return _mean(recall[:, :, 0, most.index(min(limit, most[-1]))]) or 0.0

    return Scores(
        map=_mean(best[:, :, :, 0]) or 0.0,
        map50=_mean(best[0, :, :, 0]) or 0.0,
        map75=_mean(best[5, :, :, 0]) or 0.0,
        map_small=_mean(best[..., 1]),
        map_medium=_mean(best[..., 2]),
        map_large=_mean(best[..., 3]),
        mar1=recall_at(1),
        mar10=recall_at(10),
        mar100=recall_at(100),
        mar=recall_at(most[-1]),
        per_class={name: _mean(best[:, :, index, 0]) for index, name in enumerate(names)},
        images=images,
        objects=objects,
    )


def _mean(values: np.ndarray[Any, Any]) -> float | None:
    counted = values[values > -1]
    return float(counted.mean()) if counted.size else None

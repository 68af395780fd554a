"""How far the boxes of a track are off where their neighbours in time, or a reference, put them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.types import BoxTrack

if TYPE_CHECKING:
    import numpy as np

_THINNEST = 1e-3
"""Sides in pixels below which a box counts as this thick, so that ratios stay finite."""


def drift(boxes: BoxTrack, reference: BoxTrack | None = None) -> np.ndarray[Any, Any]:
    """How far each box's centre is off its path, in diagonals of the box.

    Args:
        boxes: N objects over T frames.
        reference: where the boxes should be; by default half-way between the neighbours in time, in a
            first or last frame straight on from the two next to it.

    Returns:
        float64 `[N, T]`; 0 where the box is absent, or nothing tells where it should be.
    """
    import numpy as np

    diagonals = np.linalg.norm(_sides(boxes), axis=-1)
    off = np.linalg.norm(_off_path(boxes, reference, _centres), axis=-1)
    return off / diagonals


def area_change(boxes: BoxTrack, reference: BoxTrack | None = None) -> np.ndarray[Any, Any]:
    """The factor by which each box's area is off its path, at least 1, as `drift` has it: float64 `[N, T]`.

    Paths of areas are straight in the logarithm: half-way lies the geometric mean.
    """
    import numpy as np

    return np.exp(np.abs(_off_path(boxes, reference, _log_area)[..., 0]))


def aspect_change(boxes: BoxTrack, reference: BoxTrack | None = None) -> np.ndarray[Any, Any]:
    """The factor by which each box's width over height is off its path, as `area_change` has it."""
    import numpy as np

    return np.exp(np.abs(_off_path(boxes, reference, _log_aspect)[..., 0]))


def _sides(boxes: BoxTrack) -> np.ndarray[Any, Any]:
    """Width and height: float64 `[N, T, 2]`."""
    import numpy as np

    return np.maximum(boxes.xyxy[..., 2:].astype(np.float64) - boxes.xyxy[..., :2], _THINNEST)


def _centres(boxes: BoxTrack) -> np.ndarray[Any, Any]:
    return (boxes.xyxy[..., :2].astype("float64") + boxes.xyxy[..., 2:]) / 2


def _log_area(boxes: BoxTrack) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.log(_sides(boxes)).sum(axis=-1, keepdims=True)


def _log_aspect(boxes: BoxTrack) -> np.ndarray[Any, Any]:
    import numpy as np

    logs = np.log(_sides(boxes))
    return logs[..., :1] - logs[..., 1:]


def _off_path(boxes: BoxTrack, reference: BoxTrack | None, measure: Any) -> np.ndarray[Any, Any]:
    """What `measure` (of a track, `[N, T, D]`) gives, less what it should be; 0 where that is not known."""
    import numpy as np

    values = measure(boxes)
    if reference is None:
        expected, known = _between_neighbours(values, boxes.present)
    else:
        _check_alike(boxes, reference)
        expected, known = measure(reference), reference.present
    return np.where((known & boxes.present)[..., None], values - expected, 0.0)


def _check_alike(boxes: BoxTrack, reference: BoxTrack) -> None:
    if reference.present.shape != boxes.present.shape:
        (n, t), (m, u) = boxes.present.shape, reference.present.shape
        raise ValueError(
            f"boxes has {n} objects over {t} frames, reference {m} over {u}: link the same objects and frames"
        )


def _between_neighbours(
    values: np.ndarray[Any, Any], present: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """What neighbours in time make of each value `[N, T, D]`, and where there are enough of them `[N, T]`."""
    import numpy as np

    expected, known = np.zeros_like(values), np.zeros_like(present)
    if values.shape[1] < 3:
        return expected, known
    expected[:, 1:-1] = (values[:, :-2] + values[:, 2:]) / 2
    known[:, 1:-1] = present[:, :-2] & present[:, 2:]
    for end, near, far in ((0, 1, 2), (-1, -2, -3)):
        expected[:, end] = 2 * values[:, near] - values[:, far]
        known[:, end] = present[:, near] & present[:, far]
    return expected, known

"""Outlines of boxes: carried by a homography, cut at the edges of a frame, measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_AHEAD = 1e-6
"""Points whose third homogeneous coordinate is not above this lie behind the camera."""


@dataclass(frozen=True)
class SeenOutline:
    """What of an outline lies inside a frame.

    Attributes:
        xyxy: its bounds (left, top, right, bottom) in pixels, inside the frame; zeros if nothing is seen.
        share: the share of the whole outline's area that lies inside the frame, 0 to 1.
    """

    xyxy: tuple[float, float, float, float]
    share: float


UNSEEN = SeenOutline((0.0, 0.0, 0.0, 0.0), 0.0)


def carry_box(
    xyxy: np.ndarray[Any, Any], homography: np.ndarray[Any, Any], size: tuple[int, int]
) -> SeenOutline:
    """Carry a box's outline by a homography and cut it at the frame: bounds and share of what is left.

    The bounds are those of the cut quadrilateral, hence exact: a box that is half outside gets the bounds
    of the half that is inside. Parts that end up behind the camera are cut off too.

    Args:
        xyxy: the box, `[4]`, continuous pixels.
        homography: `[3, 3]`, from the box's picture to the frame.
        size: (width, height) of the frame.
    """
    return _seen(carried_corners(xyxy, homography), size)


def carry_outline(
    points: np.ndarray[Any, Any], homography: np.ndarray[Any, Any], size: tuple[int, int]
) -> SeenOutline:
    """As `carry_box`, of any convex polygon `[K, 2]` with corners in order."""
    import numpy as np

    corners = np.concatenate([points, np.ones((len(points), 1))], axis=1).astype(np.float64)
    return _seen(corners @ homography.T, size)


def rounded_outline(xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The outline of an object of which only the box is known: float64 `[32, 2]`, convex.

    A superellipse of exponent 3 that touches the box's sides: between a box and an ellipse, as objects are. A
    turned box has larger bounds than what it holds.
    """
    import numpy as np

    left, top, right, bottom = np.asarray(xyxy, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    across, down = (np.sign(wave) * np.abs(wave) ** (2 / 3) for wave in (np.cos(angles), np.sin(angles)))
    middle, half = ((left + right) / 2, (top + bottom) / 2), ((right - left) / 2, (bottom - top) / 2)
    points = np.stack([across, down], axis=1) * half + middle
    return points.clip((left, top), (right, bottom))


def outline_of(mask: np.ndarray[Any, Any], xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The outline of an object of which box and mask (bool `[H, W]`, not empty) are known: float64 `[K, 2]`.

    The convex hull of the mask's pixels, stretched so that its bounds are the box.
    """
    import cv2
    import numpy as np

    left, top, right, bottom = np.asarray(xyxy, dtype=np.float64)
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows][:, ::-1].argmax(axis=1)
    points = np.concatenate([np.stack([x, y], axis=1) for x in (first, last) for y in (rows, rows + 1)])
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    low, high = hull.min(axis=0), hull.max(axis=0)
    return (hull - low) / (high - low) * (right - left, bottom - top) + (left, top)


def _seen(corners: np.ndarray[Any, Any], size: tuple[int, int]) -> SeenOutline:
    """What of a polygon of homogeneous corners `[K, 3]` lies inside a frame."""
    whole = _ahead(corners)
    if len(whole) < 3:
        return UNSEEN
    inside = _cut(whole, size)
    area, seen = _area(whole), _area(inside)
    if not area > 0 or not seen > 0:
        return UNSEEN
    points = inside[:, :2] / inside[:, 2:]
    left, top = points.min(axis=0).clip(0, size)
    right, bottom = points.max(axis=0).clip(0, size)
    return SeenOutline((float(left), float(top), float(right), float(bottom)), min(1.0, seen / area))


def carried_corners(xyxy: np.ndarray[Any, Any], homography: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The four corners of a box, carried by a homography: homogeneous float64 `[4, 3]`."""
    import numpy as np

    left, top, right, bottom = np.asarray(xyxy, dtype=np.float64)
    corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]])
    return corners @ homography.T


def fill_outline(
    xyxy: np.ndarray[Any, Any], homography: np.ndarray[Any, Any], size: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """The pixels whose centres lie inside a carried box: bool `[H, W]`."""
    import numpy as np

    width, height = size
    corners = _ahead(carried_corners(xyxy, homography))
    inside = np.zeros((height, width), dtype=bool)
    if len(corners) < 3 or not _area(corners) > 0:
        return inside
    cut = _cut(corners, size)
    if len(cut) < 3:
        return inside
    points = cut[:, :2] / cut[:, 2:]
    if _signed_area(points) < 0:
        points = points[::-1]
    x0, y0 = np.floor(points.min(axis=0)).astype(int).clip(0, size)
    x1, y1 = np.ceil(points.max(axis=0)).astype(int).clip(0, size)
    x, y = np.arange(x0, x1)[None, :] + 0.5, np.arange(y0, y1)[:, None] + 0.5
    within = np.ones((y1 - y0, x1 - x0), dtype=bool)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        step = end - start
        within &= step[0] * (y - start[1]) - step[1] * (x - start[0]) >= 0
    inside[y0:y1, x0:x1] = within
    return inside


def _ahead(corners: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return _cut_by_plane(corners, np.array([0.0, 0.0, 1.0]), _AHEAD)


def _cut(corners: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Cut a homogeneous polygon at the frame's edges (Sutherland and Hodgman 1974)."""
    import numpy as np

    width, height = size
    for plane in ((1, 0, 0), (-1, 0, width), (0, 1, 0), (0, -1, height)):
        corners = _cut_by_plane(corners, np.array(plane, dtype=np.float64), 0.0)
    return corners


def _cut_by_plane(
    corners: np.ndarray[Any, Any], plane: np.ndarray[Any, Any], least: float
) -> np.ndarray[Any, Any]:
    import numpy as np

    kept: list[np.ndarray[Any, Any]] = []
    heights = corners @ plane - least
    for index in range(len(corners)):
        before, here = heights[index - 1], heights[index]
        if (before < 0) != (here < 0):
            kept.append(
                corners[index - 1] + (corners[index] - corners[index - 1]) * (before / (before - here))
            )
        if here >= 0:
            kept.append(corners[index])
    return np.array(kept).reshape(-1, 3)


def _area(corners: np.ndarray[Any, Any]) -> float:
    return abs(_signed_area(corners[:, :2] / corners[:, 2:])) if len(corners) >= 3 else 0.0


def _signed_area(points: np.ndarray[Any, Any]) -> float:
    following = points[[*range(1, len(points)), 0]]
    return float((points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum() / 2)

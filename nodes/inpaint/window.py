"""The part of a clip that an inpainting pipeline sees, and the size at which it sees it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

STEP = 64
"""Sides of a pipeline's pictures are multiples of it: what all pipelines of diffusers take."""


@dataclass(frozen=True)
class Window:
    """A rectangle of a clip's frames, and the size that a pipeline gets it in.

    Attributes:
        left, top, right, bottom: in pixels of the clip, right and bottom excluded.
        size: (width, height) for the pipeline, multiples of `STEP`.
    """

    left: int
    top: int
    right: int
    bottom: int
    size: tuple[int, int]

    def cut(self, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The rectangle of a picture `[H, W, ...]`: a view."""
        return picture[self.top : self.bottom, self.left : self.right]

    def scaled(self, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The rectangle of a picture uint8 `[H, W, 3]` at the pipeline's size."""
        return _resized(self.cut(picture), self.size)

    def scaled_hole(self, hole: np.ndarray[Any, Any], grown: int) -> np.ndarray[Any, Any]:
        """The rectangle of a hole bool `[H, W]` at the pipeline's size; any pixel that touches it, and more.

        Args:
            hole: in the clip's frame.
            grown: by how many of the pipeline's pixels it grows in each direction.
        """
        import cv2
        import numpy as np

        touched = _resized(self.cut(hole).astype(np.float32), self.size) > 0
        return cv2.dilate(touched.astype(np.uint8), np.ones((2 * grown + 1,) * 2, np.uint8)).astype(bool)

    def put(
        self, painted: np.ndarray[Any, Any], hole: np.ndarray[Any, Any], frame: np.ndarray[Any, Any]
    ) -> None:
        """Write what a pipeline painted, uint8 `[h, w, 3]` of its size, into the hole of a frame."""
        size = (self.right - self.left, self.bottom - self.top)
        here = self.cut(hole)
        self.cut(frame)[here] = _resized(painted, size)[here]


def window_around(holes: np.ndarray[Any, Any], margin: int | None, side: int) -> Window:
    """The window of a clip: one for all frames, so that what is painted does not jump between them.

    Args:
        holes: bool `[T, H, W]`, with at least one pixel set.
        margin: pixels around the bounds of all holes; None for whole frames.
        side: the window has about as many pixels at the pipeline's size as a square of this side.
    """
    import numpy as np

    _, height, width = holes.shape
    left, top, right, bottom = 0, 0, width, height
    if margin is not None:
        rows, columns = (np.flatnonzero(holes.any(axis=axes)) for axes in ((0, 2), (0, 1)))
        left, right = max(0, int(columns[0]) - margin), min(width, int(columns[-1]) + 1 + margin)
        top, bottom = max(0, int(rows[0]) - margin), min(height, int(rows[-1]) + 1 + margin)
    return Window(left, top, right, bottom, size_near(right - left, bottom - top, side))


def size_near(width: int, height: int, side: int) -> tuple[int, int]:
    """The size, in multiples of `STEP`, with about `side²` pixels and the aspect of a rectangle.

    Sides are four times as long as `side` at most.
    """
    aspect = sqrt(width / height)
    return _stepped(side * aspect, side), _stepped(side / aspect, side)


def _stepped(length: float, side: int) -> int:
    return min(max(STEP, round(length / STEP) * STEP), 4 * side // STEP * STEP)


def _resized(picture: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Resample, by means where it gets smaller."""
    import cv2
    import numpy as np

    if picture.shape[1::-1] == size:
        return picture
    smaller = picture.shape[1] >= size[0] and picture.shape[0] >= size[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=how)

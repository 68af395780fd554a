"""`depth.sharpen`: makes the soft borders of a depth map steps again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Param, node
from nodes.types import Depth

if TYPE_CHECKING:
    import numpy as np


def sharpen_bytes(depth: Depth | None = None) -> int:
    """Bytes that `depth.sharpen` works in: six maps of the photo's size."""
    return 0 if depth is None else 6 * depth.nearness.nbytes


@node("depth.sharpen", version=1, memory=sharpen_bytes)
def sharpen(
    depth: Depth,
    *,
    reach: Annotated[
        float,
        Param(ge=0, le=20, unit="%", help="half of the width of a soft border, of the picture's longer side"),
    ] = 1.0,
    least: Annotated[
        float,
        Param(ge=0, le=1, help="rise of nearness over a border's width; what rises less stays as it is"),
    ] = 0.1,
) -> Depth:
    """Turn the soft borders between near and far in a depth map into steps.

    Depth networks blur the borders of objects. A warp then tears the pixels of a border apart and smears the
    object over what is behind it. Here each pixel whose surroundings rise by `least` or more takes the
    nearest or the farthest value there, whichever is closer to its own (toggle mapping, Kramer and Bruckner
    1975); a slanted surface that rises less keeps its slope. `reach` is how far it looks, in each direction.
    """
    import numpy as np

    radius = round(reach / 100 * max(depth.nearness.shape))
    if radius == 0 or depth.nearness.size == 0:
        return depth
    low, high = _extremes(depth.nearness, radius)
    is_border = high - low >= least
    snapped = np.where(high - depth.nearness <= depth.nearness - low, high, low)
    return Depth(np.where(is_border, snapped, depth.nearness))


def _extremes(values: np.ndarray[Any, Any], radius: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The lowest and the highest value within a radius in each direction (squares), both float32 `[H, W]`."""
    import cv2

    square = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * radius + 1, 2 * radius + 1))
    return cv2.erode(values, square), cv2.dilate(values, square)

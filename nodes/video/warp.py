"""Rendering a photo from another camera pose: as a plane, or with parallax from inverse depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Literal

from nodes.video.camera_path import View

if TYPE_CHECKING:
    import numpy as np

Fill = Literal["black", "grey", "white", "edge"]

_GREYS: dict[str, int] = {"black": 0, "grey": 114, "white": 255}
"""114 is the grey that YOLO trainers pad with."""

_MOST_SAMPLES = 4
"""Points per source pixel and axis that are splatted at most; gaps beyond that are closed afterwards."""

_BAND_PIXELS = 1 << 17

_SAME_SURFACE = 1.1
"""Two inverse depths whose ratio is below this are taken for one surface."""


@dataclass(frozen=True)
class Lookup:
    """Where each pixel of a frame finds its colour in the source photo.

    Attributes:
        x, y: float32 `[H, W]`, continuous source position of the pixel's centre; any value where revealed.
        revealed: bool `[H, W]`, True where no pixel of the source is seen.
    """

    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    revealed: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Surface:
    """The nearest inverse depth seen through each pixel of a frame.

    Attributes:
        inverse_depth: float32 `[H, W]`, as the frame's camera measures it; 0 where nothing is seen.
    """

    inverse_depth: np.ndarray[Any, Any]


def plane_lookup(view: View, size: tuple[int, int]) -> Lookup:
    """The lookup of a photo that is a plane at unit depth: by the inverse of the view's homography.

    A frame pixel is revealed where its centre maps to a point outside the photo, or to one behind the camera.
    """
    import numpy as np

    inverse = np.linalg.inv(view.homography())
    x, y = _centres(size)
    return _lookup([row[0] * x + row[1] * y + row[2] for row in inverse.astype(np.float32)], size)


def parallax_lookup(view: View, size: tuple[int, int], surface: Surface) -> Lookup:
    """The lookup of a photo with depth, from the surface that the view sees.

    Each frame pixel is lifted to its depth and carried back to the photo, so colours are sampled at exact
    positions. A frame pixel is revealed where the surface has a hole.
    """
    import numpy as np

    x, y = _centres(size)
    seen = surface.inverse_depth
    lifted = [part + seen * np.float32(moved) for part, moved in zip((x, y, 1), view.shift, strict=True)]
    back = np.linalg.inv(view.rotation).astype(np.float32)
    found = _lookup([sum(row[i] * lifted[i] for i in range(3)) for row in back], size)
    return Lookup(found.x, found.y, seen <= 0)


def see_surface(view: View, inverse_depth: np.ndarray[Any, Any]) -> Surface:
    """Carry every source pixel to the frame, the nearest one wins; close gaps between neighbours.

    Each source pixel is a small plane parallel to the source picture, splatted as a grid of points that is
    dense enough for the view's magnification. Gaps one pixel wide between pixels of one surface are what
    the stretching of slanted surfaces leaves; they are closed. All wider holes are revealed area.

    Args:
        view: the camera pose.
        inverse_depth: float32 `[H, W]` of the source picture, above 0.
    """
    import numpy as np

    height, width = inverse_depth.shape
    samples = _samples(view, inverse_depth)
    surface = np.zeros((height, width), dtype=np.float32)
    offsets = (np.arange(samples, dtype=np.float32) + 0.5) / samples
    x = np.arange(width, dtype=np.float32)[None, :]
    for rows in _bands(height, width):
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        for down in offsets:
            for right in offsets:
                _splat(view, x + right, y + down, inverse_depth[rows], surface)
    for _ in range(2):
        surface = _close_gaps(surface)
    return Surface(surface)


def render(
    pixels: np.ndarray[Any, Any], lookup: Lookup, fill: Fill, scale: float = 1.0
) -> np.ndarray[Any, Any]:
    """Render a frame: bicubic samples of the photo where it is seen, the fill where it is revealed.

    Args:
        pixels: uint8 `[H, W, 3]`, the photo.
        lookup: where each frame pixel looks.
        fill: "black", "grey" (114) or "white", or "edge": the colour of the nearest pixel that is seen.
        scale: size of the photo's details in the frame; below 1 they are smoothed first, against aliasing.

    Returns:
        uint8 `[H, W, 3]`.
    """
    import cv2
    import numpy as np

    sharp = pixels
    if scale < 0.9:
        sharp = cv2.GaussianBlur(pixels, (0, 0), 0.5 * sqrt(1 / max(scale, 0.05) ** 2 - 1))
    frame = cv2.remap(
        np.ascontiguousarray(sharp),
        lookup.x - np.float32(0.5),
        lookup.y - np.float32(0.5),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if fill != "edge":
        frame[lookup.revealed] = _GREYS[fill]
    elif lookup.revealed.any() and not lookup.revealed.all():
        frame = _extend(frame, lookup.revealed)
    return frame


def local_scale(view: View, size: tuple[int, int]) -> float:
    """How large the middle of a photo at unit depth appears in a view: 1 unchanged, 0.5 half as long."""
    import numpy as np

    homography = view.homography()
    return _magnification(homography, np.array([size[0] / 2, size[1] / 2, 1.0]))


def _centres(size: tuple[int, int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    import numpy as np

    width, height = size
    return (np.arange(width, dtype=np.float32) + 0.5)[None, :], (np.arange(height, dtype=np.float32) + 0.5)[
        :, None
    ]


def _lookup(source: list[Any], size: tuple[int, int]) -> Lookup:
    """Divide homogeneous source positions and find those outside the photo."""
    import numpy as np

    width, height = size
    ahead = source[2] > 0
    third = np.where(ahead, source[2], np.float32(1))
    x, y = (np.broadcast_to(part / third, (height, width)).astype(np.float32) for part in source[:2])
    slack = np.float32(1e-3)
    seen = ahead & (x >= -slack) & (x <= width + slack) & (y >= -slack) & (y <= height + slack)
    return Lookup(x, y, ~np.broadcast_to(seen, (height, width)))


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture, so many at a time that what is computed for them stays in the processor's cache."""
    step = max(1, _BAND_PIXELS // max(1, width))
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def _splat(
    view: View, x: Any, y: Any, inverse_depth: np.ndarray[Any, Any], surface: np.ndarray[Any, Any]
) -> None:
    """Carry source points to the frame's surface, float32 `[H, W]`, where the nearest one stays."""
    import numpy as np

    height, width = surface.shape
    rows = view.rotation.astype(np.float32)
    shift = view.shift.astype(np.float32)
    across, down, third = (
        rows[i][0] * x + rows[i][1] * y + rows[i][2] - inverse_depth * shift[i] for i in range(3)
    )
    ahead = third > 1e-6
    third[~ahead] = 1
    column, row = np.floor(across / third), np.floor(down / third)
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    place = row[inside].astype(np.int64) * width + column[inside].astype(np.int64)
    np.maximum.at(surface.reshape(-1), place, inverse_depth[inside] / third[inside])


def _samples(view: View, inverse_depth: np.ndarray[Any, Any]) -> int:
    """Points per source pixel and axis that leave no gap inside the nearest surface."""
    import numpy as np

    height, width = inverse_depth.shape
    nearest = view.homography(float(inverse_depth.max()))
    places = [(0, 0), (width, 0), (0, height), (width, height), (width / 2, height / 2)]
    largest = max(_magnification(nearest, np.array([x, y, 1.0])) for x, y in places)
    return min(_MOST_SAMPLES, ceil(1.2 * largest))


def _magnification(homography: np.ndarray[Any, Any], point: np.ndarray[Any, Any]) -> float:
    """Square root of the area that a homography gives to a unit square at a homogeneous point."""
    import numpy as np

    third = abs(float(homography[2] @ point))
    return sqrt(abs(float(np.linalg.det(homography))) / max(third, 1e-3) ** 3)


def _close_gaps(surface: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fill holes whose two opposite neighbours belong to one surface with the mean of the two."""
    import numpy as np

    padded = np.pad(surface, 1)
    closed = surface.copy()
    for before, after in (
        (padded[1:-1, :-2], padded[1:-1, 2:]),
        (padded[:-2, 1:-1], padded[2:, 1:-1]),
    ):
        low, high = np.minimum(before, after), np.maximum(before, after)
        gap = (closed <= 0) & (low > 0) & (high < low * np.float32(_SAME_SURFACE))
        closed[gap] = (low[gap] + high[gap]) / 2
    return closed


def _extend(frame: np.ndarray[Any, Any], revealed: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give every revealed pixel the colour of the nearest pixel that is seen."""
    import cv2
    import numpy as np

    labels: Any = cv2.distanceTransformWithLabels(
        revealed.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    colours = np.zeros((int(labels.max()) + 1, 3), dtype=np.uint8)
    seen = ~revealed
    colours[labels[seen]] = frame[seen]
    return colours[labels]

"""`video.camera_motion`: one photo becomes a clip along a camera path, with exact ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Param, node
from nodes.types import Boxes, BoxTrack, Categories, Depth, Image, MaskTrack, Video
from nodes.video.camera_path import Easing, PathName, View, check_amplitude, ease, view_at
from nodes.video.outline import UNSEEN, SeenOutline, carry_box
from nodes.video.warp import (
    Fill,
    Lookup,
    Surface,
    local_scale,
    parallax_lookup,
    plane_lookup,
    render,
    see_surface,
)

if TYPE_CHECKING:
    import numpy as np

_HIDDEN_BEHIND = 1.05
"""A point counts as hidden if what is seen in its place is nearer by more than this factor."""


class CameraMotion(NamedTuple):
    """A clip and its ground truth: the boxes in every frame, and the area that came into view (N = 1)."""

    out: Video
    boxes: BoxTrack
    revealed: MaskTrack


@node("video.camera_motion", version=1)
def camera_motion(
    image: Image,
    boxes: Boxes | None = None,
    depth: Depth | None = None,
    *,
    frames: Annotated[int, Param(ge=1, le=1024, help="frames of the clip, the photo included")] = 8,
    path: Annotated[PathName, Param(help="how the camera moves")] = "pan_right",
    amplitude: Annotated[
        float | None,
        Param(help="size of the motion in the last frame, in the path's unit; null = its default"),
    ] = None,
    easing: Annotated[Easing, Param(help="speed along the path")] = "linear",
    fps: Annotated[float, Param(gt=0, le=240, unit="1/s", help="frames per second")] = 8.0,
    fov: Annotated[
        float, Param(ge=5, le=150, unit="degrees", help="horizontal field of view of the photo")
    ] = 50.0,
    fill: Annotated[
        Fill, Param(help="colour of revealed area; edge: that of the nearest seen pixel")
    ] = "black",
    relief: Annotated[
        float,
        Param(gt=1, le=1000, help="with depth: how many times as far nearness 0 is as nearness 1"),
    ] = 4.0,
) -> CameraMotion:
    """Move a camera through a photo: a clip whose first frame is the photo, with exact boxes.

    The camera is a pinhole with the given field of view. Paths, the unit of their amplitude and its default:

    - `pan_left/right/up/down`: the camera turns about its centre; degrees, 10.
    - `truck_left/right`, `pedestal_up/down`: it moves sideways; widths of the view at unit depth, 0.2.
    - `zoom_in`, `zoom_out`: the focal length changes, evenly in its logarithm; factor, 1.6 and 2.
    - `dolly_in`, `dolly_out`: it moves along its axis; share of the unit depth, 0.375 and 1.
    - `orbit_left/right`: it moves around the point at unit depth in the middle, looking at it; degrees, 30.
    - `roll`: it turns clockwise about its axis; degrees, 25.

    Each default moves the photo's pixels by 15 % of its width or more (their mean, in the last frame, at
    the default field of view), or turns the camera by 15 degrees or more. A negative amplitude goes the
    other way (for zooms, a factor below 1).

    Without `depth` the photo is a plane at unit depth that faces the camera, and every frame is a homography
    of it. With `depth`, every pixel moves by its own distance: inverse distance runs linearly in
    `nearness`, nearness 0 is `relief` times as far as nearness 1, and unit depth is that of the photo's
    median. Near surfaces hide far ones.

    `boxes` (ground truth): bounds of the box's outline carried to the frame and cut at its edges;
    `visibility` is the share of the outline's area inside the frame, and with depth, times the share of
    the box's pixels there that nothing nearer hides. With depth, the outline lies at the median depth of the
    box's inner half. A box of which nothing is visible is absent. Scores are 1.
    `revealed`: the pixels that no source pixel maps to. Without `boxes` the track has no objects.

    Raises:
        ValueError: if the amplitude is out of the path's bounds, or depth and photo differ in size.
    """
    import numpy as np

    size = image.size
    way = check_amplitude(path, amplitude)
    inverse_depth = None if depth is None else _inverse_depth(depth, size, relief)
    views = [view_at(path, way, ease(share, easing), size, fov) for share in _shares(frames)]
    xyxy = np.zeros((0, 4), np.float32) if boxes is None else boxes.xyxy
    shots = [_photo(image, xyxy)]
    if inverse_depth is None:
        shots += [_plane_shot(image, xyxy, view, fill) for view in views[1:]]
    else:
        shots += [_parallax_shot(image, xyxy, view, fill, inverse_depth) for view in views[1:]]
    return CameraMotion(
        Video(np.stack([shot.pixels for shot in shots]), float(fps)),
        _truth(boxes, [shot.outlines for shot in shots]),
        MaskTrack(np.stack([shot.revealed for shot in shots])[None], np.ones((1, frames), np.float32)),
    )


@dataclass(frozen=True)
class _Shot:
    """One frame: uint8 `[H, W, 3]`, its revealed area bool `[H, W]`, and what is seen of each box."""

    pixels: np.ndarray[Any, Any]
    revealed: np.ndarray[Any, Any]
    outlines: Sequence[SeenOutline]


def _shares(frames: int) -> list[float]:
    return [index / max(1, frames - 1) for index in range(frames)]


def _photo(image: Image, xyxy: np.ndarray[Any, Any]) -> _Shot:
    """The photo itself as the first frame."""
    import numpy as np

    outlines = [carry_box(box, np.eye(3), image.size) for box in xyxy]
    return _Shot(image.pixels, np.zeros(image.pixels.shape[:2], dtype=bool), outlines)


def _plane_shot(image: Image, xyxy: np.ndarray[Any, Any], view: View, fill: Fill) -> _Shot:
    lookup = plane_lookup(view, image.size)
    homography = view.homography()
    outlines = [carry_box(box, homography, image.size) for box in xyxy]
    return _shot(image, lookup, view, fill, outlines)


def _parallax_shot(
    image: Image, xyxy: np.ndarray[Any, Any], view: View, fill: Fill, inverse_depth: np.ndarray[Any, Any]
) -> _Shot:
    surface = see_surface(view, inverse_depth)
    outlines = [_outline_at_depth(box, view, inverse_depth, surface) for box in xyxy]
    return _shot(image, parallax_lookup(view, image.size, surface), view, fill, outlines)


def _shot(image: Image, lookup: Lookup, view: View, fill: Fill, outlines: Sequence[SeenOutline]) -> _Shot:
    pixels = render(image.pixels, lookup, fill, local_scale(view, image.size))
    return _Shot(pixels, lookup.revealed, outlines)


def _inverse_depth(depth: Depth, size: tuple[int, int], relief: float) -> np.ndarray[Any, Any]:
    """Inverse distance float32 `[H, W]` from nearness; its median is 1."""
    import numpy as np

    height, width = depth.nearness.shape
    if (width, height) != size:
        raise ValueError(
            f"the depth map is {width}×{height} but the photo {size[0]}×{size[1]}: "
            "link the depth of this very photo"
        )
    if not np.isfinite(depth.nearness).all():
        raise ValueError("the depth map has values that are not finite")
    inverse = 1 / relief + depth.nearness.clip(0, 1) * (1 - 1 / relief)
    return (inverse / np.median(inverse)).astype(np.float32) if inverse.size else inverse


def _outline_at_depth(
    box: np.ndarray[Any, Any], view: View, inverse_depth: np.ndarray[Any, Any], surface: Surface
) -> SeenOutline:
    """Carry a box at its own depth; its share counts what lies inside the frame and is not hidden."""
    import numpy as np

    height, width = inverse_depth.shape
    inner = _inside(inverse_depth, _inner_half(box))
    seen = carry_box(box, view.homography(float(np.median(inner))), (width, height))
    left, top, right, bottom = _pixel_range(box, width, height)
    x, y = np.arange(left, right)[None, :] + 0.5, np.arange(top, bottom)[:, None] + 0.5
    own = inverse_depth[top:bottom, left:right]
    share = seen.share * _unhidden(view, x, y, own, surface)
    return SeenOutline(seen.xyxy, share) if share > 0 else UNSEEN


def _unhidden(view: View, x: Any, y: Any, own: np.ndarray[Any, Any], surface: Surface) -> float:
    """Of the source points that land inside the frame, the share that nothing nearer hides."""
    import numpy as np

    height, width = surface.inverse_depth.shape
    points = np.stack(np.broadcast_arrays(x, y, 1.0), axis=-1) @ view.rotation.T - own[..., None] * view.shift
    points, own = points[points[..., 2] > 1e-6], own[points[..., 2] > 1e-6]
    column, row = np.floor(points[:, :2] / points[:, 2:]).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if not inside.any():
        return 0.0
    there = surface.inverse_depth[row[inside].astype(int), column[inside].astype(int)]
    return float((there <= own[inside] / points[inside, 2] * _HIDDEN_BEHIND).mean())


def _inner_half(box: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    middle = np.tile((box[:2] + box[2:]) / 2, 2)
    return (box + middle) / 2


def _inside(values: np.ndarray[Any, Any], box: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    left, top, right, bottom = _pixel_range(box, values.shape[1], values.shape[0])
    return values[top:bottom, left:right]


def _pixel_range(box: np.ndarray[Any, Any], width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels that a box touches, at least one, inside the picture: half-open ranges."""
    import numpy as np

    left, top = np.floor(box[:2]).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = np.ceil(box[2:]).astype(int)
    return int(left), int(top), int(max(left + 1, min(right, width))), int(max(top + 1, min(bottom, height)))


def _truth(boxes: Boxes | None, frames: Sequence[Sequence[SeenOutline]]) -> BoxTrack:
    import numpy as np

    objects = 0 if boxes is None else len(boxes)
    shape = (objects, len(frames))
    xyxy = np.array([[seen.xyxy for seen in frame] for frame in frames], dtype=np.float32)
    share = np.array([[seen.share for seen in frame] for frame in frames], dtype=np.float32)
    visibility = np.ascontiguousarray(share.reshape(shape[::-1]).T)
    present = visibility > 0
    return BoxTrack(
        np.ascontiguousarray(xyxy.reshape(*shape[::-1], 4).transpose(1, 0, 2)),
        present,
        np.ones(shape, np.float32),
        visibility,
        np.zeros(0, np.int64) if boxes is None else boxes.class_ids,
        Categories((), ()) if boxes is None else boxes.categories,
    )

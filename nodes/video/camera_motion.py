"""`video.camera_motion`: one photo becomes a clip along a camera path, with exact ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Param, node
from nodes.types import Boxes, BoxTrack, Depth, Image, MaskTrack, Video
from nodes.video.camera_path import Easing, PathName, View, check_amplitude, ease, view_at
from nodes.video.frames import no_boxes
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


_MOST_POINTS = 128
"""Points per axis of a box at which its depth is read and that are looked for behind nearer surfaces."""


class CameraMotion(NamedTuple):
    """A clip, the boxes of its first frame, and its ground truth.

    Attributes:
        out: the clip.
        first: the photo's boxes as they lie in the first frame, cut at its edges.
        boxes: the true boxes of every frame.
        revealed: the area that came into view (N = 1).
    """

    out: Video
    first: Boxes
    boxes: BoxTrack
    revealed: MaskTrack


@node("video.camera_motion", version=2)
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
    max_side: Annotated[
        int, Param(ge=16, le=16384, unit="px", help="larger photos are made smaller, to this longest side")
    ] = 4096,
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
    box's inner half. (Of boxes with a side above 128 pixels, 128 pixels of that side are looked at.) A box
    of which nothing is visible is absent. Of one that reaches outside the photo, the part inside is the
    object. Scores are 1. Regions to ignore are carried along like objects.
    `revealed`: the pixels that no source pixel maps to; `inpaint.fill` or `inpaint.diffusion` fill them.
    Without `boxes` the track has no objects.

    A photo above `max_side` is made smaller, its boxes and depth with it: clip and boxes have that size.
    Working memory, beside the clip: about 25 bytes a pixel of the photo, with depth 45.

    Raises:
        ValueError: if the amplitude is out of the path's bounds, or depth and photo differ in size.
    """
    import numpy as np

    way = check_amplitude(path, amplitude)
    scene = _scene(image, boxes, depth, relief, max_side)
    height, width = scene.pixels.shape[:2]
    pixels = np.empty((frames, height, width, 3), np.uint8)
    revealed = np.zeros((1, frames, height, width), dtype=bool)
    pixels[0] = scene.pixels
    outlines = [[carry_box(box, np.eye(3), (width, height)) for box in scene.boxes.xyxy]]
    for index in range(1, frames):
        view = view_at(path, way, ease(index / (frames - 1), easing), (width, height), fov)
        lookup, seen = _seen(scene, view)
        pixels[index] = render(scene.pixels, lookup, fill, local_scale(view, (width, height)))
        revealed[0, index] = lookup.revealed
        outlines.append(seen)
    return CameraMotion(
        Video(pixels, float(fps)),
        scene.boxes,
        _truth(scene.boxes, outlines),
        MaskTrack(revealed, np.ones((1, frames), np.float32)),
    )


@dataclass(frozen=True)
class _Scene:
    """What the camera moves through.

    Attributes:
        pixels: uint8 `[H, W, 3]`, the photo.
        boxes: in the photo, cut at its edges; what lies outside has no area.
        inverse_depth: float32 `[H, W]`, or None for a plane at unit depth.
    """

    pixels: np.ndarray[Any, Any]
    boxes: Boxes
    inverse_depth: np.ndarray[Any, Any] | None


def _scene(image: Image, boxes: Boxes | None, depth: Depth | None, relief: float, longest: int) -> _Scene:
    """The scene, made smaller so that no side is longer than `longest`."""
    import cv2
    import numpy as np

    nearness = None if depth is None else _checked(depth, image.size)
    boxes = no_boxes() if boxes is None else boxes
    scale = min(1.0, longest / max(1, *image.size))
    if scale == 1:
        return _Scene(image.pixels, _inside(boxes, image.size), _inverse_depth(nearness, relief))
    size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    factors = np.array([size[0] / image.size[0], size[1] / image.size[1]] * 2, np.float32)
    return _Scene(
        cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA),
        _inside(replace(boxes, xyxy=boxes.xyxy * factors), size),
        _inverse_depth(None if nearness is None else _picked(nearness, size), relief),
    )


def _seen(scene: _Scene, view: View) -> tuple[Lookup, list[SeenOutline]]:
    """What a camera sees of the photo, and of each box."""
    height, width = scene.pixels.shape[:2]
    size = (width, height)
    if scene.inverse_depth is None:
        homography = view.homography()
        return plane_lookup(view, size), [carry_box(box, homography, size) for box in scene.boxes.xyxy]
    surface = see_surface(view, scene.inverse_depth)
    outlines = [_outline_at_depth(box, view, scene.inverse_depth, surface) for box in scene.boxes.xyxy]
    return parallax_lookup(view, size, surface), outlines


def _checked(depth: Depth, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The nearness of a photo's pixels, float32 `[H, W]`."""
    import numpy as np

    height, width = depth.nearness.shape
    if (width, height) != size:
        raise ValueError(
            f"the depth map is {width}×{height} but the photo {size[0]}×{size[1]}: "
            "link the depth of this very photo"
        )
    if not np.isfinite(depth.nearness).all():
        raise ValueError("the depth map has values that are not finite")
    return depth.nearness


def _picked(nearness: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Nearness at another size, by the nearest pixel: a mean over a border is a surface that is not there."""
    import cv2

    return cv2.resize(nearness, size, interpolation=cv2.INTER_NEAREST)


def _inverse_depth(nearness: np.ndarray[Any, Any] | None, relief: float) -> np.ndarray[Any, Any] | None:
    """Inverse distance float32 `[H, W]` from nearness; its median is 1."""
    import numpy as np

    if nearness is None:
        return None
    inverse = 1 / relief + nearness.clip(0, 1) * (1 - 1 / relief)
    return (inverse / np.median(inverse)).astype(np.float32) if inverse.size else inverse


def _outline_at_depth(
    box: np.ndarray[Any, Any], view: View, inverse_depth: np.ndarray[Any, Any], surface: Surface
) -> SeenOutline:
    """Carry a box at its own depth; its share counts what lies inside the frame and is not hidden."""
    import numpy as np

    height, width = inverse_depth.shape
    rows, columns = _pixels_of(_inner_half(box), width, height)
    middle = float(np.median(inverse_depth[rows[:, None], columns]))
    seen = carry_box(box, view.homography(middle), (width, height))
    rows, columns = _pixels_of(box, width, height)
    own = inverse_depth[rows[:, None], columns]
    share = seen.share * _unhidden(view, columns[None, :] + 0.5, rows[:, None] + 0.5, own, surface)
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


def _pixels_of(
    box: np.ndarray[Any, Any], width: int, height: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows and columns of pixels that a box touches inside the picture, evenly thinned; one or more."""
    import numpy as np

    left, top = np.floor(box[:2]).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = np.ceil(box[2:]).astype(int)
    across = np.arange(left, max(left + 1, min(right, width)))
    down = np.arange(top, max(top + 1, min(bottom, height)))
    return _thinned(down), _thinned(across)


def _thinned(indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """At most `_MOST_POINTS` of some indices, evenly spread."""
    import numpy as np

    if len(indices) <= _MOST_POINTS:
        return indices
    return indices[((np.arange(_MOST_POINTS) + 0.5) * len(indices) / _MOST_POINTS).astype(int)]


def _inside(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut at a picture's edges; of one that lies outside no area is left."""
    import numpy as np

    return replace(boxes, xyxy=boxes.xyxy.clip(0, np.array(size * 2, np.float32)).astype(np.float32))


def _truth(boxes: Boxes, frames: Sequence[Sequence[SeenOutline]]) -> BoxTrack:
    import numpy as np

    shape = (len(boxes), len(frames))
    xyxy = np.array([[seen.xyxy for seen in frame] for frame in frames], dtype=np.float32)
    share = np.array([[seen.share for seen in frame] for frame in frames], dtype=np.float32)
    visibility = np.ascontiguousarray(share.reshape(shape[::-1]).T)
    present = visibility > 0
    return BoxTrack(
        np.ascontiguousarray(xyxy.reshape(*shape[::-1], 4).transpose(1, 0, 2)),
        present,
        np.ones(shape, np.float32),
        visibility,
        boxes.class_ids,
        boxes.categories,
        boxes.ignore,
    )

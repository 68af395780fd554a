"""The motion of the scene: of most of the picture, as the camera moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nodes.track.anchors import corner_strength, scene_anchors
from nodes.track.dense_flow import FlowPair, Preset, flow_both_ways, follow, inside
from nodes.track.motion_model import Matches, carry, fit_scene
from nodes.track.patches import Pyramid, pyramid

if TYPE_CHECKING:
    import numpy as np

    from nodegraph import Context

_ANCHORS = 1500


@dataclass(frozen=True)
class Moment:
    """A frame after the first, and what is known of it before objects are looked for.

    Attributes:
        first: the first frame.
        frame: this one, of the same size.
        step: the flow to it from the frame before; None where that is not known.
        scene: float64 `[3, 3]`, carries points of the first frame's scene to this one.
    """

    first: Pyramid
    frame: Pyramid
    step: FlowPair | None
    scene: np.ndarray[Any, Any]


def follow_scene(
    greys: Sequence[np.ndarray[Any, Any]], preset: Preset, ctx: Context | None = None
) -> Iterator[Moment]:
    """Every frame after the first, with the scene's motion.

    Dense flow from the frame before predicts where the scene's anchors went, and a homography is fitted to
    them. By it the frame is warped back onto the first one, and the flow that remains between these two
    corrects it, so that errors do not add up.

    Args:
        greys: the frames, uint8 `[H, W]`.
        preset: of the optical flow.
        ctx: hears of progress, and tells when to stop.

    Raises:
        InterruptedError: if the run is being stopped.
    """
    import numpy as np

    size = (greys[0].shape[1], greys[0].shape[0])
    anchors = scene_anchors(corner_strength(greys[0]), _ANCHORS)
    scene, first = np.eye(3), pyramid(greys[0])
    for index, (before, frame) in enumerate(pairwise(greys), start=1):
        if ctx is not None and ctx.cancelled:
            raise InterruptedError("the run is being stopped")
        step = flow_both_ways(before, frame, preset)
        predicted = _predict(scene, step, anchors)
        rest = flow_both_ways(greys[0], _warp_back(frame, predicted), preset)
        scene = _correct(predicted, rest, anchors, size).fit(fit_scene, predicted)
        yield Moment(first, pyramid(frame), step, scene)
        if ctx is not None:
            ctx.progress(index, len(greys) - 1)


def _predict(
    model: np.ndarray[Any, Any], step: FlowPair, anchors: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The scene's model of the next frame, from that of the frame before and the flow between the two."""
    found = follow(step, carry(model, anchors))
    return Matches(anchors, found.points, found.closed).fit(fit_scene, model)


def _correct(
    predicted: np.ndarray[Any, Any], rest: FlowPair, anchors: np.ndarray[Any, Any], size: tuple[int, int]
) -> Matches:
    """Where anchors are, by the flow that remains between the first frame and a frame warped back onto it.

    Points that `predicted` puts outside the frame are not confirmed: what was warped back there is no
    picture.
    """
    found = follow(rest, anchors)
    end = carry(predicted, found.points)
    return Matches(anchors, end, inside(carry(predicted, anchors), size) & found.closed & inside(end, size))


def _warp_back(frame: np.ndarray[Any, Any], model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the first frame's pixels look like in a later frame: uint8 `[H, W]`; edges are extended."""
    import cv2
    import numpy as np

    height, width = frame.shape
    to_centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    indices = np.linalg.inv(to_centres) @ model @ to_centres
    return cv2.warpPerspective(
        frame,
        indices,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )

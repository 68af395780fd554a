"""Following a scene and its objects from the first frame of a clip through all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nodes.track.anchors import corner_strength, object_anchors, scene_anchors
from nodes.track.dense_flow import FlowPair, Preset, flow_both_ways, follow, inside
from nodes.track.motion_model import agrees, carry, fit_object, fit_scene

if TYPE_CHECKING:
    import numpy as np

_SCENE_ANCHORS, _OBJECT_ANCHORS = 1500, 200
_TOLERANCE = 1.5
"""Pixels by which a match may miss a model and still agree with it."""
_OCCLUDED = 4.0
"""Pixels by which an anchor must miss its object's model to count as hidden."""
_FEWEST_TO_DIFFER = 12
"""Matches that an object needs before its motion can be told from the scene's."""
_SHARE_OF_SCENE = 0.5
"""Share of an object's matches that must move with the scene for it to be part of the scene."""
_MARGIN = 16
"""Pixels around an object, beside a quarter of its size, in which its own motion is searched."""

Fit = Callable[["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", float], "np.ndarray[Any, Any] | None"]
"""Fits a model to start points, end points and a tolerance; None if they determine none."""


@dataclass(frozen=True)
class Motion:
    """How one object came from the first frame to another.

    Attributes:
        model: float64 `[3, 3]`, carries points of the first frame to the frame.
        score: share of the object's anchors inside the frame that the flow confirms, 0 to 1.
        unhidden: share of them that nothing hides, 0 to 1.
        own: whether the object moves differently from the scene.
    """

    model: np.ndarray[Any, Any]
    score: float
    unhidden: float
    own: bool


@dataclass(frozen=True)
class _Matches:
    """Anchors of the first frame and where they are in another.

    Attributes:
        start: float32 `[K, 2]`, in the first frame.
        end: float32 `[K, 2]`, in the other.
        seen: bool `[K]`, whether the predicted model puts them inside the frame.
        closed: bool `[K]`, seen and confirmed by the flow in both directions.
    """

    start: np.ndarray[Any, Any]
    end: np.ndarray[Any, Any]
    seen: np.ndarray[Any, Any]
    closed: np.ndarray[Any, Any]

    def confirmed(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        return self.start[self.closed], self.end[self.closed]


@dataclass(frozen=True)
class _Shots:
    """The first frame and the one at hand, grey, and the flow to the latter from the frame before it."""

    first: np.ndarray[Any, Any]
    frame: np.ndarray[Any, Any]
    step: FlowPair
    preset: Preset


def follow_clip(
    greys: Sequence[np.ndarray[Any, Any]], regions: Sequence[np.ndarray[Any, Any]], preset: Preset
) -> list[list[Motion]]:
    """Follow the objects of the first frame through a clip.

    Per frame: dense flow from the frame before predicts where the scene's anchors went, and a homography
    is fitted to them. By it the frame is warped back onto the first one, and the flow that remains
    between these two corrects it, so that errors do not add up. An object whose anchors move with the
    scene takes the scene's model, which is the best determined; another gets a model of its own, found
    in the same two steps.

    Args:
        greys: the frames, uint8 `[H, W]`.
        regions: per object, the pixels of the first frame that belong to it, bool `[H, W]`.
        preset: of the optical flow.

    Returns:
        Per frame after the first, per object, its motion.
    """
    import numpy as np

    first = greys[0]
    size = (first.shape[1], first.shape[0])
    strength = corner_strength(first)
    everywhere = scene_anchors(strength, _SCENE_ANCHORS)
    anchors = [object_anchors(strength, region, _OBJECT_ANCHORS) for region in regions]
    scene = np.eye(3)
    motions = [Motion(scene, 1.0, 1.0, own=False) for _ in regions]
    frames: list[list[Motion]] = []
    for before, frame in pairwise(greys):
        shots = _Shots(first, frame, flow_both_ways(before, frame, preset), preset)
        predicted = _predict(scene, shots.step, everywhere, fit_scene)
        rest = flow_both_ways(first, _warp_back(frame, predicted), preset)
        scene = _fit(_correct(predicted, rest, everywhere, size), fit_scene, predicted)
        motions = [
            _follow_object(last, _correct(predicted, rest, points, size), scene, shots)
            for points, last in zip(anchors, motions, strict=True)
        ]
        frames.append(motions)
    return frames


def _predict(
    model: np.ndarray[Any, Any], step: FlowPair, anchors: np.ndarray[Any, Any], fit: Fit
) -> np.ndarray[Any, Any]:
    """The model of the next frame, from that of the frame before and the flow between the two."""
    found = follow(step, carry(model, anchors))
    return _fit(_Matches(anchors, found.points, found.closed, found.closed), fit, model)


def _correct(
    predicted: np.ndarray[Any, Any],
    rest: FlowPair,
    anchors: np.ndarray[Any, Any],
    size: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
) -> _Matches:
    """Where anchors are, by the flow that remains between the first frame and a frame warped back onto it.

    `corner` is (left, top) of the part of the first frame that `rest` covers. Points that `predicted` puts
    outside the frame are not seen: what was warped back there is no picture.
    """
    import numpy as np

    offset = np.array(corner, dtype=np.float32)
    found = follow(rest, anchors - offset)
    end = carry(predicted, found.points + offset)
    seen = inside(carry(predicted, anchors), size)
    return _Matches(anchors, end, seen, seen & found.closed & inside(end, size))


def _fit(matches: _Matches, fit: Fit, otherwise: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    model = fit(*matches.confirmed(), _TOLERANCE)
    return otherwise if model is None else model


def _follow_object(last: Motion, with_scene: _Matches, scene: np.ndarray[Any, Any], shots: _Shots) -> Motion:
    start, end = with_scene.confirmed()
    differs = last.own
    if len(start) >= _FEWEST_TO_DIFFER:
        differs = agrees(scene, start, end, _TOLERANCE).mean() < _SHARE_OF_SCENE
    if not differs:
        return _motion(scene, with_scene, own=False)
    predicted = _predict(last.model, shots.step, with_scene.start, fit_object)
    matches = _correct_part(predicted, with_scene.start, shots)
    return _motion(_fit(matches, fit_object, predicted), matches, own=True)


def _correct_part(predicted: np.ndarray[Any, Any], anchors: np.ndarray[Any, Any], shots: _Shots) -> _Matches:
    """As `_correct`, by the flow in the part of the first frame around one object."""
    import numpy as np

    height, width = shots.first.shape
    low, high = anchors.min(axis=0), anchors.max(axis=0)
    margin = _MARGIN + (high - low) / 4
    left, top = np.floor(low - margin).astype(int).clip(0, (width - 1, height - 1)).tolist()
    right, bottom = np.ceil(high + margin).astype(int).clip(1, (width, height)).tolist()
    part = (slice(top, bottom), slice(left, right))
    back = _warp_back(shots.frame, predicted)[part]
    rest = flow_both_ways(np.ascontiguousarray(shots.first[part]), np.ascontiguousarray(back), shots.preset)
    return _correct(predicted, rest, anchors, (width, height), (left, top))


def _motion(model: np.ndarray[Any, Any], matches: _Matches, *, own: bool) -> Motion:
    seen = matches.seen
    if not seen.any():
        return Motion(model, 0.0, 1.0, own)
    confirmed = matches.closed & agrees(model, matches.start, matches.end, _TOLERANCE)
    unhidden = matches.closed & agrees(model, matches.start, matches.end, _OCCLUDED)
    return Motion(model, float(confirmed[seen].mean()), float(unhidden[seen].mean()), own)


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

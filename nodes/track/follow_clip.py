"""Following a scene and its objects from the first frame of a clip through all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nodes.track.anchors import corner_strength, scene_anchors
from nodes.track.dense_flow import FlowPair, Preset, flow_both_ways, follow, inside
from nodes.track.motion_model import carry, fit_object, fit_scene
from nodes.track.patches import Likeness, Patch, Pyramid, align, compare, cut_patch, pyramid, search

if TYPE_CHECKING:
    import numpy as np

    from nodegraph import Context

_SCENE_ANCHORS = 1500
_TOLERANCE = 1.5
"""Pixels by which a match may miss a model and still agree with it."""
_FOUND, _BY_CHANCE, _FAR, _ENOUGH = 0.25, 3.0, 0.4, 0.88
"""Share of an object's pixels that must show the same for it to be found: so much; more for few pixels, by
this over the root of their number, as a small patch resembles some place anywhere; this much more where it
was not expected; and what is always enough."""
_NEAR = 0.25
"""Share of its own length within which of the expected place, twice as far after it was lost, an object that
is found is so by no chance."""
_TWIN = 0.6
"""Share of an object's pixels that another place of the first frame shows as well, from which on what is
found where that place went is the other, and not the object."""
_SURE = 0.8
"""Share from which on no other place is looked for."""
_LEAST_INSIDE, _INSIDE_FAR, _FEWEST_PIXELS = 0.1, 0.3, 40
"""Share of an object that must lie inside the frame for it to be found, and where it was not expected; and
how many of its pixels: a sliver at the edge looks like anything."""
_OWN_SHIFT, _OWN_GAIN = 0.6, 0.85
"""An object moves by itself if its own motion puts it further than so many pixels from where the scene's
does, and lowers the difference to the first frame to so much or less."""
_REACH, _FARTHEST = 0.06, 0.35
"""Share of the frame's longer side around the expected place in which an object is looked for: so much, as
much again for each frame since it was lost, at most so much."""

Fit = Callable[["np.ndarray[Any, Any]", "np.ndarray[Any, Any]", float], "np.ndarray[Any, Any] | None"]
"""Fits a model to start points, end points and a tolerance; None if they determine none."""


@dataclass(frozen=True)
class Motion:
    """How one object came from the first frame to another.

    Attributes:
        model: float64 `[3, 3]`, carries points of the first frame to the frame.
        score: share of the object's pixels inside the frame that show what they did in the first, 0 to 1.
        found: whether that is enough to tell that the object is there.
        own: whether the object moves differently from the scene.
    """

    model: np.ndarray[Any, Any]
    score: float
    found: bool
    own: bool


@dataclass(frozen=True)
class _Matches:
    """Anchors of the first frame, where they are in another, and which of them the flow confirms."""

    start: np.ndarray[Any, Any]
    end: np.ndarray[Any, Any]
    closed: np.ndarray[Any, Any]

    def fit(self, fit: Fit, otherwise: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The model of the confirmed ones, or another where they determine none."""
        model = fit(self.start[self.closed], self.end[self.closed], _TOLERANCE)
        return otherwise if model is None else model


@dataclass(frozen=True)
class _Trail:
    """What is known of an object so far, in the first frame's pixels after the scene's motion is taken off.

    Attributes:
        motion: the last one.
        relative: float64 `[3, 3]`, the last motion without the scene's.
        velocity: float64 `[2]`, of the object's middle, pixels a frame, when it was last found.
        lost: frames since it was last found.
    """

    motion: Motion
    relative: np.ndarray[Any, Any]
    velocity: np.ndarray[Any, Any]
    lost: int


@dataclass(frozen=True)
class _Moment:
    """The first frame and another, as pyramids; the flow to it from the one before, if known; its scene."""

    first: Pyramid
    frame: Pyramid
    step: FlowPair | None
    scene: np.ndarray[Any, Any]


@dataclass(frozen=True)
class _Guess:
    """A model and how it compares."""

    model: np.ndarray[Any, Any]
    likeness: Likeness


def follow_clip(
    greys: Sequence[np.ndarray[Any, Any]],
    regions: Iterable[np.ndarray[Any, Any]],
    preset: Preset,
    ctx: Context | None = None,
) -> list[list[Motion]]:
    """Follow the objects of the first frame through a clip.

    The scene: per frame, dense flow from the frame before predicts where its anchors went, and a homography
    is fitted to them. By it the frame is warped back onto the first one, and the flow that remains
    between these two corrects it, so that errors do not add up.

    An object: places where it may be are the scene's motion, its last motion continued, the flow's, and,
    where none of these convinces, those around it that look most like its pixels of the first frame. The
    best is aligned with the first frame. It takes the scene's model, which is the best determined, unless its
    own differs and explains the frame better. An object that is found nowhere goes on as it last moved
    against the scene, and is looked for in an area that grows. What looks like it there is not it if the
    first frame shows the same in another place that has moved there: with the scene, or as another object.
    From where it is found again it is followed back in time as far as it is seen.

    Args:
        greys: the frames, uint8 `[H, W]`.
        regions: per object, the pixels of the first frame that belong to it, bool `[H, W]`.
        preset: of the optical flow.
        ctx: hears of progress, and tells when to stop.

    Returns:
        Per frame after the first, per object, its motion.

    Raises:
        InterruptedError: if the run is being stopped.
    """
    patches = [cut_patch(pyramid(greys[0]), region) for region in regions]
    return follow_objects(greys, patches, _moments(greys, preset, ctx))


def _moments(greys: Sequence[np.ndarray[Any, Any]], preset: Preset, ctx: Context | None) -> Iterator[_Moment]:
    """Every frame after the first, with the scene's motion."""
    import numpy as np

    size = (greys[0].shape[1], greys[0].shape[0])
    anchors = scene_anchors(corner_strength(greys[0]), _SCENE_ANCHORS)
    scene, first = np.eye(3), pyramid(greys[0])
    for index, (before, frame) in enumerate(pairwise(greys), start=1):
        if ctx is not None and ctx.cancelled:
            raise InterruptedError("the run is being stopped")
        step = flow_both_ways(before, frame, preset)
        predicted = _predict(scene, step, anchors)
        rest = flow_both_ways(greys[0], _warp_back(frame, predicted), preset)
        scene = _correct(predicted, rest, anchors, size).fit(fit_scene, predicted)
        yield _Moment(first, pyramid(frame), step, scene)
        if ctx is not None:
            ctx.progress(index, len(greys) - 1)


def follow_objects(
    greys: Sequence[np.ndarray[Any, Any]], patches: Sequence[Patch | None], moments: Iterable[_Moment]
) -> list[list[Motion]]:
    """Follow patches through the frames after the first, then back from where they were found again."""
    import numpy as np

    start = _Trail(Motion(np.eye(3), 1.0, found=True, own=False), np.eye(3), np.zeros(2), 0)
    tracks = [[start] for _ in patches]
    scenes = [np.eye(3)]
    for moment in moments:
        scenes.append(moment.scene)
        found: list[np.ndarray[Any, Any]] = []
        # Those that were not lost come first: what is found of others must not be one of them.
        for n in sorted(range(len(tracks)), key=lambda n: tracks[n][-1].lost > 0):
            trail = _follow_object(tracks[n][-1], patches[n], moment, found)
            tracks[n].append(trail)
            if trail.motion.found and trail.motion.own:
                found.append(trail.motion.model)
    _follow_back(tracks, patches, greys, scenes)
    return [[track[t].motion for track in tracks] for t in range(1, len(scenes))]


def _follow_back(
    tracks: Sequence[list[_Trail]],
    patches: Sequence[Patch | None],
    greys: Sequence[np.ndarray[Any, Any]],
    scenes: Sequence[np.ndarray[Any, Any]],
) -> None:
    """Follow objects backward from where they were found again, as long as they are seen.

    What enters the frame or comes out from behind another is known for sure only when most of it is seen.
    """
    first = pyramid(greys[0])
    for t in range(len(scenes) - 2, 0, -1):
        frame: Pyramid | None = None
        for track, patch in zip(tracks, patches, strict=True):
            before, after = track[t].motion, track[t + 1]
            if patch is None or before.found or not after.motion.found:
                continue
            frame = frame or pyramid(greys[t])
            further = track[t + 2] if t + 2 < len(track) and track[t + 2].motion.found else after
            back = replace(after, velocity=_moved(further.relative, after.relative, patch), lost=0)
            others = [one[t].motion.model for one in tracks if one[t].motion.found and one[t].motion.own]
            found = _follow_object(back, patch, _Moment(first, frame, None, scenes[t]), others)
            if found.motion.found:
                track[t] = found


def _predict(
    model: np.ndarray[Any, Any], step: FlowPair, anchors: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The scene's model of the next frame, from that of the frame before and the flow between the two."""
    found = follow(step, carry(model, anchors))
    return _Matches(anchors, found.points, found.closed).fit(fit_scene, model)


def _correct(
    predicted: np.ndarray[Any, Any], rest: FlowPair, anchors: np.ndarray[Any, Any], size: tuple[int, int]
) -> _Matches:
    """Where anchors are, by the flow that remains between the first frame and a frame warped back onto it.

    Points that `predicted` puts outside the frame are not confirmed: what was warped back there is no
    picture.
    """
    found = follow(rest, anchors)
    end = carry(predicted, found.points)
    return _Matches(anchors, end, inside(carry(predicted, anchors), size) & found.closed & inside(end, size))


def _follow_object(
    trail: _Trail, patch: Patch | None, moment: _Moment, others: Sequence[np.ndarray[Any, Any]]
) -> _Trail:
    """An object in the next frame, in which other objects have moved by the models `others`."""
    import numpy as np

    if patch is None:
        return replace(trail, motion=Motion(moment.scene, 0.0, found=False, own=False))
    onward = _shift(trail.velocity) @ trail.relative
    guesses = [moment.scene @ onward] if trail.lost or trail.motion.own else [moment.scene]
    if trail.lost == 0 and moment.step is not None:
        guesses.append(_by_flow(trail.motion.model, patch, moment.step))
    best = _aligned(patch, moment.frame, _best(patch, moment.frame, guesses))
    guesses.append(best.model)
    if best.likeness.share < _SURE or best.likeness.inside < _LEAST_INSIDE:
        best = _look_around(best, trail.lost, moment.scene @ onward, patch, moment, others)
    with_scene = _best(patch, moment.frame, [moment.scene])
    own = _moves_by_itself(best, with_scene, patch)
    if not own:
        best = with_scene
    far = own and not _is_near(best.model, guesses if trail.lost == 0 else guesses[:1], patch, trail.lost)
    if not _found(best.likeness, patch, far=far):
        model = moment.scene @ onward
        likeness = compare(patch, moment.frame, model)
        motion = Motion(model, likeness.share, found=False, own=trail.motion.own)
        return _Trail(motion, onward, trail.velocity, trail.lost + 1)
    relative = np.linalg.inv(moment.scene) @ best.model
    motion = Motion(best.model, best.likeness.share, found=True, own=own)
    return _Trail(motion, relative, _velocity(trail, relative, patch, far=far), 0)


def _look_around(
    best: _Guess,
    lost: int,
    expected: np.ndarray[Any, Any],
    patch: Patch,
    moment: _Moment,
    others: Sequence[np.ndarray[Any, Any]],
) -> _Guess:
    """The best guess, or a place around the expected one that is clearly better."""
    reach = min(_REACH * (1 + lost), _FARTHEST) * max(moment.frame[0].shape)
    clearly = 0.0 if lost else 0.1
    for place in search(patch, moment.frame, _into_frame(expected, patch, moment), reach, 3):
        other = _aligned(patch, moment.frame, _best(patch, moment.frame, [place]))
        better = _weight(other) > _weight(best) + clearly
        if better and not _is_another(other.model, [moment.scene, *others], patch, moment.first):
            best = other
    return best


def _found(likeness: Likeness, patch: Patch, *, far: bool) -> bool:
    whole = float(patch.own.sum())
    pixels = likeness.inside * whole
    needed = _FOUND + _BY_CHANCE / max(pixels, 1.0) ** 0.5 + (_FAR if far else 0.0)
    return (
        likeness.inside >= (_INSIDE_FAR if far else _LEAST_INSIDE)
        and pixels >= min(_FEWEST_PIXELS, whole / 2)
        and likeness.share >= min(needed, _ENOUGH)
    )


def _velocity(
    trail: _Trail, relative: np.ndarray[Any, Any], patch: Patch, *, far: bool
) -> np.ndarray[Any, Any]:
    """Of an object that was found now; unknown, hence zero, where it was not expected."""
    import numpy as np

    if trail.lost and far:
        return np.zeros(2)
    moved = _moved(trail.relative, relative, patch)
    return trail.velocity + (moved - trail.velocity) / (trail.lost + 1) if trail.lost else moved


def _moved(before: np.ndarray[Any, Any], now: np.ndarray[Any, Any], patch: Patch) -> np.ndarray[Any, Any]:
    """How far an object's middle went: float64 `[2]`."""
    return _middle(now, patch) - _middle(before, patch)


def _middle(model: np.ndarray[Any, Any], patch: Patch) -> np.ndarray[Any, Any]:
    import numpy as np

    middle = np.array([patch.grey.shape[::-1]], dtype=np.float64) / 2
    return carry(model @ patch.onto, middle)[0].astype(np.float64)


def _is_another(
    model: np.ndarray[Any, Any],
    others: Sequence[np.ndarray[Any, Any]],
    patch: Patch,
    first: Pyramid,
) -> bool:
    """Whether what a model finds is something that looks alike, already in the first frame, and moved so."""
    import numpy as np

    here = np.eye(3)
    for other in others:
        place = np.linalg.inv(other) @ model
        if _is_near(place, [here], patch, 1):
            continue
        likeness = compare(patch, first, place)
        if likeness.inside >= _INSIDE_FAR and likeness.share >= _TWIN:
            return True
    return False


def _is_near(
    model: np.ndarray[Any, Any], expected: Sequence[np.ndarray[Any, Any]], patch: Patch, lost: int
) -> bool:
    """Whether an object is where it was expected."""
    import numpy as np

    height, width = patch.grey.shape
    length = float(np.sqrt(height * width * abs(np.linalg.det(patch.onto[:2, :2]))))
    reach = _NEAR * length * min(1 + lost, 2)
    return any(np.linalg.norm(_middle(model, patch) - _middle(one, patch)) <= reach for one in expected)


def _shift(by: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1]], dtype=np.float64)


def _into_frame(model: np.ndarray[Any, Any], patch: Patch, moment: _Moment) -> np.ndarray[Any, Any]:
    """A model shifted so that the object's middle lies inside the frame."""
    import numpy as np

    height, width = moment.frame[0].shape
    middle = carry(model @ patch.onto, np.array([patch.grey.shape[::-1]], dtype=np.float64) / 2)[0]
    return _shift(middle.clip(0, (width, height)) - middle) @ model


def _by_flow(model: np.ndarray[Any, Any], patch: Patch, step: FlowPair) -> np.ndarray[Any, Any]:
    """An object's model of the next frame, by the flow of its pixels."""
    import numpy as np

    rows, columns = np.nonzero(patch.own)
    every = max(1, len(rows) // 100)
    pixels = np.stack([columns[::every] + 0.5, rows[::every] + 0.5], axis=1)
    points = carry(patch.onto, pixels)
    found = follow(step, carry(model, points))
    return _Matches(points, found.points, found.closed).fit(fit_object, model)


def _best(patch: Patch, frame: Pyramid, models: Sequence[np.ndarray[Any, Any]]) -> _Guess:
    return max((_Guess(model, compare(patch, frame, model)) for model in models), key=_weight)


def _aligned(patch: Patch, frame: Pyramid, guess: _Guess) -> _Guess:
    model = align(patch, frame, guess.model)
    if not _plausible(model, guess.model):
        return guess
    other = _Guess(model, compare(patch, frame, model))
    return other if _weight(other) >= _weight(guess) - 0.02 else guess


def _weight(guess: _Guess) -> float:
    """How much speaks for a guess: the share that shows the same, less where little of it is inside."""
    return guess.likeness.share * min(1.0, guess.likeness.inside / 0.3)


def _plausible(model: np.ndarray[Any, Any], guess: np.ndarray[Any, Any]) -> bool:
    import numpy as np

    sizes = [abs(float(np.linalg.det(one[:2, :2]))) for one in (model, guess)]
    return 0.7 < sizes[0] / max(sizes[1], 1e-9) < 1.4 and 0.05 < sizes[0] < 20


def _moves_by_itself(guess: _Guess, with_scene: _Guess, patch: Patch) -> bool:
    import numpy as np

    if with_scene.likeness.inside < _LEAST_INSIDE:
        return guess.likeness.inside >= _LEAST_INSIDE
    height, width = patch.grey.shape
    corners = carry(
        patch.onto, np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    )
    apart = np.linalg.norm(carry(guess.model, corners) - carry(with_scene.model, corners), axis=1).mean()
    if apart <= _OWN_SHIFT:
        return False
    if guess.likeness.share > with_scene.likeness.share + 0.1:
        return True
    return (
        guess.likeness.share >= with_scene.likeness.share - 0.05
        and guess.likeness.residual <= _OWN_GAIN * with_scene.likeness.residual
    )


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

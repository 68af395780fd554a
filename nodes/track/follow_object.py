"""Following one object from a frame to the next, and finding it again where it was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nodes.track.motion_model import translation
from nodes.track.patches import Patch, compare, search
from nodes.track.placement import Placement, aligned, best_placement, model_by_flow
from nodes.track.presence import LEAST_INSIDE, is_another, is_found, is_near, moves_by_itself
from nodes.track.scene_motion import Moment

if TYPE_CHECKING:
    import numpy as np

_SURE = 0.8
"""Share of an object's pixels that show the same from which on no other place is looked for."""
_REACH, _FARTHEST = 0.06, 0.35
"""Share of the frame's longer side around the expected place in which an object is looked for: so much, as
much again for each frame since it was lost, at most so much."""
_CLEARLY = 0.1
"""Weight by which another place must be better than the expected one, of an object that was not lost."""
_PLACES = 3
"""Places around the expected one that are looked at."""


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
class Trail:
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

    @property
    def onward(self) -> np.ndarray[Any, Any]:
        """The next motion without the scene's, if it goes on as it did: float64 `[3, 3]`."""
        return translation(self.velocity) @ self.relative


def start_trail() -> Trail:
    """The trail of an object in the first frame."""
    import numpy as np

    return Trail(Motion(np.eye(3), 1.0, found=True, own=False), np.eye(3), np.zeros(2), 0)


def follow_object(
    trail: Trail, patch: Patch | None, moment: Moment, others: Sequence[np.ndarray[Any, Any]]
) -> Trail:
    """An object in the next frame.

    Places where it may be are the scene's motion, its last motion continued and the flow's; the best is
    aligned with the first frame. Where it does not convince, those around it that look most like the object
    are tried too. The object takes the scene's model, which is the best determined, unless its own differs
    and explains the frame better. One that is found nowhere goes on as it last moved against the scene.

    Args:
        trail: the object until the frame before.
        patch: its pixels of the first frame; None for an object without any, which is never found.
        moment: the frame.
        others: models of other objects that were found in it, and move by themselves.
    """
    if patch is None:
        return replace(trail, motion=Motion(moment.scene, 0.0, found=False, own=False))
    guesses = _guesses(trail, patch, moment)
    best = aligned(patch, moment.frame, best_placement(patch, moment.frame, guesses))
    expected = guesses[:1] if trail.lost else [*guesses, best.model]
    if best.likeness.share < _SURE or best.likeness.inside < LEAST_INSIDE:
        best = _look_around(best, trail, patch, moment, others)
    with_scene = best_placement(patch, moment.frame, [moment.scene])
    own = moves_by_itself(best, with_scene, patch)
    if not own:
        best = with_scene
    far = own and not is_near(best.model, expected, patch, trail.lost)
    if is_found(best.likeness, patch, far=far):
        return _found(trail, best, patch, moment, own=own, far=far)
    return _lost(trail, patch, moment)


def moved(before: np.ndarray[Any, Any], now: np.ndarray[Any, Any], patch: Patch) -> np.ndarray[Any, Any]:
    """How far an object's middle went from one model to another: float64 `[2]`."""
    return patch.middle(now) - patch.middle(before)


def _guesses(trail: Trail, patch: Patch, moment: Moment) -> list[np.ndarray[Any, Any]]:
    """Models by which an object may have come to a frame; the first is the most likely."""
    alone = trail.lost or trail.motion.own
    guesses = [moment.scene @ trail.onward if alone else moment.scene]
    if trail.lost == 0 and moment.step is not None:
        guesses.append(model_by_flow(trail.motion.model, patch, moment.step))
    return guesses


def _look_around(
    best: Placement,
    trail: Trail,
    patch: Patch,
    moment: Moment,
    others: Sequence[np.ndarray[Any, Any]],
) -> Placement:
    """The best placement so far, or one around the expected place that is better, and not another object."""
    reach = min(_REACH * (1 + trail.lost), _FARTHEST) * max(moment.frame[0].shape)
    clearly = 0.0 if trail.lost else _CLEARLY
    middle = _into_frame(moment.scene @ trail.onward, patch, moment)
    for place in search(patch, moment.frame, middle, reach, _PLACES):
        other = aligned(patch, moment.frame, best_placement(patch, moment.frame, [place]))
        better = other.weight > best.weight + clearly
        if better and not is_another(other.model, [moment.scene, *others], patch, moment.first):
            best = other
    return best


def _into_frame(model: np.ndarray[Any, Any], patch: Patch, moment: Moment) -> np.ndarray[Any, Any]:
    """A model shifted so that the object's middle lies inside the frame."""
    height, width = moment.frame[0].shape
    middle = patch.middle(model)
    return translation(middle.clip(0, (width, height)) - middle) @ model


def _found(trail: Trail, best: Placement, patch: Patch, moment: Moment, *, own: bool, far: bool) -> Trail:
    import numpy as np

    relative = np.linalg.inv(moment.scene) @ best.model
    motion = Motion(best.model, best.likeness.share, found=True, own=own)
    return Trail(motion, relative, _velocity(trail, relative, patch, far=far), 0)


def _lost(trail: Trail, patch: Patch, moment: Moment) -> Trail:
    model = moment.scene @ trail.onward
    score = compare(patch, moment.frame, model).share
    motion = Motion(model, score, found=False, own=trail.motion.own)
    return Trail(motion, trail.onward, trail.velocity, trail.lost + 1)


def _velocity(
    trail: Trail, relative: np.ndarray[Any, Any], patch: Patch, *, far: bool
) -> np.ndarray[Any, Any]:
    """Of an object that was found now; unknown, hence zero, where it was not expected."""
    import numpy as np

    if trail.lost and far:
        return np.zeros(2)
    gone = moved(trail.relative, relative, patch)
    return trail.velocity + (gone - trail.velocity) / (trail.lost + 1) if trail.lost else gone

"""Whether what a frame shows in some place is an object of the first frame: present, itself, and moving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.track.patches import Likeness, Patch, Pyramid, compare
from nodes.track.placement import Placement

if TYPE_CHECKING:
    import numpy as np

LEAST_INSIDE = 0.1
"""Share of an object that must lie inside the frame for it to be found."""
_INSIDE_FAR, _FEWEST_PIXELS = 0.3, 40
"""That share where it was not expected; and how many of its pixels must: a sliver at the edge looks like
anything."""
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
_OWN_SHIFT, _OWN_GAIN = 0.6, 0.85
"""An object moves by itself if its own motion puts it further than so many pixels from where the scene's
does, and lowers the difference to the first frame to so much or less."""


def is_found(likeness: Likeness, patch: Patch, *, far: bool) -> bool:
    """Whether an object shows enough of itself; where it was not expected (`far`), that is more."""
    whole = float(patch.own.sum())
    pixels = likeness.inside * whole
    needed = _FOUND + _BY_CHANCE / max(pixels, 1.0) ** 0.5 + (_FAR if far else 0.0)
    return (
        likeness.inside >= (_INSIDE_FAR if far else LEAST_INSIDE)
        and pixels >= min(_FEWEST_PIXELS, whole / 2)
        and likeness.share >= min(needed, _ENOUGH)
    )


def is_near(
    model: np.ndarray[Any, Any], expected: Sequence[np.ndarray[Any, Any]], patch: Patch, lost: int
) -> bool:
    """Whether an object that was lost for so many frames is where one of the models puts it."""
    import numpy as np

    reach = _NEAR * patch.length * min(1 + lost, 2)
    middle = patch.middle(model)
    return any(np.linalg.norm(middle - patch.middle(one)) <= reach for one in expected)


def is_another(
    model: np.ndarray[Any, Any],
    others: Sequence[np.ndarray[Any, Any]],
    patch: Patch,
    first: Pyramid,
) -> bool:
    """Whether what a model finds looks alike but was elsewhere in the first frame, and moved as another did.

    Args:
        model: carries points of the first frame to where the object seems to be.
        others: models of the scene and of other objects.
        patch: the object.
        first: the first frame.
    """
    import numpy as np

    here = np.eye(3)
    for other in others:
        place = np.linalg.inv(other) @ model
        if is_near(place, [here], patch, 1):
            continue
        likeness = compare(patch, first, place)
        if likeness.inside >= _INSIDE_FAR and likeness.share >= _TWIN:
            return True
    return False


def moves_by_itself(own: Placement, with_scene: Placement, patch: Patch) -> bool:
    """Whether an object's own motion, and not the scene's, explains what a frame shows of it."""
    import numpy as np

    if with_scene.likeness.inside < LEAST_INSIDE:
        return own.likeness.inside >= LEAST_INSIDE
    apart = np.linalg.norm(patch.corners(own.model) - patch.corners(with_scene.model), axis=1).mean()
    if apart <= _OWN_SHIFT:
        return False
    if own.likeness.share > with_scene.likeness.share + 0.1:
        return True
    return (
        own.likeness.share >= with_scene.likeness.share - 0.05
        and own.likeness.residual <= _OWN_GAIN * with_scene.likeness.residual
    )

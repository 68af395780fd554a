"""Where in a frame an object may be, and how well it fits there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodes.track.dense_flow import FlowPair, follow
from nodes.track.motion_model import Matches, carry, fit_object
from nodes.track.patches import Likeness, Patch, Pyramid, align, compare

if TYPE_CHECKING:
    import numpy as np

_FULL_WEIGHT = 0.3
"""Share of an object that must lie inside the frame for its likeness to count in full."""
_WORSE = 0.02
"""Weight that an aligned placement may lose: as near as that it is the more exact one."""
_FLOW_POINTS = 100


@dataclass(frozen=True)
class Placement:
    """A place of an object in a frame.

    Attributes:
        model: float64 `[3, 3]`, carries points of the first frame to the frame.
        likeness: how what the frame shows there compares with the object.
    """

    model: np.ndarray[Any, Any]
    likeness: Likeness

    @property
    def weight(self) -> float:
        """How much speaks for it: the share that shows the same, less where little of it is inside."""
        return self.likeness.share * min(1.0, self.likeness.inside / _FULL_WEIGHT)


def best_placement(patch: Patch, frame: Pyramid, models: Sequence[np.ndarray[Any, Any]]) -> Placement:
    """The placement, by one of the models, for which most speaks."""
    placements = (Placement(model, compare(patch, frame, model)) for model in models)
    return max(placements, key=lambda placement: placement.weight)


def aligned(patch: Patch, frame: Pyramid, placement: Placement) -> Placement:
    """A placement after alignment with the frame, or as it was where that makes it worse."""
    model = align(patch, frame, placement.model)
    if not _plausible(model, placement.model):
        return placement
    other = Placement(model, compare(patch, frame, model))
    return other if other.weight >= placement.weight - _WORSE else placement


def model_by_flow(model: np.ndarray[Any, Any], patch: Patch, step: FlowPair) -> np.ndarray[Any, Any]:
    """An object's model of the next frame, by the flow of its pixels from the frame of `model`."""
    import numpy as np

    rows, columns = np.nonzero(patch.own)
    every = max(1, len(rows) // _FLOW_POINTS)
    pixels = np.stack([columns[::every] + 0.5, rows[::every] + 0.5], axis=1)
    points = carry(patch.onto, pixels)
    found = follow(step, carry(model, points))
    return Matches(points, found.points, found.closed).fit(fit_object, model)


def _plausible(model: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> bool:
    import numpy as np

    sizes = [abs(float(np.linalg.det(one[:2, :2]))) for one in (model, before)]
    return 0.7 < sizes[0] / max(sizes[1], 1e-9) < 1.4 and 0.05 < sizes[0] < 20

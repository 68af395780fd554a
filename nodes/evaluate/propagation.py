"""`evaluate.propagation`: how labels fared that a tracker carried through a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Drop, Param, node
from nodes.evaluate.track_iou import box_iou, check_shapes
from nodes.types import BoxTrack

if TYPE_CHECKING:
    import numpy as np

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, float("inf"))}
"""COCO's size classes: areas in square pixels, from, below."""


class Propagation(NamedTuple):
    """What became of the boxes of a clip; every count is of an object in a frame.

    Attributes:
        mean_iou: mean intersection over union for objects in view, 0 to 1; a missed one has 0.
        missed: share of the objects in view that the tracker says are absent.
        false_survivals: share of the objects that are gone which the tracker says are present.
        hidden_kept: share of the objects that are hidden which the tracker says are present.
        hidden_unnoticed: share of them for which it moreover says that they are in view.
        in_view, gone, hidden: how many objects that is.
        by_size: the same figures for objects that are "small", "medium" and "large" in COCO's sense, by the
            area of their true box in the first frame in which they are present.
    """

    mean_iou: float | None
    missed: float | None
    false_survivals: float | None
    hidden_kept: float | None
    hidden_unnoticed: float | None
    in_view: int
    gone: int
    hidden: int
    by_size: dict[str, dict[str, float | None]]


@node("evaluate.propagation", version=1)
def propagation(
    tracked: BoxTrack,
    truth: BoxTrack,
    *,
    min_visibility: Annotated[
        float, Param(ge=0, le=1, help="an object of which this share is visible is in view")
    ] = 0.3,
    max_hidden: Annotated[
        float, Param(ge=0, le=1, help="one present of which no larger share is visible is hidden")
    ] = 0.05,
    skip_first: Annotated[int, Param(ge=0, help="frames at the start that do not count")] = 1,
) -> Propagation:
    """Compare carried boxes with the truth: overlap while in view, survival after leaving, what hiding did.

    Objects are compared by their place in the track. One is *in view* in a frame if the truth has it present
    and visible to `min_visibility` or more; *gone* if the truth has it absent (it has left the frame);
    *hidden* if the truth has it present, visible to `max_hidden` at most. Those in between count nowhere, and
    neither do regions to ignore. Figures of which nothing counts are None.

    Args:
        tracked: the boxes to be judged, of the whole object cut at the frame, as those of the truth.
        truth: the true boxes of the same objects and frames, such as those of `video.object_motion`.

    Raises:
        Drop: if nothing counts: a clip without objects, or of one frame.
        ValueError: if the tracks differ in objects or frames.
    """
    import numpy as np

    check_shapes(tracked, truth)
    counts = np.broadcast_to(~truth.ignore[:, None], truth.present.shape).copy()
    counts[:, :skip_first] = False
    cases: dict[str, np.ndarray[Any, Any]] = {
        "in_view": counts & truth.present & (truth.visibility >= np.float32(min_visibility)),
        "gone": counts & ~truth.present & truth.present.any(axis=1, keepdims=True),
        "hidden": counts & truth.present & (truth.visibility <= np.float32(max_hidden)),
    }
    if not any(case.any() for case in cases.values()):
        raise Drop("no true box to compare with")
    overlaps = np.where(tracked.present, box_iou(tracked.xyxy, truth.xyxy), 0.0)
    noticed = tracked.present & (tracked.visibility >= np.float32(min_visibility))
    areas = _first_areas(truth)
    by_size = {
        name: _figures(tracked.present, noticed, overlaps, cases, (areas >= low) & (areas < high))
        for name, (low, high) in SIZES.items()
    }
    whole = _figures(tracked.present, noticed, overlaps, cases, np.ones(len(areas), dtype=bool))
    return Propagation(
        whole["mean_iou"],
        whole["missed"],
        whole["false_survivals"],
        whole["hidden_kept"],
        whole["hidden_unnoticed"],
        *(int(cases[name].sum()) for name in ("in_view", "gone", "hidden")),
        by_size,
    )


def _figures(
    present: np.ndarray[Any, Any],
    noticed: np.ndarray[Any, Any],
    overlaps: np.ndarray[Any, Any],
    cases: dict[str, np.ndarray[Any, Any]],
    objects: np.ndarray[Any, Any],
) -> dict[str, float | None]:
    """The figures of some of the objects."""
    in_view, gone, hidden = (cases[name] & objects[:, None] for name in ("in_view", "gone", "hidden"))
    return {
        "mean_iou": _mean(overlaps, in_view),
        "missed": _mean(~present, in_view),
        "false_survivals": _mean(present, gone),
        "hidden_kept": _mean(present, hidden),
        "hidden_unnoticed": _mean(noticed, hidden),
        "in_view": float(in_view.sum()),
        "gone": float(gone.sum()),
        "hidden": float(hidden.sum()),
    }


def _mean(values: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> float | None:
    return float(values[counts].mean()) if counts.any() else None


def _first_areas(truth: BoxTrack) -> np.ndarray[Any, Any]:
    """The area of each object's box in the first frame in which it is present; 0 for none: `[N]`."""
    import numpy as np

    areas = (truth.xyxy[..., 2:] - truth.xyxy[..., :2]).prod(axis=-1)
    return areas[np.arange(len(areas)), truth.present.argmax(axis=1)]

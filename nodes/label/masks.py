"""`label.boxes_from_masks`: the boxes of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Param, node
from nodes.label.agreement import tight_bounds
from nodes.types import Boxes, BoxTrack, MaskTrack

if TYPE_CHECKING:
    import numpy as np

Rule = Literal["tight", "trimmed"]


@node("label.boxes_from_masks", version=2)
def boxes_from_masks(
    masks: MaskTrack,
    classes: Boxes | BoxTrack,
    *,
    rule: Annotated[
        Rule, Param(help="where a box's sides lie: at the outermost pixels, or trimmed")
    ] = "tight",
    trim: Annotated[
        float, Param(ge=0, lt=0.5, help="share of the mask that may lie beyond each side of a trimmed box")
    ] = 0.005,
    min_area: Annotated[int, Param(ge=1, unit="px²", help="masks with fewer pixels count as absent")] = 1,
    largest_part: Annotated[bool, Param(help="use only the largest connected part of each mask")] = False,
) -> BoxTrack:
    """Draw the box around every mask of a track.

    The paper that boxes are carried by masks in (arXiv 2512.12508) leaves the rule open; these are ours:

    - `tight`: a box runs along the outer edges of the mask's outermost pixels: a single pixel in column 3,
      row 5 gives (3, 5, 4, 6). This is what COCO's boxes are to its masks.
    - `trimmed`: each side moves inwards, pixel by pixel, as long as at most the share `trim` of the mask's
      pixels lies beyond it. Stray pixels and thin spikes, as predicted masks have them, then do not stretch
      the box. A full rectangle loses `trim` of its width at each side, less than a pixel if that is
      narrower than 1 / `trim` pixels.

    With either rule, `largest_part` and `min_area` come first: parts are connected over edges and corners;
    of two parts of equal size the upper one is taken. Scores are the masks'.

    Args:
        masks: N objects over T frames.
        classes: N objects of which class ids, categories and ignore are taken; of a track with T frames also
            the visibility, which otherwise is 1 where there is a box.

    Raises:
        ValueError: if `classes` has another number of objects.
    """
    import numpy as np

    objects, frames = masks.masks.shape[:2]
    if len(classes.class_ids) != objects:
        raise ValueError(
            f"masks has {objects} objects but classes has {len(classes.class_ids)}: "
            "link boxes of the same objects"
        )
    xyxy = np.zeros((objects, frames, 4), np.float32)
    present = np.zeros((objects, frames), dtype=bool)
    for n, t in np.ndindex(objects, frames):
        mask = _largest_part(masks.masks[n, t]) if largest_part else masks.masks[n, t]
        present[n, t] = mask.sum() >= min_area
        if present[n, t]:
            xyxy[n, t] = tight_bounds(mask) if rule == "tight" else _trimmed_bounds(mask, trim)
    return BoxTrack(
        xyxy,
        present,
        np.where(present, masks.scores, 0).astype(np.float32),
        np.where(present, _visibility(classes, (objects, frames)), 0).astype(np.float32),
        classes.class_ids,
        classes.categories,
        classes.ignore,
    )


def _trimmed_bounds(mask: np.ndarray[Any, Any], trim: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom with at most the share `trim` of the pixels beyond each."""
    (left, right), (top, bottom) = (_trimmed_ends(mask.sum(axis=axis), trim) for axis in (0, 1))
    return left, top, right, bottom


def _trimmed_ends(counts: np.ndarray[Any, Any], trim: float) -> tuple[int, int]:
    """First and last (exclusive) place of a profile with at most the share `trim` of its sum beyond each."""
    import numpy as np

    spare = trim * counts.sum()
    before = int(np.searchsorted(np.cumsum(counts), spare, side="right"))
    after = int(np.searchsorted(np.cumsum(counts[::-1]), spare, side="right"))
    return before, len(counts) - after


def _largest_part(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())


def _visibility(classes: Boxes | BoxTrack, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    import numpy as np

    if isinstance(classes, BoxTrack) and classes.visibility.shape == shape:
        return classes.visibility
    return np.ones(shape, np.float32)

"""`label.boxes_from_masks`: the tight boxes of masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Param, node
from nodes.types import Boxes, BoxTrack, MaskTrack

if TYPE_CHECKING:
    import numpy as np


@node("label.boxes_from_masks", version=1)
def boxes_from_masks(
    masks: MaskTrack,
    classes: Boxes | BoxTrack,
    *,
    min_area: Annotated[int, Param(ge=1, unit="px²", help="masks with fewer pixels count as absent")] = 1,
    largest_part: Annotated[bool, Param(help="use only the largest connected part of each mask")] = False,
) -> BoxTrack:
    """Draw the tight box around every mask of a track.

    A box runs along the outer edges of the mask's outermost pixels: a single pixel in column 3, row 5 gives
    (3, 5, 4, 6). Scores are the masks'. Parts are connected over edges and corners; of two parts of
    equal size the upper one is taken.

    Args:
        masks: N objects over T frames.
        classes: N objects of which class ids and categories are taken; of a track with T frames also the
            visibility, which otherwise is 1 where there is a box.

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
            xyxy[n, t] = _bounds(mask)
    return BoxTrack(
        xyxy,
        present,
        np.where(present, masks.scores, 0).astype(np.float32),
        np.where(present, _visibility(classes, (objects, frames)), 0).astype(np.float32),
        classes.class_ids,
        classes.categories,
    )


def _bounds(mask: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    import numpy as np

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


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

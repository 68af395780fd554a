"""Masks that objects are given by: those of a clip's first frame, or of a photo."""

from __future__ import annotations

from nodes.types import MaskTrack


def check_first_masks(
    masks: MaskTrack, objects: int, size: tuple[int, int], whose: str = "the clip's first frame"
) -> None:
    """Check that the first masks of a track are of so many objects, in a picture of (width, height).

    Args:
        whose: what the picture is, for the message.

    Raises:
        ValueError: if they are not.
    """
    count, frames, height, width = masks.masks.shape
    if count != objects:
        raise ValueError(f"masks has {count} objects but boxes has {objects}: link masks of the same objects")
    if not frames or (width, height) != size:
        raise ValueError(
            f"masks has {frames} frames of {width}×{height}, {whose} is {size[0]}×{size[1]}: "
            f"link masks of {whose}"
        )

"""The region of a clip that an inpainter fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.types import MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np


def region_of(video: Video, region: MaskTrack) -> np.ndarray[Any, Any]:
    """The pixels of a clip that belong to any object of a mask track: bool `[T, H, W]`.

    Raises:
        ValueError: if clip and masks differ in size or length.
    """
    import numpy as np

    _, frames, height, width = region.masks.shape
    if (frames, width, height) != (len(video.frames), *video.size):
        raise ValueError(
            f"region has {frames} frames of {width}×{height} but the clip {len(video.frames)} of "
            f"{video.size[0]}×{video.size[1]}: link masks of this very clip"
        )
    masks = region.masks
    # Of one object, as revealed area is, the masks themselves: no copy.
    return masks[0] if len(masks) == 1 else np.logical_or.reduce(masks, axis=0)

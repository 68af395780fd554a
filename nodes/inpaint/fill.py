"""`inpaint.fill`: a region of a clip filled with the colours around it, without a model."""

from __future__ import annotations

from typing import Annotated

from nodegraph import Context, Param, node
from nodes.inpaint.region import region_of
from nodes.inpaint.surroundings import Method, fill_hole
from nodes.types import MaskTrack, Video


@node("inpaint.fill", version=1)
def fill(
    video: Video,
    region: MaskTrack,
    *,
    method: Annotated[
        Method, Param(help="telea: by the nearest colours; navier_stokes: lines go on into the region")
    ] = "telea",
    radius: Annotated[
        int, Param(ge=1, le=32, unit="px", help="of the neighbourhood that a pixel is made from")
    ] = 3,
    ctx: Context,
) -> Video:
    """Fill a region of a clip with the colours around it, such as the area that a camera's motion revealed.

    The region is that of all objects of the mask track; no other pixel changes. Frames are filled each by
    itself (Telea 2004; Bertalmio and others 2001; as OpenCV has them): what is filled in is smooth, without
    texture or new objects, so that it adds nothing to a data set that would need a label. In frames with a
    side above 512 pixels, the inner part of large regions is filled at that size. A frame that lies in the
    region as a whole stays as it is.

    Raises:
        ValueError: if clip and masks differ in size or length.
    """
    import numpy as np

    holes = region_of(video, region)
    frames = np.empty_like(video.frames)
    for index, (frame, hole) in enumerate(zip(video.frames, holes, strict=True)):
        if ctx.cancelled:
            raise InterruptedError("the run is being stopped")
        frames[index] = fill_hole(frame, hole, method, radius)
        ctx.progress(index + 1, len(holes))
    return Video(frames, video.fps)

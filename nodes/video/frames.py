"""Fanning a clip out into pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

from nodegraph import Item, Param, Stream, node
from nodes.types import Boxes, BoxTrack, Categories, Image, Mask, MaskTrack, Video


class Frame(NamedTuple):
    """One frame of a clip, the boxes of the objects present in it, and what of it came into view."""

    image: Image
    boxes: Boxes
    revealed: Mask


@node("video.frames", version=2)
def video_frames(
    video: Video,
    boxes: BoxTrack | None = None,
    revealed: MaskTrack | None = None,
    *,
    keep_empty: Annotated[
        bool, Param(help="keep frames in which no linked box is present; without boxes every frame is kept")
    ] = True,
) -> Stream[Frame]:
    """Turn a clip into its frames, each with its boxes.

    Items are keyed by frame number, `"0000"`, `"0001"`, ..., in playing order; a frame that is left out
    leaves a gap. Without a linked track every frame has empty boxes without categories. Ignore regions go
    with the boxes; a frame that has nothing else is empty.

    `revealed`: the union of the linked masks in that frame; without a link, or of no masks, an empty one.

    Raises:
        ValueError: if boxes or revealed cover another number of frames than the clip has, or revealed
            another size.
    """
    _check(video, boxes, revealed)
    for index in range(len(video.frames)):
        if boxes is None or keep_empty or (boxes.present[:, index] & ~boxes.ignore).any():
            yield Item(f"{index:04d}", _frame_maker(video, boxes, revealed, index))


def _check(video: Video, boxes: BoxTrack | None, revealed: MaskTrack | None) -> None:
    count = len(video.frames)
    if boxes is not None and boxes.present.shape[1] != count:
        raise ValueError(
            f"the clip has {count} frames but the boxes cover {boxes.present.shape[1]}: "
            "link boxes that were tracked on this very clip"
        )
    if revealed is None:
        return
    frames, height, width = revealed.masks.shape[1:]
    if frames != count or (width, height) != video.size:
        raise ValueError(
            f"the clip has {count} frames of {video.size[0]}×{video.size[1]} but revealed {frames} of "
            f"{width}×{height}: link what was revealed in this very clip"
        )


def _frame_maker(
    video: Video, boxes: BoxTrack | None, revealed: MaskTrack | None, index: int
) -> Callable[[], Frame]:
    def make() -> Frame:
        return Frame(
            Image(video.frames[index]),
            no_boxes() if boxes is None else boxes.frame(index),
            _revealed(revealed, index, video.size),
        )

    return make


def _revealed(revealed: MaskTrack | None, index: int, size: tuple[int, int]) -> Mask:
    import numpy as np

    if revealed is None:
        return Mask(np.zeros(size[::-1], dtype=bool))
    return Mask(revealed.masks[:, index].any(axis=0))


def no_boxes() -> Boxes:
    """The boxes of a picture without any, of no classes."""
    import numpy as np

    return Boxes(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), Categories((), ())
    )

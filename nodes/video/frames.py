"""Fanning a clip out into pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

from nodegraph import Item, Param, Stream, node
from nodes.types import Boxes, BoxTrack, Categories, Image, Video


class Frame(NamedTuple):
    """One frame of a clip and the boxes of the objects present in it."""

    image: Image
    boxes: Boxes


@node("video.frames", version=1)
def video_frames(
    video: Video,
    boxes: BoxTrack | None = None,
    *,
    keep_empty: Annotated[
        bool, Param(help="keep frames in which no linked box is present; without boxes every frame is kept")
    ] = True,
) -> Stream[Frame]:
    """Turn a clip into its frames, each with its boxes.

    Items are keyed by frame number, `"0000"`, `"0001"`, ..., in playing order; a frame that is left out
    leaves a gap. Without a linked track every frame has empty boxes without categories.

    Raises:
        ValueError: if the track covers another number of frames than the clip has.
    """
    count = len(video.frames)
    if boxes is not None and boxes.present.shape[1] != count:
        raise ValueError(
            f"the clip has {count} frames but the boxes cover {boxes.present.shape[1]}: "
            "link boxes that were tracked on this very clip"
        )
    for index in range(count):
        if boxes is None or keep_empty or boxes.present[:, index].any():
            yield Item(f"{index:04d}", _frame_maker(video, boxes, index))


def _frame_maker(video: Video, boxes: BoxTrack | None, index: int) -> Callable[[], Frame]:
    def make() -> Frame:
        return Frame(Image(video.frames[index]), no_boxes() if boxes is None else boxes.frame(index))

    return make


def no_boxes() -> Boxes:
    """The boxes of a picture without any, of no classes."""
    import numpy as np

    return Boxes(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), Categories((), ())
    )

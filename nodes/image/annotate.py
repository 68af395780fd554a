"""Drawing boxes, class names and scores on pictures and clips, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from nodegraph import Param, node
from nodes.image.font import font_path
from nodes.types import Boxes, BoxTrack, Image, Video

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as Pillow

CLASS_COLOURS = (
    "#d6336c",
    "#1971c2",
    "#2b8a3e",
    "#e8590c",
    "#7048e8",
    "#0b7285",
    "#a61e4d",
    "#5c940d",
    "#364fc7",
    "#9c36b5",
    "#846358",
    "#087f5b",
)
"""One colour per class id, repeated; each is dark enough for white text on it."""

MaxSide = Annotated[
    int | None,
    Param(ge=16, unit="px", help="shrink the longer side to this first; null keeps the size"),
]


@node("image.annotate", version=1)
def annotate_image(image: Image, boxes: Boxes, *, max_side: MaxSide = None) -> Image:
    """Draw boxes with class names, and scores below 1, on a picture.

    The picture is shrunk before drawing, so lines and text stay readable on a thumbnail. Names in scripts
    that the font lacks (it has Latin, Greek and Cyrillic) show as empty squares.
    """
    return Image(_annotated(image.pixels, boxes, max_side))


@node("video.annotate", version=1)
def annotate_video(video: Video, boxes: BoxTrack, *, max_side: MaxSide = None) -> Video:
    """Draw tracked boxes with class names, and scores below 1, on every frame of a clip.

    Raises:
        ValueError: if the track covers another number of frames than the clip has.
    """
    import numpy as np

    if boxes.present.shape[1] != len(video.frames):
        raise ValueError(
            f"the clip has {len(video.frames)} frames but the boxes cover {boxes.present.shape[1]}: "
            "link boxes that were tracked on this very clip"
        )
    drawn = [_annotated(pixels, boxes.frame(index), max_side) for index, pixels in enumerate(video.frames)]
    return Video(np.stack(drawn), video.fps)


def _annotated(pixels: np.ndarray[Any, Any], boxes: Boxes, max_side: int | None) -> np.ndarray[Any, Any]:
    """The pixels, shrunk to `max_side` and drawn upon: uint8 `[H, W, 3]`."""
    import numpy as np
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels)
    scale = min(1.0, max_side / max(picture.size)) if max_side else 1.0
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=3)
    if len(boxes):
        ratio = np.array([picture.width / pixels.shape[1], picture.height / pixels.shape[0]] * 2, np.float32)
        picture = _draw(picture, boxes.xyxy * ratio, boxes.class_ids, _labels(boxes))
    return np.array(picture)


def _draw(
    picture: Pillow.Image, xyxy: np.ndarray[Any, Any], class_ids: np.ndarray[Any, Any], labels: Sequence[str]
) -> Pillow.Image:
    import supervision

    detections = supervision.Detections(xyxy=xyxy, class_id=class_ids)
    colours = supervision.ColorPalette.from_hex(list(CLASS_COLOURS))
    short_side = min(picture.size)
    boxes = supervision.BoxAnnotator(color=colours, thickness=max(2, round(short_side / 160)))
    names = supervision.RichLabelAnnotator(
        color=colours,
        font_path=font_path(),
        font_size=max(11, round(short_side / 22)),
        text_padding=max(2, round(short_side / 120)),
        smart_position=True,
    )
    return names.annotate(boxes.annotate(picture, detections), detections, labels=list(labels))


def _labels(boxes: Boxes) -> list[str]:
    """Class names, with the score where it is below 1; it is not rounded up to what reads as 1."""
    names = boxes.categories.names
    return [
        names[class_id] if score >= 1 else f"{names[class_id]} {min(score, 0.99):.2f}"
        for class_id, score in zip(boxes.class_ids.tolist(), boxes.scores.tolist(), strict=True)
    ]

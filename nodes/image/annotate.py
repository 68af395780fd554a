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

IGNORE_COLOUR = "#636363"
"""Of ignore regions, whatever their class."""

MaxSide = Annotated[
    int | None,
    Param(ge=16, unit="px", help="shrink the longer side to this first; null keeps the size"),
]


@node("image.annotate", version=2)
def annotate_image(image: Image, boxes: Boxes, *, max_side: MaxSide = None) -> Image:
    """Draw boxes with class names, and scores below 1, on a picture.

    Ignore regions are hatched in grey, beneath the others, and named "ignore" whatever their class.
    The picture is shrunk before drawing, so lines and text stay readable on a thumbnail. Names in scripts
    that the font lacks (it has Latin, Greek and Cyrillic) show as empty squares.
    """
    return Image(_annotated(image.pixels, boxes, max_side))


@node("video.annotate", version=2)
def annotate_video(video: Video, boxes: BoxTrack, *, max_side: MaxSide = None) -> Video:
    """Draw tracked boxes with class names, and scores below 1, on every frame of a clip.

    Ignore regions are drawn as image.annotate does.

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
    ratio = np.array([picture.width / pixels.shape[1], picture.height / pixels.shape[0]] * 2, np.float32)
    xyxy = boxes.xyxy * ratio
    regions, objects = xyxy[boxes.ignore], xyxy[~boxes.ignore]
    if len(regions):
        picture = _hatch(picture, regions)
        zeros = np.zeros(len(regions), np.int64)
        picture = _draw(picture, regions, zeros, ["ignore"] * len(regions), (IGNORE_COLOUR,))
    if len(objects):
        labels = _labels(boxes)
        picture = _draw(picture, objects, boxes.class_ids[~boxes.ignore], labels, CLASS_COLOURS)
    return np.array(picture)


def _hatch(picture: Pillow.Image, xyxy: np.ndarray[Any, Any]) -> Pillow.Image:
    """Diagonal lines across boxes, as a new picture."""
    import numpy as np
    from PIL import Image as Pillow

    width, height = picture.size
    spacing = max(6, round(min(picture.size) / 24))
    inside = np.zeros((height, width), dtype=bool)
    for left, top, right, bottom in xyxy.round().clip(0, (width, height, width, height)).astype(int):
        inside[top:bottom, left:right] = True
    rows, columns = np.ogrid[:height, :width]
    lines = inside & ((rows + columns) % spacing < max(1, spacing // 6))
    pixels = np.array(picture)
    pixels[lines] = tuple(bytes.fromhex(IGNORE_COLOUR[1:]))
    return Pillow.fromarray(pixels)


def _draw(
    picture: Pillow.Image,
    xyxy: np.ndarray[Any, Any],
    class_ids: np.ndarray[Any, Any],
    labels: Sequence[str],
    palette: Sequence[str],
) -> Pillow.Image:
    import supervision

    detections = supervision.Detections(xyxy=xyxy, class_id=class_ids)
    colours = supervision.ColorPalette.from_hex(list(palette))
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
    """Class names of objects, with the score where it is below 1; it is not rounded up to what reads as 1."""
    names, counted = boxes.categories.names, ~boxes.ignore
    return [
        names[class_id] if score >= 1 else f"{names[class_id]} {min(score, 0.99):.2f}"
        for class_id, score in zip(
            boxes.class_ids[counted].tolist(), boxes.scores[counted].tolist(), strict=True
        )
    ]

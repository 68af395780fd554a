"""What the data set loaders yield: a picture with its boxes, or the reason why there is none."""

from __future__ import annotations

import logging
import math
import re
import reprlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

from nodegraph import Item
from nodes.load.pixels import read_image
from nodes.types import Boxes, Categories, Image

_log = logging.getLogger(__name__)

_FARTHEST = 1e9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class AnnotatedImage(NamedTuple):
    """A picture and the boxes of the objects in it."""

    image: Image
    boxes: Boxes


class AnnotationError(ValueError):
    """An annotation that cannot be right; says the file and the place in it."""


def bad(place: str, expected: str, found: object) -> AnnotationError:
    """The error for `found` at a place such as `annotations.json: images[3].width`."""
    return AnnotationError(f"{place} must be {expected}, not {reprlib.repr(found)}")


def refused_item(key: str, error: Exception) -> Item[Any]:
    """An item that fails alone, with this error, when it is made."""
    return Item(key, partial(_refuse, type(error), str(error)))


def _refuse(kind: type[Exception], message: str) -> NoReturn:
    raise kind(message)


def is_coordinate(number: object) -> bool:
    """Whether it is a finite number that can be a pixel coordinate (a bool is not)."""
    return type(number) in (int, float) and -_FARTHEST <= number <= _FARTHEST  # type: ignore[operator]


def is_text(found: object) -> bool:
    """Whether it is a text of letters that exist: JSON and YAML can spell halves of a letter (surrogates)."""
    return isinstance(found, str) and not any("\ud800" <= letter <= "\udfff" for letter in found)


def number_of(text: str) -> float:
    """The number that a decimal text such as `-1.5e3` stands for; NaN for any other text."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else math.nan


def whole_number_of(text: str) -> int | None:
    """The whole number that a text such as `7` or `7.0` stands for; None for any other text."""
    number = number_of(text)
    return int(number) if is_coordinate(number) and number.is_integer() else None


def text_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte order mark, with line ends of any system.

    Raises:
        AnnotationError: if it is not UTF-8.
        FileNotFoundError: if it does not exist (any more).
    """
    try:
        return path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise AnnotationError(f"{path}: must be a text file in UTF-8") from None


def boxes_of(
    xyxy: Sequence[Sequence[float]],
    class_ids: Sequence[int],
    categories: Categories,
    scores: Sequence[float] | None = None,
    ignore: Sequence[bool] | None = None,
) -> Boxes:
    """Boxes from rows of left, top, right, bottom (pixels, 0-based, exclusive).

    Scores default to 1; by default no box is a region to ignore.
    """
    import numpy as np

    return Boxes(
        np.array(xyxy, dtype=np.float32).reshape(-1, 4),
        np.array(class_ids, dtype=np.int64),
        np.ones(len(class_ids), np.float32) if scores is None else np.array(scores, dtype=np.float32),
        categories,
        np.zeros(len(class_ids), bool) if ignore is None else np.array(ignore, dtype=bool),
    )


Marked = Literal["ignore", "keep", "drop"]
"""What becomes of boxes that a data set marks as not counting: regions to ignore, objects, or nothing."""


def settle_marked(boxes: Boxes, marked: Marked) -> Boxes:
    """Boxes whose `ignore` says which are marked, as they are asked for."""
    import numpy as np

    if marked == "ignore":
        return boxes
    if marked == "keep":
        return replace(boxes, ignore=np.zeros(len(boxes), bool))
    return boxes_at(boxes, ~boxes.ignore)


def boxes_at(boxes: Boxes, index: Any) -> Boxes:
    """Those of the boxes that a mask or an array of indices picks."""
    return Boxes(
        boxes.xyxy[index],
        boxes.class_ids[index],
        boxes.scores[index],
        boxes.categories,
        boxes.ignore[index],
    )


def clip_boxes(boxes: Boxes, size: tuple[int, int], source: str) -> Boxes:
    """Cut boxes at the picture's edge. One that has no area inside is left out, with a logged warning.

    Args:
        size: width and height of the picture in pixels.
        source: where the boxes come from, for the warning.
    """
    import numpy as np

    xyxy = boxes.xyxy.clip(0, np.array(size * 2, dtype=np.float32))
    inside = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    for index in np.flatnonzero(~inside):
        box = ", ".join(f"{side:g}" for side in boxes.xyxy[index])
        name = boxes.categories.names[boxes.class_ids[index]]
        _log.warning("%s: box (%s) of %r left out: it has no area inside the picture", source, box, name)
    return boxes_at(replace(boxes, xyxy=xyxy), inside)


def check_size(image: Image, stated: tuple[int, int] | None, source: str) -> None:
    """Compare the picture's size with the one its annotation states, if it does.

    Raises:
        AnnotationError: if they differ: then the boxes were drawn on another picture.
    """
    if stated is not None and stated != image.size:
        raise AnnotationError(
            f"{source}: stated as {stated[0]}×{stated[1]} pixels, but the upright picture has "
            f"{image.size[0]}×{image.size[1]}; its boxes belong to a picture of another size or orientation"
        )


def read_annotated(path: Path, boxes: Boxes, stated: tuple[int, int] | None, source: str) -> AnnotatedImage:
    """Decode a picture and give it its boxes, cut at its edge."""
    image = read_image(path)
    check_size(image, stated, source)
    return AnnotatedImage(image, clip_boxes(boxes, image.size, source))

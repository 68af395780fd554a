"""The YOLO format: its data.yaml and its label files.

A label file has one object a line, `class x y width height` with the box's centre and size as fractions of
the picture's, and optionally a confidence; or `class x y x y x y ...`, the outline of the object.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from nodes.load.annotated import AnnotationError, bad, boxes_of, is_text, number_of, text_lines
from nodes.types import Boxes, Categories

_SLACK = 0.01  # rounding of a labelling tool, as a fraction of the picture


@dataclass(frozen=True)
class YoloFile:
    """What a data.yaml says.

    Attributes:
        base: the folder its splits are relative to, below the data set's root; "" for the root itself.
        splits: for each split it names, its folders and lists of pictures.
        keypoint_values: how many numbers a keypoint annotation adds to a box, or 0.
    """

    path: Path
    categories: Categories
    class_of: dict[int, int]
    base: str
    splits: dict[str, list[str]]
    keypoint_values: int


def read_yolo_file(path: Path) -> YoloFile:
    """Read a data.yaml.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: if it is not YAML, or its names or splits cannot be read; says where.
    """
    document = _parse(path)
    categories = _categories(document, path)
    base = document.get("path") or ""
    if not isinstance(base, str):
        raise bad(f"{path}: path", "a folder's name", base)
    return YoloFile(
        path=path,
        categories=categories,
        class_of={class_id: index for index, class_id in enumerate(categories.ids)},
        base=base,
        splits={
            name: _places(document[name], f"{path}: {name}")
            for name in ("train", "val", "test")
            if document.get(name) is not None
        },
        keypoint_values=_keypoint_values(document, path),
    )


class LabelRow(NamedTuple):
    """One line of a label file.

    Attributes:
        class_id: class index.
        corners: left, top, right, bottom as fractions of the picture.
        score: confidence; 1 where the line has none.
        ignore: whether it is a region in which nothing counts.
    """

    class_id: int
    corners: tuple[float, float, float, float]
    score: float
    ignore: bool


def read_labels(path: Path, yolo: YoloFile, *, ignore: bool = False) -> list[LabelRow]:
    """The rows of a label file.

    Raises:
        AnnotationError: for a line that is neither a box nor an outline, or of an unknown class; says which.
    """
    return [
        _row(line.split(), yolo, f"{path}:{number}", ignore)
        for number, line in enumerate(text_lines(path), 1)
        if line.strip()
    ]


def boxes_of_rows(rows: list[LabelRow], categories: Categories, size: tuple[int, int]) -> Boxes:
    """The rows as boxes in pixels of a picture of this width and height, not yet cut at its edge."""
    width, height = size
    return boxes_of(
        [(x1 * width, y1 * height, x2 * width, y2 * height) for _, (x1, y1, x2, y2), _, _ in rows],
        [row.class_id for row in rows],
        categories,
        [row.score for row in rows],
        [row.ignore for row in rows],
    )


def _row(words: list[str], yolo: YoloFile, place: str, ignore: bool) -> LabelRow:
    numbers = [_number(word, place) for word in words]
    if not numbers[0].is_integer() or int(numbers[0]) not in yolo.class_of:
        raise bad(f"{place}: the class", "one of the ids of 'names' in data.yaml", words[0])
    class_id = yolo.class_of[int(numbers[0])]
    values = numbers[1:]
    if len(values) in (4, 4 + yolo.keypoint_values):
        return LabelRow(class_id, _box(values[:4], place), 1.0, ignore)
    if len(values) == 5:
        return LabelRow(class_id, _box(values[:4], place), _fraction(values[4], place), ignore)
    if len(values) >= 6 and len(values) % 2 == 0:
        points = [_fraction(value, place) for value in values]
        outline = min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])
        return LabelRow(class_id, outline, 1.0, ignore)
    raise bad(
        place,
        "'class x y width height', the same and a confidence, or 'class x y x y x y ...'",
        " ".join(words),
    )


def _box(values: list[float], place: str) -> tuple[float, float, float, float]:
    x, y, width, height = (_fraction(value, place) for value in values)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _number(word: str, place: str) -> float:
    number = number_of(word)
    if not math.isfinite(number):
        raise bad(place, "made of finite numbers", word)
    return number


def _fraction(value: float, place: str) -> float:
    if not -_SLACK <= value <= 1 + _SLACK:
        raise bad(place, "made of fractions of the picture, 0 to 1", value)
    return min(max(value, 0.0), 1.0)


def _parse(path: Path) -> dict[str, Any]:
    import yaml

    try:
        document: object = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; 'data' names the YAML file in 'root'") from None
    except (IsADirectoryError, PermissionError) as error:
        raise type(error)(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise bad(f"{path}: a data.yaml", "a mapping with 'names' and 'train', 'val' or 'test'", document)
    return cast("dict[str, Any]", document)


def _categories(document: dict[str, Any], path: Path) -> Categories:
    place = f"{path}: names"
    names = document.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise bad(place, "a list of class names, or a mapping of class ids to names", names)
    by_id = {
        _class_id(class_id, place): _name(name, f"{place}[{class_id!r}]") for class_id, name in names.items()
    }
    ids = tuple(sorted(by_id))
    count = document.get("nc", len(ids))
    if count != len(ids):
        raise bad(f"{path}: nc", f"{len(ids)}, the number of 'names'", count)
    try:
        return Categories(tuple(by_id[class_id] for class_id in ids), ids)
    except ValueError as error:
        raise AnnotationError(f"{place}: {error}") from None


def _class_id(class_id: object, place: str) -> int:
    if isinstance(class_id, str) and class_id.isascii() and class_id.isdigit():
        return int(class_id)
    if type(class_id) is not int or class_id < 0:
        raise bad(f"{place}: a class id", "a whole number from 0", class_id)
    return class_id


def _name(name: object, place: str) -> str:
    if not (is_text(name) or type(name) is int) or name == "":
        raise bad(place, "a text (in quotes, if YAML takes it for something else)", name)
    return str(name)


def _places(entry: object, place: str) -> list[str]:
    places: list[str] = []
    for name in entry if isinstance(entry, list) else [entry]:
        if not isinstance(name, str) or not name:
            raise bad(place, "a folder, a list of pictures (.txt), or several of these", name)
        places.append(name)
    return places


def _keypoint_values(document: dict[str, Any], path: Path) -> int:
    shape = document.get("kpt_shape")
    if shape is None:
        return 0
    if not (
        isinstance(shape, list) and len(shape) == 2 and all(type(side) is int and side > 0 for side in shape)
    ):
        raise bad(f"{path}: kpt_shape", "[number of keypoints, 2 or 3]", shape)
    return shape[0] * shape[1]

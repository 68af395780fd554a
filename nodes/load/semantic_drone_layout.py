"""The Semantic Drone Dataset on disk: its folders, official and as repacked on Kaggle, and its classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nodes.load.annotated import AnnotationError, bad, text_lines, whole_number_of
from nodes.load.folder import DatasetFolder
from nodes.types import Categories

Source = Literal["instances", "label_me", "semantic"]

_BASES = ("", "training_set", "dataset/semantic_drone_dataset")
_IMAGES = ("images", "original_images")
_LABELS: dict[Source, tuple[str, ...]] = {
    "instances": ("gt/bounding_box/masks_instances/person", "gt/bounding_box/masks_instances"),
    "label_me": ("gt/bounding_box/label_me_xml",),
    "semantic": ("gt/semantic/label_images", "label_images_semantic"),
}
_CLASS_FILES = ("gt/semantic/class_dict.csv", "class_dict.csv", "class_dict_seg.csv")
_PICKLES = "gt/bounding_box/bounding_boxes"

PERSON = "person"
"""The one class that has official boxes."""

THINGS = (PERSON, "dog", "car", "bicycle")
"""Classes of which a connected region is an object, more often than not (our choice)."""

# fmt: off
SEMANTIC_DRONE_COLOURS = {
    "unlabeled": (0, 0, 0), "paved-area": (128, 64, 128), "dirt": (130, 76, 0), "grass": (0, 102, 0),
    "gravel": (112, 103, 87), "water": (28, 42, 168), "rocks": (48, 41, 30), "pool": (0, 50, 89),
    "vegetation": (107, 142, 35), "roof": (70, 70, 70), "wall": (102, 102, 156), "window": (254, 228, 12),
    "door": (254, 148, 12), "fence": (190, 153, 153), "fence-pole": (153, 153, 153), "person": (255, 22, 96),
    "dog": (102, 51, 0), "car": (9, 143, 150), "bicycle": (119, 11, 32), "tree": (51, 51, 0),
    "bald-tree": (190, 250, 190), "ar-marker": (112, 150, 146), "obstacle": (2, 135, 115),
    "conflicting": (255, 0, 0),
}
# fmt: on
"""The published classes in the order of their values in label images, and their colours (RGB)."""


@dataclass(frozen=True)
class ClassList:
    """The classes of a data set.

    Attributes:
        categories: all of them; an id is the class's value in label images of class indices.
        colours: the colour (RGB) of each in label images of colours; None where it is not known.
    """

    categories: Categories
    colours: tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Layout:
    """Where a data set keeps what.

    Attributes:
        images: the folder of the pictures.
        labels: for each source of boxes that is there, its folder.
        class_file: the CSV file of the classes, if there is one.
    """

    images: Path
    labels: dict[Source, Path]
    class_file: Path | None


def find_layout(folder: DatasetFolder) -> Layout:
    """Look for the folders of the official layout and of Kaggle's.

    Raises:
        FileNotFoundError: if there is no folder of pictures, or none that boxes can be taken from.
    """
    for base in _BASES:
        images = _first(folder, base, _IMAGES)
        if images is not None:
            break
    else:
        raise FileNotFoundError(
            f"{folder.root}: has neither images/ nor original_images/; 'root' is the data set's training_set"
        )
    labels: dict[Source, Path] = {
        source: found for source, names in _LABELS.items() if (found := _first(folder, base, names))
    }
    if not labels:
        raise _without_labels(folder, base)
    class_file = _first(folder, base, _CLASS_FILES) or _first(folder, "", _CLASS_FILES)
    return Layout(images, labels, class_file)


def read_classes(path: Path | None) -> ClassList:
    """Read a class_dict.csv: `name, r, g, b` with a header; the published classes if there is no such file.

    A class's id is its row, counted from 0, or what a column `id` says.

    Raises:
        AnnotationError: if it has no column of names, or a row is malformed or occurs twice; says where.
    """
    if path is None:
        names = tuple(SEMANTIC_DRONE_COLOURS)
        return ClassList(Categories(names, tuple(range(len(names)))), tuple(SEMANTIC_DRONE_COLOURS.values()))
    rows, columns = _table(path)
    name_column = columns.get("name") or columns.get("class")
    if name_column is None:
        raise AnnotationError(f"{path}: must be a CSV file with the columns name, r, g, b")
    names = tuple((row[name_column] or "").strip() for row in rows)
    if "" in names:
        raise bad(f"{path}: the name of class {names.index('')}", "a text", "")
    ids = tuple(_class_id(row, index, columns, path) for index, row in enumerate(rows))
    try:
        categories = Categories(names, ids)
    except ValueError as error:
        raise AnnotationError(f"{path}: {error}") from None
    return ClassList(categories, tuple(_colour(row, columns, path) for row in rows))


def _first(folder: DatasetFolder, base: str, names: tuple[str, ...]) -> Path | None:
    paths = (folder.locate(f"{base}/{name}" if base else name) for name in names)
    return next((path for path in paths if path.exists()), None)


def _without_labels(folder: DatasetFolder, base: str) -> FileNotFoundError:
    looked = ", ".join(name for names in _LABELS.values() for name in names)
    pickles = sorted((folder.root / base / _PICKLES).rglob("*.p"))
    message = f"{folder.root / base}: has nothing to take boxes from; looked for: {looked}"
    if pickles:
        message += (
            f". {pickles[0]} is a pickle, which can run code when it is opened, and is not read: "
            "put gt/bounding_box/label_me_xml or masks_instances, which hold the same boxes, beside it"
        )
    return FileNotFoundError(message)


def _table(path: Path) -> tuple[list[dict[str, str | None]], dict[str, str]]:
    """The rows of a CSV file, and its columns by their names in lower case."""
    reader = csv.DictReader(text_lines(path), skipinitialspace=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise AnnotationError(f"{path}:{reader.line_num}: not CSV: {error}") from None
    return rows, {name.strip().lower(): name for name in reader.fieldnames or ()}


def _class_id(row: dict[str, str | None], index: int, columns: dict[str, str], path: Path) -> int:
    if "id" not in columns:
        return index
    class_id = whole_number_of(row[columns["id"]] or "")
    if class_id is None:
        raise bad(f"{path}: the id of class {index}", "a whole number", row[columns["id"]])
    return class_id


def _colour(row: dict[str, str | None], columns: dict[str, str], path: Path) -> tuple[int, int, int] | None:
    if not {"r", "g", "b"} <= columns.keys():
        return None
    texts = [row[columns[channel]] or "" for channel in "rgb"]
    values = [whole_number_of(text) for text in texts]
    channels = [value for value in values if value is not None and 0 <= value <= 255]
    if len(channels) != 3:
        raise bad(f"{path}: r, g, b of a class", "whole numbers from 0 to 255", texts)
    return channels[0], channels[1], channels[2]

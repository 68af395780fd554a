"""The Pascal VOC format: reading and checking one annotation file.

Format: PASCAL VOC 2012 Development Kit, section 8 ("Annotation Files").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from nodes.load.annotated import AnnotationError
from nodes.load.xml_file import number_in, parse_annotation, size_in, text_of

Coordinates = Literal["voc", "zero_based"]


@dataclass(frozen=True)
class VocObjects:
    """The objects of one picture.

    Attributes:
        xyxy: left, top, right, bottom in pixels, 0-based, exclusive; not yet cut at the picture's edge.
        class_ids: class indices, one per box.
        difficult: whether each is marked difficult.
        size: width and height as the file states them, or None.
    """

    xyxy: list[tuple[float, ...]]
    class_ids: list[int]
    difficult: list[bool]
    size: tuple[int, int] | None


def read_voc_objects(path: Path, class_of: Mapping[str, int], *, coordinates: Coordinates) -> VocObjects:
    """Read an annotation file.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: if it is not XML or not of VOC's structure, or an object is of an unknown class or
            has a box that is negative or not finite; says where.
    """
    document = parse_annotation(path)
    objects = VocObjects([], [], [], size_in(document, "size/width", "size/height", path))
    for number, entry in enumerate(document.findall("object"), 1):
        place = f"{path}: object {number}"
        name = text_of(entry, "name")
        if name not in class_of:
            raise AnnotationError(f"{place}: the class {name!r} is not among 'classes'")
        objects.xyxy.append(_corners(entry, place, coordinates))
        objects.class_ids.append(class_of[name])
        objects.difficult.append(text_of(entry, "difficult") == "1")
    return objects


def _corners(entry: Element, place: str, coordinates: Coordinates) -> tuple[float, ...]:
    box = entry.find("bndbox")
    if box is None:
        raise AnnotationError(f"{place}: has no <bndbox>")
    left, top, right, bottom = (number_in(box, side, place) for side in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise AnnotationError(f"{place}: <xmax> and <ymax> must not be below <xmin> and <ymin>")
    if coordinates == "voc":  # 1-based and inclusive: pixels 1 to 1 are the first pixel, 0 to 1
        return left - 1, top - 1, right, bottom
    return left, top, right, bottom

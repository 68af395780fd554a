"""The XML of the LabelMe annotation tool: outlines of objects, each with a name.

Format: `annotation/{imagesize/{nrows,ncols}, object*{name, deleted, attributes, polygon/pt*/{x,y}}}`. Points
are in pixels, 0-based, taken as continuous coordinates (our reading).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from nodes.load.annotated import AnnotationError
from nodes.load.xml_file import number_in, parse_annotation, size_in, text_of

IGNORE_ATTRIBUTE = "ignore"
"""What `attributes`, a free text in LabelMe, says of a region to ignore: our own mark, for it has none."""


@dataclass(frozen=True)
class LabelMeObjects:
    """The objects of one picture.

    Attributes:
        xyxy: the bounds of each outline: left, top, right, bottom in pixels.
        class_ids: class indices, one per box.
        ignore: whether each is a region in which nothing counts.
        size: width and height as the file states them, or None.
    """

    xyxy: list[tuple[float, float, float, float]]
    class_ids: list[int]
    ignore: list[bool]
    size: tuple[int, int] | None


def read_labelme_objects(path: Path, class_of: Mapping[str, int], known: Collection[str]) -> LabelMeObjects:
    """Read an annotation file; deleted objects are left out.

    Args:
        class_of: the class index of each name that is kept.
        known: the names that may occur; those without a class index are left out.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: if it is not XML or not LabelMe's, an object is of an unknown class, or a point is
            not finite; says where.
    """
    document = parse_annotation(path)
    objects = LabelMeObjects([], [], [], size_in(document, "imagesize/ncols", "imagesize/nrows", path))
    for number, entry in enumerate(document.findall("object"), 1):
        if text_of(entry, "deleted") == "1":
            continue
        place = f"{path}: object {number}"
        name = text_of(entry, "name")
        if name not in known:
            raise AnnotationError(f"{place}: the class {name!r} is not in the data set's list of classes")
        if name in class_of:
            objects.xyxy.append(_bounds(entry, place))
            objects.class_ids.append(class_of[name])
            objects.ignore.append(_is_ignored(entry))
    return objects


def _bounds(entry: Element, place: str) -> tuple[float, float, float, float]:
    points = [
        (number_in(point, "x", place), number_in(point, "y", place)) for point in entry.findall("polygon/pt")
    ]
    if not points:
        raise AnnotationError(f"{place}: has no outline: <polygon> with <pt>")
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)


def _is_ignored(entry: Element) -> bool:
    return IGNORE_ATTRIBUTE in [word.strip() for word in text_of(entry, "attributes").split(",")]

"""The Pascal VOC format: reading and checking one annotation file.

Format: PASCAL VOC 2012 Development Kit, section 8 ("Annotation Files").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import Element

from nodes.load.annotated import AnnotationError, bad, is_coordinate

Coordinates = Literal["voc", "zero_based"]


@dataclass(frozen=True)
class VocObjects:
    """The objects of one picture.

    Attributes:
        xyxy: left, top, right, bottom in pixels, 0-based, exclusive; not yet cut at the picture's edge.
        class_ids: class indices, one per box.
        size: width and height as the file states them, or None.
    """

    xyxy: list[tuple[float, ...]]
    class_ids: list[int]
    size: tuple[int, int] | None


def read_voc_objects(
    path: Path, class_of: Mapping[str, int], *, coordinates: Coordinates, difficult: bool
) -> VocObjects:
    """Read an annotation file.

    Entities are not expanded: a file that declares any, or has a DTD, is refused.

    Raises:
        AnnotationError: if it is not XML or not of VOC's structure, or an object is of an unknown class or
            has a box that is negative or not finite; says where.
    """
    document = _parse(path)
    xyxy: list[tuple[float, ...]] = []
    class_ids: list[int] = []
    for number, entry in enumerate(document.findall("object"), 1):
        place = f"{path}: object {number}"
        if not difficult and _text(entry, "difficult") == "1":
            continue
        name = _text(entry, "name")
        if name not in class_of:
            raise AnnotationError(f"{place}: the class {name!r} is not among 'classes'")
        xyxy.append(_corners(entry, place, coordinates))
        class_ids.append(class_of[name])
    return VocObjects(xyxy, class_ids, _size(document, path))


def _parse(path: Path) -> Element:
    from defusedxml.ElementTree import ParseError, parse

    # defusedxml is not typed; by this seam its parser gives an ordinary Element.
    parse_safely: Callable[..., Any] = parse
    try:
        document: Element = parse_safely(path, forbid_dtd=True).getroot()
    except ParseError as error:
        line, column = error.position
        raise AnnotationError(f"{path}:{line}:{column + 1}: not XML: {error}") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file, so the picture has no annotation") from None
    except ValueError as error:  # a DTD or an entity, or bytes that are not text
        raise AnnotationError(f"{path}: refused: {error}") from None
    if document.tag != "annotation":
        raise bad(f"{path}: the outermost element", "<annotation>", f"<{document.tag}>")
    return document


def _text(entry: Element, name: str) -> str:
    return (entry.findtext(name) or "").strip()


def _corners(entry: Element, place: str, coordinates: Coordinates) -> tuple[float, ...]:
    box = entry.find("bndbox")
    if box is None:
        raise AnnotationError(f"{place}: has no <bndbox>")
    left, top, right, bottom = (_number(box, side, place) for side in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise AnnotationError(f"{place}: <xmax> and <ymax> must not be below <xmin> and <ymin>")
    if coordinates == "voc":  # 1-based and inclusive: pixels 1 to 1 are the first pixel, 0 to 1
        return left - 1, top - 1, right, bottom
    return left, top, right, bottom


def _number(box: Element, side: str, place: str) -> float:
    text = _text(box, side)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not is_coordinate(number):
        raise bad(f"{place}: <{side}>", "a finite number", text)
    return number


def _size(document: Element, path: Path) -> tuple[int, int] | None:
    """The stated size; tools that do not know it write 0 or leave it out."""
    texts = [(document.findtext(f"size/{side}") or "0").strip() for side in ("width", "height")]
    if not all(text.isascii() and text.isdigit() for text in texts):
        raise bad(f"{path}: <size>", "of whole numbers", texts)
    width, height = map(int, texts)
    return (width, height) if width and height else None

"""Annotation files in XML, of Pascal VOC and of LabelMe: parsed without entities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from nodes.load.annotated import AnnotationError, bad, is_coordinate, number_of, whole_number_of


def parse_annotation(path: Path) -> Element:
    """The outermost element, `<annotation>`, of a file.

    Entities are not expanded: a file that declares any, or has a DTD, is refused.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: if it is not XML, or its outermost element is another one; says where.
    """
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
    except (ValueError, LookupError) as error:  # a DTD, an entity, no text, or an unknown encoding
        raise AnnotationError(f"{path}: refused: {error}") from None
    if document.tag != "annotation":
        raise bad(f"{path}: the outermost element", "<annotation>", f"<{document.tag}>")
    return document


def text_of(entry: Element, name: str) -> str:
    """The text of an element inside another, without white space around it; "" where there is none."""
    return (entry.findtext(name) or "").strip()


def number_in(entry: Element, name: str, place: str) -> float:
    """The coordinate in an element.

    Raises:
        AnnotationError: if it is missing, not a number or not finite.
    """
    text = text_of(entry, name)
    number = number_of(text)
    if not is_coordinate(number):
        raise bad(f"{place}: <{name}>", "a finite number", text)
    return number


def size_in(document: Element, width: str, height: str, path: Path) -> tuple[int, int] | None:
    """The stated width and height; None where a tool that does not know them wrote 0 or left them out.

    Raises:
        AnnotationError: if they are not whole numbers.
    """
    texts = [text_of(document, side) or "0" for side in (width, height)]
    sides = [whole_number_of(text) for text in texts]
    if sides[0] is None or sides[1] is None or min(sides[0], sides[1]) < 0:
        raise bad(f"{path}: <{width.partition('/')[0]}>", "of whole numbers", texts)
    return (sides[0], sides[1]) if sides[0] and sides[1] else None

"""Text and numbers in SVG: escaped, short, and with the room that they take."""

from __future__ import annotations

from html import escape

_LONGEST = 200
"""Characters of a text that are kept at most when it is cut."""


def text_width(text: str, size: float) -> float:
    """An upper estimate of the width of a text of a font size, both in px: fonts differ."""
    return size * sum(_char_width(char) for char in text)


def cut_to(text: str, width: float, size: float) -> str:
    """The text, or as much of its ends as takes `width` px at a font size, with an ellipsis between."""
    if text_width(text, size) <= width:
        return text
    for kept in range(min(len(text) - 1, _LONGEST), 1, -1):
        tail = kept // 2
        shorter = f"{text[: kept - tail]}…{text[-tail:]}"
        if text_width(shorter, size) <= width:
            return shorter
    return "…"


def xml_text(text: str) -> str:
    """The text without control characters and with all that is markup escaped."""
    return escape("".join(char for char in text if char.isprintable()))


def px(number: float) -> str:
    """A coordinate, to a tenth of a px."""
    return f"{number:.1f}".removesuffix(".0")


def _char_width(char: str) -> float:
    if char in "iljtfrI.,:;|' ":
        return 0.40
    if char in "mwMW…":
        return 0.98
    return 1.05 if ord(char) > 0x2E7F else 0.72 if char.isupper() else 0.63

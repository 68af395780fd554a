"""Texts in annotation files of XML."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement

from nodes.export.folder import ExportError

_NOT_XML = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold, and line ends and tabs, which its readers may change."""


def leaf(parent: Element, name: str, text: str) -> None:
    """Append an element that holds a text."""
    SubElement(parent, name).text = text


def xml_text(name: str, place: str) -> str:
    """A class name, if a reader will find it as it is.

    Raises:
        ExportError: if XML cannot hold it, or white space around it would be lost.
    """
    if _NOT_XML.search(name) or name != name.strip():
        raise ExportError(f"{place}: XML cannot hold the class name {name!r}: rename the class")
    return name

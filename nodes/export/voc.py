"""Writing a detection dataset in the Pascal VOC layout."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportError, ExportFolder
from nodes.export.samples import Sample, clipped, samples_of
from nodes.export.split import SplitName, ValShare, split_of
from nodes.types import Boxes, File

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@node("export.voc", version=1)
def export_voc(
    files: Collected[File],
    boxes: Collected[Boxes],
    *,
    split: SplitName = "train",
    val_share: ValShare = 0.0,
    ctx: Context,
) -> Artifact:
    """Write pictures and boxes as Pascal VOC: `JPEGImages/`, `Annotations/` and `ImageSets/Main/<split>.txt`.

    Coordinates are whole pixels, 1-based and inclusive, as the VOC devkit defines them: a box over a whole
    picture of 640 × 480 is 1, 1, 640, 480. Boxes are clipped into the picture first; those thinner than
    0.01 px there are left out, any other keeps at least one pixel. Picture ids are flat words, so an item
    `cat/0003` is written as `cat__0003`.

    Raises:
        ExportError: if an item is in one stream only, a class name cannot stand in XML, or two items would
            get the same file name.
    """
    folder = ExportFolder(ctx.new_folder())
    listed: dict[str, list[tuple[str, str]]] = {split: []}
    for done, sample in enumerate(samples_of(files, boxes, _picture_id), start=1):
        folder.write(f"JPEGImages/{sample.name}", sample.file.data, [sample.key])
        folder.write(f"Annotations/{sample.stem}.xml", _annotation(sample), [sample.key])
        listed.setdefault(split_of(sample.key, split, val_share), []).append((sample.stem, sample.key))
        ctx.progress(done, len(files))
    for part, entries in listed.items():
        lines = "".join(f"{stem}\n" for stem, _ in entries)
        folder.write(f"ImageSets/Main/{part}.txt", lines, [key for _, key in entries])
    return folder.artifact()


def _picture_id(stem: str) -> str:
    """The stem as VOC's lists take it: folders and spaces become underscores, as its ids are flat words."""
    return re.sub(r"\s", "_", stem.replace("/", "__"))


def _annotation(sample: Sample) -> str:
    root = Element("annotation")
    _leaf(root, "folder", "JPEGImages")
    _leaf(root, "filename", sample.name)
    size = SubElement(root, "size")
    for name, value in (("width", sample.file.width), ("height", sample.file.height), ("depth", 3)):
        _leaf(size, name, str(value))
    _leaf(root, "segmented", "0")
    xyxy, kept = clipped(sample.boxes, sample.file.width, sample.file.height)
    for corners, index in zip(xyxy.tolist(), kept.tolist(), strict=True):
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        _object(root, _xml_text(name, sample.key), corners, (sample.file.width, sample.file.height))
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _object(root: Element, name: str, corners: Sequence[float], size: tuple[int, int]) -> None:
    found = SubElement(root, "object")
    for field, text in (("name", name), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
        _leaf(found, field, text)
    xmin, xmax = _pixel_span(corners[0], corners[2], size[0])
    ymin, ymax = _pixel_span(corners[1], corners[3], size[1])
    box = SubElement(found, "bndbox")
    for field, value in (("xmin", xmin), ("ymin", ymin), ("xmax", xmax), ("ymax", ymax)):
        _leaf(box, field, str(value))


def _pixel_span(start: float, end: float, limit: int) -> tuple[int, int]:
    """First and last pixel, 1-based and inclusive, of a continuous 0-based half-open interval."""
    first = min(math.floor(start + 0.5) + 1, limit)
    return first, max(math.floor(end + 0.5), first)


def _leaf(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _xml_text(name: str, key: str) -> str:
    if _NOT_XML.search(name):
        raise ExportError(f"item {key!r}: XML cannot hold the class name {name!r}: rename the class")
    return name

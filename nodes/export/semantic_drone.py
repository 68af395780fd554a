"""Writing a detection dataset in the layout of the Semantic Drone Dataset."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportFolder
from nodes.export.samples import Sample, clipped, samples_of, union_of_categories
from nodes.export.xml_text import leaf, xml_text
from nodes.load.labelme_xml import IGNORE_ATTRIBUTE
from nodes.load.semantic_drone_layout import SEMANTIC_DRONE_COLOURS
from nodes.types import Boxes, Categories, File


@node("export.semantic_drone", version=1)
def export_semantic_drone(files: Collected[File], boxes: Collected[Boxes], *, ctx: Context) -> Artifact:
    """Write pictures and boxes in the official layout of the Semantic Drone Dataset.

    Pictures go to `images/`, boxes as LabelMe XML to `gt/bounding_box/label_me_xml/`, classes with their
    colours to `gt/semantic/class_dict.csv`. An outline is the four corners of a box in pixels, 0-based and
    continuous, with up to three decimals; boxes are clipped into the picture, and those thinner than 0.01 px
    there are left out. LabelMe knows no regions to ignore: they have the attribute `ignore`. Class ids are
    the rows of the class file; where the source counts otherwise, it has a column `id`.

    `load.semantic_drone` reads back equal boxes (to 0.001 px; the second time exactly), classes and regions
    to ignore. Confidences are not kept, and no masks or semantic labels are written.

    Raises:
        ExportError: if an item is in one stream only, classes contradict each other, a class name cannot
            stand in XML, or two items would get the same file name.
    """
    folder = ExportFolder(ctx.new_folder())
    categories = union_of_categories(item.value for item in boxes)
    for done, sample in enumerate(samples_of(files, boxes), start=1):
        folder.write(f"images/{sample.name}", sample.file.data, [sample.key])
        target = f"gt/bounding_box/label_me_xml/{sample.stem}.xml"
        folder.write(target, _annotation(sample), [sample.key])
        ctx.progress(done, len(files))
    folder.write("gt/semantic/class_dict.csv", _class_dict(categories), files.keys())
    return folder.artifact()


def _annotation(sample: Sample) -> str:
    root = Element("annotation")
    leaf(root, "filename", sample.name)
    xyxy, kept = clipped(sample.boxes, sample.file.width, sample.file.height)
    for number, (corners, index) in enumerate(zip(xyxy.tolist(), kept.tolist(), strict=True)):
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        found = SubElement(root, "object")
        leaf(found, "name", xml_text(name, f"item {sample.key!r}"))
        leaf(found, "deleted", "0")
        leaf(found, "attributes", IGNORE_ATTRIBUTE if sample.boxes.ignore[index] else "")
        leaf(found, "id", str(number))
        leaf(found, "type", "bounding_box")
        _outline(found, corners)
    size = SubElement(root, "imagesize")
    leaf(size, "nrows", str(sample.file.height))
    leaf(size, "ncols", str(sample.file.width))
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _outline(found: Element, corners: Sequence[float]) -> None:
    left, top, right, bottom = corners
    polygon = SubElement(found, "polygon")
    for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
        point = SubElement(polygon, "pt")
        leaf(point, "x", _number(x))
        leaf(point, "y", _number(y))


def _number(side: float) -> str:
    return f"{side:.3f}".rstrip("0").rstrip(".")


def _class_dict(categories: Categories) -> str:
    rows: list[list[object]] = [["name", "r", "g", "b"]]
    for index, name in enumerate(categories.names):
        rows.append([xml_text(name, "the classes"), *_colour(name, index)])
    if categories.ids != tuple(range(len(categories.ids))):
        for row, column in zip(rows, ("id", *categories.ids), strict=True):
            row.append(column)
    sink = StringIO()
    csv.writer(sink, lineterminator="\n").writerows(rows)
    return sink.getvalue()


def _colour(name: str, index: int) -> tuple[int, int, int]:
    """The published colour of a class, else one of its own (Knuth's multiplicative hash of its place)."""
    packed = (index + 1) * 2654435761 & 0xFFFFFF
    return SEMANTIC_DRONE_COLOURS.get(name, (packed >> 16, packed >> 8 & 255, packed & 255))

"""Writing a detection dataset in the Pascal VOC layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportFolder
from nodes.export.samples import Sample, clipped, pixel_span, samples_of
from nodes.export.split import SplitName, ValShare, split_of
from nodes.export.xml_text import leaf, xml_text
from nodes.types import Boxes, File


@node("export.voc", version=2)
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
    `cat/0003` is written as `cat__0003`. Regions to ignore are written as `difficult`.

    `load.voc`, given the class names as `classes`, reads back boxes rounded to whole pixels (the second time
    exactly), classes and regions to ignore. Scores, and what VOC says of pose and truncation, are not kept.

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
    leaf(root, "folder", "JPEGImages")
    leaf(root, "filename", sample.name)
    size = SubElement(root, "size")
    for name, value in (("width", sample.file.width), ("height", sample.file.height), ("depth", 3)):
        leaf(size, name, str(value))
    leaf(root, "segmented", "0")
    xyxy, kept = clipped(sample.boxes, sample.file.width, sample.file.height)
    for corners, index in zip(xyxy.tolist(), kept.tolist(), strict=True):
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        found = SubElement(root, "object")
        leaf(found, "name", xml_text(name, f"item {sample.key!r}"))
        leaf(found, "pose", "Unspecified")
        leaf(found, "truncated", "0")
        leaf(found, "difficult", str(int(sample.boxes.ignore[index])))
        _box(found, corners, (sample.file.width, sample.file.height))
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _box(found: Element, corners: Sequence[float], size: tuple[int, int]) -> None:
    """1-based and inclusive: the last pixel of a half-open interval has the number of its end."""
    left, right = pixel_span(corners[0], corners[2], size[0])
    top, bottom = pixel_span(corners[1], corners[3], size[1])
    box = SubElement(found, "bndbox")
    for side, number in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):
        leaf(box, side, str(number))

"""Writing a detection dataset in the YOLO layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportFolder
from nodes.export.samples import Sample, clipped, samples_of, union_of_names
from nodes.export.split import SplitName, ValShare, split_of
from nodes.types import Boxes, File

_NOT_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What a YAML file must escape, beyond what JSON does (YAML 1.1, chapter 5)."""


@node("export.yolo", version=2)
def export_yolo(
    files: Collected[File],
    boxes: Collected[Boxes],
    *,
    split: SplitName = "train",
    val_share: ValShare = 0.0,
    ctx: Context,
) -> Artifact:
    """Write pictures and boxes in the YOLO layout: `images/<split>/`, `labels/<split>/` and `data.yaml`.

    A label row is `class x_center y_center width height`, normalised to 0 to 1 with six digits, of the box
    clipped into the picture; a box thinner than 0.01 px there is left out, and a picture without objects has
    an empty label file. Classes count from 0 in the order of their first appearance.

    The format knows no regions to ignore. Those of a picture go, in the same form, to `ignore/<split>/`,
    which is our own folder: `load.yolo` reads it back, other readers do not look there. Boxes (to a millionth
    of the picture's side), the names and order of classes, and regions to ignore are read back; scores and
    the source's class ids are not.

    Raises:
        ExportError: if an item is in one stream only, or two items would
            get the same file name.
    """
    folder = ExportFolder(ctx.new_folder())
    names = union_of_names(item.value for item in boxes)
    used: set[str] = set()
    for done, sample in enumerate(samples_of(files, boxes, _readable), start=1):
        part = split_of(sample.key, split, val_share)
        used.add(part)
        folder.write(f"images/{part}/{sample.name}", sample.file.data, [sample.key])
        folder.write(f"labels/{part}/{sample.stem}.txt", _rows(sample, names, ignore=False), [sample.key])
        ignored = _rows(sample, names, ignore=True)
        if ignored:
            folder.write(f"ignore/{part}/{sample.stem}.txt", ignored, [sample.key])
        ctx.progress(done, len(files))
    folder.write("data.yaml", _data_yaml(names, split, used), files.keys())
    return folder.artifact()


def _readable(stem: str) -> str:
    """The stem without a folder called `images`: readers find a label by the last one in a picture's path."""
    return "/".join(part + "_" if part == "images" else part for part in stem.split("/"))


def _rows(sample: Sample, names: Sequence[str], *, ignore: bool) -> str:
    """The rows of the objects, or of the regions to ignore."""
    return "".join(row for row, region in _all_rows(sample, names) if region == ignore)


def _all_rows(sample: Sample, names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The row of each box, and whether it is a region to ignore."""
    width, height = sample.file.width, sample.file.height
    xyxy, kept = clipped(sample.boxes, width, height)
    for (left, top, right, bottom), index in zip(xyxy.tolist(), kept.tolist(), strict=True):
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        centre_x, centre_y = (left + right) / 2 / width, (top + bottom) / 2 / height
        share_x, share_y = (right - left) / width, (bottom - top) / height
        row = f"{names.index(name)} {centre_x:.6f} {centre_y:.6f} {share_x:.6f} {share_y:.6f}\n"
        yield row, bool(sample.boxes.ignore[index])


def _data_yaml(names: Sequence[str], split: str, used: set[str]) -> str:
    """Paths are relative to the file's folder, which readers take as the root when `path` is not given."""
    lines = [f"{part}: images/{part}\n" for part in sorted(used | {split})]
    if "val" not in used | {split}:
        lines.append(f"val: images/{split}  # no val_share was set: readers insist on the entry\n")
    lines.append("names:\n" if names else "names: {}\n")
    lines.extend(f"  {index}: {_yaml_text(name)}\n" for index, name in enumerate(names))
    return "".join(lines)


def _yaml_text(name: str) -> str:
    """A text in double quotes, in which JSON's escapes are YAML's too."""
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(name, ensure_ascii=False))

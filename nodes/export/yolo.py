"""Writing a detection dataset in the YOLO layout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportFolder
from nodes.export.samples import Sample, clipped, samples_of, union_of_names
from nodes.export.split import SplitName, ValShare, split_of
from nodes.types import Boxes, File


@node("export.yolo", version=1)
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
        folder.write(f"labels/{part}/{sample.stem}.txt", "".join(_rows(sample, names)), [sample.key])
        ctx.progress(done, len(files))
    folder.write("data.yaml", _data_yaml(names, split, used), files.keys())
    return folder.artifact()


def _readable(stem: str) -> str:
    """The stem without a folder called `images`: readers find a label by the last one in a picture's path."""
    return "/".join(part + "_" if part == "images" else part for part in stem.split("/"))


def _rows(sample: Sample, names: Sequence[str]) -> Iterator[str]:
    width, height = sample.file.width, sample.file.height
    xyxy, kept = clipped(sample.boxes, width, height)
    for (left, top, right, bottom), index in zip(xyxy.tolist(), kept.tolist(), strict=True):
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        centre_x, centre_y = (left + right) / 2 / width, (top + bottom) / 2 / height
        share_x, share_y = (right - left) / width, (bottom - top) / height
        yield f"{names.index(name)} {centre_x:.6f} {centre_y:.6f} {share_x:.6f} {share_y:.6f}\n"


def _data_yaml(names: Sequence[str], split: str, used: set[str]) -> str:
    """Paths are relative to the file's folder, which readers take as the root when `path` is not given."""
    lines = [f"{part}: images/{part}\n" for part in sorted(used | {split})]
    if "val" not in used | {split}:
        lines.append(f"val: images/{split}  # no val_share was set: readers insist on the entry\n")
    lines.append("names:\n" if names else "names: {}\n")
    lines.extend(f"  {index}: {json.dumps(name, ensure_ascii=False)}\n" for index, name in enumerate(names))
    return "".join(lines)

"""Writing a detection dataset as COCO JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from nodegraph import Artifact, Collected, Context, Param, node
from nodes.export.clips import Frames
from nodes.export.folder import ExportError, ExportFolder
from nodes.export.samples import Sample, clipped, pictures_boxes, samples_of, union_of_categories
from nodes.types import Boxes, BoxTrack, Categories, File, Video


@node("export.coco", version=2)
def export_coco(
    files: Collected[File] | None = None,
    boxes: Collected[Boxes | BoxTrack] | None = None,
    video: Collected[Video] | None = None,
    *,
    description: Annotated[str, Param(help="what the dataset is, for `info` in the file")] = "",
    ctx: Context,
) -> Artifact:
    """Write pictures and boxes as a COCO detection dataset: `images/` and `annotations.json`.

    `file_name` is relative to `images/` and follows the item key. Boxes are `[x, y, width, height]` in
    pixels, 0-based and continuous, clipped into the picture; those thinner than 0.01 px there are left out.
    Image and annotation ids count from 1 in stream order; category ids are those of the source. A box with a
    score below 1 carries it as `score`. Regions to ignore are crowds: `iscrowd` 1, with the box in whole
    pixels as uncompressed run lengths, which is the segmentation that COCO asks for there. `load.coco` reads
    back equal boxes (to 0.001 px; the second time exactly), classes and regions to ignore, but no scores.

    Link pictures that `image.encode` made as `files`, and their boxes: then a new picture costs one encoding.
    Or, for a small set, link clips as `video`, and their tracked boxes if there are any: every frame is
    then a picture, encoded as JPEG whenever the dataset is written.

    Raises:
        ExportError: if neither or both of `files` and `video` are linked, an item is in one stream only,
            classes contradict each other, or two items would get the same file name.
    """
    folder = ExportFolder(ctx.new_folder())
    files, boxes = _pictures(files, boxes, video)
    categories = union_of_categories(item.value for item in boxes)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for sample in samples_of(files, boxes):
        folder.write(f"images/{sample.name}", sample.file.data, [sample.key])
        images.append(_image(sample, image_id=len(images) + 1))
        annotations.extend(_annotations(sample, categories, len(images), first_id=len(annotations) + 1))
        ctx.progress(len(images), len(files))
    document = {
        "info": {"description": description, "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": _categories(categories),
    }
    folder.write("annotations.json", _document(document), files.keys())
    return folder.artifact()


def _pictures(
    files: Collected[File] | None, boxes: Collected[Boxes | BoxTrack] | None, video: Collected[Video] | None
) -> tuple[Collected[File], Collected[Boxes]]:
    """The encoded pictures and their boxes, as they were linked or out of clips."""
    if (files is None) == (video is None):
        raise ExportError("link either files (encoded pictures, with their boxes) or video (clips)")
    if video is not None:
        frames = Frames(video)
        return frames, frames.boxes(boxes)
    if files is None or boxes is None:
        raise ExportError("pictures need boxes: link boxes too; a picture without objects has empty ones")
    return files, pictures_boxes(boxes)


def _image(sample: Sample, image_id: int) -> dict[str, Any]:
    return {
        "id": image_id,
        "file_name": sample.name,
        "width": sample.file.width,
        "height": sample.file.height,
    }


def _categories(categories: Categories) -> list[dict[str, Any]]:
    by_id = sorted(zip(categories.ids, categories.names, strict=True))
    return [{"id": id, "name": name, "supercategory": ""} for id, name in by_id]


def _annotations(
    sample: Sample, categories: Categories, image_id: int, first_id: int
) -> Iterator[dict[str, Any]]:
    id_of = dict(zip(categories.names, categories.ids, strict=True))
    width, height = sample.file.width, sample.file.height
    xyxy, kept = clipped(sample.boxes, width, height)
    for offset, (corners, index) in enumerate(zip(xyxy.tolist(), kept.tolist(), strict=True)):
        x, w = _span(corners[0], corners[2], width)
        y, h = _span(corners[1], corners[3], height)
        name = sample.boxes.categories.names[sample.boxes.class_ids[index]]
        score = float(sample.boxes.scores[index])
        crowd = bool(sample.boxes.ignore[index])
        yield {
            "id": first_id + offset,
            "image_id": image_id,
            "category_id": id_of[name],
            "bbox": [x, y, w, h],
            "area": round(w * h, 3),
            "iscrowd": int(crowd),
            "segmentation": _run_lengths(corners, width, height) if crowd else [],
            **({"score": round(score, 4)} if score < 1 else {}),
        }


def _span(start: float, end: float, limit: int) -> tuple[float, float]:
    """Start and length, such that even their floating-point sum stays within the picture."""
    length = round(end - start, 3)
    while start + length > limit:
        length = math.nextafter(length, 0)
    return start, length


def _run_lengths(corners: Sequence[float], width: int, height: int) -> dict[str, Any]:
    """The pixels a box touches as COCO's uncompressed run lengths: column by column, outside and inside."""
    left, top = math.floor(corners[0]), math.floor(corners[1])
    columns, rows = math.ceil(corners[2]) - left, math.ceil(corners[3]) - top
    between = height - rows
    inside = [rows, between] * (columns - 1) + [rows] if between else [rows * columns]
    before = left * height + top
    counts = [before, *inside, width * height - before - columns * height + between]
    return {"size": [height, width], "counts": counts}


def _document(sections: Mapping[str, Any]) -> str:
    """JSON with one record a line, so that a diff of two exports shows records."""
    lines = (f"{_json(name)}: {_section(content)}" for name, content in sections.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _section(content: Any) -> str:
    if not isinstance(content, list) or not content:
        return _json(content)
    return "[\n " + ",\n ".join(map(_json, content)) + "\n]"


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)

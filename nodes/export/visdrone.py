"""Writing a detection dataset in the VisDrone-DET layout."""

from __future__ import annotations

from collections.abc import Iterator

from nodegraph import Artifact, Collected, Context, node
from nodes.export.folder import ExportError, ExportFolder
from nodes.export.samples import Sample, clipped, pixel_span, samples_of
from nodes.load.visdrone_txt import VISDRONE_CLASSES
from nodes.types import Boxes, File


@node("export.visdrone", version=1)
def export_visdrone(files: Collected[File], boxes: Collected[Boxes], *, ctx: Context) -> Artifact:
    """Write pictures and boxes in the layout of VisDrone-DET: `images/` and `annotations/`.

    A row is `left,top,width,height,score,category,truncation,occlusion` in whole pixels, 0-based. Boxes are
    clipped into the picture first; those thinner than 0.01 px there are left out, any other keeps at least
    one pixel. The score is 0 for regions to ignore, else 1. Classes go by name and must be VisDrone's.

    `load.visdrone` reads back boxes rounded to whole pixels (the second time exactly), classes and regions to
    ignore. Confidences are not kept, and truncation and occlusion, which boxes do not know, are written as 0.

    Raises:
        ExportError: if an item is in one stream only, a class is not one of VisDrone's, or two items would
            get the same file name.
    """
    folder = ExportFolder(ctx.new_folder())
    for done, sample in enumerate(samples_of(files, boxes), start=1):
        folder.write(f"images/{sample.name}", sample.file.data, [sample.key])
        folder.write(f"annotations/{sample.stem}.txt", "".join(_rows(sample)), [sample.key])
        ctx.progress(done, len(files))
    return folder.artifact()


def _rows(sample: Sample) -> Iterator[str]:
    width, height = sample.file.width, sample.file.height
    xyxy, kept = clipped(sample.boxes, width, height)
    for corners, index in zip(xyxy.tolist(), kept.tolist(), strict=True):
        left, right = pixel_span(corners[0], corners[2], width)
        top, bottom = pixel_span(corners[1], corners[3], height)
        category = _category(sample.boxes.categories.names[sample.boxes.class_ids[index]], sample.key)
        counted = int(not sample.boxes.ignore[index])
        yield f"{left},{top},{right - left},{bottom - top},{counted},{category},0,0\n"


def _category(name: str, key: str) -> int:
    try:
        return VISDRONE_CLASSES.index(name)
    except ValueError:
        known = ", ".join(VISDRONE_CLASSES)
        raise ExportError(
            f"item {key!r}: VisDrone has no class {name!r}; rename it to one of: {known}"
        ) from None

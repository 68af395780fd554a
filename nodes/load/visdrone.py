"""`load.visdrone`: a data set in the VisDrone-DET format."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import (
    AnnotatedImage,
    AnnotationError,
    boxes_of,
    clip_boxes,
    refused_item,
)
from nodes.load.folder import DatasetFolder, OutsideRootError
from nodes.load.paired import Pair, pairs_in
from nodes.load.pixels import read_image
from nodes.load.subset import Subset, SubsetSeed, drawn
from nodes.load.visdrone_txt import IGNORED_REGION, VISDRONE_CLASSES, Rows, read_visdrone_rows
from nodes.types import Categories


@node("load.visdrone", version=1, pure=False)
def load_visdrone(
    root: Annotated[Path, Param(help="folder that holds images/ and annotations/")],
    annotations: Annotated[str, Param(help="the folder of the text files, relative to root")] = "annotations",
    *,
    classes: Annotated[
        list[str] | None, Param(min_length=1, help="the classes whose boxes are kept; default: all")
    ] = None,
    rows: Annotated[Rows, Param(help="ground truth, or results with confidences")] = "truth",
    subset: Subset = None,
    subset_seed: SubsetSeed = 0,
) -> Stream[AnnotatedImage]:
    """The pictures of a VisDrone-DET data set with their boxes, in the order of their names.

    A picture `images/x.jpg` goes with `annotations/x.txt`, which is empty where there are no objects; the
    item key is the picture's name below `images`. Classes are VisDrone's twelve, with its ids 0 to 11 in
    `categories.ids`. Regions to ignore are the boxes of category 0 ("ignored regions") and those with score
    0. Category 0 stays whatever `classes` says, as the first class; boxes of other classes are left out. The
    toolkit scores the classes 1 to 10, not 11 ("others"). Truncation and occlusion are not read. Boxes are
    cut at the picture's edge, and one without any area inside is left out with a warning.

    `rows: results` reads a folder of result files instead, with a confidence of 0 to 1 as the score of each
    box; nothing in them is to be ignored but boxes of category 0.

    One item fails alone, and by name, if its picture or annotation file is missing, ambiguous or leads out of
    `root`, the picture cannot be decoded, or a row is not of eight numbers, is negative, or is of an unknown
    category.

    Raises:
        FileNotFoundError: if `root`, its folder images or `annotations` does not exist, or holds no picture.
        OutsideRootError: if `annotations` is not a relative name below `root`.
        AnnotationError: if one of `classes` is not VisDrone's.
    """
    folder = DatasetFolder(root)
    images, labels = _folder(folder, "images"), _folder(folder, annotations)
    categories = _categories(VISDRONE_CLASSES if classes is None else tuple(classes))
    pairs = pairs_in(folder, images, labels, {".txt"})
    if not any(pair.pictures for pair in pairs):
        raise FileNotFoundError(f"{images}: there is no picture in it")
    read = partial(_read, categories, rows)
    for pair in drawn(pairs, lambda pair: pair.key, subset, subset_seed):
        try:
            files = _files(pair, folder, images, labels)
        except (OutsideRootError, FileNotFoundError, AnnotationError) as error:
            yield refused_item(pair.key, error)
        else:
            yield Item(pair.key, partial(read, *files), reads=files)


def _folder(folder: DatasetFolder, name: str) -> Path:
    path = folder.locate(name)
    if path.is_dir():
        return path
    below = sorted(found.parent.name for found in folder.root.glob("*/images"))
    hint = f"; set 'root' to one of its folders {', '.join(below)}" if below else ""
    raise FileNotFoundError(f"{path}: no such folder; VisDrone has images/ and annotations/{hint}")


def _categories(names: tuple[str, ...]) -> Categories:
    unknown = [name for name in names if name not in VISDRONE_CLASSES]
    if unknown:
        known = ", ".join(VISDRONE_CLASSES)
        raise AnnotationError(f"classes: {unknown[0]!r} is no class of VisDrone, which has: {known}")
    kept = [name for name in VISDRONE_CLASSES if name in names or name == VISDRONE_CLASSES[IGNORED_REGION]]
    return Categories(tuple(kept), tuple(VISDRONE_CLASSES.index(name) for name in kept))


def _files(pair: Pair, folder: DatasetFolder, images: Path, labels: Path) -> tuple[Path, Path]:
    picture, annotation = pair.files(folder, images)
    if annotation is None:
        wanted = labels / f"{pair.stem}.txt"
        raise FileNotFoundError(f"{wanted}: no such file; an empty one says that there are no objects")
    return picture, annotation


def _read(categories: Categories, rows: Rows, picture: Path, annotation: Path) -> AnnotatedImage:
    class_of = {category: index for index, category in enumerate(categories.ids)}
    found = [row for row in read_visdrone_rows(annotation, rows) if row.category in class_of]
    image = read_image(picture)
    boxes = boxes_of(
        [row.xyxy for row in found],
        [class_of[row.category] for row in found],
        categories,
        [row.score for row in found],
        [row.ignore for row in found],
    )
    return AnnotatedImage(image, clip_boxes(boxes, image.size, str(annotation)))

"""`load.voc`: a data set in the Pascal VOC format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import (
    AnnotatedImage,
    AnnotationError,
    Marked,
    boxes_of,
    check_size,
    clip_boxes,
    refused_item,
    settle_marked,
    text_lines,
)
from nodes.load.folder import DatasetFolder, OutsideRootError, is_picture, item_key
from nodes.load.pixels import read_image
from nodes.load.subset import Subset, SubsetSeed, drawn
from nodes.load.voc_xml import Coordinates, read_voc_objects
from nodes.types import Categories

# fmt: off
VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)
# fmt: on


@node("load.voc", version=2, pure=False)
def load_voc(
    root: Annotated[Path, Param(help="folder that holds Annotations/ and JPEGImages/, such as VOC2012")],
    *,
    split: Annotated[str, Param(help="a list in ImageSets/Main, such as train; default: all")] = "",
    classes: Annotated[
        list[str] | None, Param(help="the class names in the order of their ids; default: VOC's twenty")
    ] = None,
    coordinates: Annotated[Coordinates, Param(help="voc: 1-based, inclusive")] = "voc",
    difficult: Annotated[
        Marked, Param(help="objects marked difficult: regions to ignore, ordinary objects, or left out")
    ] = "ignore",
    subset: Subset = None,
    subset_seed: SubsetSeed = 0,
) -> Stream[AnnotatedImage]:
    """The pictures of a Pascal VOC data set with their boxes, in the order of the list or of their names.

    An item is an annotation file; its key is VOC's picture id, the file's name without `.xml`. The picture is
    the one of that name in JPEGImages. `coordinates` says what the numbers in the files mean: "voc" as in VOC
    itself, 1-based with the last pixel included; "zero_based" as in `Boxes`, 0-based with `xmax` and `ymax`
    excluded. Boxes are cut at the picture's edge, and one without any area inside is left out with a warning.
    The parts of an object are not read. VOC's evaluation takes difficult objects neither for nor against, so
    they are regions to ignore. Classes are given rather than collected from the files, so that a new file
    cannot renumber them. Of a list for one class, pictures marked -1 are left out.

    One item fails alone, and by name, if its annotation or picture is missing or cannot be read, is ambiguous
    or leads out of `root`, the picture is not of the stated size, or an object is of an unknown class or has
    a box that is negative or not finite.

    Raises:
        FileNotFoundError: if `root`, its Annotations folder or the list does not exist.
        OutsideRootError: if `split` is not a relative name.
        AnnotationError: if a picture occurs twice in the list, or a name twice in `classes`.
    """
    folder = DatasetFolder(root)
    _check_layout(folder)
    categories = _categories(VOC_CLASSES if classes is None else tuple(classes))
    pictures = _pictures_by_id(root / "JPEGImages")
    read = partial(_read, categories, coordinates, difficult)
    listed = _listed(folder, split) if split else _annotated(root / "Annotations")
    for picture_id, place in drawn(listed, lambda entry: entry[0], subset, subset_seed):
        key = item_key(picture_id, otherwise=place)
        try:
            files = _files(folder, picture_id, pictures)
        except (OutsideRootError, FileNotFoundError, AnnotationError) as error:
            yield refused_item(key, error)
        else:
            yield Item(key, partial(read, *files), reads=files, uses=categories)


def _check_layout(folder: DatasetFolder) -> None:
    if (folder.root / "Annotations").is_dir():
        return
    below = sorted(path.parent.name for path in folder.root.glob("*/Annotations"))
    hint = f"; set 'root' to one of its folders {', '.join(below)}" if below else ""
    raise FileNotFoundError(f"{folder.root}: has no folder Annotations, as a VOC data set has{hint}")


def _categories(names: tuple[str, ...]) -> Categories:
    try:
        return Categories.of(*names)
    except ValueError as error:
        raise AnnotationError(f"classes: {error}") from None


def _pictures_by_id(place: Path) -> Mapping[str, list[str]]:
    """The names of the picture files in a folder, by their stem."""
    by_id: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if is_picture(path):
            by_id[path.stem].append(path.name)
    return by_id


def _annotated(folder: Path) -> list[tuple[str, str]]:
    """The ids that have an annotation file, each with the file's name."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".xml")
    return [(name.removesuffix(".xml"), name) for name in names if not name.startswith(".")]


def _listed(folder: DatasetFolder, split: str) -> list[tuple[str, str]]:
    """The ids in a list, each with the line it stands on, such as `train.txt:3`."""
    path = folder.locate(f"ImageSets/Main/{split}.txt")
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.txt"))) or "none"
        raise FileNotFoundError(f"{path}: no such list; 'split' can be: {known}")
    ids: dict[str, int] = {}
    for number, line in enumerate(text_lines(path), 1):
        match line.split():
            case [] | [_, "-1"]:
                continue
            case [picture_id, *_]:
                if ids.setdefault(picture_id, number) != number:
                    raise AnnotationError(
                        f"{path}:{number}: {picture_id!r} is already on line {ids[picture_id]}"
                    )
    return [(picture_id, f"{path.name}:{number}") for picture_id, number in ids.items()]


def _files(folder: DatasetFolder, picture_id: str, pictures: Mapping[str, list[str]]) -> tuple[Path, Path]:
    """The annotation file and the picture."""
    annotation = folder.locate(f"Annotations/{picture_id}.xml")
    if not annotation.is_file():
        raise FileNotFoundError(f"{annotation}: no such file, but {picture_id!r} is listed")
    found = pictures.get(picture_id, [])
    if not found:
        raise FileNotFoundError(
            f"{annotation}: there is no picture {picture_id!r} in {folder.root / 'JPEGImages'}"
        )
    if len(found) > 1:
        raise AnnotationError(f"{annotation}: several pictures have its name: {', '.join(found)}")
    return annotation, folder.locate(f"JPEGImages/{found[0]}")


def _read(
    categories: Categories, coordinates: Coordinates, difficult: Marked, annotation: Path, picture: Path
) -> AnnotatedImage:
    class_of = {name: index for index, name in enumerate(categories.names)}
    objects = read_voc_objects(annotation, class_of, coordinates=coordinates)
    image = read_image(picture)
    check_size(image, objects.size, str(annotation))
    boxes = boxes_of(objects.xyxy, objects.class_ids, categories, ignore=objects.difficult)
    boxes = settle_marked(boxes, difficult)
    return AnnotatedImage(image, clip_boxes(boxes, image.size, str(annotation)))

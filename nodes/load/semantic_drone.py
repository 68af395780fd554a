"""`load.semantic_drone`: the Semantic Drone Dataset of TU Graz, for detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import (
    AnnotatedImage,
    AnnotationError,
    boxes_of,
    read_annotated,
    refused_item,
)
from nodes.load.folder import PICTURE_SUFFIXES, DatasetFolder, OutsideRootError
from nodes.load.label_images import LabelImage, read_label_image, regions
from nodes.load.labelme_xml import read_labelme_objects
from nodes.load.paired import Pair, pairs_in
from nodes.load.semantic_drone_layout import (
    PERSON,
    THINGS,
    ClassList,
    Layout,
    Source,
    find_layout,
    read_classes,
)
from nodes.load.subset import Subset, SubsetSeed, drawn
from nodes.types import Boxes, Categories

BoxesFrom = Literal["auto", "instances", "label_me", "semantic"]


@dataclass(frozen=True)
class _Reading:
    """How the boxes of one picture are made.

    Attributes:
        classes: all classes of the data set.
        categories: those whose boxes are kept.
    """

    source: Source
    classes: ClassList
    categories: Categories
    min_area: int


@node("load.semantic_drone", version=1, pure=False)
def load_semantic_drone(
    root: Annotated[Path, Param(help="the data set's training_set, or the folder of Kaggle's repack")],
    *,
    boxes_from: Annotated[
        BoxesFrom, Param(help="instance masks, LabelMe files, semantic label images, or the first there is")
    ] = "auto",
    classes: Annotated[
        list[str] | None, Param(min_length=1, help="the classes whose boxes are kept; default: see above")
    ] = None,
    min_area: Annotated[
        int, Param(ge=1, unit="px", help="smallest region of a semantic label image that is an object")
    ] = 100,
    unlabelled: Annotated[
        Literal["fail", "empty"], Param(help="a picture without a label file fails, or has no boxes")
    ] = "fail",
    subset: Subset = None,
    subset_seed: SubsetSeed = 0,
) -> Stream[AnnotatedImage]:
    """The pictures of the Semantic Drone Dataset with boxes, in the order of their names.

    The official layout is read (`images`, `gt`) and Kaggle's (`original_images`, `label_images_semantic`).
    The official boxes are of persons only. They are taken from

    - instances: `gt/bounding_box/masks_instances`, where each person's box is drawn with a value of its own:
      a connected region of one value other than 0 (black) is a person;
    - label_me: `gt/bounding_box/label_me_xml`: the bounds of each outline;
    - semantic: the semantic label images, of colours or class indices: a connected region of a class with at
      least `min_area` pixels is an object. Objects that touch become one, and one that is cut in two by
      another becomes two; these boxes are ours, not the data set's.

    auto takes the first of these that the data set has. The official pickle of boxes is never opened: a
    pickle can run code. Semantic classes are by default person, dog, car and bicycle; label_me takes all.

    Classes come from `class_dict.csv`, or are the published ones; ids in `categories.ids` are the values of
    label images. Regions to ignore exist in LabelMe files only, by the attribute `ignore` that
    `export.semantic_drone` writes. Boxes are cut at the picture's edge, and one without any area inside is
    left out with a warning. The item key is the picture's name below its folder.

    One item fails alone, and by name, if its picture or label file is missing, ambiguous or leads out of
    `root`, cannot be read, is of another size than the picture, or holds a value, colour or name that is no
    class.

    Raises:
        FileNotFoundError: if `root` does not exist or has no pictures or nothing to take boxes from.
        AnnotationError: if the class file is malformed or lacks one of `classes`.
    """
    folder = DatasetFolder(root)
    layout = find_layout(folder)
    source = _source(layout, boxes_from, root)
    class_list = read_classes(layout.class_file)
    categories = _categories(class_list, source, classes)
    reading = _Reading(source, class_list, categories, min_area)
    suffixes = {".xml"} if source == "label_me" else PICTURE_SUFFIXES
    pairs = pairs_in(folder, layout.images, layout.labels[source], suffixes)
    for pair in drawn(pairs, lambda pair: pair.key, subset, subset_seed):
        yield _item(folder, layout, pair, reading, unlabelled == "empty")


def _source(layout: Layout, boxes_from: BoxesFrom, root: Path) -> Source:
    if boxes_from == "auto":
        return next(iter(layout.labels))
    if boxes_from not in layout.labels:
        known = ", ".join(layout.labels)
        raise FileNotFoundError(f"{root}: has no folder for boxes_from: {boxes_from}; it has: {known}")
    return boxes_from


def _categories(class_list: ClassList, source: Source, classes: list[str] | None) -> Categories:
    ids = dict(zip(class_list.categories.names, class_list.categories.ids, strict=True))
    unknown = [name for name in classes or () if name not in ids]
    if unknown:
        raise AnnotationError(f"classes: the data set has no class {unknown[0]!r}; it has: {', '.join(ids)}")
    names = classes or _default_names(source, tuple(ids))
    kept = [name for name in ids if name in names]
    return Categories(tuple(kept), tuple(ids[name] for name in kept))


def _default_names(source: Source, known: tuple[str, ...]) -> tuple[str, ...]:
    return {"instances": (PERSON,), "label_me": known, "semantic": THINGS}[source]


def _item(
    folder: DatasetFolder, layout: Layout, pair: Pair, reading: _Reading, allow_unlabelled: bool
) -> Item[AnnotatedImage]:
    try:
        picture, labels = pair.files(folder, layout.images)
        if labels is None and not allow_unlabelled:
            raise FileNotFoundError(
                f"{picture}: there is no file {pair.stem!r} in {layout.labels[reading.source]}; "
                "unlabelled: empty takes such pictures as having no objects"
            )
    except (OutsideRootError, FileNotFoundError, AnnotationError) as error:
        return refused_item(pair.key, error)
    files = [picture] if labels is None else [picture, labels]
    uses = {
        "source": reading.source,
        "known": reading.classes.categories,
        "colours": [list(colour or ()) for colour in reading.classes.colours],
        "categories": reading.categories,
    }
    return Item(pair.key, partial(_read, reading, *files), reads=files, uses=uses)


def _read(reading: _Reading, picture: Path, labels: Path | None = None) -> AnnotatedImage:
    """Labels first: what they take is given back before the photograph is decoded."""
    if labels is None:
        return read_annotated(picture, boxes_of([], [], reading.categories), None, str(picture))
    boxes, size = _labelme_boxes(reading, labels) if reading.source == "label_me" else _boxes(reading, labels)
    return read_annotated(picture, boxes, size, str(labels))


def _labelme_boxes(reading: _Reading, path: Path) -> tuple[Boxes, tuple[int, int] | None]:
    class_of = {name: index for index, name in enumerate(reading.categories.names)}
    objects = read_labelme_objects(path, class_of, reading.classes.categories.names)
    boxes = boxes_of(objects.xyxy, objects.class_ids, reading.categories, ignore=objects.ignore)
    return boxes, objects.size


def _boxes(reading: _Reading, path: Path) -> tuple[Boxes, tuple[int, int]]:
    labels = read_label_image(path)
    if reading.source == "instances":
        wanted, min_area = _instances(labels, reading.categories), 1
    else:
        wanted, min_area = _things(labels, reading, path), reading.min_area
    found = [region for region in regions(labels, wanted) if region.area >= min_area]
    class_ids = [wanted[region.value] for region in found]
    return boxes_of([region.xyxy for region in found], class_ids, reading.categories), labels.size


def _instances(labels: LabelImage, categories: Categories) -> Mapping[int, int]:
    """The class index of each value: that of persons, for there are no others."""
    if PERSON not in categories.names:
        return {}
    return {value: categories.names.index(PERSON) for value in labels.values if value != 0}


def _things(labels: LabelImage, reading: _Reading, path: Path) -> Mapping[int, int]:
    """The class index of each value that is of a kept class.

    Raises:
        AnnotationError: if a value of the label image is no class.
    """
    categories, colours = reading.classes.categories, reading.classes.colours
    values = [_packed(colour) for colour in colours] if labels.is_coloured else categories.ids
    name_of = dict(zip(values, categories.names, strict=True))
    unknown = [value for value in labels.values if value not in name_of]
    if unknown:
        raise AnnotationError(f"{path}: {_shown(unknown[0], labels)} is no class of the data set")
    index_of = {name: index for index, name in enumerate(reading.categories.names)}
    return {value: index_of[name_of[value]] for value in labels.values if name_of[value] in index_of}


def _packed(colour: tuple[int, int, int] | None) -> int:
    return -1 if colour is None else colour[0] << 16 | colour[1] << 8 | colour[2]


def _shown(value: int, labels: LabelImage) -> str:
    if not labels.is_coloured:
        return f"the value {value}"
    return f"the colour ({value >> 16}, {value >> 8 & 255}, {value & 255})"

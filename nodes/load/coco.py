"""`load.coco`: a data set in the COCO detection format."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import (
    AnnotatedImage,
    AnnotationError,
    Marked,
    read_annotated,
    refused_item,
    settle_marked,
)
from nodes.load.coco_json import (
    CocoFile,
    CocoPicture,
    boxes_of_picture,
    only_classes,
    read_coco_file,
    stated_size,
)
from nodes.load.folder import DatasetFolder, OutsideRootError
from nodes.load.subset import Subset, SubsetSeed, drawn


@node("load.coco", version=2, pure=False)
def load_coco(
    root: Annotated[Path, Param(help="folder of the data set")],
    annotations: Annotated[str, Param(help="the COCO file, relative to root")] = "annotations.json",
    *,
    images: Annotated[str, Param(help="the pictures' folder, relative to root; default: root, images/")] = "",
    crowd: Annotated[
        Marked,
        Param(help="boxes around crowds (iscrowd 1): regions to ignore, ordinary objects, or left out"),
    ] = "ignore",
    classes: Annotated[
        list[str] | None,
        Param(min_length=1, help="only these classes, and pictures that show one; default: all"),
    ] = None,
    subset: Subset = None,
    subset_seed: SubsetSeed = 0,
) -> Stream[AnnotatedImage]:
    """The pictures of a COCO data set with their boxes, in the order of the file.

    A `file_name` is looked for in `images`, by default in `root` and then in `root/images`; it also is the
    item key. A picture without annotations has no boxes. Classes are in the order of their ids, and
    `categories.ids` keeps those, gaps included. Boxes are those of the upright picture: they are cut at its
    edge, and one without any area inside is left out with a warning. Segmentations and scores are not read.

    `classes` takes the pictures with at least one object of these classes that is no crowd, and leaves out
    the boxes of all others; ids stay those of the file. Of what is left, `subset` draws by the BLAKE3 digest
    of `subset_seed` and `file_name`: 5000 of COCO's train2017 is our COCO5k.

    One item fails alone, and by name, if its picture is missing or cannot be decoded, its `file_name` or a
    symbolic link leads out of `root`, the picture is not of the stated width and height, or one of its
    boxes is negative, not finite or of an unknown category.

    Raises:
        FileNotFoundError: if `root` or the COCO file does not exist.
        OutsideRootError: if `annotations` or `images` is not a relative name below `root`.
        AnnotationError: if the file is not JSON or not of COCO's structure, an id or file name occurs twice,
            an annotation belongs to no picture, or the file does not know one of `classes`.
    """
    folder = DatasetFolder(root)
    coco = read_coco_file(folder.locate(annotations))
    places = [folder.locate(images)] if images else [folder.root, folder.root / "images"]
    if classes is not None:
        coco = only_classes(coco, classes)
    for picture in drawn(coco.pictures, lambda picture: picture.key, subset, subset_seed):
        yield _item(folder, coco, picture, places, crowd)


def _item(
    folder: DatasetFolder, coco: CocoFile, picture: CocoPicture, places: list[Path], crowd: Marked
) -> Item[AnnotatedImage]:
    try:
        path = _find(folder, coco, picture, places)
        boxes = settle_marked(boxes_of_picture(coco, picture), crowd)
        stated = stated_size(coco, picture)
    except (OutsideRootError, FileNotFoundError, AnnotationError) as error:
        return refused_item(picture.key, error)
    source = f"{coco.path}: {picture.place}"
    make = partial(read_annotated, path, boxes, stated, source)
    return Item(picture.key, make, reads=[path], uses={"boxes": boxes, "size": stated})


def _find(folder: DatasetFolder, coco: CocoFile, picture: CocoPicture, places: list[Path]) -> Path:
    source = f"{coco.path}: {picture.place}.file_name"
    try:
        candidates = [folder.locate(picture.file_name, place) for place in places]
    except (OutsideRootError, FileNotFoundError) as error:
        raise type(error)(f"{source}: {error}") from None
    for path in candidates:
        if path.is_file():
            return path
    looked = " nor ".join(str(path) for path in candidates)
    raise FileNotFoundError(f"{source}: there is no picture {looked}")

"""`load.yolo`: a data set in the YOLO format."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import (
    AnnotatedImage,
    AnnotationError,
    clip_boxes,
    refused_item,
    text_lines,
)
from nodes.load.folder import DatasetFolder, OutsideRootError, item_key
from nodes.load.pixels import read_image
from nodes.load.subset import Subset, SubsetSeed, drawn
from nodes.load.yolo_files import YoloFile, boxes_of_rows, read_labels, read_yolo_file


@node("load.yolo", version=2, pure=False)
def load_yolo(
    root: Annotated[Path, Param(help="folder of the data set")],
    data: Annotated[str, Param(help="the YAML file with the class names, relative to root")] = "data.yaml",
    *,
    split: Annotated[Literal["train", "val", "test"], Param(help="which part of the data set")] = "train",
    subset: Subset = None,
    subset_seed: SubsetSeed = 0,
) -> Stream[AnnotatedImage]:
    """The pictures of one split of a YOLO data set with their boxes, in the order of their names.

    The format knows no regions to ignore. They are read from files of the same form under `ignore`, in place
    of the last `images` in the picture's path, as `export.yolo` writes them; other readers skip that folder.

    The split is a folder, a text file with one picture a line, or several of these. Its names are relative
    to `path` in the YAML file if that names a folder below `root`, else to `root`; a leading `../` is left
    off. A picture's labels are in the file with the same name and `.txt`, under `labels` in place of the
    last `images` in its path; without such a file it has no objects. An outline becomes the box around it.
    Boxes are cut at the picture's edge, and one without any area inside is left out with a warning. The item
    key is the picture's name relative to `root`, with the suffix.

    One item fails alone, and by name, if its picture is missing or cannot be decoded, its name or a symbolic
    link leads out of `root`, or a line of its labels is malformed, not in fractions, or of an unknown class.

    Raises:
        FileNotFoundError: if `root`, the YAML file or the split does not exist, or the split has no picture.
        OutsideRootError: if `data` or the split is not a relative name below `root`.
        AnnotationError: if the YAML file is not one, has no usable names, or does not name the split; or two
            lines of a list name the same picture.
    """
    folder = DatasetFolder(root)
    yolo = read_yolo_file(folder.locate(data))
    if split not in yolo.splits:
        named = ", ".join(yolo.splits) or "none"
        raise AnnotationError(f"{yolo.path}: names no split {split!r}; it names: {named}")
    listed = _listed(folder, yolo, split)
    if not listed:
        raise FileNotFoundError(
            f"{yolo.path}: there is no picture in the split {split!r}: {yolo.splits[split]}"
        )
    for key in drawn(list(listed), str, subset, subset_seed):
        name, source = listed[key]
        yield _item(folder, yolo, name, key, source)


def _listed(folder: DatasetFolder, yolo: YoloFile, split: str) -> dict[str, tuple[str, str]]:
    """By item key, the name of each picture of the split as it is written, and where."""
    listed: dict[str, tuple[str, str]] = {}
    for place in yolo.splits[split]:
        for name, source in _pictures(folder, _split_path(folder, yolo, split, place)):
            key = item_key(name, otherwise=Path(source).name)
            if key in listed:
                raise AnnotationError(f"{source}: the picture {name!r} occurs twice in the split {split!r}")
            listed[key] = name, source
    return listed


def _split_path(folder: DatasetFolder, yolo: YoloFile, split: str, place: str) -> Path:
    source = f"{yolo.path}: {split}"
    while place.startswith("../"):
        place = place.removeprefix("../")
    try:
        path = folder.locate(place, _base(folder, yolo))
    except (OutsideRootError, FileNotFoundError) as error:
        raise type(error)(f"{source}: {error}") from None
    if not path.exists():
        raise FileNotFoundError(f"{source}: there is no {path}")
    return path


def _base(folder: DatasetFolder, yolo: YoloFile) -> Path:
    """The folder that the YAML file's names are relative to."""
    try:
        base = folder.locate(yolo.base)
    except (OutsideRootError, FileNotFoundError):
        # Where the data set was on the machine it was made on; `root` says where it is.
        return folder.root
    return base if base.is_dir() else folder.root


def _pictures(folder: DatasetFolder, place: Path) -> Iterator[tuple[str, str]]:
    """The pictures of a folder or list: the name relative to `root` as it is written, and where."""
    if place.is_dir():
        for path in folder.pictures(place):
            yield path.relative_to(folder.root).as_posix(), str(path)
        return
    base = place.parent.relative_to(folder.root)
    for number, line in enumerate(text_lines(place), 1):
        name = line.strip().replace("\\", "/")
        if name:
            # As written by the usual tools: "./" is the list's own folder, anything else the data set's.
            yield (base / name).as_posix() if name.startswith("./") else name, f"{place}:{number}"


def _item(folder: DatasetFolder, yolo: YoloFile, name: str, key: str, source: str) -> Item[AnnotatedImage]:
    try:
        path = _located(folder, name, source)
        if not path.is_file():
            raise FileNotFoundError(f"{source}: there is no picture {path}")
        labels = folder.locate(_beside(name, "labels") or _as_text(name))
        ignored = _beside(name, "ignore")
        regions = folder.locate(ignored) if ignored else None
    except (OutsideRootError, FileNotFoundError) as error:
        return refused_item(key, error)
    labels = labels if labels.is_file() else None
    regions = regions if regions and regions.is_file() else None
    uses = {"categories": yolo.categories, "keypoint_values": yolo.keypoint_values}
    reads = [file for file in (path, labels, regions) if file]
    return Item(key, partial(_read, yolo, path, labels, regions), reads=reads, uses=uses)


def _as_text(name: str) -> str:
    return PurePosixPath(name).with_suffix(".txt").as_posix()


def _located(folder: DatasetFolder, name: str, source: str) -> Path:
    try:
        return folder.locate(name)
    except (OutsideRootError, FileNotFoundError) as error:
        raise type(error)(f"{source}: {error}") from None


def _beside(name: str, place: str) -> str | None:
    """The text file in `place` instead of the last folder `images`; None if the picture is in none."""
    parts = list(PurePosixPath(name).with_suffix(".txt").parts)
    for index in reversed(range(len(parts) - 1)):
        if parts[index] == "images":
            parts[index] = place
            return "/".join(parts)
    return None


def _read(yolo: YoloFile, path: Path, labels: Path | None, regions: Path | None) -> AnnotatedImage:
    image = read_image(path)
    objects = read_labels(labels, yolo) if labels else []
    ignored = read_labels(regions, yolo, ignore=True) if regions else []
    boxes = boxes_of_rows([*objects, *ignored], yolo.categories, image.size)
    return AnnotatedImage(image, clip_boxes(boxes, image.size, str(labels or regions or path)))

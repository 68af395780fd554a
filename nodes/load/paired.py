"""Data sets that keep pictures in one folder and a file of the same name for each in another."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nodes.load.annotated import AnnotationError
from nodes.load.folder import DatasetFolder, item_key


@dataclass(frozen=True)
class Pair:
    """A picture and its annotation file, either of which may be missing.

    Attributes:
        stem: what their names share: the name below their folders, without the suffix.
        pictures: the picture files of this stem; one, in a good data set.
        annotations: the annotation files of this stem; one, in a good data set.
        key: the item key: the picture's name below its folder, or that of the file that has no picture.
    """

    stem: str
    pictures: tuple[Path, ...]
    annotations: tuple[Path, ...]
    key: str

    def files(self, folder: DatasetFolder, images: Path) -> tuple[Path, Path | None]:
        """The picture and the annotation file, None if there is no such file.

        Raises:
            FileNotFoundError: if there is no picture.
            AnnotationError: if several pictures or several annotation files have the same stem.
            OutsideRootError: if a symbolic link leads out of `root`.
        """
        if not self.pictures:
            raise FileNotFoundError(f"{self.annotations[0]}: there is no picture {self.stem!r} in {images}")
        for what, paths in (("pictures", self.pictures), ("annotation files", self.annotations)):
            if len(paths) > 1:
                names = ", ".join(path.name for path in paths)
                raise AnnotationError(f"{paths[0]}: several {what} have the name {self.stem!r}: {names}")
        annotation = folder.contain(self.annotations[0]) if self.annotations else None
        return folder.contain(self.pictures[0]), annotation


def pairs_in(
    folder: DatasetFolder, images: Path, labels: Path, label_suffixes: Collection[str]
) -> list[Pair]:
    """The pictures below one folder and the annotation files below another, in the order of stems."""
    pictures = _by_stem(images, list(folder.pictures(images)))
    annotations = _by_stem(labels, _files(labels, label_suffixes))
    return [
        _pair(stem, pictures.get(stem, []), annotations.get(stem, []), images, labels)
        for stem in sorted(pictures.keys() | annotations.keys())
    ]


def _pair(stem: str, pictures: list[Path], annotations: list[Path], images: Path, labels: Path) -> Pair:
    name = pictures[0].relative_to(images) if pictures else annotations[0].relative_to(labels)
    key = item_key(name.as_posix(), otherwise=stem)
    return Pair(stem, tuple(pictures), tuple(annotations), key)


def _by_stem(base: Path, paths: list[Path]) -> dict[str, list[Path]]:
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_stem[path.relative_to(base).with_suffix("").as_posix()].append(path)
    return by_stem


def _files(below: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with one of the suffixes in a folder and its subfolders, hidden ones left out."""
    return sorted(
        Path(place, name)
        for place, _, names in os.walk(below)
        for name in names
        if Path(name).suffix.lower() in suffixes and not name.startswith(".")
    )

"""What the dataset exporters share: pictures paired with their boxes, classes, and clipping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nodegraph import Collected
from nodes.export.folder import ExportError
from nodes.export.names import file_stems
from nodes.types import Boxes, BoxTrack, Categories, File

if TYPE_CHECKING:
    import numpy as np


THINNEST = 0.01
"""Width and height in pixels below which a box is no box: formats round to a thousandth."""


@dataclass(frozen=True)
class Sample:
    """One picture of a dataset, ready to be written.

    Attributes:
        key: the item key.
        stem: relative POSIX path without suffix, safe as a file name.
        file: the encoded picture.
        boxes: its objects.
    """

    key: str
    stem: str
    file: File
    boxes: Boxes

    @property
    def name(self) -> str:
        """The picture's file name: the stem with the file's suffix."""
        return self.stem + self.file.suffix


def samples_of(
    files: Collected[File], boxes: Collected[Boxes], adapt: Callable[[str], str] = str
) -> Iterator[Sample]:
    """Pair pictures and boxes by item key, in the order of the pictures, loading one at a time.

    `adapt` makes of a portable file stem what the format needs.

    Raises:
        ExportError: if an item is in one stream only.
    """
    _check_same_keys(files, boxes)
    stems = file_stems(files.keys(), adapt)
    for item in files:
        yield Sample(item.key, stems[item.key], item.value, boxes[item.key].value)


def pictures_boxes(boxes: Collected[Boxes | BoxTrack]) -> Collected[Boxes]:
    """The boxes of pictures.

    Raises:
        ExportError: if they are those of clips.
    """
    for item in boxes:
        if not isinstance(item.value, Boxes):
            raise ExportError(f"item {item.key!r} is a box track: pictures need boxes, as video.frames gives")
        break
    return cast("Collected[Boxes]", boxes)


def _check_same_keys(files: Collected[File], boxes: Collected[Boxes]) -> None:
    pictures, labelled = files.keys(), boxes.keys()
    for keys, others, lacks in (
        (pictures, set(labelled), "a picture but no boxes"),
        (labelled, set(pictures), "boxes but no picture"),
    ):
        missing = [key for key in keys if key not in others]
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise ExportError(
                f"item {missing[0]!r}{more} has {lacks}: link pictures and boxes of the same items; "
                "a picture without objects needs empty boxes"
            )


def union_of_names(boxes: Iterable[Boxes]) -> tuple[str, ...]:
    """All class names in order of first appearance; equal categories keep their class ids."""
    seen: dict[Categories, None] = {}
    for entry in boxes:
        seen.setdefault(entry.categories)
    return tuple(dict.fromkeys(name for categories in seen for name in categories.names))


def union_of_categories(boxes: Iterable[Boxes]) -> Categories:
    """All classes by name, each with the id its source uses.

    Raises:
        ExportError: if a name has two ids or an id two names.
    """
    ids: dict[str, int] = {}
    names: dict[int, str] = {}
    for categories in dict.fromkeys(entry.categories for entry in boxes):
        for name, id in zip(categories.names, categories.ids, strict=True):
            if ids.setdefault(name, id) != id:
                raise _contradiction(f"class {name!r} has the id {ids[name]} in one item and {id} in another")
            if names.setdefault(id, name) != name:
                raise _contradiction(f"class id {id} is {names[id]!r} in one item and {name!r} in another")
    return Categories(tuple(ids), tuple(ids.values()))


def _contradiction(what: str) -> ExportError:
    return ExportError(
        f"{what}: give the merged datasets one list of classes first, or export a format that goes by names"
    )


def pixel_span(start: float, end: float, limit: int) -> tuple[int, int]:
    """A continuous interval in whole pixels, half-open: to the nearest edge, but at least one pixel long."""
    first = min(math.floor(start + 0.5), limit - 1)
    return first, max(math.floor(end + 0.5), first + 1)


def clipped(boxes: Boxes, width: int, height: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Clip boxes into the picture and round them to a thousandth of a pixel.

    Rounding first, and to the decimals that files hold, means that a box that was read from a file is
    written as it stood there.

    Returns:
        float64 `[M, 4]` xyxy in pixels, and int64 `[M]` the indices of those boxes in `boxes`: boxes of which
        less than `THINNEST` lies inside the picture are left out.
    """
    import numpy as np

    limit = np.array([width, height, width, height], np.float64)
    xyxy = boxes.xyxy.astype(np.float64).clip(0, limit).round(3)
    kept = np.flatnonzero(((xyxy[:, 2:] - xyxy[:, :2]).round(3) >= THINNEST).all(axis=1))
    return xyxy[kept], kept

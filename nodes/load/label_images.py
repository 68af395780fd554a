"""Boxes of the objects in label images: pictures whose values or colours say what each pixel belongs to.

What is held at a time is a few arrays of the label image's size, 4 bytes a pixel at most: some 270 MiB for
6000×4000 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nodes.load.annotated import AnnotationError
from nodes.load.pixels import decode

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as Pillow

_BAND = 256
"""Rows whose values are looked up at a time."""

_MOST_VALUES = 4096
"""Different values above which a picture is taken for a photograph."""


class Region(NamedTuple):
    """A connected region of one value.

    Attributes:
        value: the value, or the colour as `red << 16 | green << 8 | blue`.
        xyxy: the bounds of its pixels: left, top, right, bottom, right and bottom exclusive.
        area: its number of pixels.
    """

    value: int
    xyxy: tuple[int, int, int, int]
    area: int


class LabelImage(NamedTuple):
    """The values in a label image.

    Attributes:
        numbers: int32 `[H, W]`, each pixel's place in `values`, counted from 1.
        values: the different values, or colours as `red << 16 | green << 8 | blue`, in ascending order.
        is_coloured: whether they are colours.
    """

    numbers: np.ndarray[Any, Any]
    values: list[int]
    is_coloured: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.numbers.shape[1], self.numbers.shape[0]


def read_label_image(path: Path) -> LabelImage:
    """Read the values of a label image: those of its palette indices or grey levels, else its colours.

    The EXIF orientation is not applied: label images are made by programs.

    Raises:
        FileNotFoundError: if there is no such file.
        PictureError: if it cannot be decoded.
        AnnotationError: if it has more than 4096 different values, as a photograph has.
    """
    label_image = decode(path, _label_image)
    if label_image is None:
        raise AnnotationError(
            f"{path}: has more than {_MOST_VALUES} different values, so it is a photograph and no label image"
        )
    return label_image


def regions(labels: LabelImage, wanted: Mapping[int, object]) -> Iterator[Region]:
    """The connected regions (8 neighbours) of each of the wanted values, in the order of the values."""
    import cv2
    import numpy as np
    from scipy import ndimage

    found = ndimage.find_objects(labels.numbers, len(labels.values))
    for number, (value, bounds) in enumerate(zip(labels.values, found, strict=True), 1):
        if value not in wanted or bounds is None:
            continue
        rows, columns = bounds
        mask = (labels.numbers[bounds] == number).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2]
        for left, top, width, height, area in stats[1:].tolist():  # the first is the background
            x, y = columns.start + left, rows.start + top
            yield Region(value, (x, y, x + width, y + height), area)


def _label_image(picture: Pillow.Image) -> LabelImage | None:
    """The values of a loaded picture, None if they are too many."""
    import numpy as np

    is_coloured = picture.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")
    values: set[int] = set()
    for band in _bands(picture, coloured=is_coloured):
        values.update(np.unique(band).tolist())
        if len(values) > _MOST_VALUES:
            return None
    ordered = np.array(sorted(values), np.int32)
    numbers = np.empty((picture.height, picture.width), np.int32)
    for index, band in enumerate(_bands(picture, coloured=is_coloured)):
        numbers[index * _BAND : (index + 1) * _BAND] = np.searchsorted(ordered, band) + 1
    return LabelImage(numbers, ordered.tolist(), is_coloured)


def _bands(picture: Pillow.Image, *, coloured: bool) -> Iterator[np.ndarray[Any, Any]]:
    """Rows of values, `_BAND` at a time."""
    import numpy as np

    for top in range(0, picture.height, _BAND):
        band = picture.crop((0, top, picture.width, min(top + _BAND, picture.height)))
        if not coloured:
            yield np.asarray(band).astype(np.int32)
            continue
        rgb = np.asarray(band.convert("RGB")).astype(np.int32)
        yield rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]

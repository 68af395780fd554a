"""Contact sheets: many small pictures laid out on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodes.export.folder import ExportError
from nodes.image.font import font_path
from nodes.types import File

if TYPE_CHECKING:
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BACKGROUND = (22, 24, 29)
_CAPTION_COLOUR = (190, 195, 205)
_GAP = 12
_CAPTION_HEIGHT = 22
_CAPTION_SIZE = 12


@dataclass(frozen=True)
class Tile:
    """One picture on a sheet; its item key is written under it."""

    key: str
    file: File


@dataclass(frozen=True)
class Grid:
    """How a sheet is divided.

    Attributes:
        columns: tiles in a row.
        cell: width and height in pixels that a picture is fitted into, its proportions kept.
    """

    columns: int
    cell: tuple[int, int]

    def size(self, tiles: int) -> tuple[int, int]:
        """Width and height in pixels of a sheet of so many tiles; a short last row stays open."""
        rows = -(-tiles // self.columns)
        width, height = self.cell
        return (
            _GAP + self.columns * (width + _GAP),
            _GAP + rows * (height + _CAPTION_HEIGHT + _GAP),
        )

    def corner(self, index: int) -> tuple[int, int]:
        """Left and top in pixels of a cell."""
        row, column = divmod(index, self.columns)
        width, height = self.cell
        return _GAP + column * (width + _GAP), _GAP + row * (height + _CAPTION_HEIGHT + _GAP)


def compose_sheet(tiles: Sequence[Tile], grid: Grid) -> bytes:
    """Lay pictures out in rows with their captions, as a JPEG.

    Raises:
        ExportError: if a file is not a picture.
    """
    from io import BytesIO

    from PIL import Image as Pillow
    from PIL import ImageDraw

    sheet = Pillow.new("RGB", grid.size(len(tiles)), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), _font()
    for index, tile in enumerate(tiles):
        left, top = grid.corner(index)
        picture = _fitted(tile, grid.cell)
        x, y = left + (grid.cell[0] - picture.width) // 2, top + (grid.cell[1] - picture.height) // 2
        sheet.paste(picture, (x, y))
        caption = _shortened(tile.key, grid.cell[0], draw, font)
        draw.text((left, top + grid.cell[1] + 4), caption, font=font, fill=_CAPTION_COLOUR)
    sink = BytesIO()
    sheet.save(sink, format="JPEG", quality=88, subsampling=0)
    return sink.getvalue()


def _fitted(tile: Tile, cell: tuple[int, int]) -> Pillow.Image:
    """The picture, decoded and shrunk to fit the cell; never enlarged."""
    from io import BytesIO

    from PIL import Image as Pillow

    try:
        with Pillow.open(BytesIO(tile.file.data)) as picture:
            picture.draft("RGB", cell)
            picture.thumbnail(cell, Pillow.Resampling.LANCZOS)
            return picture.convert("RGB")
    except OSError:
        raise ExportError(
            f"item {tile.key!r} ({tile.file.suffix}) is not a picture: link the files of image.encode"
        ) from None


def _shortened(text: str, width: int, draw: ImageDraw.ImageDraw, font: Font) -> str:
    """The text, its beginning cut off if it is wider than `width` pixels: keys differ at their ends."""
    if draw.textlength(text, font=font) <= width:
        return text
    start = 1
    while start < len(text) and draw.textlength("…" + text[start:], font=font) > width:
        start += 1
    return "…" + text[start:]


def _font() -> Font:
    from PIL import ImageFont

    path = font_path()
    if path is None:
        return ImageFont.load_default(_CAPTION_SIZE)
    return ImageFont.truetype(path, _CAPTION_SIZE)

from io import BytesIO

import pytest
from PIL import Image as Pillow

from nodes.export.folder import ExportError
from nodes.export.sheets import Grid, Tile, compose_sheet
from nodes.types import File


def test_pictures_stand_in_their_cells_with_proportions_kept(picture):
    grid = Grid(columns=2, cell=(80, 60))
    tiles = [
        Tile("a", picture(160, 120, ".png", shade=250)),
        Tile("b", picture(160, 40, ".png", shade=250)),
        Tile("c", picture(20, 10, ".png", shade=250)),
    ]
    sheet = Pillow.open(BytesIO(compose_sheet(tiles, grid)))
    assert sheet.size == grid.size(3)

    def is_picture(index: int, dx: int, dy: int) -> bool:
        left, top = grid.corner(index)
        return sheet.getpixel((left + dx, top + dy))[0] > 150

    assert is_picture(0, 3, 3)
    assert is_picture(0, 76, 56)
    assert is_picture(1, 40, 30)
    assert not is_picture(1, 40, 10)
    assert is_picture(2, 40, 30)
    assert not is_picture(2, 20, 30)


def test_a_key_too_long_for_its_cell_does_not_reach_the_next_one(picture):
    grid = Grid(columns=2, cell=(80, 60))
    short, long = (
        Pillow.open(BytesIO(compose_sheet([Tile(key, picture()), Tile("b", picture())], grid)))
        for key in ("a", "very/long/" * 20)
    )
    left, top = grid.corner(1)
    box = (left, top + 60, left + 80, sheet_bottom(grid))
    assert short.crop(box).tobytes() == long.crop(box).tobytes()


def sheet_bottom(grid: Grid) -> int:
    return grid.size(2)[1]


def test_a_file_that_is_no_picture_is_an_error_that_names_it():
    with pytest.raises(ExportError, match=r"item 'a' \(.mp4\) is not a picture"):
        compose_sheet([Tile("a", File(b"no picture", ".mp4", 1, 1))], Grid(1, (80, 60)))

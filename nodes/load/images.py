"""`load.images`: the pictures in a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from nodegraph import Item, Param, Stream, node
from nodes.load.annotated import refused_item
from nodes.load.folder import DatasetFolder, OutsideRootError
from nodes.load.pixels import read_image
from nodes.types import Image


@node("load.images", version=1, pure=False)
def load_images(
    root: Annotated[Path, Param(help="folder with the pictures")],
    *,
    pattern: Annotated[str, Param(min_length=1, help="which files, such as **/*.png")] = "**/*",
) -> Stream[Image]:
    """The pictures in a folder, in the order of their names.

    Files with a picture's suffix (.jpg, .png, .tif, .webp, ...) are taken, hidden ones are not. A file that
    cannot be decoded, or a symbolic link that leads out of `root`, fails that item alone. The item key is
    the file's name relative to `root`, with the suffix.

    Raises:
        FileNotFoundError: if there is no such folder, or no picture in it matches `pattern`.
        ValueError: if `pattern` leads out of `root`.
    """
    folder = DatasetFolder(root)
    found = False
    for path in folder.only_pictures(_matches(root, pattern)):
        found = True
        key = folder.key(path)
        try:
            folder.contain(path)
        except OutsideRootError as error:
            yield refused_item(key, error)
        else:
            yield Item(key, partial(read_image, path), reads=[path])
    if not found:
        raise FileNotFoundError(f"{root}: no picture in it matches the pattern {pattern!r}")


def _matches(root: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise ValueError(f"pattern {pattern!r} must be relative to 'root' and without '..'")
    try:
        return [path for path in root.glob(pattern) if path.is_file() or path.is_symlink()]
    except ValueError as error:
        raise ValueError(f"pattern {pattern!r}: {error}") from None

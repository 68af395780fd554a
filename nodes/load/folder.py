"""A data set's folder: which of its files are pictures, what their items are called, and its limits."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_LONGEST_PATH = 4096  # Linux's PATH_MAX, and more than elsewhere
_LONGEST_NAME = 255  # bytes of a part, on the common file systems

# fmt: off
PICTURE_SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
})
# fmt: on


class OutsideRootError(ValueError):
    """A name in a data set, or a symbolic link in it, that leads out of the data set's folder."""


class DatasetFolder:
    """The folder of a data set. What is read from its files may name files in it, and none outside.

    Raises:
        FileNotFoundError: if there is no such folder.
        NotADirectoryError: if it is a file.
    """

    def __init__(self, root: Path) -> None:
        if not root.exists():
            raise FileNotFoundError(f"{root}: no such folder; 'root' is the folder of the data set")
        if not root.is_dir():
            raise NotADirectoryError(f"{root}: is a file; 'root' is the folder of the data set")
        self.root = root
        self._real = root.resolve()
        self._holds: dict[Path, bool] = {}

    def locate(self, name: str, below: Path | None = None) -> Path:
        """The path of a name relative to `below` (default: root), which need not exist.

        A backslash counts as a slash.

        Raises:
            OutsideRootError: if the name is absolute or contains `..`, or a symbolic link leads out.
            FileNotFoundError: if no file can have such a name, for its length or its letters.
        """
        posix = PurePosixPath(name.replace("\\", "/"))
        if posix.is_absolute() or ".." in posix.parts or "\0" in name:
            raise OutsideRootError(f"{name!r} must be a name below {self.root}, relative and without '..'")
        path = (below or self.root) / posix
        if not _is_possible(path):
            raise FileNotFoundError(f"{reprlib.repr(name)}: no file can have such a name")
        return self.contain(path)

    def contain(self, path: Path) -> Path:
        """Return a path at or below `root` as it is, if following symbolic links stays there.

        Raises:
            OutsideRootError: if a symbolic link leads out.
        """
        if path == self.root:
            return path
        held = self._holds.get(path.parent)
        if held is None:
            held = self._holds[path.parent] = self._stays_inside(path.parent)
        if not held or (path.is_symlink() and not self._stays_inside(path)):
            raise OutsideRootError(
                f"{path}: a symbolic link leads out of {self.root}; put a copy of the file there"
            )
        return path

    def _stays_inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self._real)
        except (RuntimeError, OSError):  # links in a circle
            return False

    def pictures(self, below: Path) -> Iterator[Path]:
        """The picture files in a folder and its subfolders, in the order of their POSIX names."""
        found: list[Path] = []
        for folder, _, names in os.walk(below):
            found += [Path(folder, name) for name in names]
        return self.only_pictures(found)

    def only_pictures(self, paths: list[Path]) -> Iterator[Path]:
        """Those of the paths that have a picture's suffix and are not hidden, in the order of their names."""
        named = ((path.relative_to(self.root).as_posix(), path) for path in paths if is_picture(path))
        return (path for name, path in sorted(named) if not name.startswith(".") and "/." not in name)

    def key(self, path: Path) -> str:
        """The item key of a path below `root`."""
        name = path.relative_to(self.root).as_posix()
        return item_key(name, otherwise=name)


def _is_possible(path: Path) -> bool:
    """Whether the system takes it for a path: its length, that of its parts, and their letters."""
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return len(encoded) < _LONGEST_PATH and all(len(part) <= _LONGEST_NAME for part in encoded.split(b"/"))


def is_picture(path: Path) -> bool:
    """Whether the name ends like that of a picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def item_key(name: str, *, otherwise: str) -> str:
    """The item key of a picture: its relative POSIX name with the suffix.

    It depends on the file alone. Without the suffix, `a.jpg` would change its key, and be decoded again, on
    the day `a.png` is put beside it. What a key cannot hold, a backslash or a byte that is not UTF-8, is
    written with `%5C`. An absolute name and one with `..` cannot be keys at all; the item that fails for it
    is called `otherwise`.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return otherwise
    return path.as_posix().encode("utf-8", "backslashreplace").decode().replace("\\", "%5C")

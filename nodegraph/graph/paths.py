"""Paths as they are written in graph files: relative to the folder of the file."""

from __future__ import annotations

import os
from pathlib import Path


def begins_as_path(text: str) -> bool:
    """Whether a text is a path where a text (the id of a model, say) or a path may stand."""
    return text.startswith(("./", "../", "/"))


def absolute_path(folder: Path, written: str | Path) -> Path:
    """A path as written in `folder`, absolute and without `..`; links are not followed.

    A link such as `data/current` stays what the author named, also when the path is rewritten.
    """
    return Path(os.path.abspath(folder / written))  # noqa: PTH100 (resolve() follows links)


def path_relative_to(folder: Path, path: Path) -> str:
    """An absolute path as it is written in `folder`, in POSIX form."""
    return Path(os.path.relpath(path, absolute_path(Path(), folder))).as_posix()


def real_path(path: Path) -> str:
    """What tells whether two paths are one file: the path with all links followed."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in it: no file, as reading it will say
        return str(path)


def name_beside(name: str, written: str) -> str:
    """How a user would name the file that is written as a relative path in the file named `name`."""
    return os.path.normpath(Path(name).parent / written)

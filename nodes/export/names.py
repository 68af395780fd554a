"""File names of exported samples, made of item keys."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

_NOT_PORTABLE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]')
_NAME_BYTES = 200
"""Below the 255 bytes that file systems allow, so that suffixes still fit."""


class ExportError(ValueError):
    """A dataset that cannot be written as asked; the message says which item and what to do."""


def file_stem(key: str) -> str:
    """The relative POSIX path, without suffix, under which an item is written.

    Slashes stay folders and letters of any script stay as they are. Characters that a common file system
    refuses become `_`, and so do a leading dot and trailing dots or spaces; an overlong part is cut and
    ends in a hash of the whole. The result never leads out of the folder it is put into.
    """
    parts = [_part(part) for part in key.split("/") if part not in ("", ".")]
    return "/".join(parts) or "_"


def _part(part: str) -> str:
    name = _NOT_PORTABLE.sub("_", part)
    name = re.sub(r"^\.|[. ]$", "_", name)
    encoded = name.encode()
    if len(encoded) <= _NAME_BYTES:
        return name
    digest = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return encoded[:_NAME_BYTES].decode(errors="ignore") + "~" + digest


class TargetNames:
    """The files and folders taken in one export; every item must get names of its own."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def claim(self, key: str, *suffixes: str) -> str:
        """The stem for an item that is written as one file per suffix.

        Raises:
            ExportError: if one of the files was claimed, or is the folder of another item; names both.
        """
        stem = file_stem(key)
        for file in (stem + suffix for suffix in dict.fromkeys(suffixes)):
            _refuse_second(self._files.get(file) or self._folders.get(file), key, file)
            self._files[file] = key
        for folder in map(str, PurePosixPath(stem).parents):
            _refuse_second(self._files.get(folder), key, folder)
            self._folders.setdefault(folder, key)
        return stem


def _refuse_second(first: str | None, second: str, name: str) -> None:
    if first is not None:
        raise ExportError(
            f"items {first!r} and {second!r} would both be written as {name!r}: give the items keys that "
            "differ in letters, digits, spaces or dashes"
        )

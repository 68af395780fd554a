"""The folder an exporter fills."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nodegraph import Artifact


class ExportError(ValueError):
    """A dataset that cannot be written as asked; the message says which item and what to do."""


class ExportFolder:
    """Writes files into a fresh folder and records which items each was made from."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made_from: dict[str, list[str]] = {}

    def write(self, target: str, content: bytes | str, made_from: Iterable[str]) -> None:
        """Write a file, making its folders.

        Args:
            target: relative POSIX path.
            content: bytes, or text that is written as UTF-8 with its line ends as they are.
            made_from: the keys of the items behind it.

        Raises:
            ExportError: if the file was written before, or is a folder of another.
        """
        keys = list(made_from)
        if target in self._made_from:
            raise _clash(target, self._made_from[target] + keys)
        path = self._root / target
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise _clash(target, keys) from None
        self._made_from[target] = keys

    def artifact(self) -> Artifact:
        """The folder as the value an exporter returns."""
        return Artifact(self._root, made_from=self._made_from)


def _clash(target: str, keys: Iterable[str]) -> ExportError:
    items = " and ".join(map(repr, keys))
    return ExportError(
        f"item {items}: the name {target!r} is taken by another item; "
        "give the items keys that differ in more than suffix, slashes or punctuation"
    )

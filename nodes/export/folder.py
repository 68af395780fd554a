"""The folder an exporter fills."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nodegraph import Artifact


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
        """
        path = self._root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._made_from[target] = list(made_from)

    def artifact(self) -> Artifact:
        """The folder as the value an exporter returns."""
        return Artifact(self._root, made_from=self._made_from)

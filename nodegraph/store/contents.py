"""Content-addressed folders: where the file of a digest lies, and whether it is still what was written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from stat import S_ISREG

from blake3 import blake3

from nodegraph.store.errors import store_error

_CHUNK = 1 << 20


class Kind(IntEnum):
    """What a content-addressed file holds."""

    BLOB = 0
    """A value, addressed by the digest of its wire form."""
    FILE = 1
    """A file that a node made, addressed by the BLAKE3 of its content."""


@dataclass(frozen=True, slots=True)
class Content:
    """A content-addressed file and its stat when it was last written or checked (zeros: never)."""

    digest: bytes
    kind: Kind
    size: int
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, digest: bytes, kind: Kind, stat: os.stat_result) -> Content:
        """The content that has just been checked, with the stat from before the check."""
        return cls(digest, kind, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)

    def unchecked(self) -> Content:
        """The same file, to be hashed when it is next read."""
        return replace(self, mtime_ns=0, ctime_ns=0)

    def unchanged(self, stat: os.stat_result) -> bool:
        """Whether the file was not touched since.

        The ctime of an adopted file does not count: publishing hard-links it, which changes that.
        """
        return (
            self.size == stat.st_size
            and self.mtime_ns == stat.st_mtime_ns
            and self.inode == stat.st_ino
            and (self.kind == Kind.FILE or self.ctime_ns == stat.st_ctime_ns)
        )


class ContentFolder:
    """A folder of files named by the hex of their digest, spread over 256 subfolders."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = f"{root}{os.sep}"

    def path(self, digest: bytes) -> Path:
        """Where the file of a digest lies, whether it is there or not."""
        return Path(self.place_of(digest))

    def place_of(self, digest: bytes) -> str:
        """The same as text, for every load: making a path takes as long as opening the file."""
        name = digest.hex()
        return f"{self._prefix}{name[:2]}{os.sep}{name}"

    def place(self, source: Path, digest: bytes) -> Path:
        """Move a file that is written in full to its place, over what is there; return the place."""
        destination = self.path(digest)
        try:
            source.rename(destination)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            _make_way(destination)
            source.rename(destination)
        return destination

    def entries(self) -> Iterator[tuple[bytes, os.stat_result]]:
        """Every digest that has a regular file, with its stat, in no order.

        Raises:
            StoreError: if a folder cannot be read.
        """
        try:
            for part in self._root.iterdir():
                for path in part.iterdir() if part.is_dir() else ():
                    digest, stat = _digest_named(path.name), _stat_of(path)
                    if digest is not None and stat is not None and S_ISREG(stat.st_mode):
                        yield digest, stat
        except OSError as error:
            raise store_error(self._root, error) from error


def hash_file(path: Path) -> tuple[bytes, os.stat_result]:
    """BLAKE3 of a file's content, and the stat that the file had before and after reading.

    Raises:
        OSError: if it cannot be read, or changes while it is being read.
    """
    hasher = blake3()
    room = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        while count := file.readinto(room):
            hasher.update(room[:count])
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError(f"{path} changed while it was being read; wait until it is complete and run again")
    return hasher.digest(), after


def _make_way(destination: Path) -> None:
    """Make the folder that a file goes to, renaming what stands there and does not belong there."""
    folder = destination.parent
    for path, belongs in ((folder, folder.is_dir()), (destination, not destination.is_dir())):
        if path.exists() and not belongs:
            path.rename(path.with_name(f"{path.name}-{os.urandom(3).hex()}.damaged"))
    folder.mkdir(parents=True, exist_ok=True)


def _stat_of(path: Path) -> os.stat_result | None:
    """The stat of a file that was listed; None if another process has evicted it meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _digest_named(name: str) -> bytes | None:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    return digest if len(digest) == 32 and digest.hex() == name else None

"""Publishing: an artifact's files become a folder, swapped in whole, with its provenance beside it.

A folder is filled beside its destination, its provenance is written under the number of that folder's inode,
the folder is swapped in, and the provenance takes its name. Whoever publishes there next finishes or undoes
what a dead process has begun: provenance that bears the number of the published folder is that of it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from nodegraph.run.provenance import (
    DamagedProvenance,
    PublishedFile,
    content_of,
    provenance_path,
    read_header,
    read_provenance,
)
from nodegraph.types.builtin import Artifact

_TEXT_SUFFIXES = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".html", ".md", ".svg", ".toml"}
)
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}


class PublishError(RuntimeError):
    """A destination that cannot be written; the message says why and what to do."""


class FileSource(Protocol):
    """Where an artifact's files are stored."""

    def file(self, hexdigest: str, /) -> Path | None:
        """Where the file of that content lies, None if it is gone."""
        ...


def check_destination(folder: Path) -> None:
    """Refuse a folder that no run published.

    Raises:
        PublishError: if something stands there, or in the place of its provenance, that is not ours.
    """
    record = provenance_path(folder)
    if os.path.lexists(record) and not _is_ours(record):
        raise PublishError(
            f"{record} is not provenance that nodegraph wrote, so it is left as it is; "
            "move it away, or choose another place with --out"
        )
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or folder.is_symlink():
        raise PublishError(f"{folder} is not a folder; move it away, or choose another place with --out")
    begun = _begun(folder, folder)
    if not (_is_ours(record) or (begun is not None and begun.is_file())) and any(folder.iterdir()):
        raise PublishError(
            f"{folder} was not published by nodegraph, so it is left as it is; "
            "move it away, or choose another place with --out"
        )


def check_collection(folder: Path) -> None:
    """Refuse a folder for the artifacts of a stream in which no run published any.

    Raises:
        PublishError: if it holds something, and nothing of ours.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise PublishError(f"{folder} is not a folder; move it away, or choose another place with --out")
    if _is_ours(provenance_path(folder)):
        return
    foreign = False
    for path in _files_in(folder):
        if path.suffix == ".jsonl" and _is_ours(path):
            return
        unfinished = any(
            part.startswith(".") and part.endswith(".new") for part in path.relative_to(folder).parts
        )
        foreign = foreign or not unfinished
    if foreign:
        raise PublishError(
            f"{folder} was not published by nodegraph, so it is left as it is; "
            "move it away, or choose another place with --out"
        )


def is_published(folder: Path, head: Mapping[str, Any]) -> bool:
    """Whether a folder holds what `head` says, complete: every file there with its size, the run aside."""
    record = provenance_path(folder)
    try:
        if not folder.is_dir() or folder.is_symlink():
            return False
        with record.open(encoding="utf-8") as lines:
            published = read_header(next(lines, ""))
        if published is None or {**published, "run": None} != {**head, "run": None}:
            return False
        return all(_has_size(folder / file.name, file.size) for file in read_provenance(record).values())
    except (OSError, DamagedProvenance):
        return False


def publish(
    folder: Path, artifact: Artifact, head: Mapping[str, Any], lines: Iterable[Mapping[str, Any]],
    store: FileSource,
) -> None:  # fmt: skip
    """Put an artifact's files in place of what was published there before, in one step.

    Text files are copied, so that they can be edited; others are read-only hard links into the store.
    Files in the folder that are not ours stay in it, and so does a file of ours that was edited, as long as
    the new export has the same to say there as the old one.

    Raises:
        PublishError: if the folder is not ours or cannot be written, a file of ours was edited and the new
            export has another one, or a file of the user has the name of a new one.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder.parent):
            _finish_begun(folder)
            check_destination(folder)
            if _stands(folder, artifact, head):
                _write_begun(folder, folder, [head, *lines]).replace(provenance_path(folder))
            else:
                _replace(folder, artifact, [head, *lines], store)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise PublishError(
            f"cannot publish to {folder}: {error.strerror or error}{place}; "
            "what was computed is in the store: make room there or choose another place with --out"
        ) from error


def is_text(name: str) -> bool:
    """Whether a file is published as a copy that can be edited."""
    return Path(name).suffix.lower() in _TEXT_SUFFIXES


def _replace(folder: Path, artifact: Artifact, lines: Iterable[Mapping[str, Any]], store: FileSource) -> None:
    ours = _published_files(folder)
    kept = list(_kept(folder, artifact, ours, store))
    fresh = _fresh(folder)
    try:
        fresh.mkdir()
        for name in kept:
            _carry(folder / name, fresh / name)
        _fill(fresh, artifact, kept, store)
        begun = _write_begun(folder, fresh, lines)
        _swap(fresh, folder)
        begun.replace(provenance_path(folder))
        _rescue(fresh, folder, ours)
    finally:
        _discard(folder)


def _stands(folder: Path, artifact: Artifact, head: Mapping[str, Any]) -> bool:
    """Whether a folder holds this artifact already, so that only its provenance is to be renewed."""
    try:
        with provenance_path(folder).open(encoding="utf-8") as lines:
            published = read_header(next(lines, ""))
    except OSError:
        return False
    if published is None or published.get("artifact") != head.get("artifact"):
        return False
    return all(_has_size(folder / name, size) for name, (_, size) in artifact.files.items())


def _published_files(folder: Path) -> Mapping[str, PublishedFile]:
    """What an earlier run published in a folder, by relative name."""
    record = provenance_path(folder)
    if not (folder.is_dir() and record.is_file()):
        return {}
    try:
        return read_provenance(record)
    except DamagedProvenance as damage:
        raise PublishError(f"{damage}, so its files cannot be told from yours; move {folder} away") from None


def _kept(
    folder: Path, artifact: Artifact, ours: Mapping[str, PublishedFile], store: FileSource
) -> Iterator[str]:
    """The names of what stays: files of the user, and edited ones where the new export changes nothing."""
    for path in _files_in(folder):
        name = path.relative_to(folder).as_posix()
        published, new = ours.get(name), artifact.files.get(name)
        if published is None:
            if new is None:
                yield name
            elif _is_other(path, new[0]):
                raise PublishError(
                    f"{path} is not ours, and the new export has a file of that name; move it away"
                )
        elif _was_edited(path, published, store):
            if new is not None and new[0] == published.content:
                yield name
            elif new is None or _is_other(path, new[0]):
                raise PublishError(
                    f"{path} was edited since it was published, and the new export would overwrite it; "
                    "move it away, or delete it"
                )


def _files_in(folder: Path) -> Iterator[Path]:
    """Everything in a folder that is no folder itself, links included, in the order of names."""
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        yield from (Path(root) / name for name in sorted(files + links))


def _was_edited(path: Path, published: PublishedFile, store: FileSource) -> bool:
    if path.is_symlink() or not _has_size(path, published.size):
        return True
    stored = None if is_text(published.name) else store.file(published.content)
    if stored is not None and path.samefile(stored):
        return False
    return content_of(path) != published.content


def _is_other(path: Path, content: str) -> bool:
    return path.is_symlink() or not path.is_file() or content_of(path) != content


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _is_ours(record: Path) -> bool:
    try:
        with record.open(encoding="utf-8") as lines:
            return read_header(next(lines, "")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _fill(folder: Path, artifact: Artifact, kept: Iterable[str], store: FileSource) -> None:
    present = set(kept)
    for name, (content, _) in artifact.files.items():
        if name in present:
            continue
        stored = store.file(content)
        if stored is None:
            raise PublishError(f"the store lost the bytes of {name!r}; run again to make them anew")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_text(name):
            shutil.copyfile(stored, target)
        else:
            _link(stored, target)


def _carry(source: Path, target: Path) -> None:
    """Give a file of the user a place in the new folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_file():
        _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, target)


def _rescue(before: Path, folder: Path, ours: Mapping[str, PublishedFile]) -> None:
    """Move over what is no plain file, and what the user has added while the new folder was being filled."""
    for path in _files_in(before):
        name = path.relative_to(before).as_posix()
        target = folder / name
        if name not in ours and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)


def _write_begun(folder: Path, filled: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write the provenance of a filled folder to where it waits for the swap."""
    begun = _begun(folder, filled)
    if begun is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(filled))
    with begun.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return begun


def _fresh(folder: Path) -> Path:
    """Where a folder is filled, and where the old one is after the swap."""
    return folder.with_name(f".{folder.name}.new")


def _aside(folder: Path) -> Path:
    """Where the old folder waits if two folders cannot be swapped in one step."""
    return folder.with_name(f".{folder.name}.old")


def _begun(folder: Path, filled: Path) -> Path | None:
    """Where the provenance of a filled folder waits for the swap; None if there is no such folder."""
    try:
        return folder.with_name(f".{folder.name}.{filled.lstat().st_ino}.jsonl")
    except OSError:
        return None


def _finish_begun(folder: Path) -> None:
    """Bring to an end what a process that died has begun."""
    aside = _aside(folder)
    if aside.is_dir() and not os.path.lexists(folder):
        aside.rename(folder)
    begun = _begun(folder, folder)
    if begun is not None and begun.is_file():
        begun.replace(provenance_path(folder))
    _discard(folder)


def _discard(folder: Path) -> None:
    fresh = _fresh(folder)
    begun = _begun(folder, fresh)
    if begun is not None:
        begun.unlink(missing_ok=True)
    for left in (fresh, _aside(folder)):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Keep other processes from publishing into a folder, where its file system has locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in the place of `folder` in one step; what was there is then at `fresh`."""
    if not folder.exists():
        fresh.rename(folder)
        return
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is not None:
        done = exchange(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(folder), _RENAME_EXCHANGE)
        if done == 0:
            return
    aside = _aside(folder)
    folder.rename(aside)
    fresh.rename(folder)
    aside.rename(fresh)

"""Publishing: an artifact's files become a folder, swapped in whole, with its provenance beside it."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from blake3 import blake3

from nodegraph.run.provenance import provenance_path, read_header
from nodegraph.types.builtin import Artifact

_TEXT_SUFFIXES = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".html", ".md", ".svg", ".toml"}
)
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


class PublishError(RuntimeError):
    """A destination that cannot be written; the message says why and what to do."""


class FileSource(Protocol):
    """Where an artifact's files are stored."""

    def file(self, hexdigest: str, /) -> Path | None: ...


def check_destination(folder: Path) -> None:
    """Refuse a folder that an earlier run did not publish, before anything is computed.

    Raises:
        PublishError: if the folder holds something and no provenance file of ours lies beside it.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or folder.is_symlink():
        raise PublishError(f"{folder} is not a folder; move it away, or choose another place with --out")
    if any(folder.iterdir()) and not provenance_path(folder).is_file():
        raise PublishError(
            f"{folder} was not published by nodegraph, so it is left as it is; "
            "move it away, or choose another place with --out"
        )


def is_published(folder: Path, artifact: str) -> bool:
    """Whether a folder holds this artifact, complete: every file there with its size."""
    record = provenance_path(folder)
    if not (folder.is_dir() and record.is_file()):
        return False
    with record.open(encoding="utf-8") as lines:
        head = read_header(next(lines, ""))
        if head is None or head.get("artifact") != artifact:
            return False
        return all(_has_size(folder, json.loads(line)) for line in lines)


def _has_size(folder: Path, entry: dict[str, Any]) -> bool:
    try:
        return os.stat(folder / entry["file"]).st_size == entry["size"]
    except OSError:
        return False


def publish(
    folder: Path, artifact: Artifact, head: dict[str, Any], lines: Iterable[dict[str, Any]], store: FileSource
) -> None:
    """Put an artifact's files in place of what was published there before, in one step.

    Text files are copied, so that they can be edited; others are read-only hard links into the store.
    Files in the folder that are not ours stay in it.

    Raises:
        PublishError: if the folder is not ours, one of our text files was edited since, or a file of the
            user has the name of a new one.
    """
    check_destination(folder)
    kept = _foreign_files(folder, artifact)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        fresh.mkdir()
        _fill(fresh, artifact, store)
        for name in kept:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / name, fresh / name)
        _swap(fresh, folder)
        _write_record(provenance_path(folder), [head, *lines])
    except OSError as error:
        raise PublishError(f"cannot publish to {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _foreign_files(folder: Path, artifact: Artifact) -> list[str]:
    """The files of a published folder that are the user's: they stay."""
    record = provenance_path(folder)
    if not (folder.is_dir() and record.is_file()):
        return []
    with record.open(encoding="utf-8") as lines:
        next(lines, None)
        ours = {entry["file"]: entry["blake3"] for entry in map(json.loads, lines)}
    foreign: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or (name in artifact.files and _content(path) == artifact.files[name][0]):
            continue
        if name not in ours:
            if name in artifact.files:
                raise PublishError(
                    f"{path} is not ours, and the new export has a file of that name; move it away"
                )
            foreign.append(name)
        elif is_text(name) and _content(path) != ours[name]:
            raise PublishError(f"{path} was edited since it was published; move it away, or delete it")
    return foreign


def _content(path: Path) -> str:
    hasher = blake3()
    hasher.update_mmap(path)
    return hasher.hexdigest()


def is_text(name: str) -> bool:
    """Whether a file is published as a copy that can be edited."""
    return os.path.splitext(name)[1].lower() in _TEXT_SUFFIXES


def _fill(folder: Path, artifact: Artifact, store: FileSource) -> None:
    for name, (content, _) in artifact.files.items():
        stored = store.file(content)
        if stored is None:
            raise PublishError(f"the store lost the bytes of {name!r}; run again to make them anew")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_text(name):
            shutil.copyfile(stored, target)
        else:
            _link(stored, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        shutil.copy2(source, target)


def _write_record(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with fresh.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    fresh.replace(path)


def _swap(fresh: Path, folder: Path) -> None:
    """Put `fresh` in the place of `folder` in one step; what was there is then at `fresh`."""
    if not folder.exists():
        fresh.rename(folder)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    exchange = getattr(libc, "renameat2", None)
    if exchange is not None:
        done = exchange(_AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(folder), _RENAME_EXCHANGE)
        if done == 0:
            return
    aside = fresh.with_name(f"{fresh.name}.old")
    folder.rename(aside)
    fresh.rename(folder)
    aside.rename(fresh)

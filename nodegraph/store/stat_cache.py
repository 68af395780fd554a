"""Content hashes of what lies outside the store; a file is hashed again only when its stat has changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from blake3 import blake3

from nodegraph.store.contents import hash_file
from nodegraph.store.journal import Journal
from nodegraph.store.rows import pack, unpack
from nodegraph.types.wire import Digest

# A file changed again within one tick of its file system's clock keeps its stat: what changed this
# recently is not remembered. Time stamps of whole seconds come from file systems with coarser ticks.
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000
_FOLDER = "nodegraph/folder/1"


def content_digest(journal: Journal, path: Path) -> Digest:
    """BLAKE3 of a file's content, or of the relative names and contents of all files in a folder.

    Raises:
        OSError: if something cannot be read.
    """
    return _folder_digest(journal, path) if path.is_dir() else _file_digest(journal, path)


def _folder_digest(journal: Journal, folder: Path) -> Digest:
    hasher = blake3(derive_key_context=_FOLDER)
    for root, folders, files in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in sorted(files):
            path = Path(root) / name
            relative = os.fsencode(path.relative_to(folder).as_posix())
            hasher.update(pack((relative, _file_digest(journal, path))))
    return Digest(hasher.digest())


def _raise(error: OSError) -> None:
    raise error


def _file_digest(journal: Journal, path: Path) -> Digest:
    absolute = path.absolute()
    name = blake3(os.fsencode(absolute)).digest()
    identity = _identity(absolute.stat())
    payload = journal.fact("stats", name)
    if payload is not None:
        digest, *known = unpack(payload)
        if known == identity:
            return digest
    content, found = hash_file(absolute)
    digest = Digest(content)
    if not journal.index.read_only and _is_settled(found):
        journal.record_fact("stats", name, pack((digest, *_identity(found))))
    return digest


def _identity(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def _is_settled(stat: os.stat_result) -> bool:
    latest = max(stat.st_mtime_ns, stat.st_ctime_ns)
    tick = _TICK_NS if latest % _SECOND_NS else _COARSE_TICK_NS
    return time.time_ns() - latest > tick

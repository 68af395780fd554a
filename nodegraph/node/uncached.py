"""Importing packs under development from their source, past Python's bytecode cache.

Python takes a compiled file for current if it was made from a source of the same size and the same second.
An edit such as `3` to `4` right after a run therefore runs the former code. A memo would keep its result
under the key of the new code, so packs that are added by hand are compiled from source in every process.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_SECOND = 1_000_000_000

_folders: set[Path] = set()


class UncachedLoader(SourceFileLoader):
    """Loads a module from its source; reads and writes no bytecode."""

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """Refuse to date the source: without a date the import system leaves the cache alone."""
        raise OSError(f"{path} is not cached")


def import_uncached(folder: Path) -> None:
    """From now on import the modules below a folder from their source; installed ones stay cached."""
    if folder in _folders:
        return
    _folders.add(folder)
    if _finder not in sys.path_hooks:
        sys.path_hooks.insert(0, _finder)
    for entry in list(sys.path_importer_cache):
        if _is_below(Path(entry), folder):
            del sys.path_importer_cache[entry]


def stale_bytecode(module: ModuleType, path: Path) -> Path | None:
    """The compiled file that a module was loaded from, if its source was edited after it, in one second."""
    spec: ModuleSpec | None = getattr(module, "__spec__", None)
    if spec is None or spec.cached is None or isinstance(spec.loader, UncachedLoader):
        return None
    compiled = Path(spec.cached)
    try:
        header, made = compiled.read_bytes()[8:16], compiled.stat().st_mtime_ns
        source = path.stat()
    except OSError:
        return None
    current = struct.pack("<II", source.st_mtime_ns // _SECOND & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    is_stale = header == current and 0 < source.st_mtime_ns - made < _SECOND
    return compiled if is_stale else None


def _finder(entry: str) -> FileFinder:
    path = Path(entry)
    if not path.is_dir() or not any(_is_below(path, folder) for folder in _folders):
        raise ImportError(f"{entry} is not below a pack added by hand")
    return FileFinder(entry, (ExtensionFileLoader, EXTENSION_SUFFIXES), (UncachedLoader, SOURCE_SUFFIXES))


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and _INSTALLED.isdisjoint(path.parts)

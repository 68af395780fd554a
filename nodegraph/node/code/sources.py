"""The source of modules as it was when they were imported.

A file may be edited while the process runs the code it had before. What counts is the running code, so
the source of a module is read once, when the first node of its pack is declared or when it is first
needed, and kept until the module is imported anew.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, cast

from nodegraph.node.code.origins import module_attribute
from nodegraph.node.code.outline import Outline, outline_of
from nodegraph.node.uncached import stale_bytecode
from nodegraph.types.values import DeclarationError

Stat = tuple[int, int, int]


@dataclass(slots=True)
class _Kept:
    """What was read of a file.

    Attributes:
        loaded_as: what tells one import of the module from the next, or None before it is imported.
    """

    loaded_as: object
    stat: Stat
    source: bytes
    outline: Outline | None = None


_kept: dict[tuple[str, Path], _Kept] = {}
_kept_cells: dict[str, tuple[str, Outline]] = {}
_modules_seen: dict[str, int] = {}


def require_source(function: Callable[..., Any]) -> None:
    """Make sure that the code of a function can be read, and keep the source of its pack as it is now.

    Raises:
        DeclarationError: if there is no source; asks for `version=`.
    """
    inner = plain_function(function)
    if inner is None:
        raise DeclarationError(
            f"{_name(function)} is no Python function: declare it with @node(..., version=1)"
        )
    if _file_of(inner) is not None:
        _keep_pack(inner)
    elif not linecache.getlines(inner.__code__.co_filename, inner.__globals__):
        raise DeclarationError(
            f"the source of {_name(function)} is not at hand ({inner.__code__.co_filename}), so a change in "
            "it could not be noticed: declare it with @node(..., version=1) and raise that when it changes"
        )


def plain_function(function: object) -> FunctionType | None:
    """The function that was written with `def` inside of decorators that tell what they wrap."""
    for _ in range(100):
        if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
            return function
        function = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
    return None


def outline_of_file(module: str, path: Path, *, package: str) -> Outline:
    """The outline of a module that has a file.

    Raises:
        DeclarationError: if the file cannot be read or is not Python.
    """
    kept = _read(module, path)
    if kept.outline is None:
        shown = shown_name(module, path, package)
        try:
            kept.outline = outline_of(kept.source, name=shown, package=package)
        except SyntaxError as error:
            raise DeclarationError(f"{path}:{error.lineno}: cannot be read as Python: {error.msg}") from None
    return kept.outline


def outline_of_cell(code: CodeType, namespace: Mapping[str, Any]) -> Outline | None:
    """The outline of source without a file, such as a notebook cell; None if it is not at hand."""
    source = "".join(linecache.getlines(code.co_filename, dict(namespace)))
    if not source:
        return None
    kept = _kept_cells.get(code.co_filename)
    if kept is None or kept[0] != source:
        module = str(namespace.get("__name__", "__main__"))
        package = str(namespace.get("__package__") or "")
        try:
            kept = source, outline_of(source, name=module, package=package, namespace=namespace)
        except SyntaxError:
            return None
        _kept_cells[code.co_filename] = kept
    return kept[1]


def shown_name(module: str, path: Path, package: str) -> str:
    """A module's name for people and digests: the same for a script and for a pack made of that file."""
    if package:
        spec = getattr(sys.modules.get(module), "__spec__", None)
        return spec.name if module == "__main__" and spec is not None else module
    return path.stem


def _read(module: str, path: Path) -> _Kept:
    kept = _kept.get((module, path))
    loaded = sys.modules.get(module)
    if kept is None and loaded is not None and (compiled := stale_bytecode(loaded, path)) is not None:
        compiled.unlink(missing_ok=True)
        raise DeclarationError(
            f"{path} was edited right after it was compiled, so Python loaded its former code; the compiled "
            "file is removed now: run again"
        )
    loaded_as = _loaded_as(module)
    if kept is not None and kept.loaded_as is loaded_as is not None:
        return kept
    try:
        stat = path.stat()
        now = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if kept is not None and kept.stat == now:
            kept.loaded_as = loaded_as
            return kept
        read = _Kept(loaded_as, now, path.read_bytes())
    except OSError as error:
        raise DeclarationError(
            f"{path}: the code of module {module} cannot be read: {error.strerror}"
        ) from None
    _kept[module, path] = read
    return read


def _loaded_as(module: str) -> object:
    """The module's spec, which importing it anew replaces; a script has none and is loaded once."""
    loaded = sys.modules.get(module)
    return getattr(loaded, "__spec__", None) or loaded


def _keep_pack(function: FunctionType) -> None:
    """Read the modules of a function's pack that were imported since the last call."""
    name = str(function.__globals__.get("__name__"))
    top = name.partition(".")[0]
    folder = None if "." in name else Path(function.__code__.co_filename).parent
    pack = str(folder or top)
    seen = _modules_seen.get(pack, 0)
    if seen == len(sys.modules):
        return
    _modules_seen[pack] = len(sys.modules)
    for other, module in list(sys.modules.items()):
        file = module_attribute(module, "__file__")
        if not file or not file.endswith(".py"):
            continue
        path = Path(file)
        if other.partition(".")[0] == top or (folder is not None and path.parent == folder):
            _read(other, path)


def _file_of(function: FunctionType) -> Path | None:
    path = Path(function.__code__.co_filename)
    return path if path.is_file() else None


def _name(function: object) -> str:
    return cast("str", getattr(function, "__qualname__", repr(function)))

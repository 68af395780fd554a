"""Node packs: the modules that bring node types, and where they are found.

Installed packs announce themselves through the entry-point group `nodegraph.nodes`; `NODEGRAPH_NODES` and
`--nodes` add a file or a module by hand. A graph file never names code to import.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from nodegraph.node.registry import node_types
from nodegraph.node.uncached import UncachedLoader, import_uncached
from nodegraph.types.values import DeclarationError

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

    from nodegraph.node.signature import NodeType

ENTRY_POINTS = "nodegraph.nodes"
VARIABLE = "NODEGRAPH_NODES"


class PackError(Exception):
    """A pack that was asked for and does not load; the message says which, where and why."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A module that brings node types.

    Attributes:
        name: the name of the entry point, the module, or the file's stem.
        version: the version of the distribution it was installed from, or None.
        module: the name under which it is imported.
        types: the ids of the node types it brought, in alphabetical order.
        problem: why an installed pack did not load, or None.
    """

    name: str
    version: str | None
    module: str
    types: tuple[str, ...] = ()
    problem: str | None = None


_loaded: dict[str, Pack] = {}


def load_packs(extra: Sequence[str] = ()) -> tuple[Pack, ...]:
    """Load the installed packs, those of `NODEGRAPH_NODES`, and `extra`, in this order.

    What is loaded already is not loaded again. An installed pack that does not load is returned with
    its `problem` and does not keep the others from loading.

    Args:
        extra: files ending in `.py`, or names of modules.

    Raises:
        PackError: if a pack of `NODEGRAPH_NODES` or `extra` does not load.
    """
    named = [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    installed = [_load_installed(entry_point) for entry_point in _entry_points()]
    added = [_load_named(name) for name in (*named, *extra)]
    return tuple({pack.module: pack for pack in (*installed, *added)}.values())


def pack_of(node_type: NodeType) -> Pack:
    """The pack that a node type came from; for one that no pack brought, its module stands for the pack."""
    module = node_type.function.__module__
    for pack in _loaded.values():
        if node_type.id in pack.types:
            return pack
    return Pack(module.partition(".")[0], _version(module), module, (node_type.id,))


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=ENTRY_POINTS), key=lambda entry_point: entry_point.name)


def _load_installed(entry_point: EntryPoint) -> Pack:
    version = entry_point.dist.version if entry_point.dist is not None else None
    pack = Pack(entry_point.name, version, entry_point.module)
    try:
        return _load(pack, lambda: importlib.import_module(entry_point.module))
    except PackError as error:
        return dataclasses.replace(pack, problem=str(error))


def _load_named(name: str) -> Pack:
    if name.endswith(".py") or "/" in name or os.sep in name:
        return _load_file(Path(name))
    if Path(f"{name}.py").is_file() and _find_spec(name) is None:
        raise PackError(f"pack {name}: there is no module of that name; for the file write {name}.py")
    return _load(Pack(name, _version(name), name), lambda: _import_module(name))


def _import_module(name: str) -> ModuleType:
    top = name.partition(".")[0]
    spec = _find_spec(top) if top not in sys.modules else None
    if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
        import_uncached(Path(spec.origin).parents[1 if spec.submodule_search_locations else 0])
    return importlib.import_module(name)


def _load_file(given: Path) -> Pack:
    """Load a file as a module; it can import the modules beside it, but they hide nothing installed."""
    try:
        path = given.resolve(strict=True)
    except OSError:
        raise PackError(f"pack {given}: there is no such file (working directory: {Path.cwd()})") from None
    if path.is_dir() or path.suffix != ".py":
        raise PackError(f"pack {given}: give a Python file (ending in .py) or the name of a module")
    name = _module_name(path)
    import_uncached(path.parent)
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return _load(Pack(path.stem, None, name), lambda: _import_file(name, path))


def _import_file(name: str, path: Path) -> ModuleType:
    if (known := sys.modules.get(name)) is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path, loader=UncachedLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_name(path: Path) -> str:
    """The stem of a file, made an identifier; with a digest of its path if another module has that name."""
    stem = re.sub(r"\W", "_", path.stem)
    stem = f"_{stem}" if stem[0].isdigit() else stem
    spec = _find_spec(stem)
    if spec is None or (spec.origin is not None and Path(spec.origin).resolve() == path):
        return stem
    from blake3 import blake3

    return f"{stem}_{blake3(os.fsencode(path)).hexdigest()[:8]}"


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


def _version(module: str) -> str | None:
    from nodegraph.node.code.origins import origin_of

    origin = origin_of(module.partition(".")[0])
    return origin.label.rpartition(" ")[2] if origin.kind == "distribution" else None


def _load(pack: Pack, load: Callable[[], ModuleType]) -> Pack:
    """Import a pack and note the node types it brought.

    Raises:
        PackError: if the import raises anything, `SystemExit` included; an interrupt passes.
    """
    if pack.module in _loaded:
        return _loaded[pack.module]
    before = node_types()
    try:
        load()
    except (Exception, SystemExit) as error:
        raise PackError(f"pack {pack.name}: {_reason(error)}") from None
    brought = {
        type_id
        for type_id, declared in node_types().items()
        if before.get(type_id) is not declared or _belongs(declared, pack.module)
    }
    others = {type_id for other in _loaded.values() for type_id in other.types}
    loaded = dataclasses.replace(pack, types=tuple(sorted(brought - others)))
    _loaded[pack.module] = loaded
    return loaded


def _belongs(declared: NodeType, module: str) -> bool:
    return f"{declared.function.__module__}.".startswith(f"{module}.")


def _reason(error: BaseException) -> str:
    """What went wrong and where, in one line."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    place = _place(error.__traceback__)
    if isinstance(error, SystemExit):
        return f'{place}ends the process when it is imported; put that under if __name__ == "__main__":'
    if isinstance(error, DeclarationError):
        return f"{place}{error}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{place}there is no module {error.name!r}; install it, or correct the name"
    return f"{place}{type(error).__name__}: {error}"


def _place(traceback: TracebackType | None) -> str:
    """File and line of the innermost frame that is neither ours nor the import system's."""
    place = ""
    not_theirs = ("<", str(Path(__file__).parent.parent), str(Path(importlib.__file__).parent))
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith(not_theirs):
            place = f"{file}:{traceback.tb_lineno}: "
        traceback = traceback.tb_next
    return place

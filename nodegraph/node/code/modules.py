"""The modules of own code: their outlines, the names they offer, and those of one pack."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import CodeType
from typing import Any

from nodegraph.node.code.origins import (
    ENGINE,
    is_package,
    module_attribute,
    module_file,
    origin_of,
    package_folders,
)
from nodegraph.node.code.outline import Outline
from nodegraph.node.code.scopes import Target
from nodegraph.node.code.sources import outline_of_cell, outline_of_file

_RE_EXPORTS = 100
_NONE = frozenset[Target]()


def own_code_of(module: str) -> str:
    """What is own code of a function in a module: its top-level package; of the engine, that module alone."""
    top = module.partition(".")[0]
    return module if top == ENGINE else top


class Modules:
    """Finds the modules that count as own code for one function; none is imported to find it.

    Args:
        own: the package or module of the function, which is own code wherever it lies; see `own_code_of`.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._names: dict[Outline, str] = {}
        self._packs: dict[str, tuple[Outline, ...]] = {}

    def is_own(self, module: str) -> bool:
        """Whether a module counts by its source."""
        top = module.partition(".")[0]
        return self._own in (top, module) or origin_of(top).kind == "code"

    def exists(self, module: str) -> bool:
        """Whether there is a module or package of a name."""
        return module_file(module) is not None or is_package(module)

    def outline(self, module: str) -> Outline | None:
        """The outline of a module that has a Python file, else None.

        Raises:
            DeclarationError: if the file cannot be read or is not Python.
        """
        path = module_file(module)
        if path is None or path.suffix != ".py":
            return None
        outline = outline_of_file(module, path, package=_package(module, path))
        self._names[outline] = module
        return outline

    def outline_of_code(self, code: CodeType, module: str, namespace: dict[str, Any]) -> Outline | None:
        """The outline of the module or notebook cell that code was compiled from, or None."""
        path = Path(code.co_filename)
        if not path.is_file():
            return outline_of_cell(code, namespace)
        outline = self.outline(module)
        if outline is not None and module_file(module) == path:
            return outline
        return outline_of_file(module, path, package=_package(module, path))

    def name_of(self, outline: Outline) -> str:
        """The name a module is imported by; "" of a notebook cell."""
        return self._names.get(outline, "")

    def living(self, outline: Outline, name: str) -> object:
        """What a name of a module is bound to now, or None."""
        return module_attribute(sys.modules.get(self.name_of(outline)), name)

    def offers(self, outline: Outline, name: str) -> bool:
        """Whether a module defines a name, imports it, or may have it by `*` from own code."""
        pending, seen = [outline], {outline}
        while pending:
            there = pending.pop()
            if name in there.definitions or name in there.imports:
                return True
            for star in filter(self.is_own, there.stars):
                behind = self.outline(star)
                if behind is not None and behind not in seen:
                    seen.add(behind)
                    pending.append(behind)
        return False

    def resolved(self, targets: Iterable[Target]) -> frozenset[Target]:
        """What imports of own code stand for at last: past packages that only pass names on."""
        found: set[Target] = set()
        pending, seen = list(targets), set[Target]()
        while pending and len(seen) < _RE_EXPORTS:
            target = pending.pop()
            if target in seen or not self.is_own(target.module):
                continue
            seen.add(target)
            outline = self.outline(target.module)
            passed_on = _NONE if outline is None else outline.imports.get(target.member, _NONE)
            is_defined = outline is not None and target.member in outline.definitions
            if passed_on - seen:
                pending.extend(passed_on)
            elif target.member and (target in passed_on or not is_defined) and self._is_submodule(target):
                found.add(Target(f"{target.module}.{target.member}"))
            if is_defined or not passed_on:
                found.add(target)
        return frozenset(found)

    def beside(self, outline: Outline) -> tuple[Outline, ...]:
        """The imported modules of the same pack that change or call what they import from others."""
        module = self.name_of(outline)
        if not module:
            return ()
        top = module.partition(".")[0]
        pack = top if is_package(top) else str(Path(str(module_file(module))).parent)
        if pack not in self._packs:
            loaded = map(self.outline, _loaded_modules(pack))
            self._packs[pack] = tuple(there for there in loaded if there is not None and there.has_effects)
        return tuple(there for there in self._packs[pack] if there is not outline)

    def all_below(self, package: str) -> list[str]:
        """All modules of a package, imported or not."""
        found: dict[str, None] = {}
        for folder in package_folders(package):
            for path in sorted(folder.rglob("*.py")):
                inner = path.relative_to(folder).with_suffix("").parts
                names = inner[:-1] if inner[-1] == "__init__" else inner
                if all(map(str.isidentifier, names)):
                    found[".".join((package, *names))] = None
        return list(found)

    def all_beside(self, outline: Outline) -> list[str]:
        """All modules of the pack of a module, imported or not: of its package, or in its folder."""
        module = self.name_of(outline)
        top = module.partition(".")[0]
        if is_package(top):
            return self.all_below(top)
        path = module_file(module)
        return sorted(beside.stem for beside in path.parent.glob("*.py")) if path is not None else []

    def _is_submodule(self, target: Target) -> bool:
        return self.exists(f"{target.module}.{target.member}")


def _loaded_modules(pack: str) -> list[str]:
    """The imported modules of a package, or in a folder."""
    if "/" not in pack and "\\" not in pack:
        return sorted(name for name in sys.modules if name.partition(".")[0] == pack)
    files = ((name, module_attribute(module, "__file__")) for name, module in list(sys.modules.items()))
    return sorted(
        name
        for name, file in files
        if isinstance(file, str) and "." not in name and str(Path(file).parent) == pack
    )


def _package(module: str, path: Path) -> str:
    """The package that relative imports of a module start from."""
    if module == "__main__":
        return str(getattr(sys.modules["__main__"], "__package__", None) or "")
    return module if path.name == "__init__.py" else module.rpartition(".")[0]

"""Everything that a function's behaviour depends on in its own code, found from its source."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from blake3 import blake3

from nodegraph.node.code.captured import Code, code_in, describe
from nodegraph.node.code.normal import NormalForm, Reference
from nodegraph.node.code.origins import is_package, module_file, origin_of
from nodegraph.node.code.outline import FoundFunction, Outline
from nodegraph.node.code.scopes import Target
from nodegraph.node.code.sources import outline_of_cell, outline_of_file, plain_function
from nodegraph.types.values import DeclarationError

_BUILTIN_NAMES = frozenset(dir(builtins))
_REACHES_ANY_NAME = frozenset({"globals", "eval", "exec", "__import__"})
_REACHES_ANY_MODULE = frozenset({"sys.modules", "importlib.import_module", "inspect.currentframe"})
_PART_TAG = b"nodegraph/code-part/1\0"

Chain = tuple[str, ...]


class Reach:
    """A walk from one function over all that it uses.

    Definitions are followed once each, so code that refers to itself ends it. What is met is noted in
    `pending` and followed later, so a long chain of helpers needs no deep stack.
    """

    def __init__(self, start: Callable[..., Any]) -> None:
        self._place = _place(start)
        self._own = str(getattr(start, "__module__", "")).partition(".")[0]
        self._parts: dict[str, set[bytes]] = {}
        self._pending: list[Callable[[], None]] = []
        self._seen: set[object] = set()
        self._modules: dict[Outline, str] = {}
        if isinstance(start, FunctionType):
            self._meet(start, partial(self._follow_function, start))
        else:
            self._add_value(self._place, start)

    def parts(self) -> dict[str, bytes]:
        """Walk to the end; the digest of every part that is reached, by qualified name.

        Raises:
            DeclarationError: if something has neither source nor a value that can be hashed.
        """
        while self._pending:
            self._pending.pop()()
        return {name: _combined(digests) for name, digests in sorted(self._parts.items())}

    # Names in source

    def _follow_reference(self, outline: Outline, reference: Reference) -> None:
        if reference.target is not None:
            self._follow_target(outline, reference.target, reference)
        else:
            self._follow_name(outline, reference.name, reference)

    def _follow_name(self, outline: Outline, name: str, reference: Reference) -> None:
        """Follow a name of a module to what it is there: an import, a definition, or something unknown."""
        if outline.namespace is not None:
            self._follow_living_name(outline, name, reference)
            return
        for target in sorted(outline.imports.get(name, ())):
            self._meet(
                (outline, target, reference.chain, reference.in_annotation),
                partial(self._follow_target, outline, target, reference),
            )
        if name in outline.definitions:
            self._meet_definition(outline, name)
        elif name not in outline.imports:
            self._follow_unknown_name(outline, name, reference)

    def _follow_unknown_name(self, outline: Outline, name: str, reference: Reference) -> None:
        if self._follow_star_imports(outline, name, reference):
            return
        if name in _BUILTIN_NAMES or (name.startswith("__") and name.endswith("__")):
            if name in _REACHES_ANY_NAME:
                self._meet_whole(outline)
        elif not reference.in_annotation:
            self._meet_whole(outline)

    def _follow_star_imports(self, outline: Outline, name: str, reference: Reference) -> bool:
        """Look a name up in the modules whose names are imported with `*`; whether one may have it."""
        found = False
        for star in outline.stars:
            if not self._is_own(star):
                self._add_foreign(star)
                found = found or name not in _BUILTIN_NAMES
            elif (there := self._outline(star)) is not None and there is not outline and _has(there, name):
                inner = Reference(name, reference.chain, None, reference.in_annotation)
                self._meet((there, inner), partial(self._follow_name, there, name, inner))
                found = True
        return found

    def _follow_target(self, outline: Outline, target: Target, reference: Reference) -> None:
        """Follow what an import in `outline` names, and the attributes taken of it."""
        chain = reference.chain
        if self._is_own(target.module):
            full = (target.member, *chain) if target.member else chain
            self._follow_module(target.module, full, reference)
        elif not reference.in_annotation:
            self._add_foreign(target.module)
            named = ".".join((target.module, target.member or (chain or ("",))[0]))
            if named in _REACHES_ANY_MODULE:
                self._meet_whole(outline)

    def _follow_module(self, module: str, chain: Chain, reference: Reference) -> None:
        """Follow attributes of a module as far as they are modules; without any, all of it counts."""
        outline = self._outline(module)
        if outline is not None and chain and _has(outline, chain[0]):
            inner = Reference(chain[0], chain[1:], None, reference.in_annotation)
            self._meet((outline, inner), partial(self._follow_name, outline, chain[0], inner))
        elif chain and self._exists(f"{module}.{chain[0]}"):
            self._follow_module(f"{module}.{chain[0]}", chain[1:], reference)
        elif outline is not None and chain:
            self._follow_unknown_name(outline, chain[0], reference)
        elif outline is not None:
            self._meet_whole(outline)
        else:
            self._add_module_without_source(module)

    def _meet_whole(self, outline: Outline) -> None:
        self._meet((outline, "*"), partial(self._follow_whole, outline))

    def _follow_whole(self, outline: Outline) -> None:
        """Follow all that a module defines or imports from others by name."""
        for name in outline.definitions:
            self._meet_definition(outline, name)
        for name, targets in outline.imports.items():
            for target in sorted(targets):
                if target.member and self._is_own(target.module):
                    self._follow_target(outline, target, Reference(name))
        if outline.rest:
            self._add_form(outline, outline.name, outline.rest_form())

    def _meet_definition(self, outline: Outline, name: str) -> None:
        self._meet((outline, name), partial(self._follow_definition, outline, name))

    def _follow_definition(self, outline: Outline, name: str) -> None:
        for part, form in outline.parts_of(name).items():
            self._add_form(outline, f"{outline.name}.{part}", form)
        if name in outline.mutated and outline.namespace is None:
            self._meet_whole(outline)
            self._follow_registry(outline, name)

    def _follow_registry(self, outline: Outline, name: str) -> None:
        """Of a container that functions fill, also follow the code that it holds now."""
        loaded = sys.modules.get(self._modules.get(outline, ""))
        for held in code_in(getattr(loaded, name, None)):
            self._meet(held, partial(self._follow_code, held))

    # Living objects

    def _follow_living_name(self, outline: Outline, name: str, reference: Reference) -> None:
        """In a module without a file, follow what a name is bound to now."""
        namespace = outline.namespace or {}
        if name not in namespace:
            if name not in _BUILTIN_NAMES and not reference.in_annotation and not name.startswith("__"):
                raise DeclarationError(f"{self._place} uses the name {name!r}, which is not defined")
            return
        held = namespace[name]
        if isinstance(held, ModuleType):
            self._follow_target(outline, Target(held.__name__), reference)
        elif isinstance(held, (FunctionType, type)):
            self._meet(held, partial(self._follow_code, held))
        elif not reference.in_annotation:
            self._meet((outline, "value", name), partial(self._add_value, f"{outline.name}.{name}", held))

    def _follow_code(self, held: Code) -> None:
        if isinstance(held, FunctionType):
            self._follow_function(held)
        elif isinstance(held, type):
            self._follow_class(held)
        elif self._is_own(held.__name__):
            self._follow_module(held.__name__, (), Reference(held.__name__))
        else:
            self._add_foreign(held.__name__)

    def _follow_function(self, function: FunctionType) -> None:
        module = str(function.__globals__.get("__name__"))
        if not self._is_own(module):
            self._add_foreign(module)
            self._follow_wrapped(function)
            return
        outline = self._outline_of_code(function.__code__, module, function.__globals__)
        found = _found_in(outline, function.__code__)
        if outline is None or not found:
            raise DeclarationError(
                f"{self._place} uses {_place(function)}, whose source is not at hand; declare the node with "
                "@node(..., version=1)"
            )
        for candidate in found:
            if _is_definition(candidate):
                self._meet_definition(outline, _outermost_name(candidate))
            else:
                self._add_nested(outline, candidate, function)

    def _follow_wrapped(self, function: FunctionType) -> None:
        """Of a wrapper that another distribution made, follow what it wraps."""
        wrapped = plain_function(function)
        if wrapped is not None and wrapped is not function:
            self._meet(wrapped, partial(self._follow_function, wrapped))

    def _add_nested(self, outline: Outline, found: FoundFunction, function: FunctionType) -> None:
        """A function made by another: its code, and by value what it captured and its defaults."""
        form = outline.nested_form(found)
        name = f"{outline.name}.{function.__qualname__.replace('.<locals>', '')}"
        self._add_form(outline, name, form)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for variable, cell in cells:
            if variable in form.free and (content := _content(cell)) is not function:
                self._add_value(f"{name}.{variable}", content)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is not parameter.empty:
                self._add_value(f"{name}.{parameter.name}", parameter.default)

    def _follow_class(self, cls: type) -> None:
        if not self._is_own(cls.__module__):
            self._add_foreign(cls.__module__)
            return
        outermost = cls.__qualname__.partition(".")[0]
        outline = self._outline_of_class(cls, outermost)
        if outline is None:
            raise DeclarationError(
                f"{self._place} uses the class {cls.__qualname__}, whose source is not at hand; declare the "
                "node with @node(..., version=1)"
            )
        if outermost in outline.definitions:
            self._meet_definition(outline, outermost)
        else:
            self._meet_whole(outline)
        if "<locals>" in cls.__qualname__:
            for method in _written_methods(cls, outline):
                self._meet(method, partial(self._follow_function, method))

    def _outline_of_class(self, cls: type, outermost: str) -> Outline | None:
        """Where a class is written: with its methods, since a notebook's module has no source of its own."""
        for method in _methods(cls):
            outline = self._outline_of_code(method.__code__, cls.__module__, method.__globals__)
            if outline is not None and outermost in outline.definitions:
                return outline
        return self._outline(cls.__module__)

    # Parts

    def _add_form(self, outline: Outline, name: str, form: NormalForm) -> None:
        """Add a part: what it says, and what the imported names in it stand for."""
        used = {reference.name for reference in form.references if not reference.in_annotation}
        imported = [f"{name}={target}" for name in sorted(used) for target in _targets(outline, name)]
        self._add(name, "\n".join([form.text, *imported]))
        for reference in form.references:
            self._meet((outline, reference), partial(self._follow_reference, outline, reference))

    def _add_value(self, name: str, value: object) -> None:
        captured = describe(value, f"{self._place} uses {name}, which")
        self._add(name, captured.text)
        for held in captured.code:
            self._meet(held, partial(self._follow_code, held))

    def _add_foreign(self, module: str) -> None:
        top = module.partition(".")[0]
        origin = origin_of(top)
        if origin.kind == "distribution":
            self._add(f"{top} (distribution)", origin.label)
        elif origin.kind == "missing":
            self._add(f"{top} (not installed)", top)

    def _add_module_without_source(self, module: str) -> None:
        path = module_file(module)
        if path is not None:
            self._add(module, blake3(path.read_bytes()).hexdigest())
        elif not is_package(module):
            self._add(f"{module} (not installed)", module)

    def _add(self, name: str, text: str) -> None:
        digest = blake3(_PART_TAG + text.encode("utf-8", "surrogatepass")).digest()
        self._parts.setdefault(name, set()).add(digest)

    def _meet(self, key: object, follow: Callable[[], None]) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self._pending.append(follow)

    # Modules

    def _is_own(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top == self._own or origin_of(top).kind == "code"

    def _exists(self, module: str) -> bool:
        return module_file(module) is not None or is_package(module)

    def _outline(self, module: str) -> Outline | None:
        """The outline of a module that has a Python file, else None."""
        path = module_file(module)
        if path is None or path.suffix != ".py":
            return None
        outline = outline_of_file(module, path, package=_package(module, path))
        self._modules[outline] = module
        return outline

    def _outline_of_code(self, code: CodeType, module: str, namespace: dict[str, Any]) -> Outline | None:
        path = Path(code.co_filename)
        if not path.is_file():
            return outline_of_cell(code, namespace)
        outline = self._outline(module)
        if outline is not None and module_file(module) == path:
            return outline
        return outline_of_file(module, path, package=_package(module, path))


def _found_in(outline: Outline | None, code: CodeType) -> tuple[FoundFunction, ...]:
    return outline.functions.get((code.co_firstlineno, code.co_name), ()) if outline is not None else ()


def _methods(cls: type) -> list[FunctionType]:
    return [held for held in vars(cls).values() if isinstance(held, FunctionType)]


def _written_methods(cls: type, outline: Outline) -> list[FunctionType]:
    """The methods of a class that stand in its source; a dataclass has others that were generated."""
    return [method for method in _methods(cls) if _found_in(outline, method.__code__)]


def _is_definition(found: FoundFunction) -> bool:
    """Whether a function is part of what its module defines at top level, alone or in a class."""
    return hasattr(found.node, "name") and all(not hasattr(outer, "args") for outer in found.around)


def _outermost_name(found: FoundFunction) -> str:
    return str(getattr((*found.around, found.node)[0], "name", ""))


def _targets(outline: Outline, name: str) -> list[str]:
    if outline.namespace is None:
        return [str(target) for target in sorted(outline.imports.get(name, ()))]
    held = outline.namespace.get(name)
    if isinstance(held, ModuleType):
        return [held.__name__]
    is_code = isinstance(held, (FunctionType, type))
    return [f"{held.__module__}:{held.__qualname__}"] if is_code else []


def _has(outline: Outline, name: str) -> bool:
    return name in outline.definitions or name in outline.imports


def _package(module: str, path: Path) -> str:
    """The package that relative imports of a module start from."""
    if module == "__main__":
        return str(getattr(sys.modules["__main__"], "__package__", None) or "")
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _combined(digests: set[bytes]) -> bytes:
    return next(iter(digests)) if len(digests) == 1 else blake3(b"".join(sorted(digests))).digest()


def _place(code: object) -> str:
    name = str(getattr(code, "__qualname__", type(code).__qualname__))
    return f"{getattr(code, '__module__', None)}.{name}".replace(".<locals>", "")

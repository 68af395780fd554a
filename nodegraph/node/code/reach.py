"""Everything that a function's behaviour depends on in its own code, found from its source."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from nodegraph.node.code.captured import Code, code_in, describe
from nodegraph.node.code.modules import Modules, own_code_of
from nodegraph.node.code.normal import NormalForm, Reading, Reference
from nodegraph.node.code.origins import is_package
from nodegraph.node.code.outline import FoundFunction, Outline
from nodegraph.node.code.parts import Parts
from nodegraph.node.code.scopes import Target
from nodegraph.node.code.sources import plain_function
from nodegraph.types.values import DeclarationError

_BUILTIN_NAMES = frozenset(dir(builtins))
_REACHES_ANY_NAME = frozenset({"globals", "eval", "exec"})
_REACHES_ANY_MODULE = frozenset({"sys.modules", "inspect.currentframe", "sys._getframe"})
_READS_TEXT = frozenset(
    {
        "inspect.get_annotations",
        "inspect.getcomments",
        "inspect.getdoc",
        "inspect.getfullargspec",
        "inspect.getsource",
        "inspect.getsourcelines",
        "inspect.signature",
        "typing.get_type_hints",
    }
)

Chain = tuple[str, ...]


class Reach:
    """A walk from one function over all that it uses.

    Definitions are followed once each, so code that refers to itself ends it. What is met is noted in
    `pending` and followed later, so a long chain of helpers needs no deep stack.
    """

    def __init__(self, start: Callable[..., Any]) -> None:
        self._place = _place(start)
        self._modules = Modules(own_code_of(str(getattr(start, "__module__", ""))))
        self._parts = Parts()
        self._pending: list[Callable[[], None]] = []
        self._seen: set[object] = set()
        self._reads: set[Reading] = set()
        self._outlines: set[Outline] = set()
        self._classes: list[type] = []
        if isinstance(start, FunctionType):
            self._meet(start, partial(self._follow_function, start))
        else:
            self._add_value(self._place, start)

    def parts(self) -> dict[str, bytes]:
        """Walk to the end; the digest of every part that is reached, by qualified name.

        Raises:
            DeclarationError: if something has neither source nor a value that can be hashed.
        """
        while self._pending or self._meet_subclasses():
            self._pending.pop()()
        if "text" in self._reads:
            for outline in self._outlines:
                self._parts.add(f"{outline.name} (as written)", outline.written.hex())
        return self._parts.digests()

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
                (outline, target, reference.chain, reference.weak),
                partial(self._follow_target, outline, target, reference),
            )
        if name in outline.definitions:
            self._meet_definition(outline, name)
        is_known = name in outline.definitions or name in outline.imports
        if not self._follow_stars(outline, name, reference, is_known=is_known) and not is_known:
            self._follow_unknown_name(outline, name, reference)

    def _follow_unknown_name(self, outline: Outline, name: str, reference: Reference) -> None:
        if name in _BUILTIN_NAMES or (name.startswith("__") and name.endswith("__")):
            if name in _REACHES_ANY_NAME:
                self._meet_whole(outline)
        elif not reference.weak:
            self._meet_whole(outline)

    def _follow_stars(self, outline: Outline, name: str, reference: Reference, *, is_known: bool) -> bool:
        """Look a name up in the modules whose names are imported with `*`; whether one may have it."""
        found = False
        for star in outline.stars:
            if not self._modules.is_own(star):
                if not is_known and name not in _BUILTIN_NAMES and not reference.weak:
                    self._parts.add_foreign(star)
                    found = True
                continue
            there = self._modules.outline(star)
            if there is not None and there is not outline and self._modules.offers(there, name):
                inner = Reference(name, reference.chain, None, reference.weak)
                self._meet((there, inner), partial(self._follow_name, there, name, inner))
                found = True
        return found

    def _follow_target(self, outline: Outline, target: Target, reference: Reference) -> None:
        """Follow what an import in `outline` names, and the attributes taken of it."""
        chain = reference.chain
        if self._modules.is_own(target.module):
            full = (target.member, *chain) if target.member else chain
            self._follow_module(target.module, full, reference)
        elif not reference.weak:
            self._parts.add_foreign(target.module)
            named = ".".join((target.module, target.member or (chain or ("",))[0]))
            if named in _REACHES_ANY_MODULE:
                self._meet_whole(outline)
            if named in _READS_TEXT:
                self._reads.add("text")

    def _follow_module(self, module: str, chain: Chain, reference: Reference) -> None:
        """Follow attributes of a module as far as they are modules; without any, all of it counts."""
        outline = self._modules.outline(module)
        if not chain:
            self._follow_module_as_object(module, outline)
            return
        leaf = f"{module}.{chain[0]}"
        is_offered = outline is not None and self._modules.offers(outline, chain[0])
        if outline is not None and is_offered:
            inner = Reference(chain[0], chain[1:], None, reference.weak)
            self._meet((outline, inner), partial(self._follow_name, outline, chain[0], inner))
        is_imported = outline is not None and Target(module, chain[0]) in outline.imports.get(chain[0], ())
        if (not is_offered or is_imported) and self._modules.exists(leaf):
            self._follow_module(leaf, chain[1:], reference)
        elif outline is not None and not is_offered:
            self._follow_unknown_name(outline, chain[0], reference)
        elif outline is None:
            self._parts.add_file(module)

    def _follow_module_as_object(self, module: str, outline: Outline | None) -> None:
        """Of a module that is passed around any name counts, of a package any module."""
        if is_package(module):
            self._meet((module, "package"), partial(self._follow_all, self._modules.all_below(module)))
        if outline is not None:
            self._meet_whole(outline)
        else:
            self._parts.add_file(module)

    def _follow_all(self, modules: list[str]) -> None:
        """Follow all of many modules, which may be loaded by names that only running tells."""
        for module in modules:
            try:
                outline = self._modules.outline(module)
            except DeclarationError:
                outline = None
            if outline is not None:
                self._meet_whole(outline)
            else:
                self._parts.add_file(module)

    def _meet_whole(self, outline: Outline) -> None:
        self._meet((outline, "*"), partial(self._follow_whole, outline))

    def _follow_whole(self, outline: Outline) -> None:
        """Follow all that a module defines or imports."""
        self._follow_definitions(outline)
        for name, targets in outline.imports.items():
            for target in sorted(targets):
                self._follow_target(outline, target, Reference(name))
        for star in outline.stars:
            if not self._modules.is_own(star):
                self._parts.add_foreign(star)
            elif (there := self._modules.outline(star)) is not None:
                self._meet_whole(there)

    def _follow_definitions(self, outline: Outline) -> None:
        for name in outline.definitions:
            self._meet_definition(outline, name)
        if outline.rest:
            self._add_form(outline, outline.name, outline.rest_form())

    def _meet_definition(self, outline: Outline, name: str) -> None:
        self._meet((outline, name), partial(self._follow_definition, outline, name))

    def _follow_definition(self, outline: Outline, name: str) -> None:
        for part, form in outline.parts_of(name).items():
            self._add_form(outline, f"{outline.name}.{part}", form)
        for registered in outline.registered_with(name):
            self._meet_definition(outline, registered)
        if outline.namespace is None:
            is_mutated = name in outline.mutated
            for other, imported in self._changed_elsewhere(outline, name):
                if imported in other.definitions:
                    self._meet_definition(other, imported)
                if imported in other.mutated:
                    is_mutated = True
                    self._meet_users(other)
            if is_mutated:
                self._follow_mutated(outline, name)
            self._follow_living_value(self._modules.living(outline, name))

    def _changed_elsewhere(self, outline: Outline, name: str) -> list[tuple[Outline, str]]:
        """Modules of the pack that change, in place, what they import of a name, and what they call it."""
        here = Target(self._modules.name_of(outline), name)
        found: list[tuple[Outline, str]] = []
        for other in self._modules.beside(outline):
            for imported in sorted(other.changed_imports):
                changed = self._modules.resolved(other.imports[imported])
                within = [Target(target.module, name) for target in changed if not target.member]
                if here in changed or here in within or here in self._modules.resolved(within):
                    found.append((other, imported))
        return found

    def _follow_mutated(self, outline: Outline, name: str) -> None:
        """Of a value that functions change, follow the functions, who calls them, and the code it holds."""
        for held in code_in(self._modules.living(outline, name)):
            self._meet(held, partial(self._follow_code, held))
        self._meet_users(outline)

    def _meet_users(self, outline: Outline) -> None:
        """Meet all functions of a module that change something, and what calls them at import."""
        self._meet((outline, "definitions"), partial(self._follow_definitions, outline))
        module = self._modules.name_of(outline)
        for other in self._modules.beside(outline):
            for called in other.calls:
                if any(module == to.module for to in self._modules.resolved(other.imports[called])):
                    self._meet((other, "calls", called), partial(self._follow_calls, other, called))

    def _follow_calls(self, outline: Outline, called: str) -> None:
        for name in outline.called_in(called):
            self._meet_definition(outline, name)
        if (form := outline.calls_form(called)).text:
            self._add_form(outline, f"{outline.name}.{called}", form)

    def _follow_living_value(self, value: object) -> None:
        """Follow the code that a class, or an instance of own code, holds in containers."""
        if isinstance(value, type):
            self._classes.append(value)
            held: list[object] = [entry for name, entry in vars(value).items() if not name.startswith("__")]
        elif self._modules.is_own(type(value).__module__):
            held = list(getattr(value, "__dict__", {}).values())
        else:
            return
        containers: list[object] = [entry for entry in held if isinstance(entry, (dict, list, set, tuple))]
        for code in code_in(containers):
            self._meet(code, partial(self._follow_code, code))

    def _meet_subclasses(self) -> bool:
        """Meet the subclasses of classes that are asked for them; whether there is more to follow."""
        for cls in self._classes:
            if "subclasses" in self._reads or self._knows_subclasses(cls):
                for inner in type.__subclasses__(cls):
                    if self._modules.is_own(inner.__module__):
                        self._meet(inner, partial(self._follow_class, inner))
        return bool(self._pending)

    def _knows_subclasses(self, cls: type) -> bool:
        """Whether own code is told of each subclass, and so may use it without naming it."""
        told = [base for base in cls.__mro__ if "__init_subclass__" in vars(base)]
        return any(self._modules.is_own(base.__module__) for base in (*told, type(cls)))

    # Living objects

    def _follow_living_name(self, outline: Outline, name: str, reference: Reference) -> None:
        """In a module without a file, follow what a name is bound to now."""
        namespace = outline.namespace or {}
        if name not in namespace:
            if name not in _BUILTIN_NAMES and not reference.weak and not name.startswith("__"):
                raise DeclarationError(f"{self._place} uses the name {name!r}, which is not defined")
            return
        held = namespace[name]
        if isinstance(held, ModuleType):
            self._follow_target(outline, Target(held.__name__), reference)
        elif isinstance(held, (FunctionType, type)):
            self._meet(held, partial(self._follow_code, held))
        elif not reference.weak:
            self._meet((outline, "value", name), partial(self._add_value, f"{outline.name}.{name}", held))

    def _follow_code(self, held: Code) -> None:
        if isinstance(held, FunctionType):
            self._follow_function(held)
        elif isinstance(held, type):
            self._follow_class(held)
        elif self._modules.is_own(held.__name__):
            self._follow_module(held.__name__, (), Reference(held.__name__))
        else:
            self._parts.add_foreign(held.__name__)

    def _follow_function(self, function: FunctionType) -> None:
        module = str(function.__globals__.get("__name__"))
        if not self._modules.is_own(module):
            self._parts.add_foreign(module)
            self._follow_wrapped(function)
            return
        outline = self._modules.outline_of_code(function.__code__, module, function.__globals__)
        found = outline.found(function.__code__) if outline is not None else ()
        if outline is None or not found:
            raise DeclarationError(
                f"{self._place} uses {_place(function)}, whose source is not at hand; declare the node with "
                "@node(..., version=1)"
            )
        for candidate in found:
            if candidate.is_definition:
                self._meet_definition(outline, candidate.outermost_name)
            else:
                self._add_nested(outline, candidate, function)

    def _follow_wrapped(self, function: FunctionType) -> None:
        """Of a wrapper that another distribution made, follow what it wraps or, if it does not say, holds."""
        wrapped = plain_function(function)
        if wrapped is not None and wrapped is not function:
            self._meet(wrapped, partial(self._follow_function, wrapped))
            return
        for held in code_in([_content(cell) for cell in function.__closure__ or ()]):
            if self._modules.is_own(str(held.__module__)):
                self._meet(held, partial(self._follow_code, held))

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
        if not self._modules.is_own(cls.__module__):
            self._parts.add_foreign(cls.__module__)
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
            for method in filter(lambda method: outline.found(method.__code__), _methods(cls)):
                self._meet(method, partial(self._follow_function, method))

    def _outline_of_class(self, cls: type, outermost: str) -> Outline | None:
        """Where a class is written: with its methods, since a notebook's module has no source of its own."""
        for method in _methods(cls):
            outline = self._modules.outline_of_code(method.__code__, cls.__module__, method.__globals__)
            if outline is not None and outermost in outline.definitions:
                return outline
        return self._modules.outline(cls.__module__)

    # Parts

    def _add_form(self, outline: Outline, name: str, form: NormalForm) -> None:
        """Add a part: what it says, and what the imported names in it stand for."""
        used = {reference.name for reference in form.references if not reference.weak}
        imported = [f"{name}={target}" for name in sorted(used) for target in _targets(outline, name)]
        self._parts.add(name, "\n".join([form.text, *imported]))
        self._outlines.add(outline)
        self._reads |= form.reads
        if "modules" in form.reads:
            beside = partial(self._modules.all_beside, outline)
            self._meet((outline, "pack"), lambda: self._follow_all(beside()))
        for reference in form.references:
            self._meet((outline, reference), partial(self._follow_reference, outline, reference))

    def _add_value(self, name: str, value: object) -> None:
        captured = describe(value, f"{self._place} uses {name}, which")
        self._parts.add(name, captured.text)
        for held in captured.code:
            self._meet(held, partial(self._follow_code, held))

    def _meet(self, key: object, follow: Callable[[], None]) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self._pending.append(follow)


def _methods(cls: type) -> list[FunctionType]:
    return [held for held in vars(cls).values() if isinstance(held, FunctionType)]


def _targets(outline: Outline, name: str) -> list[str]:
    if outline.namespace is None:
        return [str(target) for target in sorted(outline.imports.get(name, ()))]
    held = outline.namespace.get(name)
    if isinstance(held, ModuleType):
        return [held.__name__]
    is_code = isinstance(held, (FunctionType, type))
    return [f"{held.__module__}:{held.__qualname__}"] if is_code else []


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _place(code: object) -> str:
    name = str(getattr(code, "__qualname__", type(code).__qualname__))
    return f"{getattr(code, '__module__', None)}.{name}".replace(".<locals>", "")

"""What a module defines and imports, read off its source without running it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from blake3 import blake3

from nodegraph.node.code.changes import DEFS, Changes, Statements, changes_in, is_main_guard
from nodegraph.node.code.normal import NormalForm, normal_form
from nodegraph.node.code.scopes import (
    Bound,
    Function,
    Scope,
    Target,
    class_scope,
    function_scope,
    names_bound_by,
)


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """A function in a module's source, and the functions and classes around it, outermost first."""

    node: Function
    around: tuple[Function | ast.ClassDef, ...]

    @property
    def is_definition(self) -> bool:
        """Whether it is part of what its module defines at top level, alone or in a class."""
        is_alone = all(isinstance(outer, ast.ClassDef) for outer in self.around)
        return is_alone and not isinstance(self.node, ast.Lambda)

    @property
    def outermost_name(self) -> str:
        """The name of what it is part of at top level."""
        return str(getattr((*self.around, self.node)[0], "name", ""))


@dataclass(frozen=True, eq=False)
class Outline:
    """A module as its source shows it.

    Attributes:
        name: the module's name as it is shown and hashed: of a file, its stem.
        package: the package that its relative imports start from.
        definitions: for each name, the statements that define or change it, in order.
        imports: for each imported name, what it may be.
        stars: modules imported with `*`.
        mutated: names that the module defines or imports and its functions change, so that their value
            does not follow from their definitions.
        changed_imports: imported names whose value the module changes in place.
        calls: for each imported name, statements that call it at import, or decorate with it.
        rest: statements that define nothing.
        node_decorators: dotted names under which `nodegraph.node` is known in it.
        tree: its syntax.
        written: 32 bytes that any edit of the source changes.
        namespace: the living names of a module that has no file, such as a notebook's; else None.
    """

    name: str
    package: str
    definitions: Statements
    imports: Mapping[str, frozenset[Target]]
    stars: tuple[str, ...]
    mutated: frozenset[str]
    changed_imports: frozenset[str]
    calls: Statements
    rest: tuple[ast.stmt, ...]
    node_decorators: frozenset[str]
    tree: ast.Module
    written: bytes
    namespace: Mapping[str, object] | None = None
    _parts: dict[str, Mapping[str, NormalForm]] = field(default_factory=dict[str, Mapping[str, NormalForm]])

    @property
    def has_effects(self) -> bool:
        """Whether importing the module may change what it imports from others."""
        return bool(self.changed_imports or self.calls)

    def parts_of(self, name: str) -> Mapping[str, NormalForm]:
        """The normal forms of a definition by qualified name; of a class, one for each of its members."""
        if name not in self._parts:
            statements = tuple(found for found in self.definitions[name] if not _defines_another(found, name))
            self._parts[name] = self._read_parts(name, statements) if statements else {}
        return self._parts[name]

    def registered_with(self, name: str) -> list[str]:
        """The functions and classes of the module whose decorators may change what a name stands for."""
        return [
            found.name
            for found in self.definitions[name]
            if isinstance(found, DEFS) and _defines_another(found, name)
        ]

    def found(self, code: CodeType) -> tuple[FoundFunction, ...]:
        """The functions that a code object may have been compiled from."""
        return self._functions.get((code.co_firstlineno, code.co_name), ())

    @cached_property
    def _functions(self) -> Mapping[tuple[int, str], tuple[FoundFunction, ...]]:
        return _functions_by_place(self.tree)

    def rest_form(self) -> NormalForm:
        """The normal form of the statements that define nothing."""
        return self._form(self.rest, self._module_scope())

    def calls_form(self, name: str) -> NormalForm:
        """The normal form of the statements that call an imported name at import, functions apart."""
        called = tuple(found for found in self.calls[name] if not isinstance(found, DEFS))
        return self._form(called, self._module_scope())

    def called_in(self, name: str) -> list[str]:
        """The functions and classes that an imported name decorates, or that call it at import."""
        return [found.name for found in self.calls[name] if isinstance(found, DEFS)]

    def nested_form(self, found: FoundFunction) -> NormalForm:
        """The normal form of a function inside others; the names of those are its free variables."""
        scope = self._module_scope()
        for outer in found.around:
            if isinstance(outer, ast.ClassDef):
                scope = class_scope(outer, scope, self.package)
            else:
                scope = function_scope(outer, scope, self.package, enclosing=True)
        return self._form((found.node,), scope)

    def _read_parts(self, name: str, statements: tuple[ast.stmt, ...]) -> Mapping[str, NormalForm]:
        classes = [found for found in statements if isinstance(found, ast.ClassDef) and found.name == name]
        if classes == [statements[0]]:
            return self._class_parts(classes[0], statements[1:])
        return {name: self._form(statements, self._module_scope())}

    def _class_parts(self, node: ast.ClassDef, changes: tuple[ast.stmt, ...]) -> Mapping[str, NormalForm]:
        """One part for each member, and one for the head: bases, decorators, order of attributes, changes."""
        members: dict[str, list[ast.stmt]] = {}
        rest: list[ast.stmt] = []
        for statement in node.body:
            member = _member_name(statement)
            (members.setdefault(member, []) if member else rest).append(statement)
        attributes = [member for member, found in members.items() if not isinstance(found[0], DEFS)]
        head = ast.ClassDef(node.name, node.bases, node.keywords, rest, node.decorator_list)
        order = ast.Constant(" ".join(attributes))
        inner = class_scope(node, self._module_scope(), self.package)
        parts = {node.name: self._form((head, order, *changes), self._module_scope())}
        for member, found in members.items():
            parts[f"{node.name}.{member}"] = self._form(tuple(found), inner)
        return parts

    def _form(self, nodes: tuple[ast.AST, ...], scope: Scope) -> NormalForm:
        return normal_form(nodes, scope, self.package, self.node_decorators)

    def _module_scope(self) -> Scope:
        return Scope("module", names_bound_by((), self.package), None)


def outline_of(
    source: bytes | str, *, name: str, package: str, namespace: Mapping[str, object] | None = None
) -> Outline:
    """Read the outline of a module.

    Args:
        source: its source.
        name: its name as it is shown and hashed.
        package: the package that its relative imports start from.
        namespace: its living names, if it has no file.

    Raises:
        SyntaxError: if the source is not Python.
    """
    encoded = source.encode() if isinstance(source, str) else source
    tree = ast.parse(source)
    bound = {statement: names_bound_by([statement], package) for statement in tree.body}
    imports: dict[str, frozenset[Target]] = {}
    for names in bound.values():
        for imported, targets in names.imports.items():
            imports[imported] = imports.get(imported, frozenset()) | targets
    node_decorators = _node_decorators(imports, namespace or {})
    changes = changes_in(encoded, tree, bound, imports, package, node_decorators)
    definitions, rest = _definitions(bound, changes)
    return Outline(
        name=name,
        package=package,
        definitions=definitions,
        imports=imports,
        stars=tuple(sorted({star for names in bound.values() for star in names.stars})),
        mutated=changes.in_functions | (frozenset(definitions) if changes.any_name else frozenset[str]()),
        changed_imports=(changes.in_functions | changes.at_import.keys()) & imports.keys(),
        calls=changes.calls,
        rest=rest,
        node_decorators=node_decorators,
        tree=tree,
        written=blake3(encoded).digest(),
        namespace=namespace,
    )


def _definitions(
    bound: Mapping[ast.stmt, Bound], changes: Changes
) -> tuple[dict[str, tuple[ast.stmt, ...]], tuple[ast.stmt, ...]]:
    """The statements that define or change each name, in order, and those that do neither."""
    changed: dict[ast.stmt, set[str]] = {}
    for name, statements in changes.at_import.items():
        for statement in statements:
            changed.setdefault(statement, set()).add(name)
    definitions: dict[str, list[ast.stmt]] = {}
    rest: list[ast.stmt] = []
    for statement, names in bound.items():
        if is_main_guard(statement):
            rest.append(statement)
            continue
        defined = names.variables | changed.get(statement, set())
        for name in defined:
            definitions.setdefault(name, []).append(statement)
        if not defined and not names.imports and not names.stars:
            rest.append(statement)
    return {name: tuple(found) for name, found in definitions.items()}, tuple(rest)


def _defines_another(statement: ast.stmt, name: str) -> bool:
    return isinstance(statement, DEFS) and statement.name != name


def _member_name(statement: ast.stmt) -> str | None:
    """The class member that a statement alone defines, if it is a method or a plain attribute."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _node_decorators(
    imports: Mapping[str, frozenset[Target]], namespace: Mapping[str, object]
) -> frozenset[str]:
    found: set[str] = set()
    for name, targets in imports.items():
        for target in targets:
            if target.module.partition(".")[0] == "nodegraph" and target.member == "node":
                found.add(name)
            elif target == Target("nodegraph"):
                found.add(f"{name}.node")
    for name, held in namespace.items():
        if getattr(held, "__module__", None) == "nodegraph.node.declare" and name == "node":
            found.add(name)
    return frozenset(found)


def _functions_by_place(tree: ast.Module) -> Mapping[tuple[int, str], tuple[FoundFunction, ...]]:
    """Functions by first line (of the first decorator, if any) and name, as code objects know them."""
    found: dict[tuple[int, str], list[FoundFunction]] = {}
    pending: list[tuple[ast.AST, tuple[Function | ast.ClassDef, ...]]] = [(tree, ())]
    while pending:
        node, around = pending.pop()
        inside: list[ast.AST] = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found.setdefault(_place(node), []).append(FoundFunction(node, around))
            inside = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
            pending.extend((child, (*around, node)) for child in inside)
        elif isinstance(node, ast.ClassDef):
            inside = [*node.body]
            pending.extend((child, (*around, node)) for child in inside)
        pending.extend((child, around) for child in ast.iter_child_nodes(node) if child not in inside)
    return {place: tuple(functions) for place, functions in found.items()}


def _place(node: Function) -> tuple[int, str]:
    if isinstance(node, ast.Lambda):
        return node.lineno, "<lambda>"
    return (node.decorator_list[0] if node.decorator_list else node).lineno, node.name

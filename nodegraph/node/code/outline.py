"""What a module defines and imports, read off its source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nodegraph.node.code.normal import NormalForm, normal_form
from nodegraph.node.code.scopes import (
    Bound,
    Function,
    Scope,
    Target,
    arguments_of,
    class_scope,
    function_scope,
    names_bound_by,
)

_MUTATING_METHODS = frozenset(
    {
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
    }
)
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """A function in a module's source, and the functions and classes around it, outermost first."""

    node: Function
    around: tuple[Function | ast.ClassDef, ...]


@dataclass(frozen=True, eq=False)
class Outline:
    """A module as its source shows it.

    Attributes:
        name: the module's name as it is shown and hashed: of a file, its stem.
        package: the package that its relative imports start from.
        definitions: for each name, the statements that define or change it, in order.
        imports: for each imported name, what it may be.
        stars: modules imported with `*`.
        mutated: names of the module that its functions change, so that their value does not follow from
            their definitions.
        rest: statements that define nothing.
        node_decorators: dotted names under which `nodegraph.node` is known in it.
        namespace: the living names of a module that has no file, such as a notebook's; else None.
    """

    name: str
    package: str
    definitions: Mapping[str, tuple[ast.stmt, ...]]
    imports: Mapping[str, frozenset[Target]]
    stars: tuple[str, ...]
    mutated: frozenset[str]
    rest: tuple[ast.stmt, ...]
    node_decorators: frozenset[str]
    functions: Mapping[tuple[int, str], tuple[FoundFunction, ...]]
    namespace: Mapping[str, object] | None = None
    _parts: dict[str, Mapping[str, NormalForm]] = field(default_factory=dict[str, Mapping[str, NormalForm]])

    def parts_of(self, name: str) -> Mapping[str, NormalForm]:
        """The normal forms of a definition by qualified name; of a class, one for each of its members."""
        if name not in self._parts:
            self._parts[name] = self._read_parts(name, self.definitions[name])
        return self._parts[name]

    def rest_form(self) -> NormalForm:
        """The normal form of the statements that define nothing."""
        return self._form(self.rest, self._module_scope())

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
        if len(statements) == 1 and isinstance(statements[0], ast.ClassDef):
            return self._class_parts(statements[0])
        return {name: self._form(statements, self._module_scope())}

    def _class_parts(self, node: ast.ClassDef) -> Mapping[str, NormalForm]:
        """One part for each member, and one for the head: bases, decorators and the order of attributes."""
        members: dict[str, list[ast.stmt]] = {}
        rest: list[ast.stmt] = []
        for statement in node.body:
            member = _member_name(statement)
            (members.setdefault(member, []) if member else rest).append(statement)
        attributes = [member for member, found in members.items() if not isinstance(found[0], _DEFS)]
        head = ast.ClassDef(node.name, node.bases, node.keywords, rest, node.decorator_list)
        order = ast.Constant(" ".join(attributes))
        inner = class_scope(node, self._module_scope(), self.package)
        parts = {node.name: self._form((head, order), self._module_scope())}
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
    tree = ast.parse(source)
    bound = {statement: names_bound_by([statement], package) for statement in tree.body}
    imports: dict[str, frozenset[Target]] = {}
    for names in bound.values():
        for imported, targets in names.imports.items():
            imports[imported] = imports.get(imported, frozenset()) | targets
    definitions, rest = _definitions(bound)
    return Outline(
        name=name,
        package=package,
        definitions=definitions,
        imports=imports,
        stars=tuple(sorted({star for names in bound.values() for star in names.stars})),
        mutated=frozenset(_changed_in_functions(tree, package) & definitions.keys()),
        rest=rest,
        node_decorators=_node_decorators(imports, namespace or {}),
        functions=_functions_by_place(tree),
        namespace=namespace,
    )


def _definitions(
    bound: Mapping[ast.stmt, Bound],
) -> tuple[dict[str, tuple[ast.stmt, ...]], tuple[ast.stmt, ...]]:
    """The statements that define or change each name, and those that do neither."""
    variables = {
        name
        for statement, names in bound.items()
        if not isinstance(statement, _DEFS)
        for name in names.variables
    }
    definitions: dict[str, list[ast.stmt]] = {}
    rest: list[ast.stmt] = []
    for statement, names in bound.items():
        if _is_main_guard(statement):
            rest.append(statement)
            continue
        given = variables.intersection(_given_to_calls(statement))
        defined = names.variables | set(_changed_by(statement)) | given
        for name in defined:
            definitions.setdefault(name, []).append(statement)
        if not defined and not names.imports and not names.stars:
            rest.append(statement)
    return {name: tuple(found) for name, found in definitions.items()}, tuple(rest)


def _is_main_guard(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case _:
            return False


def _member_name(statement: ast.stmt) -> str | None:
    """The class member that a statement alone defines, if it is a method or a plain attribute."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _changed_by(statement: ast.stmt) -> Iterator[str]:
    """Names whose value a statement changes in place."""
    for node in _run_at_import(statement):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                yield from _root(node)
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                yield from _root(method)
            case _:
                pass


def _given_to_calls(statement: ast.stmt) -> Iterator[str]:
    """Names given to a function that is called for its effect, as in `fill(TABLE)`."""
    for node in _run_at_import(statement):
        match node:
            case ast.Expr(value=ast.Call(args=arguments)):
                yield from (argument.id for argument in arguments if isinstance(argument, ast.Name))
            case _:
                pass


def _run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that run when the module is imported: not the bodies of functions."""
    pending: list[ast.AST] = [] if isinstance(statement, _DEFS) else [statement]
    while pending:
        node = pending.pop()
        yield node
        children = ast.iter_child_nodes(node)
        pending.extend(child for child in children if not isinstance(child, (*_DEFS, ast.Lambda)))


def _changed_in_functions(tree: ast.Module, package: str) -> set[str]:
    """Names of the module that its functions rebind or change in place."""
    found: set[str] = set()
    for function in _outermost_functions(tree):
        inside = list(ast.walk(function))
        declared = {name for node in inside if isinstance(node, ast.Global) for name in node.names}
        local = {
            name
            for node in inside
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for name in _local_names(node, package)
        }
        changed = {name for node in inside for name in _changed_by_one(node)}
        found |= declared | (changed - local)
    return found


def _changed_by_one(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _root(node)
        case ast.Call(func=ast.Attribute(attr=method) as function) if method in _MUTATING_METHODS:
            yield from _root(function)
        case _:
            pass


def _local_names(function: Function, package: str) -> Iterator[str]:
    yield from (argument.arg for argument in arguments_of(function))
    bound = names_bound_by([function.body] if isinstance(function, ast.Lambda) else function.body, package)
    yield from bound.names - bound.globals - bound.nonlocals


def _outermost_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    pending: list[ast.AST] = [tree]
    while pending:
        for child in ast.iter_child_nodes(pending.pop()):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield child
            elif isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                pending.append(child)


def _root(node: ast.AST) -> Iterator[str]:
    """The name at the left end of `a.b[0].c`."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


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

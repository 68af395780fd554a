"""Which names of a module its statements change in place: at import, and in its functions.

What is read is generous: a name that may have been changed counts as changed.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nodegraph.node.code.origins import origin_of
from nodegraph.node.code.scopes import Bound, Function, Target, arguments_of, names_bound_by
from nodegraph.node.code.syntax import called, declares_node, dotted, root_name

DEFS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

_MUTATING_METHODS = frozenset(
    {
        "add",
        "append",
        "appendleft",
        "clear",
        "difference_update",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "intersection_update",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "symmetric_difference_update",
        "update",
        "__setitem__",
        "__delitem__",
    }
)
_GIVES_WHAT_IT_HOLDS = frozenset({"get", "items", "pop", "setdefault", "values", "__getitem__"})
_NAMESPACES = frozenset({"globals", "locals", "vars"})
_NAMESPACE_WORDS = re.compile(rb"globals|locals|vars|exec|modules")
_BUILTIN_NAMES = frozenset(dir(builtins)) - {"setattr", "delattr", "next", "map", "filter", "exec", "eval"}

Statements = Mapping[str, tuple[ast.stmt, ...]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a module changes in place.

    Attributes:
        at_import: for each name that it defines or imports, the statements that change it.
        calls: for each imported name, the statements that call it at import, or decorate with it.
        in_functions: names of the module that its functions rebind or change.
        any_name: whether a statement may set any name of the module, as `globals()[name] = 1` does.
    """

    at_import: Statements
    calls: Statements
    in_functions: frozenset[str]
    any_name: bool


def changes_in(
    source: bytes,
    tree: ast.Module,
    bound: Mapping[ast.stmt, Bound],
    imports: Mapping[str, frozenset[Target]],
    package: str,
    node_decorators: frozenset[str],
) -> Changes:
    """Read what a module changes in place.

    Args:
        source: its source.
        tree: its syntax.
        bound: the names that its statements bind.
        imports: for each imported name, what it may be.
        package: the package that its relative imports start from.
        node_decorators: dotted names under which `nodegraph.node` is known in it.
    """
    defined = {name for names in bound.values() for name in names.variables}
    at_import: dict[str, dict[ast.stmt, None]] = {}
    calls: dict[str, dict[ast.stmt, None]] = {}
    functions = {found.name: found for found in bound if isinstance(found, ast.FunctionDef)}
    reader = _Reader(defined, imports, package, node_decorators, functions)
    for statement in bound:
        if is_main_guard(statement):
            continue
        for name in reader.changed_by(statement):
            at_import.setdefault(name, {})[statement] = None
        for name, run in reader.called_by(statement):
            calls.setdefault(name, {}).update(dict.fromkeys(run))
    _spread_to_what_is_aliased(at_import, bound)
    known = defined | imports.keys()
    return Changes(
        {name: tuple(found) for name, found in at_import.items() if name in known},
        {name: tuple(found) for name, found in calls.items()},
        frozenset(_changed_in_functions(tree, package) & known),
        _NAMESPACE_WORDS.search(source) is not None and any(map(_may_set_any_name, bound)),
    )


def is_main_guard(statement: ast.stmt) -> bool:
    """Whether a statement is `if __name__ == "__main__":`, which an import passes over."""
    match statement:
        case ast.If(
            test=ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ),
            orelse=[],
        ):
            return True
        case _:
            return False


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what single statements change when the module is imported."""

    defined: set[str]
    imports: Mapping[str, frozenset[Target]]
    package: str
    node_decorators: frozenset[str]
    functions: Mapping[str, ast.stmt]

    def changed_by(self, statement: ast.stmt) -> Iterator[str]:
        """Names whose value a statement changes, or may change, in place."""
        own = _bound_in_class(statement, self.package)
        for node in run_at_import(statement):
            match node:
                case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    yield from _root(node, own)
                case ast.Expr(value=ast.Call(func=ast.Attribute() as method) as call):
                    yield from _root(method, own)
                    yield from self._given(call)
                case ast.Expr(value=ast.Call() as call):
                    yield from self._given(call)
                case ast.Call(func=ast.Attribute(attr=method) as function) if method in _MUTATING_METHODS:
                    yield from _root(function, own)
                    yield from self._given(node)
                case ast.Call() if self._may_have_effect(node.func):
                    yield from self._given(node)
                case _:
                    pass
        for decorator in self._decorators(statement):
            yield from (name for name in self._changed_by_decorator(decorator) if name not in own)

    def called_by(self, statement: ast.stmt) -> Iterator[tuple[str, tuple[ast.stmt, ...]]]:
        """Imported names that a statement calls when it runs, and the statements in which it does.

        It may call them itself, as a decorator, or in functions of the module that it calls.
        """
        names = {root_name(called(decorator)) for decorator in self._decorators(statement)}
        names.update(_called_in(run_at_import(statement)))
        run: dict[ast.stmt, None] = {statement: None}
        pending = list(names)
        while pending:
            function = self.functions.get(pending.pop() or "")
            if function is not None and function not in run:
                run[function] = None
                inner = set(_called_in(ast.walk(function))) - names
                names |= inner
                pending.extend(inner)
        for name in names:
            if name is not None and name in self.imports and not self._is_foreign(name):
                yield name, tuple(run)

    def _changed_by_decorator(self, decorator: ast.expr) -> Iterator[str]:
        """`@table.add` may change `table`, as may `@register(table)`; of imports, only own code."""
        name = dotted(called(decorator))
        if name is not None and name[1] and not self._is_foreign(name[0]):
            yield name[0]
        if isinstance(decorator, ast.Call):
            yield from (given for given in self._given(decorator) if given in self.defined)

    def _decorators(self, statement: ast.stmt) -> Iterator[ast.expr]:
        """The decorators that run at import, those in class bodies too."""
        pending: list[ast.AST] = [statement]
        while pending:
            node = pending.pop()
            if isinstance(node, DEFS):
                given = node.decorator_list
                yield from (entry for entry in given if not declares_node(entry, self.node_decorators))
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.expr)):
                pending.extend(ast.iter_child_nodes(node))

    def _given(self, call: ast.Call) -> Iterator[str]:
        """Names of the module among the arguments of a call, as in `fill(TABLE, into=OTHER)`."""
        pending: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
        while pending:
            match pending.pop():
                case ast.Name(id=name) if name in self.defined or name in self.imports:
                    yield name
                case ast.Starred(value=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner):
                    pending.append(inner)
                case ast.List(elts=entries) | ast.Tuple(elts=entries):
                    pending.extend(entries)
                case _:
                    pass

    def _may_have_effect(self, function: ast.expr) -> bool:
        """Whether a call whose result is used may change its arguments: builtins and the library do not."""
        name = root_name(function)
        return name is not None and name not in _BUILTIN_NAMES and not self._is_standard(name)

    def _is_standard(self, name: str) -> bool:
        tops = {target.module.partition(".")[0] for target in self.imports.get(name, ())}
        return name not in self.defined and bool(tops) and tops <= sys.stdlib_module_names

    def _is_foreign(self, name: str) -> bool:
        """Whether an imported name surely is of another distribution or the standard library."""
        if name in self.defined or name not in self.imports:
            return False
        tops = {target.module.partition(".")[0] for target in self.imports[name]}
        own = self.package.partition(".")[0]
        return all(top != own and origin_of(top).kind != "code" for top in tops)


def run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that run when the module is imported: not the bodies of functions."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            pending.extend(node.body)
        else:
            pending.extend(ast.iter_child_nodes(node))


def _called_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Call) and (name := root_name(node.func)) is not None:
            yield name


def _bound_in_class(statement: ast.stmt, package: str) -> frozenset[str]:
    is_class = isinstance(statement, ast.ClassDef)
    return names_bound_by(statement.body, package).variables if is_class else frozenset()


def _root(node: ast.AST, own: frozenset[str] = frozenset()) -> Iterator[str]:
    name = root_name(node)
    if name is not None and name not in own:
        yield name


def _spread_to_what_is_aliased(
    at_import: dict[str, dict[ast.stmt, None]], statements: Iterable[ast.stmt]
) -> None:
    """After `B = A`, a change of B is one of A."""
    aliased = _aliases(node for statement in statements for node in run_at_import(statement))
    pending = list(at_import)
    while pending:
        name = pending.pop()
        for other in aliased.get(name, set()) - {name}:
            known = at_import.setdefault(other, {})
            if not at_import[name].keys() <= known.keys():
                known.update(at_import[name])
                pending.append(other)


def _aliases(nodes: Iterable[ast.AST]) -> dict[str, set[str]]:
    """For each name that is bound, the names whose value, or part of it, it may be."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=targets, value=held):
                pass
            case (
                ast.AnnAssign(target=target, value=ast.expr() as held)
                | ast.NamedExpr(target=target, value=held)
            ):
                targets = [target]
            case ast.For(target=target, iter=held) | ast.comprehension(target=target, iter=held):
                targets = [target]
            case ast.withitem(context_expr=held, optional_vars=ast.expr() as target):
                targets = [target]
            case _:
                continue
        for inner in (inner for target in targets for inner in ast.walk(target)):
            if isinstance(inner, ast.Name):
                found.setdefault(inner.id, set()).update(_held_by(held))
    return found


def _held_by(value: ast.expr) -> Iterator[str]:
    """Names that the value of an expression may be, or be a part of, or hold."""
    pending: list[ast.expr] = [value]
    while pending:
        match pending.pop():
            case ast.Name(id=name):
                yield name
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
                pending.append(inner)
            case ast.IfExp(body=one, orelse=other):
                pending.extend((one, other))
            case ast.BoolOp(values=entries) | ast.Tuple(elts=entries) | ast.List(elts=entries):
                pending.extend(entries)
            case ast.NamedExpr(value=inner):
                pending.append(inner)
            case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _GIVES_WHAT_IT_HOLDS:
                pending.append(inner)
            case _:
                pass


def _may_set_any_name(statement: ast.stmt) -> bool:
    """Whether a statement reaches the module's names as a dict, when it is imported or in a function."""
    if not is_main_guard(statement) and any(map(_reaches_namespace, run_at_import(statement))):
        return True
    return any(map(_stores_in_namespace, ast.walk(statement)))


def _reaches_namespace(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return name == "exec" or (name in _NAMESPACES and not arguments)
        case ast.Attribute(attr="modules", value=ast.Name(id="sys")):
            return True
        case _:
            return False


def _stores_in_namespace(node: ast.AST) -> bool:
    match node:
        case (
            ast.Subscript(value=ast.Call(func=ast.Name(id="globals")), ctx=ast.Store() | ast.Del())
            | ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals")), attr="update"))
            | ast.Call(
                func=ast.Name(id="setattr"), args=[ast.Subscript(value=ast.Attribute(attr="modules")), *_]
            )
        ):
            return True
        case _:
            return False


def _changed_in_functions(tree: ast.Module, package: str) -> set[str]:
    """Names of the module that its functions rebind or change in place."""
    found: set[str] = set()
    for function in _outermost_functions(tree):
        inside = list(ast.walk(function))
        found.update(name for node in inside if isinstance(node, ast.Global) for name in node.names)
        if changed := {name for node in inside for name in _changed_by_one(node)}:
            local = {
                name
                for node in inside
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                for name in _local_names(node, package)
            }
            found |= _with_aliases(changed, _aliases(inside)) - local
    return found


def _with_aliases(names: set[str], aliased: Mapping[str, set[str]]) -> set[str]:
    found, pending = set(names), list(names)
    while pending:
        more = aliased.get(pending.pop(), set()) - found
        found |= more
        pending.extend(more)
    return found


def _changed_by_one(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield from _root(node)
        case ast.Call(func=ast.Attribute(attr=method) as function) if method in _MUTATING_METHODS:
            yield from _root(function)
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[changed, *_]):
            yield from _root(changed)
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

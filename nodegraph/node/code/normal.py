"""The normal form of code: equal for sources that differ in comments, docstrings, layout or local names.

Annotations of functions are left out too, but the classes they name are followed: a method that is
called on a parameter is reached in no other way. In a class body annotations are kept, since
dataclasses and pydantic models are made from them; so they are under a decorator, which may read them.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import cast

from nodegraph.node.code.scopes import (
    Comprehension,
    Function,
    Scope,
    Target,
    absolute_name,
    class_scope,
    comprehension_scope,
    function_scope,
)

_READS_LOCAL_NAMES = frozenset({"locals", "vars", "eval", "exec", "dir"})
_TRANSPARENT_DECORATORS = frozenset(
    {
        "abstractmethod",
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "deleter",
        "final",
        "getter",
        "lru_cache",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
        "wraps",
    }
)
_SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_params"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that code uses and does not bind itself, with the attributes taken of it.

    Attributes:
        name: the global name; "" if an import inside the code gives the target.
        chain: the attributes read from it, as `("lift",)` in `helpers.lift(x)`.
        target: what an import inside the code bound the name to.
        in_annotation: whether it is only named in an annotation.
    """

    name: str
    chain: tuple[str, ...] = ()
    target: Target | None = None
    in_annotation: bool = False


@dataclass(frozen=True, slots=True)
class NormalForm:
    """What a piece of code says and what it uses.

    Attributes:
        text: the normal form; equal text means equal behaviour, if what it refers to is equal.
        references: what it uses of its module and of others, in the order it is read.
        free: names that belong to functions around it.
    """

    text: str
    references: tuple[Reference, ...]
    free: frozenset[str]


def normal_form(
    nodes: Iterable[ast.AST], scope: Scope, package: str, node_decorators: Collection[str] = ()
) -> NormalForm:
    """Read the normal form of statements or expressions.

    Args:
        nodes: the statements or expressions, in order.
        scope: the scope they stand in.
        package: the package that relative imports start from.
        node_decorators: dotted names under which `nodegraph.node` is known; as a decorator it declares
            the node and does not change what it computes.
    """
    listed = list(nodes)
    writer = _Writer(package, node_decorators, keeps_local_names=any(map(_reads_local_names, listed)))
    for node in listed:
        writer.write(node, scope)
    return NormalForm("".join(writer.text), tuple(writer.references), frozenset(writer.free))


def dotted(node: ast.AST) -> tuple[str, tuple[str, ...]] | None:
    """The root and attributes of `a.b.c`, or None if the expression is not of that form."""
    chain: list[str] = []
    while isinstance(node, ast.Attribute):
        chain.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(chain))) if isinstance(node, ast.Name) else None


class _Writer:
    """Writes syntax trees as text and notes what they refer to."""

    def __init__(self, package: str, node_decorators: Collection[str], *, keeps_local_names: bool) -> None:
        self.text: list[str] = []
        self.references: dict[Reference, None] = {}
        self.free: set[str] = set()
        self._package = package
        self._node_decorators = node_decorators
        self._keeps_local_names = keeps_local_names
        self._numbers: dict[tuple[Scope, str], int] = {}

    def write(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Global() | ast.Nonlocal():
                return
            case ast.Name(id=name):
                self._refer(name, (), scope)
                self._open("Name", self._spelled(name, scope))
                self._close()
            case ast.Attribute():
                self._write_attribute(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._write_function(node, scope)
            case ast.ClassDef():
                self._write_class(node, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._write_comprehension(node, scope)
            case ast.AnnAssign() if scope.kind != "class":
                self._write_annotated(node, scope)
            case ast.AnnAssign(annotation=annotation):
                self._annotation(annotation, scope)
                self._write_plain(node, scope)
            case ast.Call():
                self._note_import_by_name(node)
                self._write_plain(node, scope)
            case _:
                self._write_plain(node, scope)

    def _write_plain(self, node: ast.AST, scope: Scope) -> None:
        """Write a node of a kind that needs no special care: its type and its fields in order."""
        self._open(type(node).__name__)
        for name in node._fields:
            if name not in _SKIPPED_FIELDS:
                self._write_field(node, name, getattr(node, name, None), scope)
        self._close()

    def _write_field(self, node: ast.AST, name: str, value: object, scope: Scope) -> None:
        if isinstance(value, ast.AST):
            self.write(value, scope)
        elif isinstance(value, list):
            self.text.append("[")
            for entry in cast("list[object]", value):
                self._write_field(node, name, entry, scope)
            self.text.append("]")
        elif isinstance(value, str) and _binds(node, name):
            self.text.append(f" {self._spelled(value, scope)}")
        else:
            self.text.append(f" {type(value).__name__} {value!r}")

    def _write_attribute(self, node: ast.Attribute, scope: Scope) -> None:
        chain = dotted(node)
        if chain is None:
            self._write_plain(node, scope)
            return
        root, attributes = chain
        self._refer(root, attributes, scope)
        self._open("Attribute", self._spelled(root, scope), *attributes, type(node.ctx).__name__)
        self._close()

    def _write_function(self, node: Function, scope: Scope) -> None:
        inner = function_scope(node, scope, self._package)
        self._open(type(node).__name__)
        if not isinstance(node, ast.Lambda):
            self.text.append(f" {self._spelled(node.name, scope)}")
            self._write_decorators(node.decorator_list, scope)
        keeps_annotations = not isinstance(node, ast.Lambda) and self._has_reading_decorator(node)
        self._write_parameters(node, scope, keeps_annotations=keeps_annotations)
        if isinstance(node, ast.Lambda):
            self.write(node.body, inner)
        else:
            if node.returns is not None:
                self._write_annotation(node.returns, scope, kept=keeps_annotations)
            for statement in node.body:
                self.write(statement, inner)
        self._close()

    def _write_parameters(self, node: Function, scope: Scope, *, keeps_annotations: bool) -> None:
        given = node.args
        sorts = (given.posonlyargs, given.args, given.kwonlyargs, (given.vararg,), (given.kwarg,))
        for sort in sorts:
            self.text.append(" /")
            for argument in filter(None, sort):
                self._open("arg", argument.arg)
                if argument.annotation is not None:
                    self._write_annotation(argument.annotation, scope, kept=keeps_annotations)
                self._close()
        for default in (*given.defaults, *given.kw_defaults):
            self._open("default")
            if default is not None:
                self.write(default, scope)
            self._close()

    def _write_class(self, node: ast.ClassDef, scope: Scope) -> None:
        self._open("ClassDef", self._spelled(node.name, scope))
        self._write_decorators(node.decorator_list, scope)
        for expression in (*node.bases, *node.keywords):
            self.write(expression, scope)
        inner = class_scope(node, scope, self._package)
        for statement in node.body:
            self.write(statement, inner)
        self._close()

    def _write_comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = comprehension_scope(node, scope)
        self._open(type(node).__name__)
        for position, generator in enumerate(node.generators):
            self.text.append(f" for {generator.is_async}")
            self.write(generator.iter, scope if position == 0 else inner)
            self.write(generator.target, inner)
            for condition in generator.ifs:
                self.write(condition, inner)
        for name in ("key", "value", "elt"):
            if (part := getattr(node, name, None)) is not None:
                self.write(part, inner)
        self._close()

    def _write_annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        """`x: int = 1` outside of a class says what `x = 1` says."""
        self._annotation(node.annotation, scope)
        if node.value is not None:
            self._open("Assign")
            self.text.append("[")
            self.write(node.target, scope)
            self.text.append("]")
            self.write(node.value, scope)
            self._close()

    def _write_decorators(self, decorators: list[ast.expr], scope: Scope) -> None:
        for decorator in decorators:
            if not self._declares_node(decorator):
                self._open("decorator")
                self.write(decorator, scope)
                self._close()

    def _has_reading_decorator(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return any(
            not self._declares_node(decorator) and _decorator_name(decorator) not in _TRANSPARENT_DECORATORS
            for decorator in node.decorator_list
        )

    def _declares_node(self, decorator: ast.expr) -> bool:
        if not isinstance(decorator, ast.Call) or (name := dotted(decorator.func)) is None:
            return False
        return ".".join((name[0], *name[1])) in self._node_decorators

    def _write_annotation(self, annotation: ast.expr, scope: Scope, *, kept: bool) -> None:
        if kept:
            self.write(annotation, scope)
        else:
            self._annotation(annotation, scope)

    def _annotation(self, annotation: ast.expr, scope: Scope) -> None:
        """Note the classes an annotation names. Calls in it (`Param(...)`) and `Literal[...]` name none."""
        pending: list[ast.AST] = [annotation]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                pending.extend(_parsed(node.value))
            elif (chain := dotted(node)) is not None:
                self._refer(*chain, scope, in_annotation=True)
            elif not isinstance(node, ast.Call) and not _is_literal_type(node):
                pending.extend(ast.iter_child_nodes(node))

    def _refer(self, name: str, chain: tuple[str, ...], scope: Scope, *, in_annotation: bool = False) -> None:
        home = scope.home_of(name)
        if home.kind == "module":
            self.references.setdefault(Reference(name, chain, None, in_annotation))
            return
        if home.kind == "enclosing" and not in_annotation:
            self.free.add(name)
        for target in sorted(home.bound.imports.get(name, ())):
            self.references.setdefault(Reference("", chain, target, in_annotation))

    def _note_import_by_name(self, call: ast.Call) -> None:
        """`importlib.import_module("pack.module")` refers to the whole module."""
        name = dotted(call.func)
        if name is None or (name[0], *name[1])[-1] != "import_module" or not call.args:
            return
        match call.args[0]:
            case ast.Constant(value=str(module)):
                stripped = module.lstrip(".")
                absolute = absolute_name(stripped, len(module) - len(stripped), self._package)
                self.references.setdefault(Reference("", (), Target(absolute)))
            case _:
                return

    def _spelled(self, name: str, scope: Scope) -> str:
        """How a name is written: local ones by number, in the order they appear."""
        home = scope.home_of(name)
        if home.kind != "function" or name in home.parameters or self._keeps_local_names:
            return name
        return f"%{self._numbers.setdefault((home, name), len(self._numbers))}"

    def _open(self, *words: str) -> None:
        self.text.append(f"({' '.join(words)}")

    def _close(self) -> None:
        self.text.append(")")


def _binds(node: ast.AST, field: str) -> bool:
    """Whether a str field of a node is a name that it binds."""
    match node:
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
            return field == "name"
        case ast.MatchMapping():
            return field == "rest"
        case ast.alias():
            return field == "asname"
        case _:
            return False


def _reads_local_names(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in _READS_LOCAL_NAMES for inner in ast.walk(node))


def _decorator_name(decorator: ast.expr) -> str:
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return (name[0], *name[1])[-1] if name is not None else ""


def _is_literal_type(node: ast.AST) -> bool:
    name = dotted(node.value) if isinstance(node, ast.Subscript) else None
    return name is not None and (name[0], *name[1])[-1] == "Literal"


def _parsed(annotation: str) -> list[ast.AST]:
    try:
        return [ast.parse(annotation, mode="eval").body]
    except SyntaxError:
        return []

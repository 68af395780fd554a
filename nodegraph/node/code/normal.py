"""The normal form of code: equal for sources that differ in comments, docstrings, layout or local names.

Annotations of functions are left out too, but the classes they name are followed: a method that is
called on a parameter is reached in no other way. In a class body annotations are kept, since
dataclasses and pydantic models are made from them; so they are under a decorator, which may read them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from nodegraph.node.code.scopes import (
    Comprehension,
    Function,
    NamesThatCount,
    Scope,
    Target,
    absolute_name,
    class_scope,
    comprehension_scope,
    function_scope,
    import_targets,
)
from nodegraph.node.code.syntax import (
    IMPORTS_BY_NAME,
    binds,
    called,
    declares_node,
    dotted,
    is_literal_type,
    last_name,
    literal_text,
    module_imported_by_name,
    parsed_annotation,
)

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
_READINGS: dict[str, Reading] = {
    "__doc__": "text",
    "__annotations__": "text",
    "__subclasses__": "subclasses",
    "__path__": "modules",
    **dict.fromkeys(IMPORTS_BY_NAME, "modules"),
}

Reading = Literal["text", "subclasses", "modules"]
Steps = Iterator[tuple[ast.AST, Scope]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that code uses and does not bind itself, with the attributes taken of it.

    Attributes:
        name: the global name; "" if an import inside the code gives the target.
        chain: the attributes read from it, as `("lift",)` in `helpers.lift(x)`.
        target: what an import inside the code bound the name to.
        weak: whether there may be nothing behind it: it is only named in an annotation, or the class
            body that reads it binds it as well.
    """

    name: str
    chain: tuple[str, ...] = ()
    target: Target | None = None
    weak: bool = False


@dataclass(frozen=True, slots=True)
class NormalForm:
    """What a piece of code says and what it uses.

    Attributes:
        text: the normal form; equal text means equal behaviour, if what it refers to is equal.
        references: what it uses of its module and of others, in the order it is read.
        free: names that belong to functions around it.
        reads: what it reads beside names: "text" is docstrings or annotations, "subclasses" those of a
            class, "modules" such as are named at run time.
    """

    text: str
    references: tuple[Reference, ...]
    free: frozenset[str]
    reads: frozenset[Reading]


def normal_form(
    nodes: Iterable[ast.AST], scope: Scope, package: str, node_decorators: frozenset[str] = frozenset()
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
    writer = _Writer(package, node_decorators, NamesThatCount.of(listed))
    for node in listed:
        writer.write(node, scope)
    writer.refer_unused_imports()
    return NormalForm(
        "".join(writer.text), tuple(writer.references), frozenset(writer.free), frozenset(writer.reads)
    )


class _Writer:
    """Writes syntax trees as text and notes what they refer to.

    Methods that write a node yield the nodes inside it, which are written before they go on: so a tree of
    any depth needs no deep stack.
    """

    def __init__(self, package: str, node_decorators: frozenset[str], counted: NamesThatCount) -> None:
        self.text: list[str] = []
        self.references: dict[Reference, None] = {}
        self.free: set[str] = set()
        self.reads: set[Reading] = set()
        self._package = package
        self._node_decorators = node_decorators
        self._counted = counted
        self._numbers: dict[tuple[Scope, str], int] = {}
        self._imported: dict[tuple[Scope, str], list[Target]] = {}
        self._used: set[tuple[Scope, str]] = set()

    def write(self, node: ast.AST, scope: Scope) -> None:
        """Write a tree."""
        open_nodes = [self._steps(node, scope)]
        while open_nodes:
            inner = next(open_nodes[-1], None)
            if inner is None:
                open_nodes.pop()
            else:
                open_nodes.append(self._steps(*inner))

    def refer_unused_imports(self) -> None:
        """Refer to all of a module that a function imports and never names: it is imported for its effect."""
        for place, targets in self._imported.items():
            if place not in self._used:
                for target in targets:
                    self.references.setdefault(Reference("", (), target))

    def _steps(self, node: ast.AST, scope: Scope) -> Steps:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Global() | ast.Nonlocal():
                return iter(())
            case ast.Name():
                return self._write_name(node, scope)
            case ast.Attribute():
                return self._write_attribute(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return self._write_function(node, scope)
            case ast.ClassDef():
                return self._write_class(node, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self._write_comprehension(node, scope)
            case ast.AnnAssign():
                return self._write_annotated(node, scope)
            case ast.Import() | ast.ImportFrom():
                self._note_import(node, scope)
            case ast.Call() if (module := module_imported_by_name(node)) is not None:
                return self._write_import_by_name(node, module, scope)
            case _:
                pass
        return self._write_plain(node, scope)

    def _write_plain(self, node: ast.AST, scope: Scope) -> Steps:
        """Write a node of a kind that needs no special care: its type and its fields in order."""
        self._open(type(node).__name__)
        for name in node._fields:
            if name not in _SKIPPED_FIELDS:
                yield from self._write_field(node, name, getattr(node, name, None), scope)
        self._close()

    def _write_field(self, node: ast.AST, name: str, value: object, scope: Scope) -> Steps:
        if isinstance(value, ast.AST):
            yield value, scope
        elif isinstance(value, list):
            self.text.append("[")
            for entry in cast("list[object]", value):
                yield from self._write_field(node, name, entry, scope)
            self.text.append("]")
        elif isinstance(value, str) and binds(node, name):
            self.text.append(f" {self._spelled(value, scope)}")
        else:
            self.text.append(f" {literal_text(value)}")

    def _write_name(self, node: ast.Name, scope: Scope) -> Steps:
        self._refer(node.id, (), scope, loaded=isinstance(node.ctx, ast.Load))
        self._open("Name", self._spelled(node.id, scope))
        self._close()
        yield from ()

    def _write_attribute(self, node: ast.Attribute, scope: Scope) -> Steps:
        chain = dotted(node)
        if chain is None:
            self._note_reading(node.attr)
            yield from self._write_plain(node, scope)
            return
        root, attributes = chain
        self._refer(root, attributes, scope)
        self._open("Attribute", self._spelled(root, scope), *attributes, type(node.ctx).__name__)
        self._close()

    def _write_function(self, node: Function, scope: Scope) -> Steps:
        inner = function_scope(node, scope, self._package)
        self._open(type(node).__name__)
        if not isinstance(node, ast.Lambda):
            self.text.append(f" {self._spelled(node.name, scope)}")
            yield from self._write_decorators(node.decorator_list, scope)
        keeps_annotations = not isinstance(node, ast.Lambda) and self._has_reading_decorator(node)
        yield from self._write_parameters(node, scope, keeps_annotations=keeps_annotations)
        if isinstance(node, ast.Lambda):
            yield node.body, inner
        else:
            if node.returns is not None:
                yield from self._write_annotation(node.returns, scope, kept=keeps_annotations)
            for statement in node.body:
                yield statement, inner
        self._close()

    def _write_parameters(self, node: Function, scope: Scope, *, keeps_annotations: bool) -> Steps:
        given = node.args
        sorts = (given.posonlyargs, given.args, given.kwonlyargs, (given.vararg,), (given.kwarg,))
        for sort in sorts:
            self.text.append(" /")
            for argument in filter(None, sort):
                self._open("arg", argument.arg)
                if argument.annotation is not None:
                    yield from self._write_annotation(argument.annotation, scope, kept=keeps_annotations)
                self._close()
        for default in (*given.defaults, *given.kw_defaults):
            self._open("default")
            if default is not None:
                yield default, scope
            self._close()

    def _write_class(self, node: ast.ClassDef, scope: Scope) -> Steps:
        self._open("ClassDef", self._spelled(node.name, scope))
        yield from self._write_decorators(node.decorator_list, scope)
        for expression in (*node.bases, *node.keywords):
            yield expression, scope
        inner = class_scope(node, scope, self._package)
        for statement in node.body:
            yield statement, inner
        self._close()

    def _write_comprehension(self, node: Comprehension, scope: Scope) -> Steps:
        inner = comprehension_scope(node, scope)
        self._open(type(node).__name__)
        for position, generator in enumerate(node.generators):
            self.text.append(f" for {generator.is_async}")
            yield generator.iter, scope if position == 0 else inner
            yield generator.target, inner
            for condition in generator.ifs:
                yield condition, inner
        for name in ("key", "value", "elt"):
            if (part := getattr(node, name, None)) is not None:
                yield part, inner
        self._close()

    def _write_annotated(self, node: ast.AnnAssign, scope: Scope) -> Steps:
        """`x: int = 1` outside of a class says what `x = 1` says."""
        self._note_annotation(node.annotation, scope, with_calls=scope.kind == "class")
        if scope.kind == "class":
            yield from self._write_plain(node, scope)
        elif node.value is not None:
            self._open("Assign")
            self.text.append("[")
            yield node.target, scope
            self.text.append("]")
            yield node.value, scope
            self._close()

    def _write_import_by_name(self, node: ast.Call, module: str, scope: Scope) -> Steps:
        """`importlib.import_module("pack.module")` refers to the whole module, and to that alone."""
        stripped = module.lstrip(".")
        absolute = absolute_name(stripped, len(module) - len(stripped), self._package)
        self.references.setdefault(Reference("", (), Target(absolute)))
        if (importer := dotted(node.func)) is not None:
            self._refer(*importer, scope, weak=True)
        self._open("Call import", absolute)
        for argument in (*node.args[1:], *node.keywords):
            yield argument, scope
        self._close()

    def _write_decorators(self, decorators: list[ast.expr], scope: Scope) -> Steps:
        for decorator in decorators:
            if not declares_node(decorator, self._node_decorators):
                self._open("decorator")
                yield decorator, scope
                self._close()

    def _has_reading_decorator(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        return any(
            not declares_node(decorator, self._node_decorators)
            and last_name(called(decorator)) not in _TRANSPARENT_DECORATORS
            for decorator in node.decorator_list
        )

    def _write_annotation(self, annotation: ast.expr, scope: Scope, *, kept: bool) -> Steps:
        self._note_annotation(annotation, scope, with_calls=kept)
        if kept:
            yield annotation, scope

    def _note_annotation(self, annotation: ast.expr, scope: Scope, *, with_calls: bool) -> None:
        """Note the classes an annotation names, and with `with_calls` what `Validator(check)` in it names."""
        pending: list[ast.AST] = [annotation]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                pending.extend(parsed_annotation(node.value))
            elif (chain := dotted(node)) is not None:
                self._refer(*chain, scope, weak=True)
            elif (with_calls or not isinstance(node, ast.Call)) and not is_literal_type(node):
                pending.extend(ast.iter_child_nodes(node))

    def _note_import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Names that a class body imports are its attributes; of those in functions, unused ones count."""
        if scope.kind in ("module", "enclosing"):
            return
        written = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for position, (name, target) in enumerate(import_targets(node, self._package)):
            full = Target(written[position]) if written else target
            if scope.kind == "class":
                self.references.setdefault(Reference("", (), full))
            self._imported.setdefault((scope.home_of(name), name), []).append(full)

    def _refer(
        self, name: str, chain: tuple[str, ...], scope: Scope, *, loaded: bool = True, weak: bool = False
    ) -> None:
        home = scope.home_of(name)
        if not weak:
            self._note_reading(name, *chain)
            self._used.add((home, name))
        if home.kind == "module":
            self.references.setdefault(Reference(name, chain, None, weak))
            return
        if home.kind == "class" and loaded:
            self.references.setdefault(Reference(name, chain, None, weak=True))
        if home.kind == "enclosing" and not weak:
            self.free.add(name)
        for target in sorted(home.bound.imports.get(name, ())):
            self.references.setdefault(Reference("", chain, target, weak))

    def _note_reading(self, *names: str) -> None:
        self.reads.update(_READINGS[name] for name in names if name in _READINGS)

    def _spelled(self, name: str, scope: Scope) -> str:
        """How a name is written: local ones by number, in the order they appear."""
        home = scope.home_of(name)
        if home.kind != "function" or name in home.parameters:
            return name
        if self._counted.all or name in self._counted.some:
            return name
        return f"%{self._numbers.setdefault((home, name), len(self._numbers))}"

    def _open(self, *words: str) -> None:
        self.text.append(f"({' '.join(words)}")

    def _close(self) -> None:
        self.text.append(")")

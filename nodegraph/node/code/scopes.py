"""Which names a piece of code binds, and where a name it loads comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

_READS_LOCAL_NAMES = frozenset({"locals", "vars", "eval", "exec", "dir"})
_NAMES_OF_FUNCTIONS = frozenset({"__name__", "__qualname__"})

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What an import statement binds a name to.

    Attributes:
        module: the absolute name of the module.
        member: the name imported from it, or "" if the name is bound to the module itself.
    """

    module: str
    member: str = ""

    def __str__(self) -> str:
        return f"{self.module}:{self.member}" if self.member else self.module


@dataclass(frozen=True, slots=True)
class Bound:
    """The names that some statements bind in their own scope.

    Attributes:
        names: all of them.
        variables: those that something else than an import binds.
        imports: of those bound by imports, what they may be bound to.
        stars: modules whose names are imported with `*`.
        globals, nonlocals: names that are declared to belong to another scope.
    """

    names: frozenset[str]
    variables: frozenset[str]
    imports: Mapping[str, frozenset[Target]]
    stars: tuple[str, ...]
    globals: frozenset[str]
    nonlocals: frozenset[str]


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """One scope of the code being read.

    Attributes:
        kind: "enclosing" is a function around the part being read, whose names are its free variables.
        parameters: names that callers can see, so that renaming one is a change.
    """

    kind: Literal["module", "class", "function", "enclosing"]
    bound: Bound
    parent: Scope | None
    parameters: frozenset[str] = field(default=frozenset())

    def home_of(self, name: str) -> Scope:
        """The scope that a name loaded here belongs to; the module's if no other binds it."""
        scope = self
        while scope.parent is not None:
            if name in scope.bound.globals:
                break
            seen = scope.kind != "class" or scope is self
            if seen and name not in scope.bound.nonlocals and name in scope.bound.names:
                return scope
            scope = scope.parent
        while scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(frozen=True, slots=True)
class NamesThatCount:
    """The local names that a program can see: all where it asks for them, else those that objects carry."""

    all: bool
    some: frozenset[str]

    @classmethod
    def of(cls, nodes: list[ast.AST]) -> NamesThatCount:
        """A class and a decorated function tell their names to others; another function where one asks."""
        some: set[str] = set()
        plain: set[str] = set()
        asks_for_all = asks_functions = False
        for node in (inner for outer in nodes for inner in ast.walk(outer)):
            match node:
                case ast.ClassDef(name=name):
                    some.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    (some if node.decorator_list else plain).add(name)
                case ast.Name(id=name):
                    asks_for_all = asks_for_all or name in _READS_LOCAL_NAMES
                case ast.Attribute(attr=name):
                    asks_functions = asks_functions or name in _NAMES_OF_FUNCTIONS
                case _:
                    pass
        return cls(asks_for_all, frozenset(some | plain if asks_functions else some))


def names_bound_by(nodes: Iterable[ast.AST], package: str) -> Bound:
    """Read the names that statements or expressions bind in their own scope, not in nested ones.

    Args:
        nodes: the statements or expressions.
        package: the package that relative imports start from.
    """
    names: set[str] = set()
    imports: dict[str, set[Target]] = {}
    stars: list[str] = []
    declared: dict[type[ast.AST], set[str]] = {ast.Global: set(), ast.Nonlocal: set()}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                names.update(_assigned_inside(node))
                continue
            case ast.Import() | ast.ImportFrom():
                for name, target in import_targets(node, package):
                    if name == "*":
                        stars.append(target.module)
                    else:
                        imports.setdefault(name, set()).add(target)
            case ast.Global() | ast.Nonlocal():
                declared[type(node)].update(node.names)
            case _:
                names.update(_bound_directly(node))
        pending.extend(ast.iter_child_nodes(node))
    return Bound(
        frozenset(names | imports.keys()),
        frozenset(names),
        {name: frozenset(targets) for name, targets in imports.items()},
        tuple(sorted(stars)),
        frozenset(declared[ast.Global]),
        frozenset(declared[ast.Nonlocal]),
    )


def function_scope(node: Function, parent: Scope, package: str, *, enclosing: bool = False) -> Scope:
    """The scope inside a function or lambda."""
    parameters = frozenset(argument.arg for argument in arguments_of(node))
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
    bound = names_bound_by(body, package)
    own = (bound.names | parameters) - bound.globals - bound.nonlocals
    inner = replace(bound, names=own)
    return Scope("enclosing" if enclosing else "function", inner, parent, parameters)


def class_scope(node: ast.ClassDef, parent: Scope, package: str) -> Scope:
    """The scope of a class body; functions inside it do not see its names."""
    return Scope("class", names_bound_by(node.body, package), parent)


def comprehension_scope(node: Comprehension, parent: Scope) -> Scope:
    """The scope inside a comprehension."""
    targets = names_bound_by([generator.target for generator in node.generators], "")
    return Scope("function", targets, parent)


def arguments_of(node: Function) -> list[ast.arg]:
    """All parameters of a function, in the order they are written."""
    given = node.args
    starred = [argument for argument in (given.vararg, given.kwarg) if argument is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *starred]


def import_targets(node: ast.Import | ast.ImportFrom, package: str) -> list[tuple[str, Target]]:
    """The names that an import statement binds, each with its target; `*` for a star import."""
    if isinstance(node, ast.Import):
        return [_plain_import(alias) for alias in node.names]
    module = absolute_name(node.module or "", node.level, package)
    return [(alias.asname or alias.name, Target(module, alias.name)) for alias in node.names]


def _plain_import(alias: ast.alias) -> tuple[str, Target]:
    """`import a.b` binds `a`, `import a.b as c` binds `c` to `a.b`."""
    top = alias.name.partition(".")[0]
    return (alias.asname, Target(alias.name)) if alias.asname else (top, Target(top))


def absolute_name(module: str, level: int, package: str) -> str:
    """The absolute name of a module that an import names relative to `package`."""
    if level == 0:
        return module
    base = package.split(".")[: max(0, len(package.split(".")) - level + 1)]
    return ".".join([*base, module] if module else base)


def _assigned_inside(comprehension: ast.AST) -> set[str]:
    """Names that `:=` inside a comprehension binds in the scope around it."""
    found = (node.target for node in ast.walk(comprehension) if isinstance(node, ast.NamedExpr))
    return {target.id for target in found}


def _bound_directly(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case _:
            return []

"""Small questions to pieces of syntax, without regard to where they stand."""

from __future__ import annotations

import ast


def dotted(node: ast.AST) -> tuple[str, tuple[str, ...]] | None:
    """The root and attributes of `a.b.c`, or None if the expression is not of that form."""
    chain: list[str] = []
    while isinstance(node, ast.Attribute):
        chain.append(node.attr)
        node = node.value
    return (node.id, tuple(reversed(chain))) if isinstance(node, ast.Name) else None


def last_name(node: ast.AST) -> str:
    """The name at the right end of `a.b.c`, or "" if the expression is not of that form."""
    name = dotted(node)
    return (name[0], *name[1])[-1] if name is not None else ""


def root_name(node: ast.AST) -> str | None:
    """The name at the left end of `a.b[0].c`, or None if there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def called(decorator: ast.expr) -> ast.expr:
    """A decorator without the arguments it is called with."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def declares_node(decorator: ast.expr, node_decorators: frozenset[str]) -> bool:
    """Whether a decorator is `@node(...)`, under one of the dotted names it is known by."""
    if not isinstance(decorator, ast.Call) or (name := dotted(decorator.func)) is None:
        return False
    return ".".join((name[0], *name[1])) in node_decorators


def literal_text(value: object) -> str:
    """A constant as text, with its type; the same under every version of Python."""
    shown = hex(value) if type(value) is int else ascii(value)
    return f"{type(value).__name__} {shown}"


def parsed_annotation(annotation: str) -> list[ast.AST]:
    """The syntax of an annotation that was written as text; empty if it is none."""
    try:
        return [ast.parse(annotation, mode="eval").body]
    except SyntaxError:
        return []


def is_literal_type(node: ast.AST) -> bool:
    """Whether an annotation is `Literal[...]`, in which texts are no annotations."""
    return isinstance(node, ast.Subscript) and last_name(node.value) == "Literal"


def module_imported_by_name(call: ast.Call) -> str | None:
    """The module that `import_module("a.b")` or `__import__("a.b")` names, if it is a plain text."""
    if last_name(call.func) not in IMPORTS_BY_NAME or not call.args:
        return None
    match call.args[0]:
        case ast.Constant(value=str(module)):
            return module
        case _:
            return None


IMPORTS_BY_NAME = frozenset({"import_module", "__import__"})


def binds(node: ast.AST, field: str) -> bool:
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

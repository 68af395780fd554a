"""The node types that are known in this process."""

from __future__ import annotations

from nodegraph.node.signature import NodeType
from nodegraph.types.values import DeclarationError

_by_id: dict[str, NodeType] = {}
_alias_to_id: dict[str, str] = {}


def register(declared: NodeType) -> None:
    """Make a node type known. Declaring a function again, as a reloaded module does, replaces it.

    Raises:
        DeclarationError: if another function declared the id; names both places.
    """
    for name in (declared.id, *declared.aliases):
        known = find(name)
        if known is not None and not _replaces(declared, known):
            raise DeclarationError(
                f"node type id {name!r} is declared by both {known.place} and {declared.place}"
            )
    _by_id[declared.id] = declared
    for alias in declared.aliases:
        _alias_to_id[alias] = declared.id


def _replaces(declared: NodeType, known: NodeType) -> bool:
    """Whether a declaration is a new one of the same node; in a session and in a test, names are free."""
    if declared.function.__module__ != known.function.__module__:
        return False
    is_free = declared.function.__module__ == "__main__" or "<locals>" in declared.function.__qualname__
    return is_free or declared.function.__qualname__ == known.function.__qualname__


def find(type_id: str) -> NodeType | None:
    """The node type of an id or of a former id, or None."""
    return _by_id.get(type_id) or _by_id.get(_alias_to_id.get(type_id, ""))


def node_types() -> dict[str, NodeType]:
    """All known node types by id, in alphabetical order."""
    return dict(sorted(_by_id.items()))

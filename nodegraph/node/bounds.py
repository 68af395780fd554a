"""Which bounds a type takes: of numbers, of lengths, of text."""

from __future__ import annotations

from collections.abc import Collection

from nodegraph.types.ports import DictOf, ListOf, Nothing, OneOf, Scalar, Type, members
from nodegraph.types.values import DeclarationError

_OF_NUMBERS = frozenset({"ge", "gt", "le", "lt", "multiple_of"})
_OF_LENGTHS = frozenset({"min_length", "max_length"})
_OF_TEXT = _OF_LENGTHS | {"pattern"}


def refuse_unfit_bounds(type_: Type, bounds: Collection[str]) -> None:
    """Refuse bounds that a value of the type may not be comparable with; `None` is beyond all bounds.

    Raises:
        DeclarationError: if the type, or a member of a union, does not take one of the named bounds.
    """
    for member in members(type_):
        unfit = [name for name in bounds if name not in _bounds_taken(member)]
        if unfit and member != Nothing():
            hint = f"; bound the others with pydantic: Annotated[T, Field({unfit[0]}=...)] | {member}"
            shown = hint if isinstance(type_, OneOf) else ""
            raise DeclarationError(f"Param({unfit[0]}=...) cannot bound {member}{shown}")


def _bounds_taken(type_: Type) -> frozenset[str]:
    match type_:
        case Scalar("int" | "float"):
            return _OF_NUMBERS
        case Scalar("str"):
            return _OF_TEXT
        case ListOf() | DictOf():
            return _OF_LENGTHS
        case _:
            return frozenset()

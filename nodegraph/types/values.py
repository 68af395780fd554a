"""Value types: the immutable data that links carry besides JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

C = TypeVar("C", bound=type)

TYPE_ID = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")

JSON_TYPE_IDS = frozenset({"bool", "int", "float", "str", "path", "json"})


class DeclarationError(TypeError):
    """A node or value type that is declared in a way the engine cannot accept."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """A registered value type: its id, its version and the frozen dataclass behind it."""

    id: str
    version: int
    cls: type
    fields: tuple[str, ...]


_by_id: dict[str, ValueType] = {}
_by_class: dict[type, ValueType] = {}


def value(type_id: str, *, version: int = 1, fields: tuple[str, ...] | None = None) -> Callable[[C], C]:
    """Register a frozen dataclass as a value type that links may carry.

    Its fields are JSON types, `bytes`, `numpy.ndarray`, other value types, or tuple, list and dict of
    these. Codec and digest follow from the fields. Raise `version` when their meaning changes.
    `fields` names those that are stored and counted in the digest; by default all of them are.

    Raises:
        DeclarationError: if the id is malformed or taken, the class is not a frozen dataclass, or it lacks
            one of `fields`.
    """
    if not TYPE_ID.fullmatch(type_id) or type_id in JSON_TYPE_IDS:
        raise DeclarationError(
            f"value type id {type_id!r} must be lower-case identifiers joined by dots, and not a JSON type"
        )

    def register(cls: C) -> C:
        params = getattr(cls, "__dataclass_params__", None)
        if params is None or not params.frozen:
            raise DeclarationError(f"value type {type_id!r}: {cls.__name__} must be a frozen dataclass")
        known = _by_id.get(type_id)
        if known is not None and (known.cls.__module__, known.cls.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise DeclarationError(
                f"value type id {type_id!r} is declared by both {_place(known.cls)} and {_place(cls)}"
            )
        names = tuple(field.name for field in dataclasses.fields(cls))
        if unknown := [name for name in fields or () if name not in names]:
            raise DeclarationError(f"value type {type_id!r}: {cls.__name__} has no field {unknown[0]!r}")
        declared = ValueType(type_id, version, cls, fields or names)
        _by_id[type_id] = declared
        _by_class[cls] = declared
        return cls

    return register


def value_type_of(cls: type) -> ValueType | None:
    """The value type that a class was registered as, or None."""
    return _by_class.get(cls)


def value_type_by_id(type_id: str) -> ValueType | None:
    """The value type registered under an id, or None."""
    return _by_id.get(type_id)


def value_types() -> dict[str, ValueType]:
    """All registered value types by id."""
    return dict(_by_id)


def preview_of(value: object) -> bytes | None:
    """PNG bytes of a value whose type defines `preview()`, else None."""
    if value_type_of(type(value)) is None:
        return None
    preview: Callable[[], bytes] | None = getattr(value, "preview", None)
    return preview() if preview is not None else None


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"

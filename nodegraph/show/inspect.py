"""A value as JSON for people: what is small in full, arrays by dtype, shape and digest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, cast

from nodegraph.types.values import value_type_of
from nodegraph.types.wire import digest, encode


def summary(value: Any) -> Any:
    """A value as JSON; an array gives its dtype, shape and digest, bytes their number.

    A value type is an object with its type id under `type` and its fields. Numbers that JSON does not have
    are given as text.
    """
    return _json(value, arrays=False)


def in_full(value: Any) -> Any:
    """A value as JSON with all numbers of its arrays, as nested lists in C order."""
    return _json(value, arrays=True)


def file_bytes(value: object) -> bytes | None:
    """The bytes of a value that stands for one file: a value type with exactly one field of bytes."""
    declared = value_type_of(type(value))
    if declared is None:
        return None
    held = [entry for name in declared.fields if isinstance(entry := getattr(value, name), bytes)]
    return held[0] if len(held) == 1 else None


def _json(value: object, *, arrays: bool) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    declared = value_type_of(type(value))
    if declared is not None:
        fields = {name: _json(getattr(value, name), arrays=arrays) for name in declared.fields}
        return {"type": declared.id, **fields}
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {name: _json(entry, arrays=arrays) for name, entry in entries.items()}
    if isinstance(value, list | tuple):
        return [_json(entry, arrays=arrays) for entry in cast("list[Any]", value)]
    if isinstance(value, bytes):
        return {"bytes": len(value), "digest": digest(encode(value)).hex()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return cast("Any", value).model_dump(mode="json")
    return _array(value, every_number=arrays)


def _array(array: Any, *, every_number: bool) -> Any:
    if every_number:
        return _json(array.tolist(), arrays=True)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "digest": digest(encode(array)).hex()}

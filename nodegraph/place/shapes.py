"""Shape classes: what of a call's inputs its memory and time depend on, as a short text."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from math import prod
from typing import Any, cast

from blake3 import blake3

UNKNOWN = ""
"""The shape class of inputs that are not there before the run."""

_SMALL_ELEMENTS = 1024
_MOST_CHARACTERS = 160
_DIGEST_DIGITS = 8
_CHOICE = re.compile(r"\S{1,32}")
_PART = re.compile(r"(?:(\d+)\*)?[a-z*]\d*\[(?:<=)?([\dx]*)\]")


def shape_class(inputs: Mapping[str, object], params: Mapping[str, object] | None = None) -> str:
    """The shapes and dtypes of the arrays in a call's inputs and a digest of its params; no contents.

    Calls of one class are taken to need equal memory and time: `u1[512x512x3] f4[<=16] #5f0c1a2b`. Arrays
    below 1,024 elements, such as boxes, and byte strings only count by the power of two they stay under, so
    that every number of boxes does not make a class of its own. Of the params count whole numbers, booleans
    and names of choices: strings up to 32 characters without white space. Floats and longer texts do not
    change how much memory a call takes.

    Args:
        inputs: the linked inputs by name, for a node that takes batches those of one item.
        params: the params by name, without the seed.

    Returns:
        A text of at most 180 characters, the same in every process; never `UNKNOWN`.
    """
    arrays = [part for name in sorted(inputs) for part in _arrays(inputs[name])]
    counted = [(part, len(list(same))) for part, same in groupby(arrays)]
    text = " ".join(part if count == 1 else f"{count}*{part}" for part, count in counted)
    if len(text) > _MOST_CHARACTERS:
        text = f"*[{elements(text)}] {_digest(text)}"
    told = {name: _told(value) for name, value in sorted((params or {}).items())}
    if any(value is not _SILENT for value in told.values()):
        form = [[name, value] for name, value in told.items() if value is not _SILENT]
        text = f"{text} {_digest(json.dumps(form))}".lstrip()
    return text or "-"


def elements(shapes: str) -> int:
    """How many array elements inputs of a shape class hold, or up to how many; 0 if it is unknown."""
    return sum(
        int(count or 1) * prod(int(size) for size in shape.split("x") if size)
        for count, shape in _PART.findall(shapes)
    )


_SILENT = object()
"""In place of a param that memory and time do not depend on."""


def _arrays(value: object) -> Iterator[str]:
    """The arrays and byte strings in a value, in order; without loading what is lazy."""
    numpy = sys.modules.get("numpy")
    array_type = None if numpy is None else numpy.ndarray
    waiting: list[Any] = [value]
    while waiting:
        part: Any = waiting.pop()
        if array_type is not None and isinstance(part, array_type):
            yield _array(part)
        elif isinstance(part, bytes):
            yield f"b[<={_power(len(part))}]"
        elif isinstance(part, list | tuple):
            waiting += reversed(cast("list[Any]", part))
        elif isinstance(part, Mapping):
            mapping = cast("Mapping[Any, Any]", part)
            waiting += (mapping[key] for key in sorted(mapping, key=str, reverse=True))
        elif dataclasses.is_dataclass(part) and not isinstance(part, type):
            waiting += (getattr(part, field.name) for field in reversed(dataclasses.fields(part)))


def _array(array: Any) -> str:
    dtype = f"{array.dtype.kind}{array.dtype.itemsize}"
    if array.size < _SMALL_ELEMENTS:
        return f"{dtype}[<={_power(array.size)}]"
    return f"{dtype}[{'x'.join(map(str, array.shape))}]"


def _power(count: int) -> int:
    """The least power of two that is not below `count`; 0 for 0."""
    return 1 << (count - 1).bit_length() if count else 0


def _told(value: Any) -> Any:
    """A param as far as memory and time depend on it."""
    if isinstance(value, enum.Enum):
        return _told(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if _CHOICE.fullmatch(value) else _SILENT
    if hasattr(value, "model_dump"):
        return _told(value.model_dump(mode="json"))
    if isinstance(value, list | tuple):
        members = cast("list[Any]", value)
        return [len(members), *(told for member in members if (told := _told(member)) is not _SILENT)]
    if isinstance(value, Mapping):
        entries = sorted(cast("Mapping[Any, Any]", value).items(), key=lambda entry: str(entry[0]))
        return [[str(key), told] for key, member in entries if (told := _told(member)) is not _SILENT]
    return _SILENT


def _digest(text: str) -> str:
    return f"#{blake3(text.encode()).hexdigest()[:_DIGEST_DIGITS]}"

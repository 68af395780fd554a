"""Where the members of a JSON text are: JSON pointers to offsets, without recursion."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a member begins: the offset of its key, if it has one, and of its value."""

    key: int | None
    value: int


@dataclass(frozen=True, slots=True)
class Member:
    """One value of a JSON text.

    Attributes:
        pointer: its JSON pointer.
        span: where it is.
        depth: how many objects and lists it stands in.
        token: its text; `{` or `[` for an object or a list.
        repeated: whether its key occurred before in the same object.
        key: the key's text, or None.
    """

    pointer: str
    span: Span
    depth: int
    token: str
    repeated: bool
    key: str | None


@dataclass(slots=True)
class _Open:
    pointer: str
    is_object: bool
    key: str | None = None
    key_at: int = 0
    index: int = 0
    repeated: bool = False
    seen: set[str] = field(default_factory=set[str])


def members(text: str, needed: Collection[str] | None = None) -> Iterator[Member]:
    """Yield the values of a JSON text in order, the whole text first. Stops where it is not JSON.

    Args:
        needed: pointers to objects and lists; what stands in any other is passed over.
    """
    stack: list[_Open] = []
    end = 0
    while match := _TOKEN.search(text, end):
        token, at, end = match[1], match.start(1), match.end(1)
        if token in ",:":
            continue
        if token in "}]":
            if not stack:
                return
            stack.pop()
            continue
        top = stack[-1] if stack else None
        if top is not None and top.is_object and top.key is None:
            key = _string(token)
            if key is None:
                return
            top.key, top.key_at, top.repeated = key, at, key in top.seen
            top.seen.add(key)
            continue
        yield (member := _member(top, token, at, len(stack)))
        if top is not None:
            top.key, top.repeated = None, False
            top.index += 1
        if token in "{[" and needed is not None and member.pointer not in needed:
            end = _end_of_value(text, at)
        elif token in "{[":
            stack.append(_Open(member.pointer, token == "{"))


def find_spans(text: str, wanted: Collection[str]) -> dict[str, Span]:
    """The spans of the wanted pointers and of all that they stand in, as far as the text has them."""
    above: set[str] = set()
    for pointer in wanted:
        while (pointer := parent(pointer)) not in above:
            above.add(pointer)
    found = above.union(wanted)
    return {member.pointer: member.span for member in members(text, above) if member.pointer in found}


def parent(pointer: str) -> str:
    """The pointer to what a value stands in; that of the whole text is its own."""
    return pointer.rpartition("/")[0]


def _end_of_value(text: str, at: int) -> int:
    try:
        return json.JSONDecoder().raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return len(text)


def _member(top: _Open | None, token: str, at: int, depth: int) -> Member:
    if top is None:
        return Member("", Span(None, at), depth, token, repeated=False, key=None)
    if not top.is_object:
        return Member(f"{top.pointer}/{top.index}", Span(None, at), depth, token, repeated=False, key=None)
    key = top.key or ""
    part = key.replace("~", "~0").replace("/", "~1")
    return Member(f"{top.pointer}/{part}", Span(top.key_at, at), depth, token, top.repeated, key)


def _string(token: str) -> str | None:
    try:
        value = json.loads(token)
    except ValueError:
        return None
    return value if isinstance(value, str) else None

"""Places in a text that findings point at, and how findings become problems with line and column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.positions import Span, find_spans, parent
from nodegraph.graph.problem import Problem

_SUGGESTED = 200
"""So many problems of a text get the nearest valid name: with more, it is not a slip of the pen."""


@dataclass(frozen=True, eq=False, slots=True)
class SourceText:
    """Something a graph or a part of it is written in: a file, the command line, or Python.

    Attributes:
        name: the file as the user named it; "" where there is none.
        folder: relative paths written here resolve against it.
        text: the file's text, or None where there is none.
        rank: problems are listed in this order of texts.
        path: the file's path, or None where there is none.
    """

    name: str
    folder: Path
    text: str | None = None
    rank: int = 0
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text.

    Attributes:
        pointer: JSON pointer.
        on_key: whether the key is meant, not the value.
        offset: where it is in the text, if that is known already.
    """

    source: SourceText
    pointer: str = ""
    on_key: bool = False
    offset: int | None = None

    def child(self, *names: str | int) -> Place:
        """The place of a member's value."""
        return Place(self.source, self.pointer + "".join(f"/{escape(str(name))}" for name in names))

    def key(self, *names: str | int) -> Place:
        """The place of a member's key."""
        return self.child(*names).of_key

    @property
    def of_key(self) -> Place:
        """The place of this member's key."""
        return Place(self.source, self.pointer, on_key=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place; see `Problem` for the fields."""

    place: Place
    code: str
    message: str
    hint: str | Suggestion = ""


def escape(name: str) -> str:
    """A name as one part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def locate(findings: Iterable[Finding]) -> list[Problem]:
    """Give findings their line and column; ordered by text, line and column, each problem once."""
    by_source: dict[SourceText, list[Finding]] = {}
    for finding in findings:
        by_source.setdefault(finding.place.source, []).append(finding)
    problems: list[Problem] = []
    for source in sorted(by_source, key=lambda source: source.rank):
        problems += _problems(source, list(dict.fromkeys(by_source[source])))
    return list(dict.fromkeys(problems))


def _problems(source: SourceText, findings: Sequence[Finding]) -> list[Problem]:
    text = source.text or ""
    wanted = {finding.place.pointer for finding in findings if finding.place.offset is None}
    spans = find_spans(text, wanted) if text and wanted else {}
    newlines = [match.start() for match in re.finditer("\n", text)]

    def position(place: Place) -> tuple[int, int]:
        if source.text is None:
            return 0, 0
        offset = _offset(place, spans)
        before = bisect_right(newlines, offset - 1)
        return before + 1, offset - (newlines[before - 1] if before else -1)

    placed = [(*position(finding.place), finding) for finding in findings]
    placed.sort(key=lambda entry: (entry[0], entry[1], entry[2].place.pointer))
    name = _printable(source.name)
    return [
        _problem(name, line, column, finding, is_suggested=index < _SUGGESTED)
        for index, (line, column, finding) in enumerate(placed)
    ]


def _problem(name: str, line: int, column: int, finding: Finding, *, is_suggested: bool) -> Problem:
    hint = finding.hint
    if isinstance(hint, Suggestion):
        hint = str(hint) if is_suggested else hint.after
    pointer, message, hint = map(_printable, (finding.place.pointer, finding.message, hint))
    return Problem(name, pointer, line, column, finding.code, message, hint)


def _printable(text: str) -> str:
    """The text with halves of surrogate pairs written as escapes, so that it can be printed."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _offset(place: Place, spans: Mapping[str, Span]) -> int:
    if place.offset is not None:
        return place.offset
    pointer = place.pointer
    while pointer not in spans and pointer:
        pointer = parent(pointer)
    span = spans.get(pointer)
    if span is None:
        return 0
    on_key = place.on_key or pointer != place.pointer
    return span.key if on_key and span.key is not None else span.value

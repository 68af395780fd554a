"""Tables, as text for a terminal or as Markdown to paste into docs/measurements.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Cells under headings; what `note` says is printed below."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def as_text(self) -> str:
        """Columns of equal width, the first to the left."""
        lines = [self.headings, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        body = [_aligned(line, widths) for line in lines]
        return "\n".join([self.title, *body, *([self.note] if self.note else []), ""])

    def as_markdown(self) -> str:
        """A table of Markdown under a heading of the third level."""
        lines = [self.headings, ["---"] * len(self.headings), *self.rows]
        body = ["| " + " | ".join(line) + " |" for line in lines]
        return "\n".join([f"### {self.title}", "", *body, "", *([self.note, ""] if self.note else [])])


def verdict(value: float, limit: float) -> str:
    """Whether a value is within its limit, and if not by how much it is over."""
    return "ok" if value <= limit else _missed(value / limit)


def verdict_of_least(value: float, least: float) -> str:
    """Whether a value is as large as it must be."""
    return "ok" if value >= least else _missed(least / value)


def micro(seconds: float) -> str:
    """Microseconds, with a decimal where it says something."""
    amount = seconds * 1e6
    return f"{amount:,.1f}" if amount < 100 else f"{amount:,.0f}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _missed(by: float) -> str:
    return f"misses by {by:.2f} ×" if by < 2 else f"misses by {by:.1f} ×"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if index == 0 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(line, widths, strict=True))
    )
    return "  ".join([first, *others])

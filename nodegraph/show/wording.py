"""Numbers, durations, sizes and tables as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUANTITY = re.compile(r"[\d,]+|[\d:.]+ (s|min|h|B|[KMGT]iB)|-|\?")


def printable(text: str) -> str:
    """The text with control characters escaped, so that no file's content can steer the terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char in "\n\t" or char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def table(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Rows as aligned columns; a column of numbers, sizes or durations stands at the right."""
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    columns = [_column(column) for column in zip(*cells, strict=True)]
    return "\n".join((indent + "  ".join(row)).rstrip() for row in zip(*columns, strict=True))


def size_text(size: float) -> str:
    """A number of bytes as people write it: `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def seconds_text(seconds: float) -> str:
    """A duration as people write it: `0.52 s`, `1:05 min`, `2:03:00 h`; whole seconds if an int is given."""
    if seconds < 59.5:
        return f"{seconds:.2f} s" if seconds < 9.95 and isinstance(seconds, float) else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def counted(count: int, noun: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _column(cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    figures = [cell for cell in cells[1:] if cell]
    if figures and all(_QUANTITY.fullmatch(cell) for cell in figures):
        return [cell.rjust(width) for cell in cells]
    return [cell.ljust(width) for cell in cells]

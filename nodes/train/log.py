"""The log of a training as CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_log(file: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write one line a row, with the names of all columns first; what a row lacks stays empty."""
    columns = dict.fromkeys(name for row in rows for name in row)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(columns))
        writer.writeheader()
        writer.writerows({name: f"{number:.6g}" for name, number in row.items()} for row in rows)

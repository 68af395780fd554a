"""The VisDrone-DET format: its classes, and one annotation or result file.

Format: README of the VisDrone2018-DET toolkit. A row is `left,top,width,height,score,category,truncation,
occlusion`, in pixels, 0-based (our reading: the toolkit does not say).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from nodes.load.annotated import bad, is_coordinate, number_of, text_lines, whole_number_of

VISDRONE_CLASSES = (
    "ignored regions",
    "pedestrian",
    "people",
    "bicycle",
    "car",
    "van",
    "truck",
    "tricycle",
    "awning-tricycle",
    "bus",
    "motor",
    "others",
)
"""The classes; their ids are 0 to 11."""

IGNORED_REGION = 0

Rows = Literal["truth", "results"]


class VisDroneRow(NamedTuple):
    """One row of a file.

    Attributes:
        xyxy: left, top, right, bottom in pixels, not yet cut at the picture's edge.
        category: 0 to 11.
        score: 1 in ground truth; the confidence, 0 to 1, of a result.
        ignore: whether it is a region in which nothing counts.
    """

    xyxy: tuple[float, float, float, float]
    category: int
    score: float
    ignore: bool


def read_visdrone_rows(path: Path, rows: Rows) -> list[VisDroneRow]:
    """Read an annotation file, or a result file.

    Blank lines, spaces around numbers and a comma at a line's end, as in published files, do no harm.

    Raises:
        FileNotFoundError: if there is no such file.
        AnnotationError: for a row that has not eight numbers or has one that cannot be right; says which.
    """
    return [
        _row(line, rows, f"{path}:{number}")
        for number, line in enumerate(text_lines(path), 1)
        if line.strip()
    ]


def _row(line: str, rows: Rows, place: str) -> VisDroneRow:
    words = [word.strip() for word in line.strip().removesuffix(",").split(",")]
    numbers = [number_of(word) for word in words]
    if len(words) != 8 or not all(map(is_coordinate, numbers)):
        expected = "eight numbers: left,top,width,height,score,category,truncation,occlusion"
        raise bad(place, expected, line.strip())
    left, top, width, height, score = numbers[:5]
    if width < 0 or height < 0:
        raise bad(f"{place}: width and height", "not negative", f"{words[2]},{words[3]}")
    category = whole_number_of(words[5])
    if category is None or not 0 <= category < len(VISDRONE_CLASSES):
        raise bad(f"{place}: the category", f"0 to {len(VISDRONE_CLASSES) - 1}", words[5])
    _check_score(score, rows, place)
    counted = rows == "results" or score == 1
    return VisDroneRow(
        (left, top, left + width, top + height),
        category,
        score if rows == "results" else 1.0,
        category == IGNORED_REGION or not counted,
    )


def _check_score(score: float, rows: Rows, place: str) -> None:
    if rows == "results" and not 0 <= score <= 1:
        raise bad(f"{place}: the score of a result", "0 to 1", score)
    if rows == "truth" and score not in (0, 1):
        raise bad(f"{place}: the score", "1 (counted) or 0 (ignored); results need rows: results", score)

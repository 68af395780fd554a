"""What is wrong with a graph, and where: a value with a stable code, rendered at the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a graph file, an overlay or a command line.

    Attributes:
        file: the file it is in, as the user named it; "" for a graph built in Python.
        pointer: JSON pointer to the offending value, such as `/nodes/clip/params/frames`.
        line, column: 1-based place of that value, or of its key where the name is what is wrong; 0 where
            there is no text.
        code: stable, kebab-case, such as `unknown-input`.
        message: what is wrong, what was found and what was expected.
        hint: what to do, such as the nearest valid name; may be empty.
    """

    file: str
    pointer: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        """The object that `check --json` prints."""
        return asdict(self)

    def __str__(self) -> str:
        place = (
            f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        )
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{place}{self.message} [{self.code}] at {self.pointer or '/'}{hint}"


class GraphError(ValueError):
    """A graph that cannot be used; `problems` has all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

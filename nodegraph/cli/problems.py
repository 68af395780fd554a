"""Problems of a graph as text: place, message, source line with a caret, hint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nodegraph.cli.terminal import Terminal
from nodegraph.graph.problem import Problem
from nodegraph.show.wording import counted, printable

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,:\[\]{}"]+|.')
_SHOWN_COLUMNS = 96
_LARGEST_FILE = 16 * 2**20


def report_problems(terminal: Terminal, problems: Sequence[Problem]) -> None:
    """Write all problems and their number to stderr."""
    for problem in problems:
        terminal.error("\n".join(_lines(problem, terminal)))
    files = {problem.file for problem in problems}
    where = f" in {len(files)} files" if len(files) > 1 else ""
    terminal.error(terminal.styled(f"{counted(len(problems), 'problem')}{where}; nothing was run", "bold"))


def problems_json(problems: Sequence[Problem]) -> dict[str, Any]:
    """The object that `check --json` prints."""
    return {"ok": not problems, "errors": [problem.as_json() for problem in problems]}


def _lines(problem: Problem, terminal: Terminal) -> Iterator[str]:
    place = f"{problem.file}:{problem.line}:{problem.column}: " if problem.line else ""
    place = place or (f"{problem.file}: " if problem.file else "")
    code = terminal.styled(f"[{problem.code}]", "dim")
    pointer = "" if problem.line or not problem.pointer else f" at {printable(problem.pointer)}"
    yield f"{terminal.styled(printable(place), 'bold')}{printable(problem.message)}{pointer} {code}"
    yield from _source(problem, terminal)
    if problem.hint:
        yield f"    {terminal.styled('hint:', 'cyan')} {printable(problem.hint)}"


def _source(problem: Problem, terminal: Terminal) -> Iterator[str]:
    """The line of the file with the token underlined; nothing if the file is not at hand."""
    lines = _file_lines(problem.file) if problem.line else ()
    if problem.line > len(lines) or not problem.line:
        return
    line = lines[problem.line - 1]
    column = problem.column - 1
    start = max(0, column - _SHOWN_COLUMNS // 2) if len(line) > _SHOWN_COLUMNS else 0
    shown = "".join(char if char.isprintable() else " " for char in line[start : start + _SHOWN_COLUMNS])
    token = _TOKEN.match(line, column)
    length = min(len(token[0]) if token else 1, len(shown) - (column - start))
    number = str(problem.line)
    yield f"    {number} | {shown}"
    underline = "^" + "~" * (length - 1)
    yield f"    {' ' * len(number)} | {' ' * (column - start)}{terminal.styled(underline, 'red')}"


@lru_cache(maxsize=8)
def _file_lines(file: str) -> tuple[str, ...]:
    path = Path(file)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return ()
        return tuple(path.read_text("utf-8", errors="replace").split("\n"))
    except OSError:
        return ()

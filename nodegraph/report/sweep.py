"""The combinations of a sweep as a table: as text for a terminal, and as HTML for a notebook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

from nodegraph.report.page import run_html
from nodegraph.report.rows import output_text
from nodegraph.run.result import RunOutput
from nodegraph.show.wording import counted, printable, table
from nodegraph.sweep.result import Combination, Sweep

_WIDEST = 48


def sweep_headline(sweep: Sweep) -> str:
    """How many combinations are done, in a few words."""
    done = sum(combination.ok for combination in sweep)
    return f"{done:,} of {counted(len(sweep), 'combination')} done"


def sweep_table(
    sweep: Sweep, *, width: int | None = None, shown: Callable[[RunOutput], str] = output_text
) -> str:
    """A line per combination: the value of each axis, each output, and how it ended.

    Args:
        sweep: what is shown.
        width: the room in columns; where the lines are longer, each combination is a short list instead.
        shown: an output in one line.
    """
    text = table([_columns(sweep), *(_row(sweep, entry, shown) for entry in sweep)])
    if width is None or max(map(len, text.splitlines())) <= width:
        return text
    return "\n".join(_listed(entry, shown) for entry in sweep)


def sweep_html(sweep: Sweep) -> str:
    """A sweep as an HTML fragment for a notebook: its combinations, then its run."""
    title = f"<h1>{escape(sweep_headline(sweep))}</h1>"
    return f'<div class="ngr">{title}{combinations_html(sweep)}</div>{run_html(sweep.run)}'


def combinations_html(sweep: Sweep) -> str:
    """The combinations as an HTML table, a row each, in the style of the run report."""
    rows = (_row(sweep, entry, output_text) for entry in sweep)
    head = "".join(_cells("th", _columns(sweep)))
    body = "".join(f"<tr>{''.join(_cells('td', row))}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _columns(sweep: Sweep) -> tuple[str, ...]:
    return (*sweep.axes, *_outputs(sweep), "state")


def _outputs(sweep: Sweep) -> list[str]:
    """The outputs that took part: the same in every combination."""
    return list(sweep.combinations[0].outputs)


def _row(sweep: Sweep, entry: Combination, shown: Callable[[RunOutput], str]) -> tuple[str, ...]:
    values = (_value_text(value) for value in entry.params.values())
    return (*values, *(_output_text(entry.outputs[name], shown) for name in _outputs(sweep)), entry.state)


def _listed(entry: Combination, shown: Callable[[RunOutput], str]) -> str:
    chosen = ", ".join(f"{target}={_value_text(value)}" for target, value in entry.params.items())
    lines = [(name, _output_text(output, shown)) for name, output in entry.outputs.items()]
    head = printable(f"{chosen}: {entry.state}")
    return f"{head}\n{table(lines, indent='  ')}" if lines else head


def _value_text(value: Any) -> str:
    return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _output_text(output: RunOutput, shown: Callable[[RunOutput], str]) -> str:
    text = shown(output)
    return text if output.path is not None else _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _cells(tag: str, row: Sequence[str]) -> Iterator[str]:
    return (f"<{tag}>{escape(printable(cell))}</{tag}>" for cell in row)

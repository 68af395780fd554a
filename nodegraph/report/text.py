"""The run report as a few lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from nodegraph.report.rows import COLUMNS, headline, is_block, node_row, output_text, why_dropped, why_ran
from nodegraph.run.result import Run
from nodegraph.show.wording import printable, table

_SHOWN_ERRORS = 50


def text_report(run: Run) -> str:
    """How a run went: one line, a table of nodes, why calls ran, what was dropped, failed and made."""
    sections = (section for section in _sections(run) if section)
    return "\n\n".join(sections) + "\n"


def failures_text(run: Run, *, indent: str = "  ") -> str:
    """The failed calls as one table of node, item and error; long lists are cut and counted.

    Calls of a node that failed with the same error are one row: the first item, and how many more.
    """
    items: dict[tuple[str, str], list[str]] = {}
    for error in run.errors:
        items.setdefault((error.node, f"{error.error}: {error.message}"), []).append(error.item)
    shown = list(items.items())[:_SHOWN_ERRORS]
    rows = [(node, _first_of(failed), error) for (node, error), failed in shown]
    rest = len(run.errors) - sum(len(failed) for _, failed in shown)
    more = f"\n{indent}... and {rest:,} more" if rest else ""
    return table(rows, indent=indent) + more if rows else ""


def _first_of(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{items[0]} and {len(items) - 1:,} more".lstrip()


def _sections(run: Run) -> Iterator[str]:
    yield f"{printable(run.graph)}, run {run.run}: {headline(run)}"
    rows = [(*node_row(name, node), why_ran(node)) for name, node in run.nodes.items()]
    yield table([COLUMNS, *rows])
    dropped = [(name, why_dropped(node)) for name, node in run.nodes.items() if node.drop_reasons]
    yield _titled("dropped", dropped)
    yield f"failed\n{failures_text(run)}" if run.errors else ""
    yield _titled("warnings", [(warning,) for warning in run.warnings])
    outputs = [(name, output_text(output)) for name, output in run.outputs.items() if not is_block(output)]
    yield _titled("outputs", outputs)
    for name, output in run.outputs.items():
        if is_block(output):
            yield printable(f"{name}\n{output.value.rstrip()}")


def _titled(title: str, rows: list[tuple[str, ...]]) -> str:
    return f"{title}\n{table(rows, indent='  ')}" if rows else ""

"""The run report as one static HTML page that needs nothing else; all text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from nodegraph.check.checked import CheckedGraph
from nodegraph.events.types import Event
from nodegraph.report.lanes import Lanes, lanes_of
from nodegraph.report.rows import (
    COLUMNS,
    PLACEMENT_COLUMNS,
    SHORTAGE_COLUMNS,
    headline,
    is_block,
    node_row,
    output_text,
    placement_rows,
    shortage_rows,
    state_of,
    why_dropped,
    why_ran,
)
from nodegraph.report.timeline import lanes_svg
from nodegraph.run.result import CallError, Run, RunOutput
from nodegraph.show.svg import graph_svg

_SHOWN_ERRORS = 200
_SHOWN_SHORTAGES = 100
_DRAWN_NODES = 300
_NUMBERS = 2
"""The first columns of the node table are words, those after them numbers, the last one words."""

_STYLE = (
    ".ngr{--text:#1b2430;--dim:#5d6b7e;--line:#d5dce6;--head:#f1f4f9;--good:#15803d;--bad:#c02626;--warn:#a35a00;"
    "color:var(--text);"
    "font:14px/1.5 ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "@media (prefers-color-scheme:dark){.ngr{--text:#e7ecf3;--dim:#9aa8ba;--line:#3b4656;--head:#262e39;"
    "--good:#4ade80;--bad:#f87171;--warn:#fbbf24}}"
    ".ngr h1{font-size:22px;margin:0 0 2px}.ngr h2{font-size:16px;margin:28px 0 8px}"
    ".ngr .wide{overflow-x:auto}.ngr .wide+.wide{margin-top:16px}.ngr svg{max-width:none}"
    ".ngr table{border-collapse:collapse}.ngr th,.ngr td{text-align:left;vertical-align:top;"
    "padding:5px 12px;border-bottom:1px solid var(--line);color:var(--text);background:none}"
    ".ngr th{background:var(--head);font-weight:600;white-space:nowrap}"
    ".ngr .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".ngr .dim{color:var(--dim)}.ngr .done{color:var(--good)}.ngr .failed{color:var(--bad)}"
    ".ngr .interrupted{color:var(--warn)}"
    ".ngr pre{white-space:pre-wrap;margin:4px 0;font-size:12.5px}.ngr pre.block{white-space:pre}"
    ".ngr code{font-size:13px;word-break:break-all}"
)
_PAGE_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0 auto;padding:28px;max-width:1500px;background:#fff}"
    "@media (prefers-color-scheme:dark){body{background:#0d1015}}"
)


def html_report(
    run: Run, graph: CheckedGraph | None = None, events: Iterable[Event] = (), *, combinations: str = ""
) -> str:
    """The page of a run.

    Args:
        run: all of `run_html`.
        graph: its picture, if it is not too large.
        events: what ran on which device, as `device_events` reads it: drawn over time, if anything did.
        combinations: of a sweep its combinations, as HTML (`combinations_html`); they come first.
    """
    lanes = lanes_of(events)
    picture = (
        f'<h2>Graph</h2><div class="wide">{graph_svg(graph)}</div>'
        if graph is not None and len(graph.nodes) <= _DRAWN_NODES
        else ""
    )
    devices = "" if lanes is None else _devices(lanes)
    swept = f"<h2>Combinations</h2>{combinations}" if combinations else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(run.graph)}, run {run.run}</title><style>{_PAGE_STYLE}{_STYLE}</style></head><body>"
        f'<div class="ngr">{_title(run)}{swept}{_body(run, picture, devices)}</div></body></html>\n'
    )


def run_html(run: Run) -> str:
    """A run as an HTML fragment for a notebook: how it ended, its nodes, failures and outputs."""
    return f'<style>{_STYLE}</style><div class="ngr">{_title(run)}{_body(run)}</div>'


def _title(run: Run) -> str:
    state = state_of(run)
    rest = headline(run).removeprefix(state)
    return (
        f"<h1>{_text(run.graph)}</h1>"
        f'<div><b class="{state}">{state}</b>{_text(rest)} <span class="dim">· run {run.run}</span></div>'
    )


def _body(run: Run, picture: str = "", devices: str = "") -> str:
    dropped = [(name, _text(why_dropped(node))) for name, node in run.nodes.items() if node.drop_reasons]
    outputs = [(name, _output(output)) for name, output in run.outputs.items()]
    parts = [
        _section("Outputs", ("output", "value"), outputs),
        _failures(run.errors),
        _section("Warnings", (), [(warning,) for warning in run.warnings]),
        picture,
        _nodes(run),
        devices,
        _section("Dropped items", ("node", "why"), dropped),
    ]
    return "".join(parts)


def _nodes(run: Run) -> str:
    rows = (
        [*map(_text, node_row(name, node)), f'<span class="dim">{_text(why_ran(node))}</span>']
        for name, node in run.nodes.items()
    )
    return "<h2>Nodes</h2>" + _table(COLUMNS, rows, numbers=range(_NUMBERS, len(COLUMNS) - 1))


def _devices(lanes: Lanes) -> str:
    shortages = [failure for device in lanes.devices for failure in device.failures]
    short = [[_text(cell) for cell in row] for row in shortage_rows(shortages[:_SHOWN_SHORTAGES])]
    rest = len(shortages) - len(short)
    more = f'<p class="dim">and {rest:,} more</p>' if rest else ""
    placed = [[_text(cell) for cell in row] for row in placement_rows(lanes)]
    return (
        f'<h2>Devices</h2><div class="wide">{lanes_svg(lanes)}</div>'
        f"<h2>Placement</h2>{_table(PLACEMENT_COLUMNS, placed, numbers=range(3, 7))}"
        + (f"<h2>Out of memory</h2>{_table(SHORTAGE_COLUMNS, short)}{more}" if short else "")
    )


def _failures(errors: Sequence[CallError]) -> str:
    if not errors:
        return ""
    rows = [(_text(error.node), _text(error.item), _error(error)) for error in errors[:_SHOWN_ERRORS]]
    rest = len(errors) - len(rows)
    more = f'<p class="dim">and {rest:,} more</p>' if rest else ""
    return '<h2 class="failed">Failed calls</h2>' + _table(("node", "item", "error"), rows) + more


def _error(error: CallError) -> str:
    text = f"<b>{_text(error.error)}</b>: {_text(error.message)}"
    if not error.traceback:
        return text
    return (
        f'{text}<details><summary class="dim">frames</summary><pre>{_text(error.traceback)}</pre></details>'
    )


def _output(output: RunOutput) -> str:
    if is_block(output):
        return f'<pre class="block">{_text(output.value.rstrip())}</pre>'
    return f"<code>{_text(output_text(output))}</code>"


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A titled table; the first cell of a row is plain text, the others are HTML. Nothing without rows."""
    cells = [(_text(first), *others) for first, *others in rows]
    return f"<h2>{title}</h2>{_table(columns, cells)}" if rows else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: range = range(0)) -> str:
    head = "".join(_cells("th", columns, numbers))
    body = "".join(f"<tr>{''.join(_cells('td', row, numbers))}</tr>" for row in rows)
    return f'<div class="wide"><table>{f"<tr>{head}</tr>" if head else ""}{body}</table></div>'


def _cells(tag: str, row: Sequence[str], numbers: range) -> Iterator[str]:
    for index, cell in enumerate(row):
        css = ' class="n"' if index in numbers else ""
        yield f"<{tag}{css}>{cell}</{tag}>"


def _text(text: str) -> str:
    return escape("".join(char for char in text if char in "\n\t" or char.isprintable()))

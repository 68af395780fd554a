"""`nodegraph cache why`: why a node would run again, down to the param, the file or the code."""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nodegraph.cli.edge import DONE
from nodegraph.cli.groups import Common, GraphValues, grouped
from nodegraph.cli.options import UsageError

if TYPE_CHECKING:
    from nodegraph.plan.explanation import Cause, Explanation, Made

_SHOWN_ITEMS = 10
_SHOWN_CAUSES = 10
_DEEPEST = 6
_LEVEL = "  "


@grouped
def why(
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node's id.", show_default=False)],
    *,
    graph: Annotated[
        Path | None, typer.Option("--graph", metavar="FILE", help="Of this graph; else of the one run last.")
    ] = None,
    item: Annotated[
        str | None, typer.Option("--item", metavar="KEY", help="Only the call for this item.")
    ] = None,
    given: GraphValues,
    common: Common,
) -> int:
    """Tell why a node would run again, or that it would not.

    Goes up through the graph to the param, the file or the code that changed.
    """
    from nodegraph.cli.selection import refuse_swept_name
    from nodegraph.why import why_node

    refuse_swept_name(node)
    terminal = common.terminal_with_packs()
    file = graph or _last_graph(common.store_folder())
    try:
        found = why_node(file, node, given.for_engine(common), item=item)
    except LookupError as error:
        raise UsageError(str(error.args[0])) from None
    if common.json:
        terminal.result_json({"graph": str(file)} | found.as_json())
    else:
        terminal.result("\n".join(explanation_lines(found, str(file))))
    return DONE


def explanation_lines(found: Explanation, graph: str) -> Iterator[str]:
    """An explanation as text: what would run, then the causes as a tree, each told once."""
    from nodegraph.show.wording import printable

    yield printable(f"{found.node} ({found.type}) in {graph}")
    yield _headline(found)
    lines = _tree(found) if found.roots else _made_lines(found.made)
    yield from map(printable, lines)
    if found.gone:
        yield printable(f"gone since the last run: {_some(found.gone)}")


def _headline(found: Explanation) -> str:
    from nodegraph.show.wording import counted

    if found.waits_for == (found.node,):
        return "which items it gives is known once it has run"
    if found.waits_for:
        rest = f"; {found.run:,} known so far would run, {found.cached:,} cached" if found.run else ""
        return f"which calls there are is known once {', '.join(found.waits_for)} has run{rest}"
    if found.run:
        calls = counted(found.run + found.cached, "call")
        return f"{found.run:,} of {calls} would run"
    return f"nothing to do: {counted(found.cached, 'call')} cached"


def _tree(found: Explanation) -> Iterator[str]:
    """The causes from the node's own calls up; one that is behind several others is told only once."""
    told: set[int] = set()
    waiting: list[_Line] = _lines(found.roots, 0, None)
    while waiting:
        line = waiting.pop()
        indent = _LEVEL * (line.depth + 1)
        if line.cause is None:
            yield indent + line.note
            continue
        if line.cause not in told:
            told.add(line.cause)
            yield indent + _words(found, found.causes[line.cause], line)
            waiting.extend(_behind(found, line))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line to come: a cause, below another one (`under`), or a note."""

    depth: int
    cause: int | None = None
    under: int | None = None
    note: str = ""


def _lines(causes: Sequence[int], depth: int, under: int | None) -> list[_Line]:
    """The lines of causes, the first of many, in the order of a stack."""
    lines = [_Line(depth, cause, under) for cause in causes[:_SHOWN_CAUSES]]
    if len(causes) > _SHOWN_CAUSES:
        lines.append(
            _Line(depth, note=f"and {len(causes) - _SHOWN_CAUSES:,} more causes; --json has them all")
        )
    return lines[::-1]


def _behind(found: Explanation, line: _Line) -> list[_Line]:
    """What stands below a cause; of a long way that does not branch, its end."""
    assert line.cause is not None, "a note has nothing below it"
    at, passed = line.cause, 0
    while line.depth + 1 >= _DEEPEST and len(found.causes[at].because) == 1:
        at, passed = found.causes[at].because[0], passed + 1
    if passed < 2:
        return _lines(found.causes[line.cause].because, line.depth + 1, line.cause)
    note = _Line(line.depth + 1, note=f"… {passed - 1:,} nodes further up:")
    return [*_lines([at], line.depth + 1, None), note]


def _words(found: Explanation, cause: Cause, line: _Line) -> str:
    if line.depth == 0 and cause.node == found.node:
        whole = len(cause.items) == found.run > 1
        return cause.why if whole or not cause.items else f"{_items(cause.items)}: {cause.why}"
    same = line.under is not None and found.causes[line.under].items == cause.items
    where = "" if same or not cause.items else f" ({_items(cause.items)})"
    return f"{cause.node}{where}: {cause.why}"


def _items(items: Sequence[str]) -> str:
    return f"item {items[0]}" if len(items) == 1 else f"items {_some(items)}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN_ITEMS
    return ", ".join(names[:_SHOWN_ITEMS]) + (f" and {rest:,} more" if rest > 0 else "")


def _made_lines(made: Made | None) -> Iterator[str]:
    """What the results of a node that would not run are made of."""
    if made is None:
        return
    when = "" if made.started is None else time.strftime(", %Y-%m-%d %H:%M", time.localtime(made.started))
    yield f"{_LEVEL}computed in run {made.run}{when}"
    if made.version is not None:
        yield f"{_LEVEL}version {made.version}"
    elif made.code:
        yield f"{_LEVEL}code: {_some(made.code)}"
    for name, source in made.links.items():
        yield f"{_LEVEL}input {name}: {source}"
    for name, value in made.params.items():
        yield f"{_LEVEL}param {name}: {json_text.dumps(value, ensure_ascii=False)}"
    for name, content in made.files.items():
        yield f"{_LEVEL}file {name}: {content[:16]}"
    if made.seed is not None:
        yield f"{_LEVEL}seed {made.seed}"


def _last_graph(store: Path) -> Path:
    """The graph file that was run last over a store.

    Raises:
        UsageError: if the store knows of none that is still there.
    """
    from nodegraph.plan.history import graph_file
    from nodegraph.store import Store

    with Store.open(store, read_only=True) as opened:
        graphs = [graph_file(run.graph, store) for run in opened.runs()]
    files = [graph for graph in graphs if graph.is_file()]
    if not files:
        raise UsageError("the store has no run of a graph file that is still there; name one with --graph")
    return files[-1]

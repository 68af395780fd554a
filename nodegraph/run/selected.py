"""A pattern for items that lets none through: an error of the run, and nothing is published in its place."""

from __future__ import annotations

from nodegraph.plan.producers import EXAMPLES, Selection
from nodegraph.plan.program import Program
from nodegraph.run.frames import Frame
from nodegraph.run.result import CallError

NOTHING_MATCHES = "NothingMatches"


def nothing_matches(program: Program, root: Frame, selection: Selection) -> list[CallError]:
    """An error for each source that has items, if the pattern lets no item of any source through."""
    scopes = [scope for step, scope in sorted(root.scopes.items()) if step in program.cut]
    if selection.pattern is None or any(scope.count or not scope.ended for scope in scopes):
        return []
    return [
        CallError(
            scope.name,
            "",
            NOTHING_MATCHES,
            f"no item matches {selection.pattern!r}; there are: {_listed(scope.producer.left_out)}",
            "",
        )
        for scope in scopes
        if scope.producer.left_out
    ]


def _listed(keys: list[str]) -> str:
    return ", ".join(keys[:EXAMPLES]) + (", ..." if len(keys) > EXAMPLES else "")

"""`nodegraph check`: all that is wrong with a graph, at once."""

from __future__ import annotations

from nodegraph.cli.options import (
    AsJson,
    GraphFile,
    GraphInputs,
    NodePacks,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
)
from nodegraph.cli.terminal import Terminal


def check(
    graph: GraphFile,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Find all errors of a graph file at once."""
    from nodegraph.check import find_problems
    from nodegraph.cli.edge import DONE, REFUSED
    from nodegraph.cli.packs import load
    from nodegraph.cli.problems import problems_json, report_problems

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    problems = find_problems(graph, values=values or (), sets=sets or (), inputs=inputs or ())
    if json:
        terminal.result_json(problems_json(problems))
    if problems:
        report_problems(terminal, problems)
        return REFUSED
    if not json:
        terminal.say(f"{graph}: no problems")
    return DONE

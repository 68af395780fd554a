"""`nodegraph check`: all that is wrong with a graph, at once."""

from __future__ import annotations

from nodegraph.cli.groups import Common, GraphValues, grouped
from nodegraph.cli.options import GraphFile


@grouped
def check(graph: GraphFile, given: GraphValues, common: Common) -> int:
    """Find all errors of a graph file at once."""
    from nodegraph.check import find_problems
    from nodegraph.cli.edge import DONE, REFUSED
    from nodegraph.cli.problems import problems_json, report_problems

    terminal = common.terminal_with_packs()
    problems = find_problems(graph, **given.for_check())
    if common.json:
        terminal.result_json(problems_json(problems))
    if problems:
        report_problems(terminal, problems)
        return REFUSED
    if not common.json:
        terminal.say(f"{graph}: no problems")
    return DONE

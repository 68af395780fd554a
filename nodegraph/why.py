"""Why a node of a graph would run again: the question of `nodegraph cache why`."""

from __future__ import annotations

import contextlib
import sys

from nodegraph.api import Options, open_store
from nodegraph.check.check import GraphLike, check
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.plan.compile import compile_program
from nodegraph.plan.explain import explain
from nodegraph.plan.explanation import Explanation


def why_node(
    graph: GraphLike, node: str, options: Options | None = None, *, item: str | None = None
) -> Explanation:
    """Say why the calls of a node would run, down to causes that have no further one; the store is only read.

    Args:
        graph: the graph.
        node: the node's id.
        options: store, inputs, sets and values as for a run.
        item: only the call for this item, `a/b` for nested ones.

    Raises:
        GraphError: if the graph or an option is not right, or the graph has no such node.
        LookupError: if the node is not called for such an item.
        StoreError: if the store cannot be read.
    """
    options = options or Options()
    checked = check(
        graph, values=options.values, sets=options.sets, inputs=options.inputs, require_inputs=True
    )
    if node not in checked.nodes:
        hint = str(Suggestion(node, checked.nodes, "its nodes"))
        raise GraphError([Problem("NODE", "", 0, 0, "unknown-node", f"the graph has no node {node!r}", hint)])
    program = compile_program(checked, [node])
    with open_store(options, read_only=True) as store, contextlib.redirect_stdout(sys.stderr):
        return explain(program, store, node, item=item)

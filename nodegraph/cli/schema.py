"""`nodegraph schema`: the JSON Schema of graph files over the installed node types."""

from __future__ import annotations

from nodegraph.cli.options import AsJson, NodePacks, Quiet, StoreFolder
from nodegraph.cli.terminal import Terminal


def schema(
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Print the JSON Schema of graph files.

    An editor that has it completes and checks them.
    """
    from nodegraph.cli.edge import DONE
    from nodegraph.cli.packs import load
    from nodegraph.graph.schema import graph_schema
    from nodegraph.node.registry import node_types

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    terminal.result_json(graph_schema(node_types()))
    return DONE

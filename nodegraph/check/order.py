"""The order in which nodes can be called, and the circles that forbid one."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def topological_order(reads: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Sort nodes so that each comes after all it reads; of those that could be next, the first written is.

    Args:
        reads: for each node, in file order, the nodes it reads; others than its keys are left out.

    Returns:
        the sorted nodes, and the rest: those on a circle or behind one, in file order.
    """
    index = {node: position for position, node in enumerate(reads)}
    waiting = {node: sum(source in index for source in sources) for node, sources in reads.items()}
    readers: dict[str, list[str]] = {node: [] for node in reads}
    for node, sources in reads.items():
        for source in sources:
            if source in index:
                readers[source].append(node)
    ready = [index[node] for node, count in waiting.items() if count == 0]
    names = list(reads)
    order: list[str] = []
    while ready:
        node = names[heapq.heappop(ready)]
        order.append(node)
        for reader in readers[node]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heapq.heappush(ready, index[reader])
    return order, [node for node in names if waiting[node] > 0]


def cycles(reads: Mapping[str, Sequence[str]], rest: Sequence[str]) -> list[list[str]]:
    """One circle of each knot of nodes that read each other, in the order of the data.

    Each node of a circle is read by the next; it begins with the one that is written first.
    """
    from typing import Any, cast

    import networkx

    nx = cast("Any", networkx)
    graph = nx.DiGraph()
    inside = set(rest)
    graph.add_nodes_from(rest)
    graph.add_edges_from((source, node) for node in rest for source in reads[node] if source in inside)
    index = {node: position for position, node in enumerate(rest)}
    found: list[list[str]] = []
    for knot in nx.strongly_connected_components(graph):
        first = min(knot, key=index.__getitem__)
        if len(knot) == 1 and not graph.has_edge(first, first):
            continue
        edges = nx.find_cycle(graph.subgraph(sorted(knot, key=index.__getitem__)), first)
        circle = [str(edge[0]) for edge in edges]
        start = circle.index(min(circle, key=index.__getitem__))
        found.append(circle[start:] + circle[:start])
    return sorted(found, key=lambda circle: index[circle[0]])

"""Waiting for the end of streams: which calls keep no item in flight, and which streams are advanced first.

A call that reads a collected stream waits until that stream has ended. While it waits, its own item is in
flight, and the number of items in flight is bounded: if the stream it waits for can in turn be held up by its
own (a mean fed back to the items it was taken over, or two streams that each read the other's mean), such
calls must let their item go and load its values again from the store. They are called late. All others wait
only for streams of a lower rank, which are advanced first, so that no two streams can block each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from nodegraph.check.checked import CheckedNode


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for what.

    Attributes:
        late: nodes whose calls keep no item in flight.
        ranks: of fan-out nodes; the items of a stream wait only for the end of streams of lower rank. A node
            that is not named has rank 0.
    """

    late: frozenset[str]
    ranks: Mapping[str, int]


def stream_waits(nodes: Sequence[CheckedNode]) -> Waits:
    """Find the late nodes and the ranks of streams.

    Args:
        nodes: in topological order, with everything they read.
    """
    bits = {node.id: 1 << place for place, node in enumerate(_fan_outs(nodes))}
    if not bits:
        return Waits(frozenset(), {})
    behind = _collected_behind(nodes, bits)
    stalls = dict.fromkeys(bits, 0)
    for node in nodes:
        for fan_out in node.chain:
            stalls[fan_out] |= behind[node.id] & ~behind[fan_out]
    if not any(stalls.values()):
        return Waits(frozenset(), {})
    components, ranks = _components(stalls, bits)
    late = {
        node.id
        for node in nodes
        if node.chain
        and behind[node.id] & ~behind[node.chain[-1]] & _union(components[above] for above in node.chain)
    }
    return Waits(frozenset(late), ranks)


def _fan_outs(nodes: Sequence[CheckedNode]) -> list[CheckedNode]:
    return [node for node in nodes if node.output_chain != node.chain]


def _collected_behind(nodes: Sequence[CheckedNode], bits: Mapping[str, int]) -> dict[str, int]:
    """For each node, the fan-out nodes whose streams were collected on the way to it, as bits."""
    behind: dict[str, int] = {}
    chains = {node.id: node.output_chain for node in nodes}
    for node in nodes:
        found = 0
        for name, reads in node.links.items():
            found |= behind[reads.node]
            port = node.type.signature.input(name)
            if port is not None and port.levels:
                found |= _union(bits[fan_out] for fan_out in chains[reads.node][-port.levels :])
        behind[node.id] = found
    return behind


def _components(stalls: Mapping[str, int], bits: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """For each fan-out node, those that it and they hold up mutually (itself among them), and its rank."""
    import networkx

    nx = cast("Any", networkx)
    names = list(bits)
    holds_up = nx.DiGraph()
    holds_up.add_nodes_from(names)
    for fan_out, mask in stalls.items():
        holds_up.add_edges_from((fan_out, other) for other in names if mask & bits[other])
    condensed = nx.condensation(holds_up)
    components: dict[str, int] = {}
    ranks: dict[str, int] = {}
    rank_of: dict[int, int] = {}
    for component in reversed(list(nx.topological_sort(condensed))):
        rank_of[component] = 1 + max(
            (rank_of[below] for below in condensed.successors(component)), default=-1
        )
        members = condensed.nodes[component]["members"]
        mutual = _union(bits[member] for member in members)
        for member in members:
            components[member] = mutual
            ranks[member] = rank_of[component]
    return components, ranks


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found

"""A checked graph drawn for the terminal: one line a node, its links as rails at the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nodegraph.check.checked import CheckedGraph, CheckedNode
from nodegraph.show.drawing import chain_text, set_params
from nodegraph.show.wording import printable


@dataclass(slots=True)
class _Rails:
    """The rails beside the lines: rail i carries the outputs of node `lanes[i]`, or is free (None)."""

    lanes: list[str | None] = field(default_factory=list[str | None])

    def advance(self, node: str, sources: set[str], ending: set[str]) -> str:
        """Draw the line of a node that reads `sources`, of which nothing later reads those `ending`."""
        feeding = {index for index, lane in enumerate(self.lanes) if lane in sources}
        ends = {index for index in feeding if self.lanes[index] in ending}
        own = min(ends) if ends else self._free()
        span = {own, *feeding}
        drawn = [self._rail(index, own, feeding, ends, span) for index in range(len(self.lanes))]
        for index in ends:
            self.lanes[index] = None
        self.lanes[own] = node
        return "".join(drawn)

    def release(self, node: str) -> None:
        """Free the rail of a node that nothing reads."""
        self.lanes[self.lanes.index(node)] = None

    def _free(self) -> int:
        if None not in self.lanes:
            self.lanes.append(None)
        return self.lanes.index(None)

    def _rail(self, index: int, own: int, feeding: set[int], ends: set[int], span: set[int]) -> str:
        first, last = min(span), max(span)
        after = "─" if first <= index < last else " "
        if index == own:
            return "●" + after
        if index in feeding:
            side = 0 if index == first else 2 if index == last else 1
            return ("╰┴╯" if index in ends else "├┼┤")[side] + after
        if self.lanes[index] is not None:
            return "│" + after
        return after * 2


def graph_text(graph: CheckedGraph) -> str:
    """Draw a graph from top to bottom: rails, then each node's id, type, stream, links and params."""
    last_reader = {source.node: node.id for node in graph.nodes.values() for source in node.links.values()}
    rails = _Rails()
    drawn: list[tuple[str, CheckedNode]] = []
    for node in graph.nodes.values():
        sources = {source.node for source in node.links.values()}
        ending = {source for source in sources if last_reader[source] == node.id}
        drawn.append((rails.advance(node.id, sources, ending), node))
        if node.id not in last_reader:
            rails.release(node.id)
    lines = [f"{printable(graph.name)} (seed {graph.seed})", *_lines(drawn)]
    if graph.outputs:
        lines += ["", "outputs", *(f"  {name} ← {source}" for name, source in graph.outputs.items())]
    return "\n".join(lines) + "\n"


def _lines(drawn: Sequence[tuple[str, CheckedNode]]) -> list[str]:
    rail = max((len(rails) for rails, _ in drawn), default=0)
    widest = max((len(node.id) for _, node in drawn), default=0)
    types = max((len(node.type.id) for _, node in drawn), default=0)
    return [
        f"{rails:<{rail}} {node.id:<{widest}}  {node.type.id:<{types}}  {_detail(node)}".rstrip()
        for rails, node in drawn
    ]


def _detail(node: CheckedNode) -> str:
    chain = chain_text(node.chain)
    parts = [f"[{chain}]"] if chain else []
    parts += [f"{name}←{source}" for name, source in node.links.items()]
    parts += [f"{name}={value}" for name, value in set_params(node)]
    return "  ".join(parts)

"""From a checked graph and the axes of a sweep to one checked graph that holds every combination.

A node is copied for each combination of the axes that it depends on: its own and those of all that it
reads. What depends on none is there once, so what the combinations share is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from nodegraph.check.checked import CheckedGraph, CheckedNode, Source
from nodegraph.sweep.axes import Axis
from nodegraph.sweep.labels import joined

Choice = tuple[int, ...]
"""A combination: for each axis, the index of its value."""


@dataclass(frozen=True)
class Swept:
    """A graph expanded over a grid.

    Attributes:
        graph: every combination of it. A copy of a node is called `blur[sigma=0.5]`, or, where the param is
            another node's, `total[blur.sigma=0.5]`; an output of a copy `blur.sigma=0.5/result`, which is
            where it is published below the folder of the run. No name of a graph file looks like these.
        axes: what is varied; the first one slowest.
        depends: for each node of the graph as it was, the axes it depends on, by index.
        outputs: what the outputs of the graph as it was read.
    """

    graph: CheckedGraph
    axes: tuple[Axis, ...]
    depends: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, Source]

    def choices(self) -> Iterator[Choice]:
        """Every combination, in the order of the grid."""
        return product(*(range(len(axis.values)) for axis in self.axes))

    def node(self, node: str, choice: Choice) -> str:
        """What a node is called in a combination."""
        return _node_name(node, self.axes, self.depends[node], choice)

    def output(self, name: str, choice: Choice) -> str:
        """What an output is called in a combination."""
        return _output_name(name, self.axes, self.depends[self.outputs[name].node], choice)

    def copies(self, node: str) -> list[str]:
        """What a node is called in the combinations that it is copied for; itself if it is not."""
        return [_node_name(node, self.axes, self.depends[node], choice) for choice in self._own(node)]

    def params(self, choice: Choice) -> dict[str, Any]:
        """The value of each axis, by what is swept."""
        return {axis.target: axis.values[index] for axis, index in zip(self.axes, choice, strict=True)}

    def _own(self, node: str) -> Iterator[Choice]:
        return _choices(self.axes, self.depends[node])


def expand(graph: CheckedGraph, axes: Sequence[Axis]) -> Swept:
    """Copy what depends on the axes, for every combination of those that it depends on."""
    axes = tuple(axes)
    if not axes:
        return Swept(graph, axes, dict.fromkeys(graph.nodes, ()), graph.outputs)
    depends = _depends(graph, axes)
    nodes: dict[str, CheckedNode] = {}
    for node in graph.nodes.values():
        for choice in _choices(axes, depends[node.id]):
            copy = _copy(node, axes, depends, choice) if depends[node.id] else node
            nodes[copy.id] = copy
    outputs = {
        _output_name(name, axes, depends[source.node], choice): Source(
            _node_name(source.node, axes, depends[source.node], choice), source.output
        )
        for name, source in graph.outputs.items()
        for choice in _choices(axes, depends[source.node])
    }
    variant = f"sweep of {', '.join(axis.target for axis in axes)}" if any(depends.values()) else ""
    expanded = replace(graph, nodes=nodes, outputs=outputs, variant=variant)
    return Swept(expanded, axes, depends, graph.outputs)


def _depends(graph: CheckedGraph, axes: Sequence[Axis]) -> dict[str, tuple[int, ...]]:
    varied: dict[str, set[int]] = {}
    for index, axis in enumerate(axes):
        for node in axis.params[0]:
            varied.setdefault(node, set()).add(index)
    depends: dict[str, tuple[int, ...]] = {}
    for node in graph.nodes.values():
        found = varied.get(node.id, set[int]())
        depends[node.id] = tuple(sorted(found.union(*(depends[reads.node] for reads in node.links.values()))))
    return depends


def _choices(axes: Sequence[Axis], depends: Sequence[int]) -> Iterator[Choice]:
    """Every combination of some axes; the others are at their first value."""
    return product(
        *(range(len(axis.values)) if index in depends else (0,) for index, axis in enumerate(axes))
    )


def _copy(
    node: CheckedNode, axes: Sequence[Axis], depends: Mapping[str, tuple[int, ...]], choice: Choice
) -> CheckedNode:
    """A node in a combination; all in its origin are nodes before it, so they are copied no further."""

    def name(other: str) -> str:
        return _node_name(other, axes, depends[other], choice)

    params = dict(node.params)
    for axis, index in zip(axes, choice, strict=True):
        params.update(axis.params[index].get(node.id, {}))
    return replace(
        node,
        id=name(node.id),
        links={port: Source(name(reads.node), reads.output) for port, reads in node.links.items()},
        params=params,
        chain=tuple(map(name, node.chain)),
        output_chain=tuple(map(name, node.output_chain)),
    )


def _node_name(node: str, axes: Sequence[Axis], depends: Sequence[int], choice: Choice) -> str:
    if not depends:
        return node
    parts = (
        f"{axes[index].target.removeprefix(f'{node}.')}={axes[index].labels[choice[index]]}"
        for index in depends
    )
    return f"{node}[{joined(parts)}]"


def _output_name(name: str, axes: Sequence[Axis], depends: Sequence[int], choice: Choice) -> str:
    """The name of an output, which is a path: a param of a subgraph's node has its slash replaced."""
    if not depends:
        return name
    targets = ((axes[index].target.replace("/", "."), axes[index].labels[choice[index]]) for index in depends)
    return f"{joined(f'{target}={label}' for target, label in targets)}/{name}"

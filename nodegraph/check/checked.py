"""The checked graph: what planning and running see. Raw JSON never passes this point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodegraph.node.signature import NodeType
from nodegraph.types.ports import Type

Chain = tuple[str, ...]
"""A stream's origin: the ids of the fan-out nodes that made it, outermost first; () for a plain value."""


@dataclass(frozen=True, slots=True)
class Source:
    """The output that a link reads."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"{self.node}.{self.output}"


@dataclass(frozen=True, slots=True)
class CheckedNode:
    """One node of the expanded graph.

    Attributes:
        id: unique; a node of a subgraph is `sub/inner`.
        type: its node type.
        links: for each linked input, the output it reads.
        params: for every other input, the validated Python value, defaults filled in; paths absolute.
        chain: where it is called: once for every item of that origin, once if ().
        output_chain: the origin of its outputs: `chain`, and for a fan-out node its own id at the end.
        output_types: the type each output carries, type variables bound.
    """

    id: str
    type: NodeType
    links: Mapping[str, Source]
    params: Mapping[str, Any]
    chain: Chain
    output_chain: Chain
    output_types: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class CheckedGraph:
    """A graph without errors, subgraphs expanded, overlays applied.

    Attributes:
        name: the graph's name.
        seed: the graph's seed, 0 if it has none.
        nodes: by id, in a deterministic topological order.
        outputs: by name, what each output of the graph reads.
        path: the file it came from, or None.
        variant: "" for the graph itself; else in which way it was made from that, such as by a sweep.
    """

    name: str
    seed: int
    nodes: Mapping[str, CheckedNode]
    outputs: Mapping[str, Source]
    path: Path | None
    variant: str = ""

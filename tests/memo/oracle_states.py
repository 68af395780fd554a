"""A graph and the world around it, as the oracle and the edits see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.memo.oracle_nodes import KINDS, Kind

Chain = tuple[str, ...]


class Invalid(Exception):
    """A graph that the checker would refuse, or that is too large."""


@dataclass
class Node:
    """A node of a random graph; a link is (node, output)."""

    name: str
    kind: str
    links: dict[str, tuple[str, str]]
    params: dict[str, Any]

    @property
    def type(self) -> Kind:
        return KINDS[self.kind]

    @property
    def fans_out(self) -> bool:
        return self.type.role in ("fan", "join")


@dataclass
class State:
    """A graph and the world around it: everything that an edit can change. Nodes are in topological order."""

    nodes: list[Node]
    seed: int
    folders: dict[str, dict[str, int]]
    versions: dict[str, int]
    tick: int
    outputs: list[tuple[str, str]]


@dataclass(frozen=True)
class Choice:
    """What a run takes besides the graph."""

    targets: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    limit: int | None = None
    items: str | None = None

    @property
    def cuts(self) -> bool:
        return self.limit is not None or self.items is not None


@dataclass
class Place:
    """Where a node is called, and the origin of what it gives."""

    level: Chain
    chain: Chain


def layout(nodes: Sequence[Node]) -> dict[str, Place]:
    """The levels of all nodes.

    Raises:
        Invalid: if streams of different origin meet.
    """
    places: dict[str, Place] = {}
    for node in nodes:
        levels = [()]
        for name, (source, _) in node.links.items():
            chain, takes = places[source].chain, node.type.inputs[name][1]
            if len(chain) < takes:
                raise Invalid(f"{node.name}.{name} takes a stream")
            levels.append(chain[: len(chain) - takes])
        level = max(levels, key=len)
        if any(one != level[: len(one)] for one in levels):
            raise Invalid(f"streams of different origin meet in {node.name}")
        places[node.name] = Place(level, (*level, node.name) if node.fans_out else level)
    return places


def needed(state: State, targets: Sequence[str]) -> set[str]:
    """The nodes that a run takes."""
    found: set[str] = set()
    read = {source for node in state.nodes for source, _ in node.links.values()}
    waiting = (
        list(targets)
        or [node for node, _ in state.outputs]
        or [node.name for node in state.nodes if node.name not in read]
    )
    by_name = {node.name: node for node in state.nodes}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(source for source, _ in by_name[name].links.values())
    return found


def written(
    nodes: Mapping[str, tuple[str, Mapping[str, str], Mapping[str, Any]]],
    outputs: Sequence[str],
    one: Mapping[str, int] | None = None,
) -> State:
    """A state as a test writes it.

    Args:
        nodes: by name: kind, links as `"node"` or `"node.output"`, and params that are not the plain ones.
        outputs: as links are written.
        one: the files of the folder `one`.
    """
    made = [
        Node(name, kind, {n: _source(link) for n, link in links.items()}, {**_PLAIN.get(kind, {}), **params})
        for name, (kind, links, params) in nodes.items()
    ]
    versions = {"step": 1, "lossy": 1, "total": 1, "listed": 1}
    return State(made, 0, {"one": dict(one or {}), "two": {}}, versions, 0, [_source(out) for out in outputs])


def _source(link: str) -> tuple[str, str]:
    node, _, output = link.partition(".")
    return node, output or "out"


_NONE = {"fault": -1, "drop": -1}
_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "step": {"plus": 1, **_NONE},
    "lean": {"plus": 1, **_NONE},
    "batch": {"plus": 1, **_NONE},
    "sub": _NONE,
    "total": {"by": 1, **_NONE},
    "folder": {"root": "one", "by": "reads", "turned": False, "stop": -1, **_NONE},
    "listed": {"stop": -1, **_NONE},
    "fan": {"by": "made", "refuse": -1, "stop": -1, **_NONE},
    "pair": {"by": 1},
    "deep": {"by": 1},
    "concat": {"prefix": True},
}

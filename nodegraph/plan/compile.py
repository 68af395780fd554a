"""From a checked graph to the program that is planned and run."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from nodegraph.check.checked import Chain, CheckedGraph, CheckedNode, Source
from nodegraph.plan.convert import converter
from nodegraph.plan.program import Feed, Level, Program, Step, Watch, output_index
from nodegraph.plan.waits import stream_waits

_LARGE = 256
"""Nodes from which on a full collection of garbage takes longer than laying the graph out."""


def compile_program(graph: CheckedGraph, targets: Sequence[str] = ()) -> Program:
    """Prune a graph to its targets and lay it out.

    Args:
        graph: the checked graph.
        targets: node ids; by default what the graph's outputs read, else all nodes that nothing reads from.
    """
    if len(graph.nodes) < _LARGE:
        return _compile(graph, targets)
    with _collector_paused():
        return _compile(graph, targets)


@contextmanager
def _collector_paused() -> Generator[None]:
    """Keep the garbage collector from looking, again and again, at the many objects that a program is of.

    All of them stay, and so do those of the checked graph: all that there is at the end counts as old, so
    that the collector does not look at it at once when it goes on.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()


def _compile(graph: CheckedGraph, targets: Sequence[str]) -> Program:
    needed = _needed(graph, targets)
    nodes = [node for node in graph.nodes.values() if node.id in needed]
    number = {node.id: index for index, node in enumerate(nodes)}
    members = _members(nodes)
    steps = _steps(graph, nodes, number, members)
    outputs = tuple(
        (name, number[reads.node], output_index(graph.nodes[reads.node], reads.output))
        for name, reads in graph.outputs.items()
        if reads.node in number
    )
    collected = _collected(steps, outputs)
    kept = _kept(steps)
    return Program(
        graph=graph,
        steps=steps,
        levels={chain: _level(chain, inside, steps, kept[chain]) for chain, inside in members.items()},
        watched={fan_out: tuple(inside) for fan_out, inside in collected.watched.items()},
        kept_scopes=frozenset(collected.kept_scopes),
        recorded=frozenset(collected.recorded),
        read_late=frozenset({step for step, _ in collected.recorded} | _read_late(steps, number)),
        outputs=outputs,
    )


def _needed(graph: CheckedGraph, targets: Sequence[str]) -> set[str]:
    wanted = list(targets) or [reads.node for reads in graph.outputs.values()]
    if not wanted:
        read = {reads.node for node in graph.nodes.values() for reads in node.links.values()}
        wanted = [node for node in graph.nodes if node not in read]
    needed: set[str] = set()
    nodes = graph.nodes
    while wanted:
        node = wanted.pop()
        if node not in needed:
            needed.add(node)
            for reads in nodes[node].links.values():
                wanted.append(reads.node)
    return needed


def _members(nodes: Sequence[CheckedNode]) -> dict[Chain, list[int]]:
    """The steps of each level by position; a fan-out node stands at position 0 of the level it makes."""
    members: dict[Chain, list[int]] = {(): []}
    for index, node in enumerate(nodes):
        members[node.chain].append(index)
        if node.type.signature.kind == "stream":
            members[node.output_chain] = [index]
    return members


def _steps(
    graph: CheckedGraph,
    nodes: Sequence[CheckedNode],
    number: Mapping[str, int],
    members: Mapping[Chain, Sequence[int]],
) -> tuple[Step, ...]:
    positions = [0] * len(nodes)
    for chain, inside in members.items():
        for place, index in enumerate(inside):
            if nodes[index].chain == chain:
                positions[index] = place
    waits = stream_waits(nodes)
    links = _Feeds(graph, number)
    steps: list[Step] = []
    for index, node in enumerate(nodes):
        type_ = node.type
        feeds = [links.feed(node, name, reads, steps) for name, reads in sorted(node.links.items())]
        linked_seed = "seed" if type_.seeded and "seed" in node.links else None
        is_simple = linked_seed is None
        for feed in feeds:
            is_simple = is_simple and feed.collects is None and not feed.by_content
        steps.append(
            Step(
                index,
                node,
                node.id,
                type_,
                node.chain,
                tuple(feeds),
                positions[index],
                node.id in waits.late,
                waits.ranks.get(node.id, 0),
                type_.signature.kind == "stream",
                is_simple,
                linked_seed,
                tuple(node.output_types.values()),
            )
        )
    return tuple(steps)


class _Kind(NamedTuple):
    """What links from one type of node to an input of another have in common; see `Feed`."""

    levels: int
    output: int
    convert: Callable[[Any], Any] | None
    reads_file: bool


class _Feeds:
    """Lays out links; what those of one kind have in common is found out once."""

    def __init__(self, graph: CheckedGraph, number: Mapping[str, int]) -> None:
        self._nodes = graph.nodes
        self._number = number
        # Types are told apart by where they are in memory: the graph holds all of them.
        self._kinds: dict[tuple[int, str, int, str, int], _Kind] = {}

    def feed(self, node: CheckedNode, name: str, reads: Source, before: Sequence[Step]) -> Feed:
        """The linked input `name` of a node; `before` are the steps before it."""
        source = self._nodes[reads.node]
        levels, output, convert, reads_file = self._kind(node, name, source, reads.output)
        lives_at = len(source.output_chain) - levels
        step = self._number[reads.node]
        place = 0 if before[step].fans_out else before[step].position
        up = len(node.chain) - lives_at
        if not levels:
            return Feed(name, step, output, up, place, None, None, convert, reads_file)
        taken = [self._number[fan_out] for fan_out in source.output_chain[lives_at:]]
        inner = taken[1] if len(taken) > 1 else None
        return Feed(name, step, output, up, place, taken[0], inner, convert, reads_file)

    def _kind(self, node: CheckedNode, name: str, source: CheckedNode, output: str) -> _Kind:
        offered = source.output_types[output]
        kind = (id(node.type), name, id(source.type), output, id(offered))
        known = self._kinds.get(kind)
        if known is None:
            port = node.type.signature.ports[name]
            place = source.type.signature.output_places[output]
            known = _Kind(port.levels, place, converter(port, offered), port.reads_file)
            self._kinds[kind] = known
        return known


@dataclass(frozen=True, slots=True)
class _Collected:
    """What is kept of streams for whoever reads them whole; see the attributes of `Program`."""

    watched: dict[int, dict[Watch, None]]
    kept_scopes: set[int]
    recorded: set[tuple[int, int]]


def _collected(steps: Sequence[Step], outputs: Iterable[tuple[str, int, int]]) -> _Collected:
    by_id = {step.id: step.index for step in steps}
    watched: dict[int, dict[Watch, None]] = defaultdict(dict)
    kept_scopes = {by_id[fan_out] for _, step, _ in outputs for fan_out in steps[step].node.output_chain}
    recorded = {(step, output) for _, step, output in outputs}
    for step in steps:
        if step.fans_out and step.type.pure:
            watched[step.index][step.index] = None
            recorded.update((step.index, output) for output in range(len(step.output_types)))
        for feed in step.feeds:
            if feed.collects is not None:
                watched[feed.collects][feed.watch] = None
                recorded.add((feed.step, feed.output))
            if feed.inner is not None:
                watched[feed.inner][feed.step] = None
                kept_scopes.add(feed.inner)
    return _Collected(watched, kept_scopes, recorded)


def _kept(steps: Sequence[Step]) -> dict[Chain, set[int]]:
    """Per level, the positions whose values deeper levels read."""
    kept: dict[Chain, set[int]] = defaultdict(set)
    for step in steps:
        for feed in step.feeds:
            if feed.up and feed.collects is None:
                source = steps[feed.step]
                kept[source.node.output_chain].add(feed.place)
    return kept


def _read_late(steps: Sequence[Step], number: Mapping[str, int]) -> set[int]:
    """The steps whose values are read by a late call, or below a late fan-out: their item may have left."""
    found: set[int] = set()
    if not any(step.late for step in steps):
        return found
    for step in steps:
        for feed in step.feeds:
            between = step.chain[len(steps[feed.step].node.output_chain) :]
            if feed.collects is None and (
                step.late or any(steps[number[fan_out]].late for fan_out in between)
            ):
                found.add(feed.step)
    return found


def _level(chain: Chain, members: Sequence[int], steps: Sequence[Step], kept: Iterable[int]) -> Level:
    needs: list[int] = []
    dependents: list[list[int]] = [[] for _ in members]
    stream_dependents: dict[tuple[int, Watch], list[int]] = defaultdict(list)
    outer_values: dict[tuple[int, int, int], None] = {}
    outer_streams: dict[tuple[int, int, int, Watch], None] = {}
    reads: list[tuple[int, ...]] = []
    consumers = [0] * len(members)
    special: set[int] = set()
    busy = 0
    for place, index in enumerate(members):
        step = steps[index]
        busy += not step.late or place == 0
        if place == 0 and chain and step.id == chain[-1]:
            needs.append(0)
            reads.append(())
            continue
        if step.fans_out or step.late:
            special.add(place)
        inside: set[int] = set()
        streams: set[tuple[int, Watch]] = set()
        for feed in step.feeds:
            if feed.collects is None:
                if feed.up:
                    outer_values[place, feed.up, feed.place] = None
                else:
                    inside.add(feed.place)
            elif feed.up:
                outer_streams[place, feed.up, feed.collects, feed.watch] = None
            else:
                streams.add((feed.collects, feed.watch))
        needs.append(len(inside) + len(streams))
        reads.append(() if step.late else tuple(inside))
        for source in inside:
            dependents[source].append(place)
            consumers[source] += not step.late
        for fan_out, source in streams:
            stream_dependents[fan_out, source].append(place)
    return Level(
        chain=chain,
        members=tuple(members),
        needs=tuple(needs),
        dependents=tuple(map(tuple, dependents)),
        stream_dependents={pair: tuple(places) for pair, places in stream_dependents.items()},
        outer_values=tuple(outer_values),
        outer_streams=tuple(outer_streams),
        reads=tuple(reads),
        consumers=tuple(consumers),
        kept=frozenset(kept),
        special=frozenset(special),
        busy=busy,
    )

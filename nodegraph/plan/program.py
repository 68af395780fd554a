"""The program: a checked graph pruned to its targets and laid out for planning and running.

Nodes become steps, numbered in topological order. Steps that are called for the same items form a level;
a level's items are the items of its innermost fan-out node. The fan-out node itself is a step of the outer
level (its listing) and stands at position 0 of the inner level (its items).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nodegraph.check.checked import Chain, CheckedGraph, CheckedNode, Source
from nodegraph.node.signature import NodeType
from nodegraph.plan.convert import converter
from nodegraph.plan.waits import stream_waits
from nodegraph.types.ports import Type

Watch = int | tuple[int, int]
"""What a collected stream waits for in each item: a step, or the stream (fan-out step, step) below it."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A linked input of a step.

    Attributes:
        step, output: where its value comes from.
        up: how many levels above the call's own frame the source (of a stream: its scope) lives.
        collects: of a Stream input, the fan-out step whose level it takes off; else None.
        inner: of a stream of streams, the fan-out step of the inner level; else None.
        convert: turns the linked value into what the function takes, or None if it already is.
        by_content: whether it is a path whose content, not its name, enters the key.
    """

    name: str
    step: int
    output: int
    up: int
    collects: int | None
    inner: int | None
    convert: Callable[[Any], Any] | None
    by_content: bool

    @property
    def watch(self) -> Watch:
        """What must be resolved for every item of the collected level."""
        return self.step if self.inner is None else (self.inner, self.step)


@dataclass(frozen=True, eq=False)
class Step:
    """A node of the program.

    Attributes:
        position: its place among the steps of its level.
        late: whether its calls keep no item in flight while they wait; see `nodegraph.plan.waits`.
        rank: of a fan-out step, above that of all streams whose end its items wait for.
    """

    index: int
    node: CheckedNode
    feeds: tuple[Feed, ...]
    position: int
    late: bool
    rank: int

    @property
    def id(self) -> str:
        """The node's id."""
        return self.node.id

    @property
    def type(self) -> NodeType:
        """The node's type."""
        return self.node.type

    @property
    def chain(self) -> Chain:
        """The level it is called at."""
        return self.node.chain

    @property
    def depth(self) -> int:
        """The number of levels above it."""
        return len(self.node.chain)

    @cached_property
    def fans_out(self) -> bool:
        """Whether it is a generator of items."""
        return self.node.type.signature.kind == "stream"

    @cached_property
    def is_source(self) -> bool:
        """Whether it makes items from no link: what `--limit` and `--items` cut."""
        return self.fans_out and not self.feeds

    @cached_property
    def linked_seed(self) -> str | None:
        """The name of its input `seed`, if that is linked; its value, not its digest, enters the key."""
        return "seed" if self.type.seeded and "seed" in self.node.links else None

    @cached_property
    def output_types(self) -> tuple[Type, ...]:
        """The types of its outputs, in order."""
        return tuple(self.node.output_types[port.name] for port in self.type.signature.outputs)

    @cached_property
    def item_position(self) -> int:
        """The position of its results: 0 in the inner level of a fan-out node, else its own."""
        return 0 if self.fans_out else self.position


@dataclass(frozen=True, eq=False)
class Level:
    """The steps called for the same items, in topological order.

    Attributes:
        members: step indices by position; of an inner level, position 0 is its fan-out step.
        needs: per position, how many results within the level (or streams below it) it waits for.
        dependents: per position, the positions that wait for its result.
        stream_dependents: per (fan-out step, what is watched), the positions that wait for that stream.
        outer_values: (position, levels up, position there) of each value read from a shallower level.
        outer_streams: (position, levels up, fan-out step, what is watched) of each such stream.
        consumers: per position, how many calls of the level read its value before the item moves on.
        kept: positions whose values deeper levels read.
        busy: how many positions keep an item in flight.
    """

    chain: Chain
    members: tuple[int, ...]
    needs: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]
    stream_dependents: Mapping[tuple[int, Watch], tuple[int, ...]]
    outer_values: tuple[tuple[int, int, int], ...]
    outer_streams: tuple[tuple[int, int, int, Watch], ...]
    consumers: tuple[int, ...]
    kept: frozenset[int]
    busy: int


@dataclass(frozen=True, eq=False)
class Program:
    """The steps to plan or run.

    Attributes:
        levels: by chain; `levels[()]` is the outermost.
        watched: per fan-out step, what some node waits for in every of its items.
        kept_scopes: fan-out steps whose streams are read after the item they belong to is gone.
        recorded: (step, output) pairs whose digests are remembered per item.
        read_late: steps whose values are read after their item has left, or when a stream is collected.
        outputs: the graph's outputs that take part, as (name, step, output).
    """

    graph: CheckedGraph
    steps: tuple[Step, ...]
    levels: Mapping[Chain, Level]
    watched: Mapping[int, tuple[Watch, ...]]
    kept_scopes: frozenset[int]
    recorded: frozenset[tuple[int, int]]
    read_late: frozenset[int]
    outputs: tuple[tuple[str, int, int], ...]

    def step(self, node: str) -> Step:
        """The step of a node id; KeyError if it does not take part."""
        return self._by_id[node]

    @cached_property
    def behind_batches(self) -> Mapping[int, frozenset[int]]:
        """For each step that takes batches, all steps that something may still come from."""
        return {
            step.index: _ancestors(self.steps, step)
            for step in self.steps
            if step.type.signature.kind == "batch"
        }

    @cached_property
    def _by_id(self) -> dict[str, Step]:
        return {step.id: step for step in self.steps}

    def source(self, name: str) -> tuple[Step, int]:
        """The step and output index behind an output name of the graph or a `"node.output"`.

        Raises:
            KeyError: if there is no such output, or its node takes no part.
        """
        reads = self.graph.outputs.get(name) or parse_source(self.graph, name)
        step = self._by_id.get(reads.node)
        if step is None:
            raise KeyError(f"node {reads.node!r} took no part; name it as a target")
        return step, output_index(step.node, reads.output)


def _ancestors(steps: Sequence[Step], step: Step) -> frozenset[int]:
    found: set[int] = set()
    waiting = [step]
    while waiting:
        for feed in waiting.pop().feeds:
            if feed.step not in found:
                found.add(feed.step)
                waiting.append(steps[feed.step])
    return frozenset(found)


def parse_source(graph: CheckedGraph, name: str) -> Source:
    """Read `"node"` or `"node.output"`; a bare node means its only output, or the one called `out`.

    Raises:
        KeyError: if the graph has no such node or output; the message lists what there is.
    """
    node_id, _, output = name.partition(".")
    node = graph.nodes.get(node_id)
    if node is None:
        raise KeyError(f"the graph has no node {node_id!r}; its nodes: {', '.join(graph.nodes)}")
    names = list(node.output_types)
    if not output:
        output = names[0] if len(names) == 1 else "out"
    if output not in names:
        raise KeyError(f"node {node_id!r} has no output {output!r}; its outputs: {', '.join(names)}")
    return Source(node_id, output)


def output_index(node: CheckedNode, output: str) -> int:
    """The position of an output in the results of a node."""
    return list(node.output_types).index(output)


def compile_program(graph: CheckedGraph, targets: Sequence[str] = ()) -> Program:
    """Prune a graph to its targets and lay it out.

    Args:
        graph: the checked graph.
        targets: node ids; by default what the graph's outputs read, else all nodes that nothing reads from.
    """
    kept = _needed(graph, targets)
    nodes = [node for node in graph.nodes.values() if node.id in kept]
    number = {node.id: index for index, node in enumerate(nodes)}
    members: dict[Chain, list[int]] = defaultdict(list)
    members[()] = []
    for index, node in enumerate(nodes):
        members[node.chain].append(index)
        if node.output_chain != node.chain:
            members[node.output_chain].insert(0, index)
    position = _positions(nodes, members)
    waits = stream_waits(nodes)
    steps = tuple(
        Step(
            index=index,
            node=node,
            feeds=tuple(
                _feed(graph, node, name, reads, number) for name, reads in sorted(node.links.items())
            ),
            position=position[node.id],
            late=node.id in waits.late,
            rank=waits.ranks.get(node.id, 0),
        )
        for index, node in enumerate(nodes)
    )
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
                kept[source.node.output_chain].add(source.item_position)
    return kept


def _read_late(steps: Sequence[Step], number: Mapping[str, int]) -> set[int]:
    """The steps whose values are read by a late call, or below a late fan-out: their item may have left."""
    found: set[int] = set()
    for step in steps:
        for feed in step.feeds:
            between = step.chain[len(steps[feed.step].node.output_chain) :]
            if feed.collects is None and (
                step.late or any(steps[number[fan_out]].late for fan_out in between)
            ):
                found.add(feed.step)
    return found


def _needed(graph: CheckedGraph, targets: Sequence[str]) -> set[str]:
    wanted = list(targets) or [reads.node for reads in graph.outputs.values()]
    if not wanted:
        read = {reads.node for node in graph.nodes.values() for reads in node.links.values()}
        wanted = [node for node in graph.nodes if node not in read]
    kept: set[str] = set()
    while wanted:
        node = wanted.pop()
        if node not in kept:
            kept.add(node)
            wanted.extend(reads.node for reads in graph.nodes[node].links.values())
    return kept


def _positions(nodes: Sequence[CheckedNode], members: Mapping[Chain, Sequence[int]]) -> dict[str, int]:
    """The place of each node among the steps of the level it is called at."""
    return {
        nodes[index].id: place
        for chain, inside in members.items()
        for place, index in enumerate(inside)
        if nodes[index].chain == chain
    }


def _feed(
    graph: CheckedGraph, node: CheckedNode, name: str, reads: Source, number: Mapping[str, int]
) -> Feed:
    source = graph.nodes[reads.node]
    port = node.type.signature.input(name)
    assert port is not None, f"check let through an unknown input {name!r}"
    taken = [number[fan_out] for fan_out in source.output_chain[len(source.output_chain) - port.levels :]]
    lives_at = len(source.output_chain) - port.levels
    return Feed(
        name=name,
        step=number[reads.node],
        output=output_index(source, reads.output),
        up=len(node.chain) - lives_at,
        collects=taken[0] if taken else None,
        inner=taken[1] if len(taken) > 1 else None,
        convert=converter(port, source.output_types[reads.output]),
        by_content=port.reads_file,
    )


def _level(chain: Chain, members: Sequence[int], steps: Sequence[Step], kept: Iterable[int]) -> Level:
    position = {index: place for place, index in enumerate(members)}
    needs: list[int] = []
    dependents: list[list[int]] = [[] for _ in members]
    stream_dependents: dict[tuple[int, Watch], list[int]] = defaultdict(list)
    outer_values: dict[tuple[int, int, int], None] = {}
    outer_streams: dict[tuple[int, int, int, Watch], None] = {}
    consumers = [0] * len(members)
    for place, index in enumerate(members):
        step = steps[index]
        if place == 0 and chain and step.id == chain[-1]:
            needs.append(0)
            continue
        inside = {position[feed.step] for feed in step.feeds if feed.up == 0 and feed.collects is None}
        streams = {
            (feed.collects, feed.watch) for feed in step.feeds if feed.up == 0 and feed.collects is not None
        }
        needs.append(len(inside) + len(streams))
        for source in inside:
            dependents[source].append(place)
            consumers[source] += not step.late
        for fan_out, source in streams:
            stream_dependents[fan_out, source].append(place)
        for feed in step.feeds:
            if feed.up and feed.collects is None:
                outer_values[place, feed.up, steps[feed.step].item_position] = None
            elif feed.up and feed.collects is not None:
                outer_streams[place, feed.up, feed.collects, feed.watch] = None
    return Level(
        chain=chain,
        members=tuple(members),
        needs=tuple(needs),
        dependents=tuple(map(tuple, dependents)),
        stream_dependents={pair: tuple(places) for pair, places in stream_dependents.items()},
        outer_values=tuple(outer_values),
        outer_streams=tuple(outer_streams),
        consumers=tuple(consumers),
        kept=frozenset(kept),
        busy=sum(not steps[index].late or place == 0 for place, index in enumerate(members)),
    )

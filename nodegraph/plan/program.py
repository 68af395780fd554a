"""The program: a checked graph pruned to its targets and laid out for planning and running; see `compile`.

Nodes become steps, numbered in topological order. Steps that are called for the same items form a level;
a level's items are the items of its innermost fan-out node. The fan-out node itself is a step of the outer
level (its listing) and stands at position 0 of the inner level (its items).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from nodegraph.check.checked import Chain, CheckedGraph, CheckedNode, Source
from nodegraph.node.signature import NodeType
from nodegraph.types.ports import Type

Watch = int | tuple[int, int]
"""What a collected stream waits for in each item: a step, or the stream (fan-out step, step) below it."""


class Feed(NamedTuple):
    """A linked input of a step.

    Attributes:
        step, output: where its value comes from.
        up: how many levels above the call's own frame the source (of a stream: its scope) lives.
        place: the position of the source's results in its frame.
        collects: of a Stream input, the fan-out step whose level it takes off; else None.
        inner: of a stream of streams, the fan-out step of the inner level; else None.
        convert: turns the linked value into what the function takes, or None if it already is.
        by_content: whether it is a path whose content, not its name, enters the key.
    """

    name: str
    step: int
    output: int
    up: int
    place: int
    collects: int | None
    inner: int | None
    convert: Callable[[Any], Any] | None
    by_content: bool

    @property
    def watch(self) -> Watch:
        """What must be resolved for every item of the collected level."""
        return self.step if self.inner is None else (self.inner, self.step)


@dataclass(slots=True, eq=False)
class Step:
    """A node of the program. Like all of a program, it is not changed once it is made.

    Attributes:
        id, type, chain: the node's id and type, and the level it is called at.
        position: its place among the steps of its level.
        late: whether its calls keep no item in flight while they wait; see `nodegraph.plan.waits`.
        rank: of a fan-out step, above that of all streams whose end its items wait for.
        fans_out: whether it is a generator of items.
        is_simple: whether the key of a call follows from the digests of its inputs, none of them a stream.
        linked_seed: the name of its input `seed`, if that is linked; its value enters keys, not its digest.
        output_types: the types of its outputs, in order.
    """

    index: int
    node: CheckedNode
    id: str
    type: NodeType
    chain: Chain
    feeds: tuple[Feed, ...]
    position: int
    late: bool
    rank: int
    fans_out: bool
    is_simple: bool
    linked_seed: str | None
    output_types: tuple[Type, ...]

    @property
    def is_source(self) -> bool:
        """Whether it makes items from no link."""
        return self.fans_out and not self.feeds


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
        reads: per position, the positions of the level whose values it reads before the item moves on.
        consumers: per position, how many others read its value so.
        kept: positions whose values deeper levels read.
        special: positions whose step fans out or is late.
        busy: how many positions keep an item in flight.
    """

    chain: Chain
    members: tuple[int, ...]
    needs: tuple[int, ...]
    dependents: tuple[tuple[int, ...], ...]
    stream_dependents: Mapping[tuple[int, Watch], tuple[int, ...]]
    outer_values: tuple[tuple[int, int, int], ...]
    outer_streams: tuple[tuple[int, int, int, Watch], ...]
    reads: tuple[tuple[int, ...], ...]
    consumers: tuple[int, ...]
    kept: frozenset[int]
    special: frozenset[int]
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

    @cached_property
    def is_output(self) -> frozenset[int]:
        """The steps that the graph's outputs read."""
        return frozenset(step for _, step, _ in self.outputs)

    @cached_property
    def cut(self) -> frozenset[int]:
        """The sources that `--limit` and `--items` cut: those that read data, or all where none does.

        Beside data, a pure source is a list that the graph itself writes: the settings of an experiment.
        """
        sources = [step for step in self.steps if step.is_source]
        reading = [step for step in sources if not step.type.pure]
        return frozenset(step.index for step in reading or sources)

    def step(self, node: str) -> Step:
        """The step of a node id; KeyError if it does not take part."""
        return self._by_id[node]

    def before(self, step: int) -> frozenset[int]:
        """All steps that something may still come from for a step."""
        found = self._before.get(step)
        if found is None:
            found = self._before[step] = _ancestors(self.steps, self.steps[step])
        return found

    @cached_property
    def _before(self) -> dict[int, frozenset[int]]:
        return {}

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
    # The copies that a sweep makes of a node have dots in their ids.
    is_node = name in graph.nodes or "." not in name
    node_id, output = (name, "") if is_node else name.rpartition(".")[::2]
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
    return node.type.signature.output_places[output]

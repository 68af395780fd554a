"""The oracle: what a graph comes to from nothing, call by call.

It knows nothing of threads, batches or passes: it evaluates node after node over all items, and keys each
call by what it would compute.
"""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nodegraph import Context, Drop, Item, Stream
from nodegraph.plan.keys import derived_seed
from nodegraph.types.wire import Digest, digest, encode
from tests.memo import oracle_nodes
from tests.memo.oracle_nodes import CALLS, KINDS, Vec
from tests.memo.oracle_states import Chain, Choice, Invalid, Node, State, layout, needed

FAILED, DROPPED = "failed", "dropped"
"""What came of a call that has no value."""

ABSENT, SKIPPED = "absent", "skipped"
"""Why there is no call."""

Path_ = tuple[str, ...]


@dataclass(eq=False)
class Call:
    """A call, or the generator of a stream.

    Attributes:
        role: "call", "fan" (a generator), "make" (an item that is made) or "given" (an item that is not).
        key: what it would compute; None for what is not memoised.
        outcome: its outputs, or `FAILED` or `DROPPED`; of a generator that ended, ().
        needs: the values it reads: (value, who made it, whether it came in a stream).
        log: what the function writes down when it is called.
        fan: of an item, its generator.
        cut: of a generator, whether a selection cuts it, so that its list is not the whole one.
        whole: of a generator, whether all of its items came out.
    """

    node: Node
    role: str
    key: Hashable
    outcome: tuple[Any, ...] | str
    needs: list[tuple[Hashable, Call, bool]] = field(default_factory=list)
    log: tuple[Any, ...] | None = None
    fan: Call | None = None
    cut: bool = False
    whole: bool = True

    @property
    def has_value(self) -> bool:
        return isinstance(self.outcome, tuple)

    @property
    def counts(self) -> bool:
        """Whether it is one of its node's calls; of a generator, only if nothing else tells of it."""
        return self.role != "fan" or not self.has_value

    @property
    def reps(self) -> list[Hashable]:
        return [rep(value) for value in self.outcome] if isinstance(self.outcome, tuple) else []


def rep(value: Any) -> Hashable:
    """A value as something that can be compared: equal for equal values of one type alone."""
    if isinstance(value, Vec):
        return ("vec", str(value.numbers.dtype), tuple(value.numbers.tolist()))
    if isinstance(value, list):
        return ("list", *map(rep, value))
    return (type(value).__name__, value)


def digest_of(found: Hashable) -> Digest:
    """The digest of a value that `rep` made comparable."""
    return digest(encode(_value(found)))


def _value(found: Any) -> Any:
    if found[0] == "vec":
        return Vec(np.array(found[2], dtype=found[1]))
    return [_value(one) for one in found[1:]] if found[0] == "list" else found[1]


MOST_CALLS = 250


class Evaluation:
    """A graph evaluated from nothing.

    Attributes:
        calls: all calls, in topological and then item order.
        results: per node and item, the call or why there is none.
        streams: per fan-out node and outer item, its generator or why there is none.
        skipped: per node, how many calls had no input.
    """

    def __init__(self, state: State, choice: Choice, root: Path) -> None:
        taken = needed(state, choice.targets)
        self.nodes = [node for node in state.nodes if node.name in taken]
        self.outputs = [output for output in state.outputs if output[0] in taken]
        self.places = layout(state.nodes)
        self.calls: list[Call] = []
        self.results: dict[str, dict[Path_, Call | str]] = {}
        self.streams: dict[str, dict[Path_, Call | str]] = {}
        self.skipped: dict[str, int] = defaultdict(int)
        self._state, self._choice, self._root = state, choice, root
        self._order: dict[Chain, list[Path_]] = {(): [()]}
        for node in self.nodes:
            self._evaluate(node)
        CALLS.clear()

    def entries(self, node: str) -> list[tuple[Path_, Call]]:
        """The items of a node that have a value, in order."""
        return [
            (path, call)
            for path in self._order[self.places[node].chain]
            if isinstance(call := self.results[node][path], Call) and call.has_value
        ]

    def place_of(self, node: str, output: str) -> int:
        """The position of an output of a node."""
        return list(KINDS[self._kind(node)].outputs).index(output)

    def reps(self, node: str, at: int) -> list[tuple[str, Hashable]]:
        """The items of one output of a node, by the names that a user sees."""
        return [("/".join(path), call.reps[at]) for path, call in self.entries(node)]

    def _evaluate(self, node: Node) -> None:
        place = self.places[node.name]
        self.results[node.name] = {}
        if node.fans_out:
            self.streams[node.name] = {}
            self._order[place.chain] = []
        for path in self._order[place.level]:
            inputs = {name: self._read(node, name, path) for name in sorted(node.links)}
            statuses = [found for found in inputs.values() if isinstance(found, str)]
            status = ABSENT if ABSENT in statuses else SKIPPED if statuses else None
            self.skipped[node.name] += status == SKIPPED
            into = self.streams if node.fans_out else self.results
            if status is not None:
                into[node.name][path] = status
            else:
                into[node.name][path] = self._call(node, path, inputs)
            if len(self.calls) > MOST_CALLS:
                raise Invalid("too many calls")

    def _read(self, node: Node, name: str, path: Path_) -> _Input | str:
        source, output = node.links[name]
        chain, takes = self.places[source].chain, node.type.inputs[name][1]
        at = self.place_of(source, output)
        if takes == 0:
            found = self.results[source][path[: len(chain)]]
            if isinstance(found, str):
                return found
            if found.outcome == FAILED:
                return ABSENT if chain else SKIPPED
            if not isinstance(found.outcome, tuple):
                return ABSENT
            value = found.outcome[at]
            return _Input(value, rep(value), [(rep(value), found, False)])
        base = path[: len(chain) - takes]
        stream = self.streams[chain[len(base)]][base]
        if isinstance(stream, str) or not stream.has_value:
            return stream if isinstance(stream, str) else SKIPPED if stream.outcome == FAILED else ABSENT
        same = [
            s for n, (s, _) in node.links.items() if node.type.inputs[n][1] and self.places[s].chain == chain
        ]
        if takes == 1:
            return self._stream(source, at, base, same)
        inner = self.streams[chain[-1]]
        return _nested(
            (outer[-1], self._stream(source, at, outer, same))
            for outer in self._order[chain[:-1]]
            if outer[:-1] == base and isinstance(below := inner[outer], Call) and below.has_value
        )

    def _kind(self, name: str) -> str:
        return next(node.kind for node in self.nodes if node.name == name)

    def _stream(self, source: str, at: int, base: Path_, same: Sequence[str]) -> _Input:
        """The entries of one stream that all sources in `same` have, too."""
        have = [{path for path, _ in self.entries(other)} for other in same]
        held = [
            (path[-1], call)
            for path, call in self.entries(source)
            if path[:-1] == base and all(path in other for other in have)
        ]
        values = [Item(key, call.outcome[at]) for key, call in held]
        needs = [(rep(call.outcome[at]), call, True) for _, call in held]
        reps = tuple((key, one) for (key, _), (one, _, _) in zip(held, needs, strict=True))
        return _Input(Stream.of(values), ("stream", reps), needs)

    def _call(self, node: Node, path: Path_, inputs: Mapping[str, Any]) -> Call:
        kind = node.type
        version = oracle_nodes.VERSIONS.get(node.kind, 1)
        params = tuple(
            (name, str(value))
            for name, value in sorted(node.params.items())
            if name not in kind.outside and not (kind.seeded and name == "seed")
        )
        seed = self._seed(node, path, inputs) if kind.seeded else None
        linked = tuple((name, found.rep) for name, found in inputs.items())
        needs = [need for found in inputs.values() for need in found.needs]
        key = (node.kind, version, params, linked, seed)
        arguments = {name: found.value for name, found in inputs.items()} | {
            name: value for name, value in node.params.items() if not (kind.seeded and name == "seed")
        }
        if node.fans_out:
            return self._fan(node, path, key, needs, arguments)
        if kind.seeded:
            arguments["ctx"] = Context.for_test(seed=seed)
        outcome, log = attempt(lambda: plain(node.kind, arguments))
        call = Call(node, "call", key if kind.pure else None, outcome, needs, log)
        self.calls.append(call)
        return call

    def _seed(self, node: Node, path: Path_, inputs: Mapping[str, Any]) -> int:
        own = node.params.get("seed")
        digests = [digest(encode(found.value)) for found in inputs.values()]
        return derived_seed(self._state.seed if own is None else own, f"orc.{node.kind}", digests, path)

    def _fan(
        self, node: Node, path: Path_, key: Hashable, needs: list[Any], arguments: dict[str, Any]
    ) -> Call:
        """Enter the items of one generator."""
        chain = self.places[node.name].chain
        is_source = not node.links
        fan = Call(node, "fan", key if node.type.pure else None, (), needs)
        fan.cut = is_source and self._choice.cuts
        self.calls.append(fan)
        if "root" in arguments:
            arguments["root"] = self._root / arguments["root"]
        taken = _selected(generator(node.kind, arguments), self._choice if is_source else Choice())
        while True:
            try:
                item = next(taken, None)
            except Drop:
                fan.outcome = DROPPED
            except (RuntimeError, ValueError):
                fan.outcome = FAILED
            if not fan.has_value or item is None:
                return fan
            call = _item(fan, key, item)
            fan.whole = fan.whole and call.outcome != FAILED
            self.calls.append(call)
            self._order[chain].append((*path, item.key))
            self.results[node.name][*path, item.key] = call


@dataclass
class _Input:
    """The value of an input, and who made what it is made of."""

    value: Any
    rep: Hashable
    needs: list[tuple[Hashable, Call, bool]]


def _nested(streams: Iterator[tuple[str, _Input]]) -> _Input:
    held = list(streams)
    return _Input(
        Stream.of([Item(key, one.value) for key, one in held]),
        ("streams", tuple((key, one.rep) for key, one in held)),
        [need for _, one in held for need in one.needs],
    )


def _selected(items: Iterator[Item[Any]], choice: Choice) -> Iterator[Item[Any]]:
    taken = 0
    while choice.limit is None or taken < choice.limit:
        item = next(items, None)
        if item is None:
            return
        if choice.items is None or fnmatch.fnmatchcase(item.key, choice.items):
            taken += 1
            yield item


def _item(fan: Call, key: Hashable, item: Item[Any]) -> Call:
    if item.make is None:
        value = item.value
        outcome = tuple(value) if len(fan.node.type.outputs) > 1 else (value,)
        return Call(fan.node, "given", (key, item.key) if fan.key else None, outcome, fan=fan)
    reads = tuple(path.read_text() for path in item.reads)
    outcome, log = attempt(item.make)
    return Call(fan.node, "make", ("item", key, item.key, reads, str(item.uses)), outcome, log=log, fan=fan)


def attempt(function: Callable[[], Any]) -> tuple[tuple[Any, ...] | str, tuple[Any, ...] | None]:
    """What comes of a function of a node, and what it writes down."""
    before = len(CALLS)
    outcome: tuple[Any, ...] | str
    try:
        value = function()
        outcome = (
            DROPPED if isinstance(value, Drop) else tuple(value) if isinstance(value, tuple) else (value,)
        )
    except Drop:
        outcome = DROPPED
    except ValueError:
        outcome = FAILED
    return outcome, CALLS[before] if len(CALLS) > before else None


def plain(kind: str, arguments: Mapping[str, Any]) -> Any:
    """Call a node's function for one item."""
    if kind == "batch":
        return oracle_nodes.batch([arguments["x"]], **{n: v for n, v in arguments.items() if n != "x"})[0]
    return getattr(oracle_nodes, kind)(**arguments)


def generator(kind: str, arguments: Mapping[str, Any]) -> Iterator[Item[Any]]:
    """The items of a generator node."""
    yield from _JOINS[kind](**arguments) if kind in _JOINS else getattr(oracle_nodes, kind)(**arguments)


def _zip(left: Any, right: Any) -> list[Item[Any]]:
    return [Item(a.key, (a.value, b.value)) for a, b in zip(left, right, strict=True)]


def _match(left: Any, right: Any) -> list[Item[Any]]:
    return [Item(a.key, (a.value, b.value)) for a in left for b in right if a.key == b.key]


def _cross(left: Any, right: Any) -> list[Item[Any]]:
    return [Item(f"{a.key}/{b.key}", (a.value, b.value)) for a in left for b in right]


def _concat(first: Any, second: Any, prefix: bool) -> list[Item[Any]]:
    assert prefix
    sides = (("first", first), ("second", second))
    return [Item(f"{name}/{item.key}", item.value) for name, side in sides for item in side]


def _take(stream: Any, count: int, skip: int) -> list[Item[Any]]:
    return list(stream)[skip : skip + count]


def _flatten(stream: Any) -> list[Item[Any]]:
    return [Item(f"{outer.key}/{inner.key}", inner.value) for outer in stream for inner in outer.value]


def _repeat(item: Any, times: int) -> list[Item[Any]]:
    return [Item(str(index), item) for index in range(times)]


_JOINS: Mapping[str, Callable[..., list[Item[Any]]]] = {
    "zip": _zip,
    "match": _match,
    "cross": _cross,
    "concat": _concat,
    "take": _take,
    "flatten": _flatten,
    "repeat": _repeat,
}

"""Random small graphs against an interpreter that does everything at once and in order.

The oracle knows nothing of keys, threads, batches or bytes: it evaluates node after node over all items.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph import Batch, Drop, Item, Stream, node
from nodegraph.run import pool, run
from nodegraph.run.tasks import Bounds
from nodegraph.store import Store

MODULUS = 5
FAULT_AT = 1
DROP_AT = 2


def outcome(number: int, fault: int, drop: int) -> None:
    """Fail or drop for some numbers."""
    if fault >= 0 and number % MODULUS == fault:
        raise ValueError(f"{number} is bad")
    if drop >= 0 and number % MODULUS == drop:
        raise Drop(f"{number} is not wanted")


@node("oracle.source", version=1)
def source(*, count: int, fault: int = -1, drop: int = -1, stop: int = -1) -> Stream[int]:
    """Numbers, some of them bad; breaks off before the `stop`-th."""
    for number in range(count):
        if number == stop:
            raise RuntimeError("broke off")
        yield Item(f"i{number}", lambda number=number: (outcome(number, fault, drop), 3 * number)[1])


@node("oracle.fan", version=1)
def fan(number: int, *, fault: int = -1, drop: int = -1, stop: int = -1, refuse: int = -1) -> Stream[int]:
    """Up to three numbers for a number; refuses some, breaks off for some."""
    if refuse >= 0 and number % MODULUS == refuse:
        raise Drop("refused")
    for index in range(number % 4):
        if number % MODULUS == stop and index == 1:
            raise RuntimeError("broke off")
        value = number + 7 * index + 1
        yield Item(f"j{index}", lambda value=value: (outcome(value, fault, drop), value)[1])


@node("oracle.map", version=1)
def map_(number: int, *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add to a number."""
    outcome(number, fault, drop)
    return number + plus


@node("oracle.lean", version=1, keep=False)
def lean(number: int, *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add to a number; its bytes are not kept."""
    outcome(number, fault, drop)
    return number + plus


@node("oracle.batch", version=1)
def batch(number: Batch[int], *, plus: int, fault: int = -1, drop: int = -1) -> Batch[int]:
    """Add to numbers."""
    found: list[Any] = []
    for one in number:
        try:
            outcome(one, fault, drop)
            found.append(one + plus)
        except Drop as left_out:
            found.append(left_out)
    return found


@node("oracle.two", version=1)
def two(number: int, other: int, *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add two numbers."""
    outcome(number + other, fault, drop)
    return number + 2 * other + plus


@node("oracle.sum", version=1)
def sum_(numbers: Stream[int], *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add up a stream, with regard to keys and order."""
    total = plus
    for index, item in enumerate(numbers):
        total += (index + 1) * item.value + len(item.key)
    outcome(total, fault, drop)
    return total


@node("oracle.pair", version=1)
def pair(left: Stream[int], right: Stream[int], *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add up two streams of one origin."""
    ours, theirs = list(left), list(right)
    assert [item.key for item in ours] == [item.key for item in theirs]
    total = plus + sum(a.value + 3 * b.value for a, b in zip(ours, theirs, strict=True))
    outcome(total, fault, drop)
    return total


@node("oracle.deep", version=1)
def deep(numbers: Stream[Stream[int]], *, plus: int, fault: int = -1, drop: int = -1) -> int:
    """Add up a stream of streams, with regard to keys and order."""
    total = plus
    for outer in numbers:
        total += 1
        for index, item in enumerate(outer.value):
            total += (index + 1) * item.value + len(outer.key) + len(item.key)
    outcome(total, fault, drop)
    return total


# What a call came to: an int, or one of these.
FAILED, DROPPED, SKIPPED, ABSENT = "failed", "dropped", "skipped", "absent"

Path_ = tuple[str, ...]


@dataclass
class Node:
    """A node of a random graph; `chain` is the origin of its outputs, `level` where it is called."""

    name: str
    kind: str
    links: dict[str, str]
    params: dict[str, int]
    chain: tuple[str, ...] = ()
    level: tuple[str, ...] = ()


@dataclass
class Expected:
    """What the oracle found of a node."""

    values: dict[Path_, Any] = field(default_factory=dict)
    streams: dict[Path_, str | None] = field(default_factory=dict)
    made: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0

    def count(self, value: Any) -> None:
        self.made += value == DROPPED or isinstance(value, int)
        self.failed += value == FAILED
        self.dropped += value == DROPPED
        self.skipped += value == SKIPPED


STREAMS = {"sum": ("numbers",), "pair": ("left", "right"), "deep": ("numbers",)}
TAKES = {"deep": 2}


def interpret(nodes: list[Node]) -> dict[str, Expected]:
    """Evaluate a graph, node after node."""
    known: dict[str, Node] = {}
    found: dict[str, Expected] = {}
    order: dict[tuple[str, ...], list[Path_]] = {(): [()]}
    for node_ in nodes:
        known[node_.name] = node_
        expected = found[node_.name] = Expected()
        if node_.kind in ("source", "fan"):
            order[node_.chain] = []
        for path in order[node_.level]:
            inputs = {
                name: read(known[link], found, order, node_, name, path) for name, link in node_.links.items()
            }
            statuses = [value for value in inputs.values() if value in (ABSENT, SKIPPED)]
            status = ABSENT if ABSENT in statuses else SKIPPED if statuses else None
            if node_.kind in ("source", "fan"):
                expand(node_, expected, order[node_.chain], path, status, inputs)
                continue
            if node_.kind == "pair" and status is None:
                inputs = matched(inputs)
            value = status or call(node_.kind, inputs, node_.params)
            expected.values[path] = value
            expected.count(value)
    return found


def read(source_: Node, found: dict[str, Expected], order: Any, reader: Node, name: str, path: Path_) -> Any:
    """The value of an input: an int, a list of (key, value) pairs, or a status."""
    values = found[source_.name].values
    if name not in STREAMS.get(reader.kind, ()):
        value = values[path[: len(source_.chain)]]
        if value == FAILED:
            return ABSENT if source_.chain else SKIPPED
        return ABSENT if value == DROPPED else value
    takes = TAKES.get(reader.kind, 1)
    base = path[: len(source_.chain) - takes]
    chain = source_.chain[: len(base) + 1]
    status = found[chain[-1]].streams[base]
    if status is not None:
        return status
    if takes == 1:
        return stream_at(source_, values, order, base)
    inner = found[source_.chain[-1]].streams
    return [
        (outer[-1], stream_at(source_, values, order, outer))
        for outer in order[chain]
        if outer[:-1] == base and inner[outer] is None
    ]


def stream_at(source_: Node, values: dict[Path_, Any], order: Any, base: Path_) -> list[tuple[str, int]]:
    return [
        (path[-1], values[path])
        for path in order[source_.chain]
        if path[:-1] == base and isinstance(values[path], int)
    ]


def matched(inputs: dict[str, Any]) -> dict[str, Any]:
    both = {key for key, _ in inputs["left"]} & {key for key, _ in inputs["right"]}
    return {name: [entry for entry in entries if entry[0] in both] for name, entries in inputs.items()}


def call(kind: str, inputs: dict[str, Any], params: dict[str, int]) -> Any:
    functions = {
        "map": map_,
        "lean": lean,
        "two": two,
        "sum": sum_,
        "pair": pair,
        "deep": deep,
        "batch": map_,
    }
    arguments = {
        name: as_stream(value) if isinstance(value, list) else value for name, value in inputs.items()
    }
    try:
        return functions[kind](**arguments, **params)
    except Drop:
        return DROPPED
    except ValueError:
        return FAILED


def as_stream(entries: list[tuple[str, Any]]) -> Any:
    return Stream.of(
        [Item(key, as_stream(value) if isinstance(value, list) else value) for key, value in entries]
    )


def expand(
    node_: Node, expected: Expected, order: list[Path_], path: Path_, status: Any, inputs: Any
) -> None:
    """Enter the items of one fan-out call."""
    expected.streams[path] = status
    expected.skipped += status == SKIPPED
    if status is not None:
        return
    items: Iterator[Item[int]] = iter((source if node_.kind == "source" else fan)(**inputs, **node_.params))
    while True:
        try:
            item = next(items, None)
        except Drop:
            expected.made += 1
            expected.dropped += 1
            expected.streams[path] = ABSENT
            return
        except RuntimeError:
            expected.failed += 1
            expected.streams[path] = SKIPPED
            return
        if item is None:
            return
        order.append((*path, item.key))
        try:
            value: Any = item.value
        except Drop:
            value = DROPPED
        except ValueError:
            value = FAILED
        expected.values[(*path, item.key)] = value
        expected.count(value)


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Small graphs of all kinds of nodes, wired at random as far as origins allow."""
    often_none = st.sampled_from([-1, -1, -1, 0, FAULT_AT, DROP_AT, 3])
    nodes = [
        Node(
            "n0",
            "source",
            {},
            {
                "count": draw(st.integers(0, 6)),
                "fault": draw(often_none),
                "drop": draw(often_none),
                "stop": draw(st.sampled_from([-1, -1, -1, -1, 2])),
            },
            ("n0",),
        )
    ]
    for index in range(1, draw(st.integers(2, 9))):
        kind = draw(
            st.sampled_from(
                [
                    "fan",
                    "fan",
                    "map",
                    "map",
                    "lean",
                    "batch",
                    "two",
                    "two",
                    "sum",
                    "sum",
                    "pair",
                    "deep",
                    "source",
                ]
            )
        )
        made = draw_node(draw, f"n{index}", kind, nodes, often_none)
        if made is not None:
            nodes.append(made)
    return nodes


def draw_node(draw: st.DrawFn, name: str, kind: str, nodes: list[Node], often_none: Any) -> Node | None:
    params = {"fault": draw(often_none), "drop": draw(often_none)}
    if kind == "source":
        return Node(name, kind, {}, {**params, "count": draw(st.integers(0, 4))}, (name,))
    takes = TAKES.get(kind, 1) if kind in STREAMS else 0
    first = choose(draw, [one for one in nodes if len(one.chain) >= takes])
    if first is None:
        return None
    level = first.chain[: len(first.chain) - takes]
    links = {STREAMS[kind][0] if takes else "number": first.name}
    if kind == "fan":
        params |= {"stop": draw(often_none), "refuse": draw(often_none)}
        return Node(name, kind, links, params, (*level, name), level)
    params["plus"] = draw(st.integers(0, 50))
    if kind == "pair":
        second = choose(draw, [one for one in nodes if one.chain == first.chain])
        links["right"] = second.name if second else first.name
    if kind == "two":
        fits = [
            one for one in nodes if one.chain[: len(level)] == level or level[: len(one.chain)] == one.chain
        ]
        second = choose(draw, fits)
        links["other"] = second.name if second else first.name
        level = max(level, second.chain if second else (), key=len)
    return Node(name, kind, links, params, level, level)


def choose(draw: st.DrawFn, nodes: list[Node]) -> Node | None:
    return draw(st.sampled_from(nodes)) if nodes else None


def run_with(lab: Any, nodes: list[Node], read: list[str], *, jobs: int, bounds: int, size: int) -> Any:
    """Run a graph under bounds; a run that hangs is stopped and told as interrupted."""
    spec = {one.name: (f"oracle.{one.kind}", one.links, one.params) for one in nodes}
    outputs = {name: name for name in read}
    stop = threading.Event()
    watchdog = threading.Timer(20, stop.set)
    watchdog.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "Bounds", lambda items, nbytes: Bounds(min(items, bounds), nbytes))
            patch.setattr(pool, "BATCH_SIZE", size)
            return lab.run(spec, outputs, jobs=jobs, cancel=stop)
    finally:
        watchdog.cancel()


def compare(result: Any, nodes: list[Node], read: list[str], items: Any) -> None:
    expected = interpret(nodes)
    assert not result.interrupted, "the run came to no end"
    for one in nodes:
        found, wanted = result.nodes[one.name], expected[one.name]
        told = (found.executed + found.cached, found.failed, found.skipped, found.dropped)
        assert told == (wanted.made, wanted.failed, wanted.skipped, wanted.dropped), one
        if one.name not in read:
            continue
        values = {"/".join(path): value for path, value in wanted.values.items() if isinstance(value, int)}
        if one.chain:
            assert items(result, one.name) == values, one
        elif () in wanted.values and isinstance(wanted.values[()], int):
            assert result.value(one.name) == wanted.values[()], one
    assert result.ok == (not any(wanted.failed for wanted in expected.values()))


def forget_all_bytes(folder: Path) -> None:
    with Store.open(folder) as store:
        store.gc(max_size=0)


@settings(max_examples=60)
@given(
    graphs(),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([1, 2, 64]),
    st.sampled_from([1, 3, 16]),
    st.booleans(),
    st.booleans(),
)
def test_random_graphs_come_to_what_the_oracle_says(lab, items, nodes, jobs, bounds, size, evict, all_read):
    linked = {link for one in nodes for link in one.links.values()}
    read = [one.name for one in nodes if all_read or one.name not in linked]
    with tempfile.TemporaryDirectory() as folder:
        lab.store = Path(folder) / "store"
        first = run_with(lab, nodes, read, jobs=jobs, bounds=bounds, size=size)
        compare(first, nodes, read, items)
        second = run_with(lab, nodes, read, jobs=jobs, bounds=bounds, size=size)
        compare(second, nodes, read, items)
        kept = [
            one.name for one in nodes if second.ok or one.kind != "lean"
        ]  # what failed reads its inputs again
        assert [name for name in kept if second.nodes[name].executed] == []
        shown = read
        if evict:
            forget_all_bytes(lab.store)
            shown = [nodes[-1].name]
        last = nodes[-1].params
        last["fault"] = (last["fault"] + 1) % MODULUS
        if "plus" in last:
            last["plus"] += 1
        else:
            last["drop"] = (last["drop"] + 1) % MODULUS
        compare(run_with(lab, nodes, read, jobs=jobs, bounds=bounds, size=size), nodes, shown, items)

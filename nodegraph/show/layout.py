"""Layered layout of a directed acyclic graph, left to right: ranks, order within ranks, coordinates.

After Sugiyama, Tagawa and Toda (1981): nodes are ranked by their longest path, links across several ranks
get a waypoint in every rank between, barycentre sweeps lessen crossings, and each rank is then placed at
the least-squares optimum for its order (pool adjacent violators). All in layout units, y downwards.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]

_ORDER_SWEEPS = 16
_SWAP_ROUNDS = 8
_COMPARED_WIRES = 10_000
_PLACE_SWEEPS = 24
_ROW_GAP = 22.0
_WAYPOINT = 8.0
_COLUMN_GAP = 64.0
_COLUMN_GAP_PER_LINK = 2.5
_COLUMN_GAP_MOST = 150.0


@dataclass(frozen=True, slots=True)
class Box:
    """A node to place: its size, and for each port its distance from the top of the box."""

    id: str
    width: float
    height: float
    inputs: Mapping[str, float]
    outputs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wire:
    """A link to route, from an output of one box to an input of another."""

    source: str
    output: str
    target: str
    input: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes.

    Attributes:
        places: the top left corner of each box, by id.
        routes: for each wire, in the order given, an even number of points: between the points 2k and
            2k + 1 it runs level, between 2k + 1 and 2k + 2 it passes from one column to the next.
        width, height: the extent; the drawing begins at (0, 0).
    """

    places: Mapping[str, Point]
    routes: Sequence[Sequence[Point]]
    width: float
    height: float


@dataclass(slots=True)
class _Slot:
    """A box or a waypoint in its rank; `before` and `after` are its segments to the ranks beside it."""

    height: float
    rank: int
    position: int = 0
    y: float = 0.0
    before: list[_Segment] = field(default_factory=list["_Segment"])
    after: list[_Segment] = field(default_factory=list["_Segment"])


@dataclass(frozen=True, slots=True)
class _Segment:
    """A piece of a wire between neighbouring ranks, with where it leaves and enters (from the top)."""

    left: _Slot
    leaves: float
    right: _Slot
    enters: float


def lay_out(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Place boxes and route wires. The boxes are in topological order; ids are unique."""
    ranks = _ranks([box.id for box in boxes], wires)
    slots = {box.id: _Slot(box.height, ranks[box.id]) for box in boxes}
    by_id = {box.id: box for box in boxes}
    paths = _connect(wires, by_id, slots)
    columns = _columns([*slots.values(), *_waypoints(paths)])
    _order(columns)
    _place(columns)
    return _finish(boxes, wires, slots, paths, columns)


def _ranks(ids: Sequence[str], wires: Sequence[Wire]) -> dict[str, int]:
    """Longest path from a source; a node without inputs moves right, next to what reads it first."""
    readers: dict[str, list[str]] = defaultdict(list)
    fed: set[str] = set()
    for wire in wires:
        readers[wire.source].append(wire.target)
        fed.add(wire.target)
    ranks = dict.fromkeys(ids, 0)
    for node in ids:
        for reader in readers[node]:
            ranks[reader] = max(ranks[reader], ranks[node] + 1)
    for node in ids:
        if node not in fed and readers[node]:
            ranks[node] = min(ranks[reader] for reader in readers[node]) - 1
    return ranks


def _connect(
    wires: Sequence[Wire], boxes: Mapping[str, Box], slots: Mapping[str, _Slot]
) -> list[list[_Slot]]:
    """The slots each wire passes, ends included; wires from one output share their waypoints."""
    waypoints: dict[tuple[str, str, int], _Slot] = {}
    paths: list[list[_Slot]] = []
    for wire in wires:
        left, leaves = slots[wire.source], boxes[wire.source].outputs[wire.output]
        target = slots[wire.target]
        path = [left]
        for rank in range(left.rank + 1, target.rank):
            spot = (wire.source, wire.output, rank)
            if spot not in waypoints:
                waypoints[spot] = _Slot(_WAYPOINT, rank)
                _join(left, leaves, waypoints[spot], _WAYPOINT / 2)
            left, leaves = waypoints[spot], _WAYPOINT / 2
            path.append(left)
        _join(left, leaves, target, boxes[wire.target].inputs[wire.input])
        paths.append([*path, target])
    return paths


def _join(left: _Slot, leaves: float, right: _Slot, enters: float) -> None:
    segment = _Segment(left, leaves, right, enters)
    left.after.append(segment)
    right.before.append(segment)


def _waypoints(paths: Iterable[Sequence[_Slot]]) -> list[_Slot]:
    return list({id(slot): slot for path in paths for slot in path[1:-1]}.values())


def _columns(slots: Sequence[_Slot]) -> list[list[_Slot]]:
    columns: list[list[_Slot]] = [[] for _ in range(max((slot.rank for slot in slots), default=-1) + 1)]
    for slot in slots:
        slot.position = len(columns[slot.rank])
        columns[slot.rank].append(slot)
    return columns


def _order(columns: Sequence[list[_Slot]]) -> None:
    """Order each column by the barycentres of its neighbours; the order with fewest crossings stays."""
    best = [list(column) for column in columns]
    fewest = _crossings(columns)
    for sweep in range(_ORDER_SWEEPS):
        if fewest == 0:
            break
        rightwards = sweep % 2 == 0
        for column in columns if rightwards else reversed(columns):
            column.sort(key=lambda slot: _barycentre(slot, slot.before if rightwards else slot.after))
            _number(column)
        crossings = _crossings(columns)
        if crossings < fewest:
            fewest, best = crossings, [list(column) for column in columns]
    for column, ordered in zip(columns, best, strict=True):
        column[:] = ordered
        _number(column)
    for _ in range(_SWAP_ROUNDS):
        if sum(map(_swap_neighbours, columns)) == 0:
            break


def _swap_neighbours(column: list[_Slot]) -> bool:
    """Swap neighbours wherever their wires then cross less; tell whether any were."""
    swapped = False
    for index in range(len(column) - 1):
        upper, lower = column[index], column[index + 1]
        if _crossings_of(upper, lower) > _crossings_of(lower, upper):
            column[index], column[index + 1] = lower, upper
            _number((lower, upper), start=index)
            swapped = True
    return swapped


def _crossings_of(upper: _Slot, lower: _Slot) -> int:
    """How often the wires of two slots cross each other if one stands right above the other."""
    crossings = 0
    for above, below in ((upper.before, lower.before), (upper.after, lower.after)):
        if len(above) * len(below) > _COMPARED_WIRES:
            continue
        ends = [_place_of(*_end(segment, lower)) for segment in below]
        crossings += sum(_place_of(*_end(segment, upper)) > end for segment in above for end in ends)
    return crossings


def _place_of(slot: _Slot, offset: float) -> tuple[float, float]:
    return slot.position, offset


def _number(column: Sequence[_Slot], *, start: int = 0) -> None:
    for position, slot in enumerate(column, start):
        slot.position = position


def _barycentre(slot: _Slot, segments: Sequence[_Segment]) -> float:
    if not segments:
        return slot.position
    ends = (_end(segment, slot) for segment in segments)
    return sum(other.position + offset / (other.height + 1) for other, offset in ends) / len(segments)


def _end(segment: _Segment, slot: _Slot) -> tuple[_Slot, float]:
    """The other end of a segment and where it meets it."""
    return (segment.right, segment.enters) if segment.left is slot else (segment.left, segment.leaves)


def _crossings(columns: Sequence[Sequence[_Slot]]) -> int:
    crossings = 0
    for column in columns:
        ends = sorted(
            ((slot.position, segment.leaves), (segment.right.position, segment.enters))
            for slot in column
            for segment in slot.after
        )
        seen: list[tuple[float, float]] = []
        for _, end in ends:
            crossings += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return crossings


def _place(columns: Sequence[Sequence[_Slot]]) -> None:
    for column in columns:
        _settle(column, [0.0] * len(column))
    for sweep in range(_PLACE_SWEEPS):
        rightwards = sweep % 2 == 0
        both = sweep >= _PLACE_SWEEPS // 2
        for column in columns if rightwards else reversed(columns):
            wanted = [_wanted(slot, rightwards=rightwards, both=both) for slot in column]
            _settle(column, wanted)


def _wanted(slot: _Slot, *, rightwards: bool, both: bool) -> float:
    """The y at which the slot's links run most level, going by one side or by both."""
    side = slot.before if rightwards else slot.after
    segments = [*slot.before, *slot.after] if both or not side else side
    if not segments:
        return slot.y
    total = 0.0
    for segment in segments:
        if segment.left is slot:
            total += segment.right.y + segment.enters - segment.leaves
        else:
            total += segment.left.y + segment.leaves - segment.enters
    return total / len(segments)


def _settle(column: Sequence[_Slot], wanted: Sequence[float]) -> None:
    """Give the slots the y nearest to what they want, in order and without overlap (least squares)."""
    tops = [0.0]
    for slot in column[:-1]:
        tops.append(tops[-1] + slot.height + _ROW_GAP)
    blocks: list[tuple[float, int]] = []
    for y, top in zip(wanted, tops, strict=False):
        mean, count = y - top, 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    for slot, mean, top in zip(column, means, tops, strict=False):
        slot.y = mean + top


def _finish(
    boxes: Sequence[Box],
    wires: Sequence[Wire],
    slots: Mapping[str, _Slot],
    paths: Sequence[Sequence[_Slot]],
    columns: Sequence[Sequence[_Slot]],
) -> Layout:
    highest = min((slot.y for column in columns for slot in column), default=0.0)
    lowest = max((slot.y + slot.height for column in columns for slot in column), default=0.0)
    widths = [0.0] * len(columns)
    for box in boxes:
        widths[slots[box.id].rank] = max(widths[slots[box.id].rank], box.width)
    lefts: list[float] = []
    x = 0.0
    for column, width in zip(columns, widths, strict=True):
        lefts.append(x)
        links = sum(len(slot.after) for slot in column)
        x += width + min(_COLUMN_GAP + _COLUMN_GAP_PER_LINK * links, _COLUMN_GAP_MOST)
    by_id = {box.id: box for box in boxes}
    routes: list[list[Point]] = []
    for wire, path in zip(wires, paths, strict=True):
        start, end, source = path[0], path[-1], by_id[wire.source]
        y = start.y + source.outputs[wire.output] - highest
        route = [(lefts[start.rank] + source.width, y), (lefts[start.rank] + widths[start.rank], y)]
        for slot in path[1:-1]:
            y = slot.y + slot.height / 2 - highest
            route += [(lefts[slot.rank], y), (lefts[slot.rank] + widths[slot.rank], y)]
        y = end.y + by_id[wire.target].inputs[wire.input] - highest
        routes.append([*route, (lefts[end.rank], y), (lefts[end.rank], y)])
    places = {box.id: (lefts[slots[box.id].rank], slots[box.id].y - highest) for box in boxes}
    width = lefts[-1] + widths[-1] if lefts else 0.0
    return Layout(places, routes, width, lowest - highest)

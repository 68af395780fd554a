"""Which devices may run which stages: one of them all, all of them all, or each its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nodegraph.place.arrange import Assignment
from nodegraph.place.layout import Terms
from nodegraph.place.schedule import Policy

NEAR = 3.0
"""Devices that take at most so many times as long as the fastest share calls without much ado."""

SLOW = 30.0
"""A device that takes so many times as long as the fastest is no help where all share the calls."""


def assignments(terms: Terms) -> Iterator[tuple[Policy, Assignment]]:
    """The ways to share stages among devices that are tried, likely ones first."""
    yield "replicated", replicated(terms, NEAR)
    yield "replicated", replicated(terms, SLOW)
    for device in dict(
        zip(reversed(terms.classes), reversed(range(len(terms.classes))), strict=True)
    ).values():
        yield "flow", on_one(terms, device)
    if len(terms.problem.devices) > 1:
        alike = groups(terms, alike_only=True)
        yield "split", wrapped(terms, alike, by_segment=False)
        yield "split", wrapped(terms, alike, by_segment=True)
        yield "split", spread(terms, alike)
        yield "split", spread(terms, groups(terms, alike_only=False))


def least_seconds(terms: Terms, assignment: Assignment) -> float:
    """About what an assignment takes at least: the work and the loads of the device that has most of both."""
    models = terms.problem.models
    until = [0.0] * len(terms.problem.devices)
    loaded: set[tuple[str, int]] = set()
    for stage in terms.stages:
        rates = {device: 1.0 / max(1e-12, terms.pace[stage][device]) for device in assignment[stage]}
        together = sum(rates.values())
        for device in assignment[stage]:
            until[device] += terms.counts[stage] / together
            if len(rates) == 1:
                new = [
                    (name, device)
                    for name in terms.problem.stages[stage].models
                    if (name, device) not in loaded
                ]
                loaded.update(new)
                until[device] += sum(
                    min(models[name].load_seconds, models[name].move_seconds) for name, _ in new
                )
    return max(until, default=0.0)


def best(terms: Terms, stage: int) -> int:
    """The device on which an item takes least."""
    return min(terms.able(stage), key=lambda device: terms.pace[stage][device])


def on_one(terms: Terms, device: int) -> Assignment:
    """All stages with models on one device, as far as they fit there; the others where they are fastest."""
    chosen: list[tuple[int, ...]] = [()] * len(terms.counts)
    for stage in terms.stages:
        here = terms.problem.stages[stage].models and terms.fits[stage][device]
        chosen[stage] = (device if here else best(terms, stage),)
    return chosen


def replicated(terms: Terms, slow: float) -> Assignment:
    """Every stage on all devices where it fits and that take at most `slow` times as long as the fastest."""
    chosen: list[tuple[int, ...]] = [()] * len(terms.counts)
    for stage in terms.stages:
        able = terms.able(stage)
        fastest = min(terms.pace[stage][device] for device in able)
        chosen[stage] = tuple(d for d in able if terms.pace[stage][d] <= slow * fastest)
    return chosen


def groups(terms: Terms, *, alike_only: bool) -> list[list[int]]:
    """Stages by their models, in topological order: with equal ones, or with any in common; others alone."""
    root: dict[object, list[int]] = {}
    for stage in terms.stages:
        models = terms.problem.stages[stage].models
        keys: list[object] = [frozenset(models)] if alike_only else list(models)
        joined = [root[key] for key in keys if key in root] if models else []
        group = sorted({stage, *(one for other in joined for one in other)})
        for key in keys if models else [stage]:
            root[key] = group
        for key, other in list(root.items()):
            if any(other is one for one in joined):
                root[key] = group
    found = {id(group): group for group in root.values()}
    return sorted(found.values())


def loading(terms: Terms, group: Sequence[int]) -> float:
    """Seconds that the models of a group take to load."""
    models = {name for stage in group for name in terms.problem.stages[stage].models}
    return sum(terms.problem.models[name].load_seconds for name in models)


def _common(terms: Terms, group: Sequence[int]) -> list[int]:
    """The devices that all stages of a group fit on."""
    return [d for d in range(len(terms.problem.devices)) if all(terms.fits[stage][d] for stage in group)]


def spread(terms: Terms, parts: Sequence[Sequence[int]]) -> Assignment:
    """Each group on one device: the longest first, each where it is through soonest."""
    chosen: list[tuple[int, ...]] = [()] * len(terms.counts)
    until = [0.0] * len(terms.problem.devices)

    def takes(group: Sequence[int], device: int) -> float:
        work = sum(terms.work(stage, device) for stage in group)
        return work + loading(terms, group)

    whole = [
        group for part in parts for group in ([part] if _common(terms, part) else [[one] for one in part])
    ]
    least = {tuple(group): min(takes(group, d) for d in _common(terms, group)) for group in whole}
    for group in sorted(whole, key=lambda one: -least[tuple(one)]):
        device = min(_common(terms, group), key=lambda d: until[d] + takes(group, d))
        until[device] += takes(group, device)
        for stage in group:
            chosen[stage] = (device,)
    return chosen


def wrapped(terms: Terms, parts: Sequence[Sequence[int]], *, by_segment: bool) -> Assignment:
    """Devices filled one after the other, each group going on where one device is full.

    By segment: what comes before items are gathered and what comes after may use all devices.
    """
    chosen: list[set[int]] = [set() for _ in terms.counts]
    sections = _sections(terms, parts) if by_segment else [list(parts)]
    for section in sections:
        _wrap(terms, section, chosen)
    return [tuple(sorted(devices)) for devices in chosen]


def _sections(terms: Terms, parts: Sequence[Sequence[int]]) -> list[list[Sequence[int]]]:
    depth = [0] * len(terms.counts)
    for stage in terms.stages:
        below = [depth[source] for source in terms.feeds[stage]]
        depth[stage] = max([*below, *(depth[source] + 1 for source in terms.gathers[stage])], default=0)
    sections: dict[int, list[Sequence[int]]] = {}
    for part in parts:
        for level in sorted({depth[stage] for stage in part}):
            sections.setdefault(level, []).append([stage for stage in part if depth[stage] == level])
    return [sections[level] for level in sorted(sections)]


def _wrap(terms: Terms, parts: Sequence[Sequence[int]], chosen: list[set[int]]) -> None:
    """Fill devices up to the least height at which everything has a place."""
    able = {index: _common(terms, part) for index, part in enumerate(parts)}
    by_class: dict[tuple[int, ...], list[int]] = {}
    for index, part in enumerate(parts):
        if able[index]:
            by_class.setdefault(_quick(terms, part, able[index]), []).append(index)
        else:
            for stage in part:
                chosen[stage].add(best(terms, stage))
    for on, members in by_class.items():
        sizes = [_size(terms, parts[index], on) for index in members]
        height = _least_height(lambda limit, on=on, sizes=sizes: _filled(sizes, on, limit), sizes, on)
        for position, used in enumerate(_filled(sizes, on, height) or []):
            for stage in parts[members[position]]:
                chosen[stage].update(used)


def _size(terms: Terms, part: Sequence[int], on: Sequence[int]) -> tuple[float, list[float]]:
    """Seconds that a group takes to load, and to work on each of some devices; 0 on the others."""
    devices = range(len(terms.problem.devices))
    return loading(terms, part), [sum(terms.work(s, d) for s in part) if d in on else 0.0 for d in devices]


def _quick(terms: Terms, part: Sequence[int], able: Sequence[int]) -> tuple[int, ...]:
    """Those devices on which a group is not far slower than on its fastest."""
    seconds = {d: sum(terms.work(s, d) for s in part) for d in able}
    fastest = min(seconds.values())
    return tuple(d for d in able if seconds[d] <= NEAR * fastest)


Sizes = Sequence[tuple[float, Sequence[float]]]


def _filled(sizes: Sizes, on: Sequence[int], limit: float) -> list[list[int]] | None:
    """Per group the devices that it gets if each is filled to a height; None if they do not suffice."""
    used: list[list[int]] = []
    position, level = 0, 0.0
    for load, work in sizes:
        rest, mine = 1.0, list[int]()
        while rest > 1e-9:
            if position >= len(on):
                return None
            device = on[position]
            room = limit - level - load
            share = min(rest, room / work[device]) if work[device] > 0 else rest if room >= 0 else 0.0
            if share > 0.02 or share >= rest:
                mine.append(device)
                rest -= share
                level += load + share * work[device]
            if rest > 1e-9:
                position, level = position + 1, 0.0
        used.append(mine)
    return used


def _least_height(filled: Callable[[float], object], sizes: Sizes, on: Sequence[int]) -> float:
    """The least height, to a few percent, at which groups have a place."""
    high = sum(load + max(work[d] for d in on) for load, work in sizes) + 1e-9
    low = 0.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (low, middle) if filled(middle) is not None else (middle, high)
    return high

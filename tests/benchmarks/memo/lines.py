"""Headings of the tables, and how figures are told in their lines beside targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from memo.beside import Beside, PeerCost
from memo.costs import PHASES, Cost
from memo.growth import Growth
from memo.samples import Sample
from memo.table import micro, times, verdict, verdict_of_least
from memo.works import Phase

WORDS: Mapping[Phase, str] = {"cold": "cold", "again": "unchanged", "changed": "one change"}
MOST_GROWTH, MOST_BYTES = 1.3, 300
LEAST_OF_PLAIN, MOST_LOAD_OF_ARRAY = 0.8, 1e-3

COST_HEADINGS = ["work", "", "run", "found", "floor µs", "engine µs", "× floor", "target", "", "by CPU"]
COST_HEADINGS += ["with check µs", "× floor", "by CPU", "process s"]
GROWTH_HEADINGS = ["growth", "", "µs before", "µs after", "ratio", "target", "", "by CPU"]
GROWTH_HEADINGS += ["with check", "by CPU", "bytes each", "target", ""]
BULK_HEADINGS = ["values", "store MB/s", "put MB/s", "plain files MB/s", "store / plain", "target", ""]
BULK_HEADINGS += ["one file MB/s", "load ms", "target", "", "kept"]
PEER_HEADINGS = ["work", "peer", "calls", "cold µs", "engine ahead ×", "unchanged µs", "engine ahead ×"]
PEER_HEADINGS += ["one change µs", "engine ahead ×", "remarks"]
LARGE_HEADINGS = ["values", "", "stored MB/s", "engine ahead (CPU)", "loaded MB/s", "engine ahead (CPU)"]
LARGE_HEADINGS += ["remarks"]


def large_cells(figures: Mapping[str, float], engine: Mapping[str, float]) -> list[str]:
    """MB stored and loaded in a second, and how many times as long it takes as the engine."""
    cells: list[str] = []
    for phase in ("cold", "again"):
        ratio, cpu = (figures[name] / engine[name] for name in (phase, f"{phase}_cpu"))
        cells += [f"{1 / figures[phase]:,.0f}", f"{times(ratio)} × ({times(cpu)})"]
    return cells


def cost_line(title: str, phase: Phase, cost: Cost) -> list[str]:
    """One phase of one work beside the floor."""
    return [
        title,
        WORDS[phase],
        f"{cost.executed:,}",
        f"{cost.cached:,}",
        micro(cost.floor),
        micro(cost.run),
        times(cost.ratio),
        f"≤ {cost.limit:.1f}",
        verdict(cost.ratio, cost.limit),
        times(cost.ratio_cpu),
        micro(cost.checked),
        times(cost.checked_ratio),
        times(cost.checked_ratio_cpu),
        f"{cost.process:.2f}",
    ]


def growth_line(title: str, each: Growth) -> list[str]:
    """One phase of a small and of a large work; memory has a target for streams alone."""
    memory = ["", ""]
    if each.large.shape == "stream":
        memory = [f"≤ {MOST_BYTES}", verdict(each.bytes, MOST_BYTES)]
    return [
        title,
        WORDS[each.phase],
        micro(each.before),
        micro(each.after),
        f"{each.ratio:.2f}",
        f"≤ {MOST_GROWTH}",
        verdict(each.ratio, MOST_GROWTH),
        f"{each.ratio_cpu:.2f}",
        f"{each.checked_ratio:.2f}",
        f"{each.checked_ratio_cpu:.2f}",
        f"{each.bytes:,.0f}",
        *memory,
    ]


def bulk_line(title: str, kind: str, rounds: Sequence[Sample]) -> list[str]:
    """Large values beside as many plain synced files; and, to compare, the speed of a single one."""

    def speed(name: str) -> str:
        return f"{median(each['bytes'] / each[name] for each in rounds) / 1e6:,.0f}"

    beside_plain = median(each["files"] / each["store"] for each in rounds)
    load = median(each["load"] for each in rounds)
    plain = median(each["files"] for each in rounds)
    most = MOST_LOAD_OF_ARRAY if kind == "array" else plain / LEAST_OF_PLAIN
    return [
        title,
        speed("store"),
        speed("put"),
        speed("files"),
        f"{beside_plain:.2f}",
        f"≥ {LEAST_OF_PLAIN}",
        verdict_of_least(beside_plain, LEAST_OF_PLAIN),
        speed("one"),
        f"{load * 1e3:,.2f}",
        f"≤ {most * 1e3:,.0f}",
        verdict(load, most),
        f"{median(each['kept'] / each['bytes'] for each in rounds):.2f}",
    ]


def peer_line(title: str, figures: Beside, engine: Mapping[Phase, Cost]) -> list[str]:
    """What a peer takes, and how many times as much that is as what the engine takes."""
    cells: list[str] = []
    for phase in PHASES:
        cost = figures.costs.get(phase)
        cells += ["", ""] if cost is None else [micro(cost.seconds), ahead(cost, engine[phase])]
    return [title, figures.peer, f"{figures.work.calls:,}", *cells, figures.remarks]


def ahead(peer: PeerCost, engine: Cost) -> str:
    """How many times as much a call costs the peer: of the run, of all with check, of time of processor."""
    ratios = (peer.seconds / engine.run, peer.seconds / engine.checked, peer.cpu / engine.run_cpu)
    return " / ".join(map(times, ratios))

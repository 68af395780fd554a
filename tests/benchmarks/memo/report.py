"""The tables of the benchmark: which rows there are, their targets, and how their figures are told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from memo import beside, costs, growth
from memo.beside import Beside, PeerCost
from memo.costs import PHASES, Cost, Limits
from memo.growth import Growth
from memo.samples import Broken, Sample, sample
from memo.table import Table, micro, times, verdict, verdict_of_least
from memo.works import Phase, Work

WORDS: Mapping[Phase, str] = {"cold": "cold", "again": "unchanged", "changed": "one change"}
PLAIN = Limits(cold=3.5, again=2.5)
ARRAYS = Limits(cold=5, again=2.5)
COSTS: Mapping[str, tuple[str, Work, Limits]] = {
    "chain": ("chain of 1,000", Work("chain", 1000), PLAIN),
    "wide": ("5,000 wide", Work("wide", 5000), PLAIN),
    "layered": ("layers: 2,000 nodes, 6,000 edges", Work("layered", 2000), PLAIN),
    "chain-arrays": ("chain of 1,000, 1 KiB arrays", Work("chain", 1000, arrays=True), ARRAYS),
    "wide-arrays": ("5,000 wide, 1 KiB arrays", Work("wide", 5000, arrays=True), ARRAYS),
    "layered-arrays": ("layers, 1 KiB arrays", Work("layered", 2000, arrays=True), ARRAYS),
    "stream": ("10,000 items through 4 nodes", Work("stream", 10_000), Limits(cold=3.5, again=1)),
}
GROWTH: Mapping[str, tuple[str, Work, Work]] = {
    "growth-chain": ("chain: 1,000 → 10,000 nodes", Work("chain", 1000), Work("chain", 10_000)),
    "growth-layered": ("layers: 1,000 → 10,000 nodes", Work("layered", 1000), Work("layered", 10_000)),
    "growth-stream": ("stream: 10,000 → 100,000 items", Work("stream", 10_000), Work("stream", 100_000)),
}
MOST_GROWTH, MOST_BYTES = 1.3, 300
BULK: Mapping[str, tuple[str, str]] = {
    "array": ("one array of 256 MB, noise", "array"),
    "frames": ("1,000 frames of 256 KiB, noise", "frames"),
    "photos": ("1,000 crops of photos, 257 KiB", "photos"),
}
LEAST_OF_PLAIN, MOST_LOAD_OF_ARRAY = 0.8, 1e-3

COST_HEADINGS = ["work", "", "run", "found", "floor µs", "engine µs", "× floor", "target", "", "by CPU"]
COST_HEADINGS += ["with check µs", "× floor", "by CPU", "process s"]
GROWTH_HEADINGS = ["growth", "", "µs before", "µs after", "ratio", "target", "", "by CPU"]
GROWTH_HEADINGS += ["with check", "by CPU", "bytes each", "target", ""]
BULK_HEADINGS = ["values", "store MB/s", "put MB/s", "plain files MB/s", "one file MB/s", "of files", ""]
BULK_HEADINGS += ["of one file", "", "load ms", "target ms", "", "kept"]
PEER_HEADINGS = ["work", "peer", "calls", "cold µs", "engine ahead (CPU)", "unchanged µs"]
PEER_HEADINGS += ["engine ahead (CPU)", "one change µs", "engine ahead (CPU)", "remarks"]


class Report:
    """Measures rows and makes their tables.

    Attributes:
        rounds: how often what is compared takes turns.
        peers: whether the peers do the works as well.
        failures: what broke of the engine, by row.
    """

    def __init__(self, *, rounds: int, peers: bool) -> None:
        self.rounds = rounds
        self.peers = peers
        self.failures: list[str] = []
        self._measured: dict[str, Mapping[Phase, Cost]] = {}

    def tables(self, rows: Sequence[str]) -> Iterator[Table]:
        """A table for each kind of row that is asked for, as soon as it is measured."""
        if any(row in COSTS for row in rows):
            yield self._table("Cost of a call", COST_HEADINGS, [row for row in rows if row in COSTS])
        if any(row in GROWTH for row in rows):
            yield self._table("Growth", GROWTH_HEADINGS, [row for row in rows if row in GROWTH])
        if any(row in BULK for row in rows):
            yield self._table("Large values", BULK_HEADINGS, [row for row in rows if row in BULK])
        if self.peers and self._measured:
            yield self._peers()

    def _table(self, title: str, headings: Sequence[str], rows: Sequence[str]) -> Table:
        lines: list[list[str]] = []
        for row in rows:
            try:
                lines += self._lines(row)
            except Broken as error:
                self.failures.append(f"{row}: {error}")
                lines.append([row, "broken", *[""] * (len(headings) - 2)])
        return Table(title, headings, lines)

    def _lines(self, row: str) -> list[list[str]]:
        if row in COSTS:
            title, work, limits = COSTS[row]
            rounds = costs.measure(work, self.rounds)
            judged = {phase: costs.cost(phase, rounds, limits) for phase in PHASES}
            self._measured[row] = judged
            return [cost_line(title, phase, cost) for phase, cost in judged.items()]
        if row in GROWTH:
            title, small, large = GROWTH[row]
            return [growth_line(title, each) for each in growth.measure(small, large, self.rounds)]
        title, kind = BULK[row]
        return [bulk_line(title, kind, [bulk_round(kind) for _ in range(self.rounds)])]

    def _peers(self) -> Table:
        lines: list[list[str]] = []
        versions: dict[str, str] = {}
        for row, judged in self._measured.items():
            title, work, _ = COSTS[row]
            for peer in beside.SIZES:
                figures = beside.measure(peer, work)
                versions[peer] = figures.version or versions.get(peer, "")
                lines.append(peer_line(title, figures, judged))
        named = ", ".join(f"{peer} {version or 'not installed'}" for peer, version in versions.items())
        note = f"{named}; once each, the run alone, beside the engine's with check, store and reports."
        return Table("Peers", PEER_HEADINGS, lines, note)


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


def bulk_round(kind: str) -> Sample:
    """Large values written in one process and read in another, on a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = str(Path(name))
        return {**sample("bulk", "write", kind, folder), **sample("bulk", "read", kind, folder)}


def bulk_line(title: str, kind: str, rounds: Sequence[Sample]) -> list[str]:
    """Large values beside plain synced files: as many of them, and a single one."""

    def speed(name: str) -> str:
        return f"{median(each['bytes'] / each[name] for each in rounds) / 1e6:,.0f}"

    of_files = median(each["files"] / each["store"] for each in rounds)
    of_one = median(each["one"] / each["store"] for each in rounds)
    load = median(each["load"] for each in rounds)
    most = (
        MOST_LOAD_OF_ARRAY if kind == "array" else median(each["files"] for each in rounds) / LEAST_OF_PLAIN
    )
    return [
        title,
        speed("store"),
        speed("put"),
        speed("files"),
        speed("one"),
        f"{of_files:.2f}",
        verdict_of_least(of_files, LEAST_OF_PLAIN),
        f"{of_one:.2f}",
        verdict_of_least(of_one, LEAST_OF_PLAIN),
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
    """How many times as much a call costs the peer; in brackets by time of processor."""
    return f"{times(peer.seconds / engine.checked)} × ({times(peer.cpu / engine.checked_cpu)})"

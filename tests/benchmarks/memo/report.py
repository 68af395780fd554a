"""The tables of the benchmark: which rows there are, and what is measured for them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from memo import beside, costs, growth
from memo.costs import PHASES, Cost, Limits
from memo.lines import (
    BULK_HEADINGS,
    COST_HEADINGS,
    GROWTH_HEADINGS,
    LARGE_HEADINGS,
    PEER_HEADINGS,
    bulk_line,
    cost_line,
    growth_line,
    large_cells,
    peer_line,
)
from memo.samples import Broken, Sample, sample
from memo.table import Table
from memo.works import Phase, Work, edges

PLAIN = Limits(cold=3.5, again=2.5)
ARRAYS = Limits(cold=5, again=2.5)
COSTS: Mapping[str, tuple[str, Work, Limits]] = {
    "chain": ("chain of 1,000", Work("chain", 1000), PLAIN),
    "wide": ("5,000 wide", Work("wide", 5000), PLAIN),
    "layered": (f"layers: 2,000 nodes, {edges(Work('layered', 2000)):,} edges", Work("layered", 2000), PLAIN),
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
BULK: Mapping[str, tuple[str, str]] = {
    "array": ("one array of 256 MB, noise", "array"),
    "frames": ("1,000 frames of 256 KiB, noise", "frames"),
    "photos": ("1,000 crops of photos, 257 KiB", "photos"),
}
LARGE_KINDS = ("array", "frames")
"""What the peers do as well."""


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
        kinds = [row for row in rows if row in BULK and BULK[row][1] in LARGE_KINDS]
        if self.peers and kinds:
            yield self._large(kinds)

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
        note = (
            f"{named}; each once, without making its graph. Engine ahead: of its run, of all of it with "
            "check and reports, and of its run by time of processor."
        )
        return Table("Peers", PEER_HEADINGS, lines, note)

    def _large(self, rows: Sequence[str]) -> Table:
        lines: list[list[str]] = []
        for row in rows:
            title, kind = BULK[row]
            engine = beside.measure_large("nodegraph", kind, self.rounds)
            lines.append([title, "engine", *large_cells(engine, engine), ""])
            for peer in beside.SIZES:
                try:
                    cells = [*large_cells(beside.measure_large(peer, kind, 1), engine), ""]
                except Broken as error:
                    cells = [*[""] * 4, str(error)]
                lines.append([title, peer, *cells])
        note = (
            "Peers once each, Hamilton and redun with 100 of the frames. None is asked to sync its files; "
            "loaded is mapped or read, whichever the system does."
        )
        return Table("Large values beside peers", LARGE_HEADINGS, lines, note)


def bulk_round(kind: str) -> Sample:
    """Large values written in one process and read in another, on a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = str(Path(name))
        return {**sample("bulk", "write", kind, folder), **sample("bulk", "read", kind, folder)}

"""The peers on the works that they can do, in the same run, each phase in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from memo.costs import PHASES
from memo.samples import Broken, Sample, sample
from memo.works import Phase, Shape, Work, affected

SIZES: Mapping[str, Mapping[Shape, int]] = {
    "hamilton": {"chain": 1000, "wide": 500, "layered": 500, "stream": 50},
    "redun": {"chain": 100, "wide": 100, "layered": 160, "stream": 25},
    "joblib": {"chain": 1000, "wide": 1000, "layered": 1000, "stream": 250},
    "diskcache": {"chain": 1000, "wide": 5000, "layered": 2000, "stream": 10_000},
}
"""What a peer does in some seconds."""


@dataclass(frozen=True)
class PeerCost:
    """Seconds that a call takes a peer, by the clock and of processor; and how many calls ran."""

    seconds: float
    cpu: float
    ran: int


@dataclass(frozen=True)
class Beside:
    """What a call costs a peer in each phase.

    Attributes:
        work: what it did, which may be smaller than what the engine did.
        version: of the distribution; "" if it did not even start.
        costs: by phase; without those that broke.
        broken: why a phase has no figure; "" if all have.
    """

    peer: str
    work: Work
    version: str
    costs: Mapping[Phase, PeerCost]
    broken: str = ""

    @property
    def remarks(self) -> str:
        """What should be known of the figures."""
        found: list[str] = []
        again, changed = self.costs.get("again"), self.costs.get("changed")
        if again is not None and again.ran:
            found.append(f"{again.ran:,} ran again")
        # A peer that has no source that walks runs the calls of the new item alone.
        must = affected(self.work) - (self.work.size if self.work.shape == "stream" else 0)
        if changed is not None and changed.ran > must:
            found.append(f"{changed.ran:,} ran after the change, not {must:,}")
        return "; ".join([*found, *([self.broken] if self.broken else [])])


def measure(peer: str, work: Work) -> Beside:
    """A peer on a work of the size that it can do, once, on a folder of its own."""
    smaller = replace(work, size=min(work.size, SIZES[peer][work.shape]))
    samples: dict[Phase, Sample] = {}
    broken = ""
    with tempfile.TemporaryDirectory() as name:
        for phase in PHASES:
            try:
                samples[phase] = sample("peers", peer, smaller.as_text(), phase, str(Path(name) / "store"))
            except Broken as error:
                broken = f"{phase}: {error}"
                break
    return Beside(
        peer,
        smaller,
        str(next(iter(samples.values()))["version"]) if samples else "",
        {phase: _cost(each, smaller.calls) for phase, each in samples.items()},
        broken,
    )


def _cost(figures: Sample, calls: int) -> PeerCost:
    return PeerCost(figures["seconds"] / calls, figures["cpu"] / calls, int(figures["executed"]))


def measure_large(system: str, kind: str, rounds: int) -> dict[str, float]:
    """Seconds a MB that large values take the engine or a peer: `cold`, `again`, `cold_cpu` and `again_cpu`.

    Medians of rounds on fresh folders.

    Raises:
        Broken: if it cannot do it.
    """
    measured = [_large_round(system, kind) for _ in range(rounds)]
    return {name: median(each[name] for each in measured) for name in measured[0]}


def _large_round(system: str, kind: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for phase in ("cold", "again"):
            taken = sample("whole", system, kind, phase, str(Path(name) / "store"))
            figures[phase] = taken["seconds"] / taken["bytes"] * 1e6
            figures[f"{phase}_cpu"] = taken["cpu"] / taken["bytes"] * 1e6
    return figures

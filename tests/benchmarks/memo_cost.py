"""What the memo costs, beside the least it can cost and beside its peers.

    python tests/benchmarks/memo_cost.py [--quick] [--markdown] [--row NAME ...] [--no-peers]

Every figure is of a process of its own, on a store of its own; floor and engine take turns, and what is
judged is the median ratio of the rounds. A target that is missed is said, and is no failure.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from memo.costs import PHASES, WORDS, Cost, Limits, cost, measure
from memo.table import Table, micro, times, verdict
from memo.works import Work

ROUNDS = 3
PLAIN = Limits(cold=3.5, again=2.5)
ARRAYS = Limits(cold=5, again=2.5)
COSTS: Mapping[str, tuple[str, Work, Limits]] = {
    "chain": ("chain of 1,000", Work("chain", 1000), PLAIN),
    "wide": ("5,000 wide", Work("wide", 5000), PLAIN),
    "layered": ("layers, 2,000 nodes, 6,000 edges", Work("layered", 2000), PLAIN),
    "chain-arrays": ("chain of 1,000, 1 KiB", Work("chain", 1000, arrays=True), ARRAYS),
    "wide-arrays": ("5,000 wide, 1 KiB", Work("wide", 5000, arrays=True), ARRAYS),
    "layered-arrays": ("layers, 1 KiB", Work("layered", 2000, arrays=True), ARRAYS),
    "stream": ("10,000 items through 4 nodes", Work("stream", 10_000), Limits(cold=3.5, again=1)),
}


def main() -> None:
    """Measure the rows that were asked for and print their tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="one round")
    options.add_argument("--markdown", action="store_true", help="print Markdown")
    options.add_argument("--row", action="append", choices=[*COSTS], help="only this; may be repeated")
    chosen = options.parse_args()
    rows = [name for name in COSTS if not chosen.row or name in chosen.row]
    table = cost_table(rows, 1 if chosen.quick else ROUNDS)
    print(table.as_markdown() if chosen.markdown else table.as_text())


def cost_table(names: Sequence[str], rounds: int) -> Table:
    """The cost of a call beside the floor."""
    lines: list[list[str]] = []
    for name in names:
        title, work, limits = COSTS[name]
        measured = measure(work, rounds)
        lines += [cost_line(title, cost(work, phase, measured, limits)) for phase in PHASES]
    headings = [
        "work",
        "",
        "run",
        "found",
        "floor µs",
        "engine µs",
        "× floor",
        "target",
        "",
        "with check µs",
        "× floor",
        "by CPU",
        "process s",
    ]
    return Table("Cost of a call", headings, lines)


def cost_line(title: str, cost: Cost) -> list[str]:
    """One line of the table."""
    return [
        title,
        WORDS[cost.phase],
        f"{cost.executed:,}",
        f"{cost.cached:,}",
        micro(cost.floor),
        micro(cost.run),
        times(cost.ratio),
        f"≤ {cost.limit:.1f}",
        verdict(cost.ratio, cost.limit),
        micro(cost.checked),
        times(cost.checked_ratio),
        times(cost.cpu_ratio),
        f"{cost.process:.2f}",
    ]


if __name__ == "__main__":
    main()

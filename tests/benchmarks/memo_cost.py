"""What the memo costs, beside the least it can cost and beside its peers.

    python tests/benchmarks/memo_cost.py [--quick] [--markdown] [--no-peers] [--row NAME ...]

Every figure is of a process of its own, on a store of its own; what is compared takes turns, and what is
judged is the median ratio of the rounds. A target that is missed is said, and is no failure; wrong results
and calls that ran without need are.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time

from memo.report import BULK, COSTS, GROWTH, Report


def main() -> int:
    """Measure the rows that were asked for, and print each table when it is done."""
    chosen = options()
    started = time.perf_counter()
    report = Report(rounds=1 if chosen.quick else 3, peers=not chosen.no_peers)
    rows = chosen.row or [*COSTS, *GROWTH, *BULK]
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"medians of {report.rounds} rounds, load {os.getloadavg()[0]:.1f} at the start\n")
    for table in report.tables(rows):
        print(table.as_markdown() if chosen.markdown else table.as_text(), flush=True)
    print(f"measured in {time.perf_counter() - started:.0f} s")
    for failure in report.failures:
        print(failure, file=sys.stderr)
    return 1 if report.failures else 0


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round in place of three")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--row", action="append", choices=[*COSTS, *GROWTH, *BULK], help="only this; may be repeated"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

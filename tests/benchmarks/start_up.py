"""Start-up times: importing the engine, checking the main graph, and a run in which nothing changed.

Whole processes, medians of seven, compiled modules cached as on any machine; prints seconds and the
limits they are held against.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "camera_motion.json"
REPEATS = 7
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def median_seconds(command: Sequence[str], folder: Path) -> float:
    """Median wall time of a command, after one run that is not counted."""
    taken: list[float] = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=ENVIRONMENT)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def main() -> None:
    """Print the table."""
    cli = [sys.executable, "-m", "nodegraph"]
    rows = [
        ("python -c pass", [sys.executable, "-c", "pass"], None),
        ("import nodegraph", [sys.executable, "-c", "import nodegraph"], 0.2),
        ("nodegraph check graphs/camera_motion.json", [*cli, "check", str(GRAPH)], 0.5),
        ("nodegraph run, nothing changed", [*cli, "run", str(GRAPH), "--quiet"], 1.0),
    ]
    print(f"{'what':<44} {'median s':>9} {'limit s':>8}")
    with tempfile.TemporaryDirectory() as name:
        for what, command, limit in rows:
            seconds = median_seconds(command, Path(name))
            print(f"{what:<44} {seconds:>9.3f} {'' if limit is None else limit:>8}")


if __name__ == "__main__":
    main()

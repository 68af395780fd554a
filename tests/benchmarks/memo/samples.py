"""Measured processes: a sample is one run of one module in a process of its own, its figures are JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
TIMEOUT = 540.0

Sample = dict[str, Any]
"""Figures by name; what they mean is said where they are taken."""


class Broken(Exception):
    """A process that ended without figures; says its last line."""


def sample(module: str, *arguments: str) -> Sample:
    """Run `python -m memo.<module>` and take its figures; `process` is the whole of it in seconds.

    Raises:
        Broken: if it failed or took too long.
    """
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"memo.{module}", *arguments],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"took more than {TIMEOUT:.0f} s") from None
    taken = time.perf_counter() - started
    if done.returncode:
        raise Broken((done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1][:200])
    return {**json.loads(done.stdout.splitlines()[-1]), "process": taken}

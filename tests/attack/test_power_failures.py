"""What may be on the disk after a power failure: the store opens, and a run gives what it always gave."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

FAILURES = 16
STREAMS = ("cheap", "large", "sum")
NODES = {
    "count": ("count", {}, {"n": 100}),
    "cheap": ("cheap", {"number": "count"}, {"pause": 0.0004}),
    "large": ("large", {"number": "few"}, {}),
    "total": ("total", {"numbers": "cheap"}, {}),
    "few": ("spread", {"base": "total"}, {"n": 5}),
    "sum": ("sum", {"grid": "large"}, {}),
    "written": ("written", {"numbers": "cheap", "sums": "sum"}, {}),
}


def copy_torn(store: Path, copy: Path, chance: random.Random) -> None:
    """Copy a store file by file while it is written to, then lose some of what was written last."""
    copy.mkdir(parents=True)
    paths = list(store.rglob("*"))
    chance.shuffle(paths)
    for path in paths:
        target = copy / path.relative_to(store)
        try:
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        except FileNotFoundError:
            continue
        tear(target, chance)


def tear(path: Path, chance: random.Random) -> None:
    """Leave a file as it is, or cut or zero it from somewhere on, as happens to what was not synced."""
    content = path.read_bytes()
    kept = chance.randrange(len(content) + 1)
    how = chance.choice(["whole", "whole", "cut", "zeroed"])
    if how != "whole":
        path.write_bytes(content[:kept] + bytes(len(content) - kept if how == "zeroed" else 0))


def test_after_power_failures_at_random_moments_results_are_right(site, sites):
    graph = site.graph(NODES, {"written": "written", "total": "total"})
    begun = time.monotonic()
    right = site.run("observed", graph, site.store, *STREAMS)
    seconds = time.monotonic() - begun
    assert right.exit == 0, right.stderr
    chance = random.Random(40)
    for _ in range(FAILURES):
        running, failed = sites(), sites()
        process = running.start("observed", graph, running.store)
        process.ends_within(chance.uniform(0.1, 1.0) * seconds)
        copy_torn(running.store, failed.store, chance)
        process.kill()
        process.wait()
        ended = failed.run("observed", graph, failed.store, *STREAMS)
        assert ended.exit == 0, ended.stderr
        assert ended.json["outputs"] == right.json["outputs"]
        for name, items in ended.json["items"].items():
            present = {key: value for key, value in items.items() if value is not None}
            assert present.items() <= right.json["items"][name].items()
            assert items.keys() == right.json["items"][name].keys()
        assert failed.published() == site.published()
        mended = failed.run("mended", failed.store)
        assert mended.exit == 0, mended.stderr

"""A writer killed at any moment: the store opens, what was durable is there, nothing is wrong."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest
from blake3 import blake3

from nodegraph.store import Key, Store
from nodegraph.types.wire import digest, encode

WRITER = """
import sys
from pathlib import Path
from blake3 import blake3
from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import digest, encode

with Store.open(Path(sys.argv[1])) as store:
    store.begin_run("g", b"")
    for number in range(10**6):
        durable = number % 10 == 0
        wire = encode([number, "x" * (30_000 if number % 25 == 0 else number % 90)])
        store.put(digest(wire), wire)
        key = Key(blake3(b"%d" % number).digest())
        store.record(key, Row((digest(wire),), None, 0.1, 1, b"", 1), durable=durable)
        if durable:
            print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(8))
def test_after_a_kill_every_durable_row_is_there_and_sound(folder, seed):
    chance = random.Random(seed)
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    until = chance.randrange(1, 120)
    reported = [int(process.stdout.readline()) for _ in range(until)]
    # A moment within the next call, not at the end of one.
    deadline = time.perf_counter() + chance.random() * 0.004
    while time.perf_counter() < deadline:
        pass
    process.kill()
    reported += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    process.wait()
    process.stdout.close()
    with Store.open(folder) as store:
        for number in range(reported[-1] + 1):
            row = store.lookup(Key(blake3(b"%d" % number).digest()))
            assert row is not None
            wire = encode([number, "x" * (30_000 if number % 25 == 0 else number % 90)])
            assert row.outputs == (digest(wire),)
            assert digest(store.get(row.outputs[0])) == row.outputs[0]
        assert store.verify() == []
        assert store.warnings == []
        assert not store.runs()[0].alive

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nodegraph.store import Store
from nodegraph.types.wire import decode, digest, encode

SHARE = """
import sys
from pathlib import Path
from blake3 import blake3
from nodegraph.store import Key, Row, Store
from nodegraph.types.wire import digest, encode

folder, me = Path(sys.argv[1]), sys.argv[2]
with Store.open(folder) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(300):
        key = Key(blake3(b"%d" % number).digest())
        claim = store.claim(key)
        if claim is None or store.lookup(key) is not None:
            if claim:
                claim.release()
            continue
        wire = encode([number, "x" * (20_000 if number % 50 == 0 else 5)])
        store.put(digest(wire), wire)
        store.record(key, Row((digest(wire),), None, 0.1, 1, me.encode(), 1), durable=True)
        print("computed", number, flush=True)
        claim.release()
    if store.warnings:
        print("warned", store.warnings, flush=True)
"""

HOLD = """
import sys
from pathlib import Path
from nodegraph.store import Store
store = Store.open(Path(sys.argv[1]))
claim = store.claim(bytes.fromhex(sys.argv[2]))
print("held" if claim else "refused", flush=True)
sys.stdin.readline()
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_several_processes_compute_each_claimed_call_exactly_once(folder: Path):
    processes = [start(SHARE, folder, number) for number in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert sorted(lines) == sorted(f"computed {number}" for number in range(300))
    with Store.open(folder) as store:
        assert store.stat().rows == 300
        assert store.verify() == []


def test_a_claim_of_another_process_ends_with_that_process(folder, key):
    process = start(HOLD, folder, key("call").hex())
    assert process.stdout.readline() == "held\n"
    with Store.open(folder) as store:
        assert store.claim(key("call")) is None
        assert store.claim(key("other")) is not None
        process.kill()
        process.communicate()
        assert store.claim(key("call")) is not None


def test_a_claim_excludes_other_threads_and_other_stores_of_the_same_process(folder, key):
    with Store.open(folder) as one, Store.open(folder) as other:
        with one.claim(key("call")):
            seen = []
            thread = threading.Thread(target=lambda: seen.append(one.claim(key("call"))))
            thread.start()
            thread.join()
            assert seen == [None]
            assert other.claim(key("call")) is None
        claim = other.claim(key("call"))
        assert claim is not None
        claim.release()
        claim.release()
        assert one.claim(key("call")) is not None


def test_neighbouring_claims_do_not_free_each_other(folder):
    keys = [(number << 2).to_bytes(8, "little") + bytes(24) for number in range(5)]
    with Store.open(folder) as one, Store.open(folder) as other:
        claims = [one.claim(key) for key in keys]
        claims[2].release()
        assert [other.claim(key) is not None for key in keys] == [False, False, True, False, False]


def test_threads_share_one_store(folder, key, row):
    with Store.open(folder) as store:
        errors = []

        def work(me: int) -> None:
            try:
                for number in range(200):
                    value = np.full(3000, number) if number % 40 == 0 else number
                    wire = encode(value)
                    store.put(digest(wire), wire)
                    store.record(key((me, number)), row(digest(wire)), durable=number % 20 == 0)
                    for other in range(4):
                        found = store.lookup(key((other, number)))
                        if found is not None:
                            assert np.array_equal(decode(store.get(found.outputs[0])), value)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert store.warnings == []
    with Store.open(folder) as store:
        assert store.stat().rows == 800
        assert store.verify() == []


def test_the_folders_of_a_dead_process_are_swept_and_those_of_a_live_one_are_not(folder):
    script = """
import sys
from pathlib import Path
from nodegraph.store import Store
store = Store.open(Path(sys.argv[1]))
(store.new_folder() / "half").write_text("x")
store.begin_run("g", b"")
print("ready", flush=True)
sys.stdin.readline()
"""
    process = start(script, folder)
    assert process.stdout.readline() == "ready\n"
    halves = list((folder / "tmp").glob("*/*/half"))
    with Store.open(folder) as store:
        assert len(halves) == 1
        assert halves[0].exists()
        assert store.runs()[0].alive
    process.kill()
    process.communicate()
    with Store.open(folder) as store:
        assert not halves[0].exists()
        assert not store.runs()[0].alive
        assert store.warnings == []
        assert len(list((folder / "tmp").iterdir())) <= 2


@pytest.mark.parametrize("read_only", [True, False])
def test_opening_a_store_in_use_takes_nothing_from_who_uses_it(folder, key, row, read_only):
    with Store.open(folder) as one:
        one.record(key("call"), row(), durable=True)
        with Store.open(folder, read_only=read_only) as other:
            assert other.lookup(key("call")) == row()
        one.record(key("later"), row(), durable=True)
        assert one.lookup(key("later")) == row()

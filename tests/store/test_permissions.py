"""Files of the store that belong to somebody else, in a folder that is ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
import numpy as np
from nodegraph.store import Key, Row, Store, StoreError
from nodegraph.types.wire import decode, digest, encode

folder, damaged = Path(sys.argv[1]), sys.argv[2]
wire = encode(np.arange(10_000))
key = Key(bytes(32))

def use(folder):
    with Store.open(folder) as store:
        run = store.begin_run("g", b"")
        store.lookup(key)
        if store.get(digest(wire)) is None:
            store.put(digest(wire), wire)
        store.record(key, Row((digest(wire),), None, 0.1, 1, b"", run), durable=True)
        assert np.array_equal(decode(store.get(digest(wire))), np.arange(10_000))
        assert store.lookup(key) is not None
        claim = store.claim(key)
        claim.release()
        store.finish_run(run, True, b"")
        return store.warnings

nobody = 65534
# What is only imported when it is needed might lie where that user cannot read.
use(folder.with_name("first"))
if os.geteuid() == 0:
    os.chown(folder.parent, nobody, nobody)
    os.seteuid(nobody)
assert use(folder) == []
os.seteuid(os.getuid())
path = folder if damaged == "." else next(p for p in sorted(folder.glob(damaged)) if p.is_file())
if os.geteuid() == 0:
    os.chown(path, 0, 0)
path.chmod(int(sys.argv[3], 8))
if os.geteuid() == 0:
    os.seteuid(nobody)
try:
    for warning in use(folder):
        print("warning:", warning)
except StoreError as error:
    print("error:", error)
else:
    assert use(folder) == []
    print("done")
finally:
    os.seteuid(os.getuid())
"""


@pytest.fixture
def reachable():
    """A folder that another user can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="store-"))
    yield folder / "store"
    shutil.rmtree(folder)


def run(folder: Path, damaged: str, mode: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), damaged, mode],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("mode", ["444", "000"])
@pytest.mark.parametrize(
    ("damaged", "warned"), [("index.db", True), ("blobs/*/*", None), ("claims", False), ("lock", False)]
)
def test_a_file_that_cannot_be_used_is_replaced_and_the_run_ends_right(reachable, damaged, mode, warned):
    *warnings, last = run(reachable, damaged, mode)
    assert last == "done"
    expected = mode == "000" if warned is None else warned
    assert len(warnings) == expected
    assert all(Path(damaged).name.replace("*", "") in warning for warning in warnings)


def test_a_folder_that_cannot_be_written_is_one_clear_error(reachable):
    (line,) = run(reachable, ".", "555")
    assert line.startswith("error:")
    assert str(reachable) in line
    assert "--store" in line

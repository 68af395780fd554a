"""A process that dies while it publishes leaves nothing that keeps later runs from publishing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nodegraph import Artifact
from nodegraph.run.publish import is_published, publish

PUBLISHER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from presses import put

for number in range(1000):
    put(Path(sys.argv[2]), number % 2)
    print(number, flush=True)
"""

PRESSES = '''
"""Two artifacts of many files, published in turns."""
from pathlib import Path

from blake3 import blake3

from nodegraph import Artifact
from nodegraph.run.provenance import file_lines
from nodegraph.run.publish import publish

NAMES = [f"f{index}.{suffix}" for index in range(20) for suffix in ("txt", "bin")]


class Files:
    def __init__(self, root):
        self.root = root
        root.mkdir(exist_ok=True)

    def add(self, data):
        name = blake3(data).hexdigest()
        if not (self.root / name).exists():
            (self.root / name).write_bytes(data)
        return name, len(data)

    def file(self, name):
        return self.root / name


def edition(root, which):
    files = Files(root / "files")
    contents = {name: f"{name} {which}".encode() * 50 for name in NAMES[which:]}
    artifact = Artifact(None, {}, {name: files.add(data) for name, data in contents.items()})
    head = {"format": "nodegraph provenance", "version": 1, "artifact": str(which), "run": 1}
    return artifact, head, contents, files


def put(root, which):
    artifact, head, contents, files = edition(root, which)
    publish(root / "out" / "book", artifact, head, file_lines(artifact, lambda items: (), ""), files)
    return head, contents
'''


@pytest.fixture
def presses(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/presses.py").write_text(PRESSES)
    monkeypatch.syspath_prepend(tmp_path / "code")
    import importlib

    monkeypatch.delitem(sys.modules, "presses", raising=False)
    made = importlib.import_module("presses")
    for which in (0, 1):
        made.edition(tmp_path, which)
    return made


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("after", [0, 1, 3, 8, 13])
def test_publisher_killed_at_any_moment_does_not_stop_the_next(presses, tmp_path, after):
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(tmp_path / "code"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= after:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (tmp_path / "out/book/mine.md").write_text("mine")
    for which in (0, 1):
        head, contents = presses.put(tmp_path, which)
        assert contents_of(tmp_path / "out/book") == contents | {"mine.md": b"mine"}
        assert is_published(tmp_path / "out/book", head)
    assert names_in(tmp_path / "out") == ["book", "book.provenance.jsonl"]


def test_death_between_swap_and_provenance_leaves_a_folder_of_ours(presses, tmp_path):
    presses.put(tmp_path, 0)
    book = tmp_path / "out/book"
    record = tmp_path / "out/book.provenance.jsonl"
    record.rename(tmp_path / f"out/.book.{book.stat().st_ino}.jsonl")
    presses.put(tmp_path, 1)
    assert contents_of(book) == presses.edition(tmp_path, 1)[2]
    assert names_in(tmp_path / "out") == ["book", "book.provenance.jsonl"]


def test_death_before_the_swap_leaves_the_old_export_and_its_provenance(presses, tmp_path):
    head, contents = presses.put(tmp_path, 0)
    out = tmp_path / "out"
    shutil.copytree(out / "book", out / ".book.new")
    unfinished = out / f".book.{(out / '.book.new').stat().st_ino}.jsonl"
    unfinished.write_text('{"format": "nodegraph prov')
    assert is_published(out / "book", head)
    presses.put(tmp_path, 1)
    presses.put(tmp_path, 0)
    assert contents_of(out / "book") == contents
    assert names_in(out) == ["book", "book.provenance.jsonl"]


def test_old_folder_set_aside_is_put_back(presses, tmp_path):
    presses.put(tmp_path, 0)
    out = tmp_path / "out"
    (out / "book/mine.md").write_text("mine")
    (out / "book").rename(out / ".book.old")
    presses.put(tmp_path, 1)
    assert contents_of(out / "book") == presses.edition(tmp_path, 1)[2] | {"mine.md": b"mine"}


def test_two_publishers_at_once_leave_one_whole_edition(presses, tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISHER.replace("1000", "40"), str(tmp_path / "code"), str(tmp_path)],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    found = contents_of(tmp_path / "out/book")
    assert found in (presses.edition(tmp_path, 0)[2], presses.edition(tmp_path, 1)[2])


def test_store_without_the_bytes_is_an_error_and_leaves_the_old_export(presses, tmp_path):
    from nodegraph.run.publish import PublishError

    head, contents = presses.put(tmp_path, 0)

    class Empty:
        def file(self, hexdigest: str) -> Path | None:
            return None

    lost = Artifact(None, {}, {"new.txt": ("00" * 32, 3)})
    with pytest.raises(PublishError, match=r"lost the bytes of 'new\.txt'"):
        publish(tmp_path / "out/book", lost, head | {"artifact": "x"}, [], Empty())
    assert contents_of(tmp_path / "out/book") == contents
    assert names_in(tmp_path / "out") == ["book", "book.provenance.jsonl"]

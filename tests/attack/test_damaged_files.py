"""Every file of a store damaged in every way, one at a time: the run ends right, with one warning at most."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NODES = {
    "count": ("count", {}, {"n": 40}),
    "cheap": ("cheap", {"number": "count"}, {}),
    "total": ("total", {"numbers": "cheap"}, {}),
    "few": ("spread", {"base": "total"}, {"n": 3}),
    "large": ("large", {"number": "few"}, {}),
    "sum": ("sum", {"grid": "large"}, {}),
    "sums": ("total", {"numbers": "sum"}, {}),
    "kept": ("written", {"numbers": "cheap", "sums": "cheap"}, {}),
    "steps": ("steps", {"after": "sums"}, {"n": 6}),
}
OUTPUTS = {"cheap": "cheap", "sum": "sum", "kept": "kept", "steps": "steps"}
FIRST = {**NODES, "count": ("count", {}, {"n": 15})}
CHANGED = ("--set", "sum.bias=1")
"""A change for which the run needs the large values."""

NOBODY = 65534
FILES = {
    "index": "index.db",
    "log": "index.db-wal",
    "shared memory": "index.db-shm",
    "lock": "lock",
    "claims": "claims",
    "blob": "blobs/*/*",
    "file": "files/*/*",
    "report": "runs/*/*",
    "checkpoint": "work/*/steps.txt",
    "mark of a dead process": "tmp/*.alive",
}
READ = {"index", "log", "shared memory", "blob", "file", "checkpoint"}
"""Files whose content a run reads; the others only have to be there."""
FOLDERS = ("blobs", "blobs/*", "files", "files/*", "runs", "runs/1", "work", "work/*", "tmp")


def flip(path: Path, count: int, seed: int) -> None:
    """Flip all bits of so many bytes, at random places."""
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(count if content else 0):
        content[chance.randrange(len(content))] ^= 0xFF
    path.write_bytes(content)


def flip_at(path: Path, position: int) -> None:
    """Flip all bits of one byte; from the end if negative."""
    content = bytearray(path.read_bytes())
    if content:
        content[max(-len(content), min(position, len(content) - 1))] ^= 0xFF
    path.write_bytes(content)


def zero_a_page(path: Path) -> None:
    """Zero the bytes from 4 KiB to 8 KiB."""
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content[4096:8192])) + content[8192:])


def put_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def put_link(path: Path) -> None:
    """Put a link to nowhere in the place of a file."""
    path.unlink()
    path.symlink_to("/nowhere/at/all")


def cut(path: Path, size: int) -> None:
    """Shorten a file to a size, from its end if negative."""
    os.truncate(path, max(0, size if size >= 0 else path.stat().st_size + size))


CONTENT = {
    "first byte flipped": lambda path: flip_at(path, 0),
    "header flipped": lambda path: flip_at(path, 20),
    "last byte flipped": lambda path: flip_at(path, -1),
    "a byte flipped": lambda path: flip(path, 1, 1),
    "bytes flipped": lambda path: flip(path, 60, 2),
    "a page zeroed": zero_a_page,
    "cut in half": lambda path: cut(path, path.stat().st_size // 2),
    "cut by a byte": lambda path: cut(path, -1),
}
PLACE = {
    "emptied": lambda path: cut(path, 0),
    "garbage": lambda path: path.write_bytes(random.Random(5).randbytes(50_000)),
    "deleted": lambda path: path.unlink(),
    "a folder": put_folder,
    "a link to nowhere": put_link,
}
DAMAGES = {
    (file, damage): change
    for file in FILES
    for damage, change in ({**CONTENT, **PLACE} if file in READ else PLACE).items()
}


@pytest.fixture(scope="module")
def ran(module_site):
    """A store as a killed run leaves it, after one that ended well: log, checkpoint, mark of a process."""
    first = module_site.graph(FIRST, OUTPUTS, "first.json")
    graph = module_site.graph(NODES, OUTPUTS)
    assert module_site.run("cli", "run", first, "--store", "store").exit == 0
    killed = module_site.run("cli", "run", graph, "--store", "store", environment={"KILLED_AT": "step/3"})
    assert killed.exit == -9
    shutil.rmtree(module_site.folder / "out", ignore_errors=True)
    (module_site.folder / "calls").unlink()
    return module_site


@pytest.fixture(scope="module")
def right(ran, tmp_path_factory):
    """What the run gives on an undamaged copy: outputs and published files."""
    copy = ran.copied(tmp_path_factory.mktemp("right") / "site")
    return run_changed(copy)


def run_changed(site, **more):
    """Run the changed graph: its outputs, what was published, and the warnings."""
    ended = site.run("cli", "run", "graph.json", "--store", "store", *CHANGED, "--json", **more)
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.exit == 0, ended.stderr
    outputs = {name: output for name, output in ended.json["outputs"].items() if "path" not in output}
    return outputs, site.published(), ended.warnings


def assert_ends_right(site, right, **more) -> None:
    """Run the changed graph, with one warning at most; afterwards the store is sound."""
    outputs, published, warnings = run_changed(site, **more)
    assert (outputs, published) == right[:2]
    assert len(warnings) <= 1, warnings
    mended = site.run("mended", "store", **more)
    assert mended.exit == 0, mended.stderr


def one(store: Path, pattern: str) -> Path:
    """The first file that a pattern matches."""
    return min(path for path in store.glob(pattern) if path.is_file())


def test_every_file_that_a_store_has_is_damaged_here(ran):
    every = {path for path in ran.store.rglob("*") if path.is_file()}
    assert every == {path for pattern in FILES.values() for path in ran.store.glob(pattern) if path.is_file()}
    assert (ran.store / "index.db-wal").stat().st_size > 4096 < (ran.store / "index.db").stat().st_size


def test_undamaged_store_gives_no_warning_and_runs_only_what_changed(ran, right, tmp_path):
    copy = ran.copied(tmp_path / "site")
    assert run_changed(copy) == (*right[:2], [])
    began = {note.call.partition("/")[0] for note in copy.notes() if note.what == "began"}
    assert began == {"step"}


@pytest.mark.parametrize(("file", "damage"), DAMAGES)
def test_damaged_file_never_gives_a_wrong_result(ran, right, tmp_path, file, damage):
    copy = ran.copied(tmp_path / "site")
    DAMAGES[file, damage](one(copy.store, FILES[file]))
    assert_ends_right(copy, right)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("file", ["index", "log"])
def test_flipped_bytes_in_the_index_or_its_log_never_give_a_wrong_result(ran, right, tmp_path, file, seed):
    copy = ran.copied(tmp_path / "site")
    flip(one(copy.store, FILES[file]), (1, 8, 60)[seed % 3], seed)
    assert_ends_right(copy, right)


@pytest.fixture
def others(ran) -> Iterator[Any]:
    """A copy that another user owns and can reach; the user we are, where that is not root."""
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    copy = ran.copied(folder / "site")
    if os.geteuid() == 0:
        for own in (folder, *folder.rglob("*")):
            os.chown(own, NOBODY, NOBODY)
    yield copy
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


def take_away(path: Path, mode: int) -> dict[str, int]:
    """Give a path to root, or only set its mode where we are not; the user that is to run then."""
    path.chmod(mode)
    if os.geteuid() != 0:
        return {}
    os.chown(path, 0, 0)
    return {"user": NOBODY}


@pytest.mark.parametrize("mode", ["unreadable", "read-only"])
@pytest.mark.parametrize("file", FILES)
def test_file_of_another_owner_never_gives_a_wrong_result(right, others, file, mode):
    user = take_away(one(others.store, FILES[file]), 0o000 if mode == "unreadable" else 0o444)
    assert_ends_right(others, right, **user)


def assert_ends_right_or_says_why(site, right, damaged: Path, **more) -> None:
    """Run the changed graph: the right result, or an error that names the place and what to do there."""
    ended = site.run("cli", "run", "graph.json", "--store", "store", *CHANGED, **more)
    assert "Traceback" not in ended.stderr, ended.stderr
    assert "bug" not in ended.stderr, ended.stderr
    if ended.exit == 0:
        assert site.published() == right[1]
    else:
        assert ended.exit == 1
        assert str(damaged) in ended.stderr
        assert "--store" in ended.stderr
    verified = site.run("cli", "cache", "verify", "--store", "store", **more)
    assert "Traceback" not in verified.stderr, verified.stderr


@pytest.mark.parametrize("folder", FOLDERS)
def test_deleted_folder_never_gives_a_wrong_result(ran, right, tmp_path, folder):
    copy = ran.copied(tmp_path / "site")
    shutil.rmtree(min(copy.store.glob(folder)))
    outputs, published, _ = run_changed(copy)
    assert (outputs, published) == right[:2]


@pytest.mark.parametrize("folder", FOLDERS)
def test_file_in_the_place_of_a_folder_is_no_obstacle_or_told(ran, right, tmp_path, folder):
    copy = ran.copied(tmp_path / "site")
    path = min(copy.store.glob(folder))
    shutil.rmtree(path)
    path.write_text("not a folder")
    assert_ends_right_or_says_why(copy, right, path)


@pytest.mark.parametrize("mode", ["unreadable", "read-only"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_of_another_owner_is_no_obstacle_or_told(right, others, folder, mode):
    path = min(others.store.glob(folder))
    user = take_away(path, 0o000 if mode == "unreadable" else 0o555)
    assert_ends_right_or_says_why(others, right, path, **user)

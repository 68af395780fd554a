"""A disk that is full: one clear error, what was stored stays, and the run goes on once there is room."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

DISK_KB = 32768
MOUNT = 'mount -t tmpfs -o size=$0k,mode=755 none "$1" && shift && exec "$@"'
LARGE = {
    "count": ("count", {}, {"n": 16}),
    "large": ("large", {"number": "count"}, {}),
    "sum": ("sum", {"grid": "large"}, {}),
    "total": ("total", {"numbers": "sum"}, {}),
}
SMALL = {
    "count": ("count", {}, {"n": 3000}),
    "cheap": ("cheap", {"number": "count"}, {}),
    "total": ("total", {"numbers": "cheap"}, {}),
}
ARTIFACT = {
    "count": ("count", {}, {"n": 3}),
    "cheap": ("cheap", {"number": "count"}, {}),
    "written": ("written", {"numbers": "cheap", "sums": "cheap"}, {}),
}


@pytest.fixture(scope="module")
def disk(forks, tmp_path_factory) -> Iterator[tuple[object, Path]]:
    """A small disk that only processes forked by its own server see, and where a store can be on it."""
    folder = tmp_path_factory.mktemp("disk")
    within = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(DISK_KB), str(folder))
    tried = subprocess.run([*within, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted here: {tried.stderr.strip()}")
    server = forks.another(within)
    yield server, folder / "store"
    server.close()


@pytest.fixture
def ballast(disk) -> Iterator[Path]:
    """A file that fills the disk, so that nothing but what is given back is free."""
    server, store = disk
    seen = Path(f"/proc/{server.pid}/root{store.parent}")
    yield seen / "ballast"
    for path in sorted(seen.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def fill(ballast: Path, free_kb: int) -> None:
    """Fill the disk but for so many KiB."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    os.truncate(ballast, ballast.stat().st_size - free_kb * 1024)


def assert_clearly_full(ended, place: str) -> None:
    """One error that says what, where and what to do."""
    assert ended.exit == 1, (ended.stdout, ended.stderr)
    assert "no space left" in ended.stderr
    assert place in ended.stderr
    assert "nodegraph cache gc" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr


def lost(site) -> set[str]:
    """Calls that were executed again after they had been reported done."""
    reported: set[str] = set()
    again: set[str] = set()
    for note in site.notes():
        if note.what == "reported":
            reported.add(note.call)
        elif note.what == "began" and note.call in reported:
            again.add(note.call)
    return again


@pytest.mark.parametrize(
    ("nodes", "free_kb"), [(LARGE, 3000), (SMALL, 600), (SMALL, 200), (SMALL, 20), (SMALL, 0)]
)
def test_run_on_a_full_disk_is_a_clear_error_and_goes_on_when_there_is_room(
    disk, ballast, site, sites, nodes, free_kb
):
    server, store = disk
    graph = site.graph(nodes, {"total": "total"})
    right = site.run("observed", graph, "store").json
    on_disk = type(site)(sites().folder, server)
    fill(ballast, free_kb)
    for _ in range(2):
        assert_clearly_full(on_disk.run("cli", "run", graph, "--store", store), str(store))
    assert on_disk.run("observed", graph, store).exit
    os.truncate(ballast, 0)
    ended = on_disk.run("verified", graph, store)
    assert ended.exit == 0, ended.stderr
    assert {**ended.json, "warnings": []} == right
    assert lost(on_disk) == set()


def test_run_of_which_everything_is_stored_is_right_or_a_clear_error_on_a_full_disk(
    disk, ballast, site, sites
):
    server, store = disk
    graph = site.graph(SMALL, {"total": "total"})
    on_disk = type(site)(sites().folder, server)
    stored = on_disk.run("cli", "run", graph, "--store", store, "--json")
    assert stored.exit == 0, stored.stderr
    for free_kb in (200, 60, 0):
        fill(ballast, free_kb)
        ended = on_disk.run("cli", "run", graph, "--store", store, "--json")
        if ended.exit:
            assert_clearly_full(ended, str(store))
        else:
            assert ended.json["outputs"] == stored.json["outputs"]
        value = on_disk.run("cli", "get", graph, "total", "--store", store, "--json")
        if value.exit:
            assert_clearly_full(value, str(store))
        else:
            assert value.json["value"] == stored.json["outputs"]["total"]["value"]


def test_disk_too_full_to_publish_is_a_clear_error_and_the_next_run_publishes(disk, ballast, site, sites):
    server, store = disk
    graph = site.graph(ARTIFACT, {"written": "written"})
    on_disk = type(site)(sites().folder, server)
    (on_disk.folder / "out").symlink_to(store.parent)
    fill(ballast, 0)
    ended = on_disk.run("cli", "run", graph, "--store", "store")
    assert ended.exit in (1, 2)
    assert "Traceback" not in ended.stderr
    assert "no space left" in ended.stderr.lower()
    os.truncate(ballast, 0)
    ended = on_disk.run("cli", "run", graph, "--store", "store", "--json")
    assert (ended.exit, ended.json["nodes"]["written"]["executed"]) == (0, 0)


@pytest.mark.parametrize("nodes", [LARGE, SMALL])
def test_limit_on_the_size_of_files_is_a_clear_error_and_what_was_stored_stays(site, nodes):
    """A limit that a process has stands for a quota."""
    graph = site.graph(nodes, {"total": "total"})
    limited = site.run("cli", "run", graph, "--store", "store", file_limit=200_000)
    assert limited.exit == 1, (limited.stdout, limited.stderr)
    assert str(site.store) in limited.stderr
    assert "what was stored before is kept" in limited.stderr
    assert "Traceback" not in limited.stderr
    ended = site.run("verified", graph, "store")
    assert ended.exit == 0, ended.stderr
    assert lost(site) == set()

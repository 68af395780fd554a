from __future__ import annotations

import os
import stat
import time

import pytest
from blake3 import blake3

from nodegraph.store import Store, StoreError


def made(store: Store, content: bytes, name: str = "made.txt"):
    path = store.new_folder() / name
    path.write_bytes(content)
    return path


def test_an_adopted_file_moves_in_and_is_found_by_its_content(folder):
    with Store.open(folder) as store:
        path = made(store, b"content")
        digest, size = store.adopt(path)
        assert (digest, size) == (blake3(b"content").hexdigest(), 7)
        assert not path.exists()
        kept = store.file(digest)
        assert kept.read_bytes() == b"content"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o444
    with Store.open(folder) as store:
        assert store.file(digest) == kept
        assert store.file("0" * 64) is None
        assert store.warnings == []


def test_files_of_equal_content_are_kept_once(store, folder):
    first, _ = store.adopt(made(store, b"same"))
    inode = store.file(first).stat().st_ino
    second, _ = store.adopt(made(store, b"same", "other.txt"))
    assert first == second
    assert store.file(first).stat().st_ino == inode
    assert store.stat().files == (1, 4)


def test_a_file_with_another_name_elsewhere_is_copied(store, tmp_path):
    original = tmp_path / "original.txt"
    original.write_bytes(b"mine")
    linked = store.new_folder() / "linked.txt"
    linked.hardlink_to(original)
    digest, _ = store.adopt(linked)
    original.write_bytes(b"changed")
    assert store.file(digest).read_bytes() == b"mine"
    assert stat.S_IMODE(original.stat().st_mode) & stat.S_IWUSR


def test_hard_links_out_of_the_store_do_not_make_it_hash_again(store, tmp_path, monkeypatch):
    digest, _ = store.adopt(made(store, b"published"))
    (tmp_path / "out.txt").hardlink_to(store.file(digest))
    monkeypatch.setattr("nodegraph.store.shelf.hash_file", lambda path: pytest.fail("hashed again"))
    assert store.file(digest).read_bytes() == b"published"


@pytest.mark.parametrize("kind", ["folder", "symlink", "missing"])
def test_what_is_no_regular_file_is_refused_by_name(store, tmp_path, kind):
    path = tmp_path / "odd"
    if kind == "folder":
        path.mkdir()
    elif kind == "symlink":
        path.symlink_to("/etc/hostname")
    with pytest.raises(StoreError, match="odd"):
        store.adopt(path)


def test_a_changed_adopted_file_is_set_aside(folder):
    with Store.open(folder) as store:
        digest, _ = store.adopt(made(store, b"content"))
        kept = store.file(digest)
        kept.chmod(0o644)
        kept.write_bytes(b"CONTENT")
        assert store.file(digest) is None
        assert len(store.warnings) == 1
        assert str(kept) in store.warnings[0]
        assert store.adopt(made(store, b"content"))[0] == digest
        assert store.file(digest).read_bytes() == b"content"
        assert len(store.warnings) == 1


def settled(path):
    """Give a file time stamps of a while ago, as most files have."""
    past = time.time_ns() - 10_000_000_000
    os.utime(path, ns=(past, past))
    return path


def test_a_file_is_hashed_again_only_when_its_stat_changed(store, tmp_path, monkeypatch):
    monkeypatch.setattr("nodegraph.store.stat_cache._is_settled", lambda stat: True)
    path = settled(tmp_path / "photo.jpg") if (tmp_path / "photo.jpg").write_bytes(b"one") else None
    assert store.file_digest(path) == blake3(b"one").digest()
    with monkeypatch.context() as patched:
        patched.setattr("nodegraph.store.stat_cache.hash_file", lambda path: pytest.fail("hashed again"))
        assert store.file_digest(path) == blake3(b"one").digest()
        store.flush()
        assert store.file_digest(path) == blake3(b"one").digest()
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.file_digest(path) == blake3(b"two").digest()


def test_a_file_changed_just_now_is_not_remembered(store, tmp_path):
    path = tmp_path / "photo.jpg"
    for content in (b"one", b"two", b"six"):
        path.write_bytes(content)
        os.utime(path, ns=(time.time_ns(), time.time_ns()))
        assert store.file_digest(path) == blake3(content).digest()


def test_a_file_that_cannot_be_read_is_an_error(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.file_digest(tmp_path / "missing.jpg")


def test_a_work_folder_stays_until_discarded_and_a_new_folder_until_closed(folder, key):
    with Store.open(folder) as store:
        work = store.workdir(key("call"))
        (work / "checkpoint").write_text("half")
        fresh = store.new_folder()
        assert fresh != store.new_folder()
        assert list(fresh.iterdir()) == []
    assert not fresh.exists()
    with Store.open(folder) as store:
        assert (store.workdir(key("call")) / "checkpoint").read_text() == "half"
        store.discard_workdir(key("call"))
        assert list(store.workdir(key("call")).iterdir()) == []

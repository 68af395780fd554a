"""What a published folder is: files, links, provenance beside it, and how it is replaced."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from nodegraph.api import PublishError

BOOK = {
    "index.txt": b"Words\nCAT!\nANT!\nBEE!\n",
    "pages/0.bin": b"CAT!" * 3,
    "pages/1.bin": b"ANT!" * 3,
    "pages/2.bin": b"BEE!" * 3,
}


def test_artifact_is_published_with_its_provenance_and_nothing_else(press, files_in):
    run = press.publish()
    assert run.ok
    assert run.as_json()["outputs"] == {"book": {"path": str(press.out / "book")}}
    assert files_in(press.out / "book") == BOOK
    assert sorted(path.name for path in press.out.iterdir()) == ["book", "book.provenance.jsonl"]


def test_text_is_copied_and_the_rest_is_linked_read_only_into_the_store(press):
    press.publish()
    text, page = press.out / "book/index.txt", press.out / "book/pages/0.bin"
    assert text.stat().st_nlink == 1
    assert text.stat().st_mode & stat.S_IWUSR
    assert page.stat().st_nlink == 2
    assert not page.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_publishing_again_touches_nothing(press):
    press.publish()
    before = (press.out / "book").stat().st_ino
    run = press.publish()
    assert run.ok
    assert not press.called
    assert (press.out / "book").stat().st_ino == before


def test_new_content_takes_the_place_of_the_old(press, files_in):
    press.publish()
    assert press.publish(marks=2).ok
    assert files_in(press.out / "book")["pages/0.bin"] == b"CAT!!" * 3
    assert sorted(path.name for path in press.out.iterdir()) == ["book", "book.provenance.jsonl"]


@pytest.mark.parametrize("deleted", ["book", "book/pages", "book/index.txt", "book.provenance.jsonl", "."])
def test_what_was_deleted_is_restored_without_running_a_node(press, files_in, deleted):
    press.publish()
    target = press.out / deleted
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()
    if deleted == "book.provenance.jsonl":
        shutil.rmtree(press.out / "book")
    assert press.publish().ok
    assert not press.called
    assert files_in(press.out / "book") == BOOK
    assert (press.out / "book.provenance.jsonl").is_file()


def test_pure_source_is_not_run_again_to_restore_an_export(press, files_in):
    nodes = {
        "given": ("pb.given", {}, {"items": {"a": "x", "b": "y"}}),
        "book": ("pb.book", {"words": "given"}, {}),
    }
    press.run(nodes, {"book": "book"})
    shutil.rmtree(press.out)
    assert press.run(nodes, {"book": "book"}).ok
    assert not press.called
    assert set(files_in(press.out / "book")) == {"index.txt", "pages/0.bin", "pages/1.bin"}


def test_changed_param_with_the_same_result_renews_the_provenance(press):
    nodes = {
        "words": ("pb.words", {}, {"root": "texts"}),
        "shout": ("pb.shout", {"word": "words"}, {"marks": 1}),
        "book": ("pb.book", {"words": "words"}, {}),
    }
    press.run(nodes, {"book": "book"})
    record = press.out / "book.provenance.jsonl"
    nodes["words"] = ("pb.words", {}, {"root": "texts/deep/.."})
    assert press.run(nodes, {"book": "book"}).ok
    head = json.loads(record.read_text().splitlines()[0])
    assert head["run"] == 1
    nodes["book"] = ("pb.book", {"words": "again"}, {})
    nodes["again"] = nodes.pop("words")
    nodes["shout"] = ("pb.shout", {"word": "again"}, {})
    assert press.run(nodes, {"book": "book"}).ok
    head = json.loads(record.read_text().splitlines()[0])
    assert "again" in head["nodes"]


def test_destination_on_another_device_gets_copies(press, files_in):
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == press.folder.stat().st_dev:
        pytest.skip("there is no second device")
    with tempfile.TemporaryDirectory(dir=shm) as other:
        out = Path(other) / "out"
        assert press.publish(out=out).ok
        assert files_in(out / "book") == BOOK
        assert (out / "book/pages/0.bin").stat().st_nlink == 1


def test_run_without_a_destination_publishes_nothing(press):
    run = press.publish(out=None)
    assert run.ok
    assert not press.out.exists()
    assert set(run.as_json()["outputs"]["book"]) == {"digest"}
    assert (run.value("book").folder / "index.txt").read_bytes() == BOOK["index.txt"]


def test_two_outputs_of_one_node_are_published_twice(press, files_in):
    nodes = {
        "given": ("pb.given", {}, {"items": {"a": "x"}}),
        "book": ("pb.book", {"words": "given"}, {}),
    }
    assert press.run(nodes, {"left": "book", "right": "book"}).ok
    assert files_in(press.out / "left") == files_in(press.out / "right")


def test_lost_file_of_the_store_is_made_again_for_the_export(press, files_in):
    press.publish()
    shutil.rmtree(press.out)
    for stored in (press.folder / "store/files").rglob("*"):
        if stored.is_file():
            stored.unlink()
            break
    run = press.publish()
    assert run.ok
    assert files_in(press.out / "book") == BOOK
    assert press.called == {"book": 1}
    assert len(run.warnings) == 1


def test_evicted_artifact_is_made_again_for_the_export(press, files_in):
    from nodegraph.store import Store

    press.publish()
    shutil.rmtree(press.out)
    with Store.open(press.folder / "store") as store:
        store.gc(older_than=0)
    assert press.publish().ok
    assert files_in(press.out / "book") == BOOK


# What is not ours


def test_foreign_folder_is_refused_before_anything_runs(press):
    mine = press.out / "book/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(PublishError, match="was not published by nodegraph"):
        press.publish()
    assert not press.called
    assert mine.read_text() == "mine"


def test_empty_folder_is_taken(press, files_in):
    (press.out / "book").mkdir(parents=True)
    assert press.publish().ok
    assert files_in(press.out / "book") == BOOK


def test_file_and_link_in_the_way_are_refused(press, tmp_path):
    press.out.mkdir()
    (press.out / "book").write_text("a file")
    with pytest.raises(PublishError, match="is not a folder"):
        press.publish()
    (press.out / "book").unlink()
    (tmp_path / "elsewhere").mkdir()
    (press.out / "book").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError, match="is not a folder"):
        press.publish()


@pytest.mark.parametrize("content", ["", "{}\n", "[1]\n", '{"format": "other"}\n', "\xff\n"])
def test_provenance_that_is_not_ours_is_refused(press, content):
    press.out.mkdir()
    record = press.out / "book.provenance.jsonl"
    record.write_text(content, encoding="latin-1")
    with pytest.raises(PublishError, match="is not provenance that nodegraph wrote"):
        press.publish()
    assert record.read_text(encoding="latin-1") == content


def test_files_of_the_user_stay_in_our_folder(press, files_in):
    press.publish()
    folder = press.out / "book"
    (folder / "notes.md").write_text("mine")
    (folder / "extra/deep").mkdir(parents=True)
    (folder / "extra/deep/a.bin").write_bytes(b"mine too")
    (folder / "link").symlink_to("notes.md")
    (folder / "nowhere").symlink_to("gone")
    (folder / "to_folder").symlink_to("extra")
    os.mkfifo(folder / "pipe")
    assert press.publish(marks=2).ok
    assert (folder / "notes.md").read_text() == "mine"
    assert (folder / "extra/deep/a.bin").read_bytes() == b"mine too"
    assert (folder / "link").readlink() == Path("notes.md")
    assert (folder / "nowhere").readlink() == Path("gone")
    assert (folder / "to_folder").readlink() == Path("extra")
    assert stat.S_ISFIFO((folder / "pipe").lstat().st_mode)
    assert files_in(folder)["pages/0.bin"] == b"CAT!!" * 3


def test_file_of_the_user_under_a_name_of_the_new_export_is_refused(press):
    press.publish()
    (press.out / "book/pages/3.bin").write_bytes(b"mine")
    (press.folder / "texts/zebra.txt").write_text("zebra")
    run = press.publish()
    assert not run.ok
    (error,) = run.errors
    assert (error.node, error.item, error.error) == ("book", "", "PublishError")
    assert "pages/3.bin is not ours" in error.message
    assert (press.out / "book/pages/3.bin").read_bytes() == b"mine"


def test_edited_text_is_not_overwritten_by_a_changed_export(press, files_in):
    press.publish()
    index = press.out / "book/index.txt"
    index.write_text("edited")
    run = press.publish(marks=2)
    assert not run.ok
    assert "index.txt was edited since it was published" in run.errors[0].message
    assert index.read_text() == "edited"
    assert files_in(press.out / "book")["pages/0.bin"] == BOOK["pages/0.bin"]
    index.unlink()
    assert press.publish(marks=2).ok
    assert not press.called


def test_edited_text_stays_where_the_export_has_nothing_new_to_say(press, files_in):
    press.publish()
    (press.out / "book/index.txt").write_text("edited")
    shutil.rmtree(press.out / "book/pages")
    assert press.publish().ok
    assert files_in(press.out / "book") == BOOK | {"index.txt": b"edited"}


def test_exchanged_picture_counts_as_edited(press):
    press.publish()
    page = press.out / "book/pages/0.bin"
    page.unlink()
    page.write_bytes(b"x" * len(BOOK["pages/0.bin"]))
    run = press.publish(marks=2)
    assert "pages/0.bin was edited" in run.errors[0].message


def test_damaged_provenance_is_a_clear_error(press):
    press.publish()
    record = press.out / "book.provenance.jsonl"
    lines = record.read_text().splitlines()
    record.write_text("\n".join([*lines[:2], lines[2][:20]]))
    run = press.publish(marks=2)
    assert "line 3 of" in run.errors[0].message
    assert "is damaged" in run.errors[0].message


@pytest.mark.parametrize("way", ["out", "out/book.provenance.jsonl", "out/.book.new"])
def test_destination_that_cannot_be_written_is_an_error_and_the_work_stays(press, way, files_in):
    obstacle = press.folder / way
    if way == "out":
        obstacle.write_text("a file")
        run = press.publish()
        assert "cannot publish to" in run.errors[0].message
        obstacle.unlink()
    elif way == "out/.book.new":
        press.out.mkdir()
        obstacle.write_text("a file")
        run = press.publish()
        assert "cannot publish to" in run.errors[0].message
        obstacle.unlink()
    else:
        obstacle.mkdir(parents=True)
        with pytest.raises(PublishError, match="is not provenance that nodegraph wrote"):
            press.publish()
        obstacle.rmdir()
        return
    assert not run.ok
    assert press.publish().ok
    assert not press.called
    assert files_in(press.out / "book") == BOOK


# Streams of artifacts


def leaves(keys):
    return {
        "given": ("pb.given", {}, {"items": {key: f"word {number}" for number, key in enumerate(keys)}}),
        "leaf": ("pb.leaf", {"word": "given"}, {}),
    }


def test_each_item_of_a_stream_is_published_under_its_key(press, files_in):
    run = press.run(leaves(["a", "b/c"]), {"leaves": "leaf"})
    assert run.ok
    assert set(run.as_json()["outputs"]["leaves"]) == {"items", "digest"}
    assert {name: data for name, data in files_in(press.out / "leaves").items() if name.endswith(".bin")} == {
        "a/leaf.bin": b"word 0",
        "b/c/leaf.bin": b"word 1",
    }
    assert (press.out / "leaves/a.provenance.jsonl").is_file()
    assert (press.out / "leaves/b/c.provenance.jsonl").is_file()


def test_odd_item_keys_become_folders(press):
    keys = ["with space", "ünïcode ✓", "new\nline", "-rf", "a", "a/b", "$(touch x)", "x.provenance", "*"]
    assert press.run(leaves(keys), {"leaves": "leaf"}).ok
    assert all((press.out / "leaves" / key / "leaf.bin").is_file() for key in keys)
    assert press.run(leaves(keys), {"leaves": "leaf"}).ok
    assert not press.called


def test_item_key_that_is_too_long_for_a_file_fails_alone(press):
    run = press.run(leaves(["short", "x" * 300]), {"leaves": "leaf"})
    (error,) = run.errors
    assert error.item == "x" * 300
    assert "cannot publish" in error.message
    assert (press.out / "leaves/short/leaf.bin").is_file()


@pytest.mark.parametrize("key", [".", "./a", "a/", "a//b", "a/."])
def test_item_key_that_is_another_name_of_a_folder_fails_alone(press, key):
    run = press.run(leaves(["a", key]), {"leaves": "leaf"})
    (error,) = run.errors
    assert error.item == key
    assert "is no plain name of a folder" in error.message
    assert (press.out / "leaves/a/leaf.bin").read_bytes() == b"word 0"


def test_one_new_item_leaves_the_folders_of_the_others_alone(press):
    press.run(leaves(["a", "b"]), {"leaves": "leaf"})
    before = (press.out / "leaves/a").stat().st_ino
    press.run(leaves(["a", "b", "c"]), {"leaves": "leaf"})
    assert (press.out / "leaves/a").stat().st_ino == before
    assert press.called == {"given": 1, "leaf": 1}


def test_foreign_folder_of_a_stream_is_refused_before_anything_runs(press):
    (press.out / "leaves/mine").mkdir(parents=True)
    (press.out / "leaves/mine/a.txt").write_text("mine")
    with pytest.raises(PublishError, match="was not published by nodegraph"):
        press.run(leaves(["a"]), {"leaves": "leaf"})
    assert not press.called


def test_foreign_folder_of_one_item_is_refused_and_the_others_are_published(press):
    press.run(leaves(["a"]), {"leaves": "leaf"})
    (press.out / "leaves/b").mkdir()
    (press.out / "leaves/b/mine.txt").write_text("mine")
    run = press.run(leaves(["a", "b", "c"]), {"leaves": "leaf"})
    assert [error.item for error in run.errors] == ["b"]
    assert (press.out / "leaves/b/mine.txt").read_text() == "mine"
    assert (press.out / "leaves/c/leaf.bin").is_file()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "/x"])
def test_output_names_that_lead_out_cannot_exist(press, name):
    from nodegraph.graph.problem import GraphError

    with pytest.raises(GraphError):
        press.run(leaves(["a"]), {name: "leaf"})
    assert not press.out.exists()

"""Which items of a source are new, changed or gone, and by which file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nodegraph import Collected, Item, Stream, node
from nodegraph.api import Options
from nodegraph.why import why_node


@node("pl.notes", version=1, pure=False)
def notes(folder: Path) -> Stream[str]:
    """Texts with notes on them, all in one file."""
    said = json.loads((folder / "notes.json").read_text())
    for path in sorted(folder.glob("*.txt")):
        note = said.get(path.stem, "")
        sides = sorted(folder.glob(f"{path.stem}.side*"))

        def make(path: Path = path, note: str = note) -> str:
            return path.read_text() + note

        yield Item(path.stem, make, reads=[path, *sides], uses=note)


@node("pl.join", version=1)
def join(text: str, others: Collected[str]) -> str:
    """A text and how many others there are."""
    return f"{text}{len(others)}"


@pytest.fixture
def noted(bench):
    """Five texts of which one has a note, and their length."""
    folder = bench.folder / "texts"
    folder.mkdir()
    for index in range(5):
        (folder / f"t{index}.txt").write_text("x" * index)
    (folder / "notes.json").write_text(json.dumps({"t1": "good"}))
    bench.set(
        {
            "texts": ("pl.notes", {}, {"folder": "texts"}),
            "length": ("pl.length", {"text": "texts"}),
            "times": ("pl.times", {"number": "length"}),
            "total": ("pl.total", {"numbers": "times"}),
        }
    )
    bench.run()
    return folder


def why(bench, node_id):
    return why_node(bench.folder / "graph.json", node_id, Options(store=bench.folder / "store"))


def told(found, node_id):
    """What is told of the calls of a node: items by reason."""
    return {cause.why: cause.items for cause in found.causes if cause.node == node_id}


def test_new_changed_and_noted_items_of_a_source_are_told_apart(bench, noted):
    (noted / "t2.txt").write_text("changed")
    (noted / "t9.txt").write_text("new")
    (noted / "notes.json").write_text(json.dumps({"t1": "bad"}))
    found = why(bench, "texts")
    assert told(found, "texts") == {
        "file t2.txt changed": ("t2",),
        "new item, file t9.txt": ("t9",),
        "what its source says of it changed": ("t1",),
    }
    assert (found.run, found.cached) == (3, 3)


def test_new_item_is_new_at_every_node_it_flows_through(bench, noted):
    (noted / "t9.txt").write_text("new")
    found = why(bench, "times")
    assert told(found, "times") == {"new item": ("t9",)}
    assert told(found, "texts") == {"new item, file t9.txt": ("t9",)}
    assert not told(found, "length")


def test_changed_file_is_found_below_the_nodes_between(bench, noted):
    (noted / "t2.txt").write_text("changed")
    found = why(bench, "times")
    assert told(found, "times") == {"input number depends on what length gives": ("t2",)}
    assert told(found, "length") == {"input text depends on what texts gives": ("t2",)}
    assert told(found, "texts") == {"file t2.txt changed": ("t2",)}


def test_one_of_several_files_is_named(bench, noted):
    (noted / "t3.side0").write_text("a")
    (noted / "t3.side1").write_text("b")
    assert told(why(bench, "texts"), "texts") == {"made from other files t3.txt, t3.side0, t3.side1": ("t3",)}
    bench.run()
    (noted / "t3.side1").write_text("c")
    assert told(why(bench, "texts"), "texts") == {"file t3.side1 changed": ("t3",)}


def test_item_that_is_gone_is_told_and_changes_what_collects_the_stream(bench, noted):
    (noted / "t4.txt").unlink()
    found = why(bench, "times")
    assert (found.run, found.gone) == (0, ("t4",))
    total = why(bench, "total")
    assert told(total, "total") == {"input numbers changed (1 gone (t4) of 4 items)": ()}
    assert total.run == 1


def test_collected_stream_tells_new_changed_and_gone_items(bench, noted):
    (noted / "t4.txt").unlink()
    (noted / "t9.txt").write_text("new")
    (noted / "t2.txt").write_text("changed")
    (why_total,) = told(why(bench, "total"), "total")
    assert why_total == (
        "input numbers depends on what times gives (1 new, 1 changed, 1 gone (t4) of 5 items)"
    )


def test_many_changed_files_are_one_cause(bench, noted):
    for index in range(5):
        (noted / f"t{index}.txt").write_text(f"changed {index}")
    found = why(bench, "texts")
    assert told(found, "texts") == {
        "files t0.txt, t1.txt, t2.txt and 2 more changed": ("t0", "t1", "t2", "t3", "t4")
    }
    assert len(found.causes[0].files) == 5


def test_stream_that_all_items_take_is_explained_once(bench, noted):
    nodes = {
        "texts": ("pl.notes", {}, {"folder": "texts"}),
        "join": ("pl.join", {"text": "texts", "others": "texts"}),
    }
    bench.set(nodes)
    bench.run()
    (noted / "t2.txt").write_text("changed")
    found = why(bench, "join")
    assert told(found, "join") == {
        "inputs others and text depend on what texts gives (1 changed of 5 items)": ("t2",),
        "input others depends on what texts gives (1 changed of 5 items)": ("t0", "t1", "t3", "t4"),
    }
    assert told(found, "texts") == {"file t2.txt changed": ("t2",)}


def test_items_made_with_a_param_that_is_again_what_it_was_are_no_causes(bench, noted):
    store = bench.folder / "store"
    bench.run(sets=["times.by=5"])
    (noted / "t2.txt").write_text("changed")
    found = why_node(bench.folder / "graph.json", "total", Options(store=store))
    assert [(cause.node, cause.items, cause.why) for cause in found.causes] == [
        ("texts", ("t2",), "file t2.txt changed"),
        ("length", ("t2",), "input text depends on what texts gives"),
        ("times", ("t2",), "input number depends on what length gives"),
        ("total", (), "input numbers depends on what times gives (1 changed of 5 items)"),
    ]

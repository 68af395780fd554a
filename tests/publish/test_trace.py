"""Every exported file tells the source items and files it goes back to, and everything done to them."""

from __future__ import annotations

import json
import shutil

import pytest

from nodegraph.api import TraceError, trace
from nodegraph.version import version

WORDS = ("pb.words", {}, {"root": "texts"})


def sources(traced):
    return {(source["node"], source["item"]): source["files"] for source in traced["sources"]}


def test_file_of_one_item_names_its_source_item_and_file(press):
    press.publish()
    traced = trace(press.out / "book/pages/0.bin")
    assert traced["items"] == ["deep/three"]
    assert sources(traced) == {("words", "deep/three"): ["deep/three.txt"]}
    assert traced["unchanged"]


def test_file_of_all_items_names_all_of_them(press):
    press.publish()
    traced = trace(press.out / "book/index.txt")
    assert traced["items"] == ["deep/three", "one", "two"]
    assert [source["item"] for source in traced["sources"]] == ["deep/three", "one", "two"]


def test_graph_params_seed_and_versions_are_told(press):
    press.publish(title="Animals")
    export = trace(press.out / "book/index.txt")["export"]
    assert (export["graph"], export["graph_file"], export["output"]) == ("press", "graph.json", "book")
    assert (export["seed"], export["run"], export["nodegraph"]) == (5, 1, version())
    assert list(export["nodes"]) == ["words", "shout", "book"]
    assert export["nodes"]["book"] == {
        "type": "pb.book",
        "version": 3,
        "params": {"title": "Animals"},
        "links": {"words": "shout.out"},
    }
    assert export["packs"]


@pytest.mark.parametrize(("source", "told"), [("hub/voice", "hub/voice"), ("/data/models/voice", "voice")])
def test_models_behind_an_export_are_told_by_fingerprint(press, source, told):
    nodes = {
        "words": WORDS,
        "model": ("pb.model", {}, {"source": source}),
        "speak": ("pb.speak", {"word": "words", "voice": "model"}, {}),
        "book": ("pb.book", {"words": "speak"}, {}),
    }
    press.run(nodes, {"book": "book"})
    (model,) = trace(press.out / "book/index.txt")["export"]["models"].items()
    assert model[0] == "model.out"
    assert (model[1]["kind"], model[1]["source"], model[1]["fingerprint"]) == ("voice", told, "f00d")


def test_nodes_beside_the_way_to_the_export_are_not_told(press):
    nodes = {
        "words": WORDS,
        "shout": ("pb.shout", {"word": "words"}, {}),
        "book": ("pb.book", {"words": "words"}, {}),
    }
    press.run(nodes, {"book": "book", "shout": "shout"})
    assert list(trace(press.out / "book/index.txt")["export"]["nodes"]) == ["words", "book"]


def test_flattened_streams_lead_back_to_the_outer_item(press):
    nodes = {
        "words": WORDS,
        "letters": ("pb.letters", {"word": "words"}, {}),
        "flat": ("stream.flatten", {"stream": "letters"}, {}),
        "book": ("pb.book", {"words": "flat"}, {}),
    }
    press.run(nodes, {"book": "book"})
    traced = trace(press.out / "book/pages/1.bin")
    assert traced["items"] == ["deep/three/1"]
    assert sources(traced) == {("words", "deep/three"): ["deep/three.txt"]}


def test_exporter_called_for_each_item_leads_back_to_it(press):
    nodes = {"words": WORDS, "leaf": ("pb.leaf", {"word": "words"}, {})}
    press.run(nodes, {"leaf": "leaf"})
    traced = trace(press.out / "leaf/deep/three/leaf.bin")
    assert sources(traced) == {("words", "deep/three"): ["deep/three.txt"]}
    assert traced["export"]["node"] == "leaf"


def test_exporter_called_for_each_inner_stream_leads_back_to_the_outer_item(press):
    nodes = {
        "words": WORDS,
        "letters": ("pb.letters", {"word": "words"}, {}),
        "book": ("pb.book", {"words": "letters"}, {}),
    }
    press.run(nodes, {"book": "book"})
    traced = trace(press.out / "book/one/pages/2.bin")
    assert traced["items"] == ["2"]
    assert sources(traced) == {("words", "one"): ["one.txt"]}


def test_joined_streams_lead_back_to_both_sources(press):
    other = press.folder / "others"
    other.mkdir()
    (other / "one.txt").write_text("other")
    nodes = {
        "words": WORDS,
        "others": ("pb.words", {}, {"root": "others"}),
        "both": ("stream.concat", {"first": "words", "second": "others"}, {"prefix": True}),
        "book": ("pb.book", {"words": "both"}, {}),
    }
    press.run(nodes, {"book": "book"})
    assert sources(trace(press.out / "book/pages/0.bin")) == {("words", "deep/three"): ["deep/three.txt"]}
    assert ("others", "one") in sources(trace(press.out / "book/pages/3.bin"))


def test_source_whose_listing_was_stored_names_its_items(press):
    nodes = {"given": ("pb.given", {}, {"items": {"a": "x"}}), "book": ("pb.book", {"words": "given"}, {})}
    press.run(nodes, {"book": "book"})
    shutil.rmtree(press.out)
    press.run(nodes, {"book": "book"})
    assert sources(trace(press.out / "book/pages/0.bin")) == {("given", "a"): []}


def test_provenance_names_no_place_on_the_machine(press):
    press.publish()
    record = (press.out / "book.provenance.jsonl").read_text()
    assert str(press.folder) not in record
    assert not [line for line in record.splitlines() if '"/' in line]


def test_export_can_be_traced_where_it_was_moved_to(press, tmp_path):
    press.publish()
    shutil.move(press.out, tmp_path / "moved")
    assert trace(tmp_path / "moved/book/pages/0.bin")["file"] == "pages/0.bin"


def test_relative_path_with_dots_is_traced(press, monkeypatch):
    press.publish()
    monkeypatch.chdir(press.out / "book/pages")
    assert trace("../index.txt")["file"] == "index.txt"
    assert trace("0.bin")["file"] == "pages/0.bin"


def test_changed_file_says_so(press):
    press.publish()
    (press.out / "book/index.txt").write_text("edited")
    assert trace(press.out / "book/index.txt")["unchanged"] is False


def test_foreign_file_in_an_export_is_a_clear_error(press):
    press.publish()
    (press.out / "book/mine.txt").write_text("mine")
    with pytest.raises(TraceError, match=r"does not speak of .*mine\.txt"):
        trace(press.out / "book/mine.txt")


@pytest.mark.parametrize("name", ["gone.txt", ".", "store"])
def test_what_is_no_file_is_a_clear_error(press, name):
    press.publish()
    with pytest.raises(TraceError, match="is not a file"):
        trace(press.folder / name)


def test_file_without_provenance_is_a_clear_error(press):
    with pytest.raises(TraceError, match="no provenance file lies beside"):
        trace(press.folder / "texts/one.txt")


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"file": "index.txt"}', '{"file": 1, "blake3": 2, "size": "x"}']
)
def test_damaged_provenance_is_a_clear_error(press, damage):
    press.publish()
    record = press.out / "book.provenance.jsonl"
    record.write_text(record.read_text().splitlines()[0] + "\n" + damage + "\n")
    with pytest.raises(TraceError, match=r"line 2 of .* is damaged"):
        trace(press.out / "book/index.txt")


def test_provenance_that_names_files_outside_reads_none(press):
    press.publish()
    record = press.out / "book.provenance.jsonl"
    head = record.read_text().splitlines()[0]
    entry = {"file": "../../graph.json", "blake3": "00", "size": 1, "items": [], "sources": []}
    record.write_text(head + "\n" + json.dumps(entry) + "\n")
    with pytest.raises(TraceError, match="no provenance file lies beside"):
        trace(press.folder / "graph.json")
    assert "is not ours" in press.publish(marks=2).errors[0].message

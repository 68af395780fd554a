"""An exported file leads back to every side of the streams that were joined on the way to it."""

from __future__ import annotations

import pytest
from blake3 import blake3

from nodegraph import Collected, Item, Stream, node
from nodegraph.api import trace

WORDS = ("pb.words", {}, {"root": "texts"})
OTHERS = ("pb.words", {}, {"root": "others"})


@node("pb.both", version=1)
def both(left: str, right: str) -> str:
    """Two words as one."""
    return f"{left}+{right}"


@node("pb.renamed", version=1)
def renamed(words: Collected[str]) -> Stream[str]:
    """The same words under numbers."""
    for number, item in enumerate(words):
        yield Item(f"w{number}", item.carried)


@node("pb.loud", version=1)
def loud(words: Collected[str]) -> Stream[str]:
    """Every word, louder, under its key."""
    for item in words:
        yield Item(item.key, item.value.upper())


@node("pb.mixed", version=1)
def mixed(words: Collected[str]) -> Stream[str]:
    """One word made of all of them."""
    yield Item("mix", "".join(item.value for item in words))


@node("pb.pairs", version=1)
def pairs(words: Collected[Collected[str]]) -> Stream[str]:
    """The letters of all words in one stream."""
    for outer in words:
        for inner in outer.value:
            yield Item(f"{outer.key}-{inner.key}", inner.carried)


@pytest.fixture
def others(press):
    """A second folder of texts, with other names and one equal content."""
    folder = press.folder / "others"
    folder.mkdir()
    for name, text in (("x", "dog"), ("y", "ant"), ("z", "ant")):
        (folder / f"{name}.txt").write_text(text)
    return press


def sources_of(press, nodes, last, page=0):
    """The (node, item) pairs behind one page of a book made of the stream `last`."""
    run = press.run(nodes | {"book": ("pb.book", {"words": last}, {})}, {"book": "book"})
    assert run.ok, run.errors
    traced = trace(press.out / f"book/pages/{page}.bin")
    return [(source["node"], source["item"]) for source in traced["sources"]]


def joined(type_, **params):
    return {
        "words": WORDS,
        "others": OTHERS,
        "join": (type_, {"left": "words", "right": "others"}, params),
        "both": ("pb.both", {"left": "join.left", "right": "join.right"}, {}),
    }


@pytest.mark.parametrize(
    ("page", "left", "right"), [(0, "deep/three", "x"), (1, "one", "y"), (2, "two", "z")]
)
def test_items_paired_by_order_name_both_sides_also_where_contents_are_equal(others, page, left, right):
    found = sources_of(others, joined("stream.zip"), "both", page)
    assert found == [("words", left), ("others", right)]


def test_crossed_items_name_both_sides(others):
    found = sources_of(others, joined("stream.cross"), "both", 5)
    assert found == [("words", "one"), ("others", "z")]


def test_stream_joined_with_itself_names_the_items_of_the_pair_alone(press):
    nodes = joined("stream.cross") | {"others": WORDS}
    assert sources_of(press, nodes, "both", 5) == [("words", "one"), ("others", "two")]


def test_matched_items_name_both_sides(others):
    (others.folder / "others/one.txt").write_text("bird")
    assert sources_of(others, joined("stream.match"), "both") == [("words", "one"), ("others", "one")]


@pytest.mark.parametrize("prefix", [True, False])
def test_item_of_one_of_two_streams_in_a_row_names_that_one(others, prefix):
    nodes = {
        "words": WORDS,
        "others": OTHERS,
        "row": ("stream.concat", {"first": "words", "second": "others"}, {"prefix": prefix}),
    }
    assert sources_of(others, nodes, "row", 1) == [("words", "one")]
    assert sources_of(others, nodes, "row", 4) == [("others", "y")]


def test_drawn_and_cut_items_keep_their_source(press):
    nodes = {
        "words": WORDS,
        "some": ("stream.sample", {"stream": "words"}, {"count": 2}),
        "first": ("stream.take", {"stream": "some"}, {"count": 1, "skip": 1}),
    }
    ((node_id, item),) = sources_of(press, nodes, "first")
    assert node_id == "words"
    assert item in {"one", "two"}


def test_item_under_a_new_key_is_found_by_its_content(press):
    nodes = {"words": WORDS, "renamed": ("pb.renamed", {"words": "words"}, {})}
    assert sources_of(press, nodes, "renamed", 1) == [("words", "one")]


def test_item_with_new_content_is_found_by_its_key(press):
    nodes = {"words": WORDS, "loud": ("pb.loud", {"words": "words"}, {})}
    assert sources_of(press, nodes, "loud", 1) == [("words", "one")]


def test_item_with_new_key_and_content_goes_back_to_all_items(press):
    nodes = {"words": WORDS, "mixed": ("pb.mixed", {"words": "words"}, {})}
    assert sources_of(press, nodes, "mixed") == [("words", None)]


def test_letters_of_words_in_one_stream_lead_to_their_word(press):
    nodes = {
        "words": WORDS,
        "letters": ("pb.letters", {"word": "words"}, {}),
        "pairs": ("pb.pairs", {"words": "letters"}, {}),
    }
    assert sources_of(press, nodes, "pairs", 4) == [("words", "one")]


def test_joins_in_a_row_lead_to_every_source(others):
    nodes = joined("stream.zip") | {
        "third": WORDS,
        "again": ("stream.cross", {"left": "both", "right": "third"}, {}),
        "all": ("pb.both", {"left": "again.left", "right": "again.right"}, {}),
    }
    found = sources_of(others, nodes, "all", 4)
    assert found == [("words", "one"), ("others", "y"), ("third", "one")]


def test_files_of_source_items_are_told_with_their_content(press):
    press.publish()
    (source,) = trace(press.out / "book/pages/0.bin")["sources"]
    assert source["files"] == ["deep/three.txt"]
    assert source["blake3"] == [blake3(b"cat").hexdigest()]


def test_lineage_of_items_beside_one_that_failed_is_told(others):
    (others.folder / "others/y.txt").write_bytes(b"\xff")
    nodes = {
        "words": WORDS,
        "others": OTHERS,
        "row": ("stream.concat", {"first": "words", "second": "others"}, {}),
        "book": ("pb.book", {"words": "row"}, {}),
    }
    run = others.run(nodes, {"book": "book"})
    assert [error.item for error in run.errors] == ["y"]
    traced = trace(others.out / "book/pages/4.bin")
    assert [(source["node"], source["item"]) for source in traced["sources"]] == [("others", "z")]


def test_part_of_the_sources_is_traced_as_the_whole(others):
    found = sources_of(others, joined("stream.zip"), "both", 1)
    others.run(joined("stream.zip") | {"book": ("pb.book", {"words": "both"}, {})}, {"book": "book"}, limit=2)
    traced = trace(others.out / "book/pages/1.bin")
    assert [(source["node"], source["item"]) for source in traced["sources"]] == found


@node("pb.chatty", version=1, pure=False)
def chatty() -> Stream[str]:
    """One word, announced."""
    print("listing")
    yield Item("a", "ant")


def test_what_a_source_says_while_it_is_listed_once_more_is_no_result(press, capsys):
    sources_of(press, {"words": ("pb.chatty", {}, {})}, "words")
    assert capsys.readouterr().out == ""

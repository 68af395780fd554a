"""Streams and items as a node function meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import Collected, Item, Stream
from nodegraph.types.stream import BadItemKey, check_item_key

NAMES = st.text(st.characters(blacklist_characters="/\\\0", blacklist_categories=("Cs",)), min_size=1)
KEYS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(st.lists(KEYS, unique=True))
def test_stream_gives_its_items_in_order_any_number_of_times(keys):
    stream = Stream.of({key: index for index, key in enumerate(keys)})
    for _ in range(2):
        assert [(item.key, item.value) for item in stream] == [(key, n) for n, key in enumerate(keys)]
    assert stream.keys() == keys
    assert len(stream) == len(keys)
    assert all(stream[key].value == index for index, key in enumerate(keys))


def test_stream_of_values_has_numbers_as_keys():
    assert Stream.of(["a", "b"]).keys() == ["0", "1"]


def test_stream_of_items_has_their_keys():
    assert Stream.of([Item("x", 1), Item("y", 2)]).keys() == ["x", "y"]


def test_made_stream_is_a_collected_one():
    assert isinstance(Stream.of([1]), Collected)


def test_key_that_occurs_twice_is_refused():
    with pytest.raises(BadItemKey, match="'x' occurs twice"):
        Stream.of([Item("x", 1), Item("x", 2)])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a\\b",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "a\0b",
        3,
        None,
        b"a",
    ],
)
def test_key_that_is_no_relative_posix_name_is_refused(key):
    with pytest.raises(BadItemKey, match="an item key must"):
        Item(key, 1)


@pytest.mark.parametrize("key", ["a", "a/b.jpg", "..a", "a..b", ".hidden", "ä ö", "a b"])
def test_relative_posix_name_is_a_key(key):
    assert check_item_key(key) == key


def test_value_is_made_on_first_use_and_kept():
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 7

    item = Item("a", make, reads=["x.jpg"], uses={"boxes": [1]})
    assert made == []
    assert (item.value, item.value, made) == (7, 7, [1])
    assert item.reads == (Path("x.jpg"),)
    assert item.uses == {"boxes": [1]}
    assert item.make is make


def test_value_none_is_made_only_once():
    made: list[int] = []
    item = Item("a", lambda: made.append(1))
    assert (item.value, item.value, made) == (None, None, [1])


@pytest.mark.parametrize("given", [{"reads": ["x"]}, {"uses": 1}])
def test_item_with_a_value_takes_neither_reads_nor_uses(given):
    with pytest.raises(TypeError, match="a value has neither"):
        Item("a", 1, **given)

"""Where the members of a JSON text are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nodegraph.graph.positions import Span, find_spans, members

texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def values(value: Any, pointer: str = "") -> dict[str, Any]:
    found = {pointer: value}
    entries = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    for name, entry in entries:
        part = str(name).replace("~", "~0").replace("/", "~1")
        found |= values(entry, f"{pointer}/{part}")
    return found


@given(texts, st.sampled_from([None, 1]), st.booleans())
def test_every_value_is_found_where_it_can_be_parsed_from(
    value: Any, indent: int | None, ascii: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    expected = values(value)
    spans = find_spans(text, list(expected))
    assert set(spans) == set(expected)
    decoder = json.JSONDecoder()
    for pointer, span in spans.items():
        parsed, _ = decoder.raw_decode(text, span.value)
        assert parsed == expected[pointer]
        if span.key is not None:
            name, _ = decoder.raw_decode(text, span.key)
            assert pointer.endswith(name.replace("~", "~0").replace("/", "~1"))


def test_only_what_is_wanted_and_what_it_stands_in_is_returned() -> None:
    text = '{"a": {"b": 1, "c": 2}, "d": 3}'
    assert find_spans(text, ["/a/c", "/x"]) == {"": Span(None, 0), "/a": Span(1, 6), "/a/c": Span(15, 20)}


def test_a_key_that_occurs_twice_is_marked_in_its_own_object_only() -> None:
    text = '{"a": {"x": 1}, "a": {"x": 2, "x": 3}, "b": {"a": 4}}'
    assert [(member.pointer, member.token) for member in members(text) if member.repeated] == [
        ("/a", "{"),
        ("/a/x", "3"),
    ]


def test_text_that_is_not_json_ends_the_members_without_an_error() -> None:
    assert [member.pointer for member in members('{"a": 1, b: 2}')] == ["", "/a"]
    assert [member.pointer for member in members("]]")] == []

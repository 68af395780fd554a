"""Literals: of the wrong type, out of bounds, where only a link will do."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, computed_field

from nodegraph.check.literals import default_of, plain
from nodegraph.node.annotations import read_signature
from nodegraph.node.signature import validate_literal


class Lens(BaseModel):
    width: float = Field(default=1, alias="w")
    note: str = Field(default="", exclude=True)

    @computed_field
    @property
    def half(self) -> float:
        return self.width / 2


def test_a_float_is_not_an_int(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "whole": 3.9}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/whole
  input 'whole' of 'o' (check.options) must be a valid integer; found 3.9
"""
    )


def test_a_float_without_fraction_is_not_an_int(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "whole": 3.0}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/whole
  input 'whole' of 'o' (check.options) must be a valid integer; found 3.0
"""
    )


def test_an_int_over_64_bits_is_refused(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "whole": 9223372036854775808}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/whole
  input 'whole' of 'o' (check.options) must fit in 64 bits; found 9223372036854775808
"""
    )


def test_an_int_over_64_bits_is_refused_wherever_it_stands(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "seed": 9223372036854775808,
"inputs": {"a": {"type": "json", "default": [{"b": -9223372036854775809}]}}, "nodes": {}}""",
    )
    assert (
        found
        == """\
graph.json:1:26 bad-literal /seed
  the seed must fit in 64 bits; found 9223372036854775808
graph.json:2:45 bad-literal /inputs/a/default
  input 'a' of the graph must fit in 64 bits; found [{"b": -9223372036854775809}]
"""
    )


def test_a_bool_is_not_an_int(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "whole": true}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/whole
  input 'whole' of 'o' (check.options) must be a valid integer; found true
"""
    )


def test_a_text_is_not_a_bool(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "flag": "false"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 bad-literal /nodes/o/params/flag
  input 'flag' of 'o' (check.options) must be a valid boolean; found "false"
"""
    )


def test_a_number_is_not_a_bool(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "flag": 0}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 bad-literal /nodes/o/params/flag
  input 'flag' of 'o' (check.options) must be a valid boolean; found 0
"""
    )


def test_a_text_is_not_a_float(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "part": "0.5"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 bad-literal /nodes/o/params/part
  input 'part' of 'o' (check.options) must be a valid number; found "0.5"
"""
    )


def test_a_number_is_not_a_str(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": 5}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:53 bad-literal /nodes/o/params/text
  input 'text' of 'o' (check.options) must be a valid string; found 5
"""
    )


def test_null_is_refused_where_none_is_not_allowed(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "part": null}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 bad-literal /nodes/o/params/part
  input 'part' of 'o' (check.options) must be a valid number; found null
"""
    )


def test_a_value_out_of_bounds_is_reported_with_the_bound(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"},
    "params": {"frames": 0}},
  "clop": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"frames": 65}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:4:26 bad-literal /nodes/clip/params/frames
  input 'frames' of 'clip' (check.clip) must be greater than or equal to 1; found 0
graph.json:5:89 bad-literal /nodes/clop/params/frames
  input 'frames' of 'clop' (check.clip) must be less than or equal to 64; found 65
"""
    )


def test_a_misspelled_choice_names_the_nearest(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"path": "pam"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:87 bad-literal /nodes/clip/params/path
  input 'path' of 'clip' (check.clip) must be 'pan' or 'zoom'; found "pam"
  did you mean 'pan'?
"""
    )


def test_a_misspelled_enum_member_names_the_choices(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "fill": "red"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 bad-literal /nodes/o/params/fill
  input 'fill' of 'o' (check.options) must be 'mean' or 'blur'; found "red"
  one of: 'mean', 'blur'
"""
    )


def test_an_element_of_a_list_is_named_by_its_index(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "sizes": [1, "2"]}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/sizes
  input 'sizes' of 'o' (check.options): 1: must be a valid integer; found [1, "2"]
"""
    )


def test_a_list_over_its_length_is_refused(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "sizes": [1, 2, 3, 4]}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/sizes
  input 'sizes' of 'o' (check.options) must have at most 3 items, not 4; found [1, 2, 3, 4]
"""
    )


def test_an_entry_of_a_table_is_named_by_its_key(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "table": {"a": "b"}}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:67 bad-literal /nodes/o/params/table
  input 'table' of 'o' (check.options): a: must be a valid number; found {"a": "b"}
"""
    )


def test_fields_of_a_record_are_named(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "camera": {"fov": "wide", "pan": 3}}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:68 bad-literal /nodes/o/params/camera
  input 'camera' of 'o' (check.options): fov: must be a valid number; pan: there is no such field; found {"fov": "wide", "pan": 3}
"""
    )


def test_a_value_given_as_a_literal_says_to_link_it(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "clip": {"type": "check.clip", "params": {"image": "photo.jpg"}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:54 not-a-literal /nodes/clip/params/image
  input 'image' of 'clip' (check.clip) takes check.picture: it can only be linked
  write it under links: "image": "node.output"
"""
    )


def test_null_for_an_optional_link_says_to_link_it(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "load": {"type": "check.load", "params": {"root": "photos"}},
  "clip": {"type": "check.clip", "links": {"image": "load.image"}, "params": {"boxes": null}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:3:88 not-a-literal /nodes/clip/params/boxes
  input 'boxes' of 'clip' (check.clip) takes check.boxes | None: it can only be linked
  write it under links: "boxes": "node.output"
"""
    )


def test_a_stream_given_as_a_literal_says_to_link_it(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "count": {"type": "check.count", "params": {"images": []}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:57 not-a-literal /nodes/count/params/images
  input 'images' of 'count' (check.count) takes a stream of check.picture: it can only be linked
  write it under links: "images": "node.output"
"""
    )


def test_nan_and_infinity_are_refused_once_each(report: Callable[..., str]) -> None:
    found = report(
        """\
{"nodegraph": 1, "nodes": {
  "o": {"type": "check.options", "params": {"text": "t", "part": NaN, "sizes": [-Infinity], "whole": 1e999}}
}}
""",
    )
    assert (
        found
        == """\
graph.json:2:66 not-finite /nodes/o/params/part
  NaN is not a number JSON has
  write a finite number, or null
graph.json:2:81 not-finite /nodes/o/params/sizes/0
  -Infinity is not a number JSON has
  write a finite number, or null
graph.json:2:102 not-finite /nodes/o/params/whole
  1e999 is too large for a float
  the largest is about 1.8e308
"""
    )


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (float, 1),
        (float | None, 1),
        (float | None, None),
        (float | str, 1),
        (float | str, "a"),
        (int | float, 1),
        (float | Literal[1], 1),
        (float | Any, 1),
        (list[float], [1, 2.5]),
        (dict[str, float | None], {"a": 1, "b": None}),
        (list[float] | float, [1]),
    ],
    ids=str,
)
def test_a_default_is_what_the_same_literal_becomes(annotation: Any, given: Any) -> None:
    def f(x: Any = given) -> int: ...

    f.__annotations__["x"] = annotation
    port = read_signature(f, "check.default", pure=True, seeded=False).inputs[0]
    assert repr(default_of(port)) == repr(validate_literal(port, given))


def test_a_model_given_in_python_has_its_fields_as_the_literal() -> None:
    assert plain([Lens(w=2)]) == [{"width": 2.0}]


def test_a_model_given_in_python_stays_if_its_json_form_leaves_something_out() -> None:
    lens = Lens(w=2, note="a")
    assert plain(lens) is lens

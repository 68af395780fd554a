"""Keys: other work never shares one, the same work always does, and the scheme changes on purpose only."""

from __future__ import annotations

import itertools
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph import node
from nodegraph.node.declare import node_type_of
from nodegraph.plan.keys import call_key, call_prefix, derived_seed, item_key, item_prefix, stream_digest
from nodegraph.types.wire import Digest

SCRIPT = Path(__file__).with_name("golden.py")
KNOWN = json.loads(SCRIPT.with_name("golden_keys.json").read_text())
golden: dict[str, Any] = runpy.run_path(str(SCRIPT))

DELIBERATE = """
A key or digest is not what it was, so every result stored under it is lost to its user.
If that is not meant, the code that makes keys has a mistake. If it is, raise the number in the tag of the
changed record (nodegraph/call/1, nodegraph/value/1 and so on), write down why in docs/decisions/, and run
    python tests/plan/golden.py --write
"""

ONE, TWO = Digest(b"1" * 32), Digest(b"2" * 32)


@pytest.mark.parametrize("part", KNOWN)
def test_keys_and_digests_are_those_on_record(part):
    assert golden["golden"]()[part] == KNOWN[part], DELIBERATE


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_keys_are_equal_in_a_new_process_for_every_hash_seed_and_in_any_folder(tmp_path, hash_seed):
    ended = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ended.stdout) == KNOWN


def test_all_value_types_have_a_digest_on_record():
    from nodegraph.types.values import value_types

    ours = {
        kind.id for kind in value_types().values() if kind.cls.__module__.startswith(("nodegraph.", "nodes."))
    }
    assert ours <= KNOWN["values"].keys()


def test_no_two_keys_or_digests_on_record_are_equal():
    keys = [key for part in KNOWN.values() for key in part.values()]
    assert len(set(keys)) == len(keys)


def key_of(function: str, **literals: Any) -> bytes:
    return call_key(golden["prefix"](golden[function], **literals), (), None)


def alike(function: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    return key_of(function, **one) == key_of(function, **other)


RICH: dict[str, Any] = {"table": {"a": [1], "b": [2]}, "settings": {"rate": 2.0, "names": ["a", "b"]}}


@pytest.mark.parametrize(
    ("function", "one", "other"),
    [
        ("plain", {"number": 3, "factor": 2}, {"number": 3, "factor": 2.0}),
        ("plain", {"number": 3, "name": "x"}, {"name": "x", "number": 3}),
        ("plain", {"number": 3}, {"number": 3, "factor": 1, "name": "", "flag": False}),
        ("rich", RICH, RICH | {"mode": "fast"}),
        ("rich", RICH, RICH | {"settings": {"names": ["a", "b"], "rate": 2}}),
        ("rich", RICH, RICH | {"settings": {"rate": 2}}),
        ("rich", RICH, RICH | {"anything": None}),
        ("rich", RICH | {"anything": 1}, RICH | {"anything": 1.0}),
        ("source", {"folder": "here"}, {"folder": "/else/where"}),
    ],
    ids=[
        "int for a float",
        "order of arguments",
        "defaults written out",
        "default of an enum",
        "order of a model's fields",
        "default of a model's field",
        "default none",
        "int for an optional float",
        "path of a folder",
    ],
)
def test_params_that_say_the_same_have_the_same_key(function, one, other):
    assert alike(function, one, other)


@pytest.mark.parametrize(
    ("function", "one", "other"),
    [
        ("plain", {"number": 3}, {"number": 4}),
        ("plain", {"number": 1, "flag": True}, {"number": 1, "flag": False}),
        ("plain", {"number": 1, "factor": 0.0}, {"number": 1, "factor": -0.0}),
        ("plain", {"number": 1, "name": "a"}, {"number": 1, "name": "\u00e4"}),
        ("plain", {"number": 1, "name": "\u00e4"}, {"number": 1, "name": "a\u0308"}),
        ("rich", RICH | {"choice": "a"}, RICH | {"choice": 1}),
        ("rich", RICH | {"mode": "fine"}, RICH),
        ("rich", RICH, RICH | {"table": {"b": [2], "a": [1]}}),
        ("rich", RICH | {"table": {"a": [1, 2]}}, RICH | {"table": {"a": [1], "b": [2]}}),
        ("rich", RICH, RICH | {"settings": {"rate": 2.0, "names": ["b", "a"]}}),
        ("rich", RICH, RICH | {"anything": 0}),
        ("source", {"folder": "here", "limit": 1}, {"folder": "here", "limit": 2}),
    ],
    ids=[
        "number",
        "flag",
        "sign of zero",
        "letter",
        "spelling of a letter",
        "text and number",
        "enum",
        "order of a dict",
        "nesting",
        "order of a list",
        "none and zero",
        "limit",
    ],
)
def test_params_that_differ_have_different_keys(function, one, other):
    assert not alike(function, one, other)


@node("keys.same", version=1)
def same_one(x: int, y: int = 0) -> int:
    """A node."""
    return x


@node("keys.other", version=1)
def same_two(x: int, y: int = 0) -> int:
    """The same node under another name."""
    return x


@node("keys.text_version", version="1")
def same_three(x: int, y: int = 0) -> int:
    """The same node with a version in text."""
    return x


def variants() -> dict[str, bytes]:
    """Keys of calls that differ in one thing each."""
    one, other, text = (node_type_of(function) for function in (same_one, same_two, same_three))
    x, xy = (("x", False),), (("x", False), ("y", False))
    plain = call_prefix(one, {"y": 0}, {}, x)
    made = item_prefix(one, {"y": 0}, {}, x)
    return {
        "plain": call_key(plain, [ONE], None),
        "input": call_key(plain, [TWO], None),
        "type": call_key(call_prefix(other, {"y": 0}, {}, x), [ONE], None),
        "version in text": call_key(call_prefix(text, {"y": 0}, {}, x), [ONE], None),
        "param": call_key(call_prefix(one, {"y": 1}, {}, x), [ONE], None),
        "param and link swapped": call_key(call_prefix(one, {"x": 0}, {}, (("y", False),)), [ONE], None),
        "stream": call_key(call_prefix(one, {"y": 0}, {}, (("x", True),)), [ONE], None),
        "both linked": call_key(call_prefix(one, {}, {}, xy), [ONE, TWO], None),
        "both linked, swapped": call_key(call_prefix(one, {}, {}, xy), [TWO, ONE], None),
        "order of links": call_key(call_prefix(one, {}, {}, xy[::-1]), [ONE, TWO], None),
        "file": call_key(call_prefix(one, {"y": 0}, {"f": ONE}, x), [ONE], None),
        "other file": call_key(call_prefix(one, {"y": 0}, {"f": TWO}, x), [ONE], None),
        "file of another input": call_key(call_prefix(one, {"y": 0}, {"g": ONE}, x), [ONE], None),
        "seed": call_key(plain, [ONE], 0),
        "other seed": call_key(plain, [ONE], 1),
        "item": item_key(made, [ONE], None, "a", [], None),
        "other item": item_key(made, [ONE], None, "b", [], None),
        "item that reads": item_key(made, [ONE], None, "a", [ONE], None),
        "item that uses": item_key(made, [ONE], None, "a", [], ONE),
        "item that reads two": item_key(made, [ONE], None, "a", [ONE, TWO], None),
        "two in another order": item_key(made, [ONE], None, "a", [TWO, ONE], None),
        "reads and uses": item_key(made, [ONE], None, "a", [ONE], TWO),
    }


def test_calls_that_differ_in_one_thing_have_different_keys():
    keys = variants()
    assert [(a, b) for a, b in itertools.combinations(keys, 2) if keys[a] == keys[b]] == []


SEEDS = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(["a", "a.b", "b"]),
    st.lists(st.sampled_from([ONE, TWO]), max_size=2),
    st.lists(st.text(max_size=2), max_size=3),
)
ENTRIES = st.lists(st.tuples(st.text(max_size=3), st.sampled_from([ONE, TWO])), max_size=4)


@given(SEEDS, SEEDS)
def test_derived_seeds_are_equal_exactly_where_all_they_come_from_is(one, other):
    assert (derived_seed(*one) == derived_seed(*other)) == (one == other)
    assert 0 <= derived_seed(*one) < 2**63


@given(ENTRIES, ENTRIES)
def test_streams_have_equal_digests_exactly_where_their_items_are_equal_in_order(one, other):
    assert (stream_digest(one) == stream_digest(other)) == (one == other)

"""The built-in nodes that join and cut streams: generic, lazy, copying nothing."""

from __future__ import annotations

import pytest

A = ("rt.given", {}, {"items": {"a": 1, "b": 2, "c": 3}})
B = ("rt.given", {}, {"items": {"c": 30, "a": 10, "d": 40}})
NESTED = {"n": ("rt.numbers", {}, {"values": [2, 10, 3]}), "p": ("rt.parts", {"number": "n"})}


def test_zip_pairs_by_order_under_the_left_keys(lab, items):
    nodes = {"x": A, "y": B, "z": ("stream.zip", {"left": "x", "right": "y"})}
    run = lab.run(nodes | {"s": ("rt.plus", {"left": "z.left", "right": "z.right"})}, {"s": "s"})
    assert items(run, "s") == {"a": 31, "b": 12, "c": 43}


def test_zip_of_streams_of_different_length_says_what_to_do(lab):
    nodes = {
        "x": A,
        "y": ("rt.given", {}, {"items": {"a": 1}}),
        "z": ("stream.zip", {"left": "x", "right": "y"}),
    }
    assert lab.run(nodes).errors[0].message == (
        "the streams have 3 and 1 items; "
        "cut the longer one with stream.take, or pair by key with stream.match"
    )


def test_match_pairs_by_key_in_the_order_of_the_left_stream(lab, items):
    nodes = {"x": A, "y": B, "z": ("stream.match", {"left": "x", "right": "y"})}
    run = lab.run(nodes, {"l": "z.left", "r": "z.right"})
    assert list(items(run, "l").items()) == [("a", 1), ("c", 3)]
    assert list(items(run, "r").items()) == [("a", 10), ("c", 30)]


def test_cross_pairs_everything(lab, items):
    nodes = {"x": A, "y": B, "z": ("stream.cross", {"left": "x", "right": "y"})}
    run = lab.run(nodes, {"r": "z.right"})
    assert list(items(run, "r")) == [f"{one}/{other}" for one in "abc" for other in "cad"]


def test_concat_refuses_clashing_keys_unless_they_are_prefixed(lab, items):
    nodes = {"x": A, "y": B, "z": ("stream.concat", {"first": "x", "second": "y"})}
    run = lab.run(nodes)
    assert run.errors[0].message == "item key 'c' occurs twice in one stream"
    nodes["z"] = ("stream.concat", {"first": "x", "second": "y"}, {"prefix": True})
    run = lab.run(nodes, {"z": "z"})
    assert items(run, "z") == {
        "first/a": 1, "first/b": 2, "first/c": 3, "second/c": 30, "second/a": 10, "second/d": 40
    }  # fmt: skip


def test_repeat_makes_copies(lab, items):
    run = lab.run({"x": A, "r": ("stream.repeat", {"item": "x"}, {"times": 2})}, {"r": "r"})
    assert items(run, "r") == {"a/0": 1, "a/1": 1, "b/0": 2, "b/1": 2, "c/0": 3, "c/1": 3}


def test_take_cuts_a_stream(lab, items):
    nodes = {"x": A, "t": ("stream.take", {"stream": "x"}, {"count": 1, "skip": 1})}
    assert items(lab.run(nodes, {"t": "t"}), "t") == {"b": 2}


def test_sample_draws_by_the_seed_in_order(lab, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": list(range(30))}),
        "s": ("stream.sample", {"stream": "n"}, {"count": 5}),
    }
    first = items(lab.run(nodes, {"s": "s"}, seed=1), "s")
    assert len(first) == 5
    assert list(first.values()) == sorted(first.values())
    assert items(lab.run(nodes, {"s": "s"}, seed=2), "s") != first
    assert items(lab.run(nodes, {"s": "s"}, seed=1), "s") == first


def test_flatten_makes_one_stream_of_two_levels(lab, items):
    run = lab.run(NESTED | {"f": ("stream.flatten", {"stream": "p"})}, {"f": "f"})
    assert items(run, "f") == {"2/p0": 20, "2/p1": 21, "3/p0": 30, "3/p1": 31, "3/p2": 32}


def test_flatten_of_three_levels_leaves_two(lab, items):
    nodes = NESTED | {
        "q": ("rt.parts", {"number": "p"}),
        "f": ("stream.flatten", {"stream": "q"}),
        "t": ("rt.total", {"numbers": "f"}),
        "g": ("stream.flatten", {"stream": "f"}),
    }
    run = lab.run(nodes, {"t": "t", "g": "g", "f": "f"})
    assert items(run, "t") == {"2": 210, "10": 0, "3": 951}
    assert items(run, "g") == {"2/p1/p0": 210, "3/p1/p0": 310, "3/p2/p0": 320, "3/p2/p1": 321}


def test_flatten_leaves_out_what_failed_and_the_run_fails(lab, items):
    nodes = NESTED | {
        "a": ("rt.add", {"number": "p"}, {"plus": 0, "bad": [31], "dropped": [20]}),
        "f": ("stream.flatten", {"stream": "a"}),
    }
    run = lab.run(nodes, {"f": "f"})
    assert not run.ok
    assert items(run, "f") == {"2/p1": 21, "3/p0": 30, "3/p2": 32}


def test_flatten_leaves_out_an_inner_stream_that_broke_off(lab, items, counts):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [2, 3]}),
        "p": ("rt.parts", {"number": "n"}, {"stop": 2}),
        "f": ("stream.flatten", {"stream": "p"}),
    }
    run = lab.run(nodes, {"f": "f"})
    assert not run.ok
    assert items(run, "f") == {"3/p0": 30, "3/p1": 31, "3/p2": 32}


def test_flatten_pair_pairs_by_key_on_both_levels(lab, items):
    nodes = NESTED | {
        "a": ("rt.add", {"number": "p"}, {"plus": 0, "dropped": [31]}),
        "b": ("rt.add", {"number": "p"}, {"plus": 100, "dropped": [20, 21]}),
        "f": ("stream.flatten_pair", {"left": "a", "right": "b"}),
        "s": ("rt.plus", {"left": "f.left", "right": "f.right"}),
    }
    run = lab.run(nodes, {"s": "s"})
    assert items(run, "s") == {"3/p0": 160, "3/p2": 164}


@pytest.mark.parametrize("jobs", [1, 8])
def test_values_are_passed_on_by_digest(lab, items, jobs, counts):
    nodes = {"x": A, "y": B, "z": ("stream.match", {"left": "x", "right": "y"})}
    lab.run(nodes, jobs=jobs)
    lab.evict(1, 3, 10, 30)
    nodes["z"] = ("stream.cross", {"left": "x", "right": "y"})
    run = lab.run(nodes, {"z": "z.left"}, jobs=jobs)
    assert run.ok
    assert run.nodes["z"].items == 9

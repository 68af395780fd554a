"""Where a node is called, from the origins of what is linked to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.check.levels import LinkLevel, call_chain, output_chain


def one(name: str, *chain: str) -> LinkLevel:
    return LinkLevel(name, "one", f"{name}.out", chain, 0)


def stream(name: str, *chain: str) -> LinkLevel:
    return LinkLevel(name, "stream", f"{name}.out", chain, 1)


def batch(name: str, *chain: str) -> LinkLevel:
    return LinkLevel(name, "batch", f"{name}.out", chain, 0)


@pytest.mark.parametrize(
    ("links", "chain"),
    [
        ([], ()),
        ([one("a")], ()),
        ([one("a", "x"), one("b")], ("x",)),
        ([one("a", "x"), one("b", "x", "y")], ("x", "y")),
        ([stream("a", "x")], ()),
        ([stream("a", "x", "y"), one("b", "x")], ("x",)),
        ([stream("a", "x"), stream("b", "y")], ()),
        ([stream("a", "x", "y"), stream("b", "z")], ("x",)),
        ([stream("a", "x"), one("b", "y")], ("y",)),
    ],
)
def test_a_node_is_called_at_the_deepest_level(links: list[LinkLevel], chain: tuple[str, ...]) -> None:
    assert call_chain("call", links) == (chain, [])


@pytest.mark.parametrize(
    ("links", "wrong"),
    [
        ([one("a", "x"), one("b", "y")], ["b"]),
        ([one("a", "x"), one("b", "y", "z")], ["a"]),
        ([one("a", "x", "z"), one("b", "y", "z"), one("c", "x")], ["b"]),
        ([stream("a", "x", "z"), stream("b", "y", "z")], ["b"]),
    ],
)
def test_what_is_no_beginning_of_the_deepest_origin_is_at_fault(
    links: list[LinkLevel], wrong: list[str]
) -> None:
    _, faults = call_chain("call", links)
    assert [(fault.input, fault.code) for fault in faults] == [(name, "different-origins") for name in wrong]
    assert "stream.zip" in faults[0].hint


def test_a_stream_input_without_stream_is_at_fault_and_the_rest_still_counts() -> None:
    chain, faults = call_chain("call", [stream("a"), one("b", "x")])
    assert chain == ("x",)
    assert [(fault.input, fault.code) for fault in faults] == [("a", "not-a-stream")]


def test_a_batch_node_takes_batches_and_single_values() -> None:
    assert call_chain("batch", [batch("a", "x"), batch("b"), one("c")]) == (("x",), [])
    _, faults = call_chain("batch", [batch("a", "x"), one("c", "x")])
    assert [(fault.input, fault.code) for fault in faults] == [("c", "batch-needs-batch")]


def test_a_fan_out_adds_itself_to_the_origin() -> None:
    assert output_chain("stream", "n", ("x",)) == ("x", "n")
    assert output_chain("call", "n", ("x",)) == ("x",)
    assert output_chain("batch", "n", ("x",)) == ("x",)


@given(st.lists(st.sampled_from("xyz"), max_size=5), st.lists(st.integers(0, 5), max_size=6))
def test_prefixes_of_one_origin_always_fit(origin: list[str], depths: list[int]) -> None:
    links = [one(f"i{index}", *origin[:depth]) for index, depth in enumerate(depths)]
    chain, faults = call_chain("call", links)
    assert faults == []
    assert chain == tuple(origin[: max(depths, default=0)])

"""The layout: boxes never overlap, wires run left to right, equal input gives equal output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.show.layout import Box, Wire, lay_out


def box(name, *, height=60.0, width=100.0):
    return Box(name, width, height, {"in": 20.0, "in2": 40.0}, {"out": 20.0, "out2": 40.0})


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    heights = draw(st.lists(st.floats(50, 200), min_size=count, max_size=count))
    widths = draw(st.lists(st.floats(80, 300), min_size=count, max_size=count))
    boxes = [box(str(index), height=heights[index], width=widths[index]) for index in range(count)]
    wires = []
    for target in range(1, count):
        for port in ("in", "in2"):
            source = draw(st.one_of(st.none(), st.integers(0, target - 1)))
            if source is not None:
                wires.append(Wire(str(source), draw(st.sampled_from(["out", "out2"])), str(target), port))
    return boxes, wires


def overlap(left, right, places):
    (x, y), (other_x, other_y) = places[left.id], places[right.id]
    return (
        x < other_x + right.width
        and other_x < x + left.width
        and y < other_y + right.height
        and other_y < y + left.height
    )


@given(graphs())
def test_boxes_never_overlap_and_lie_in_the_picture(graph):
    boxes, wires = graph
    layout = lay_out(boxes, wires)
    for index, one in enumerate(boxes):
        x, y = layout.places[one.id]
        assert x >= 0
        assert y >= -1e-6
        assert x + one.width <= layout.width + 1e-6
        assert y + one.height <= layout.height + 1e-6
        assert not any(overlap(one, other, layout.places) for other in boxes[index + 1 :])


@given(graphs())
def test_wires_run_from_port_to_port_left_to_right(graph):
    boxes, wires = graph
    layout = lay_out(boxes, wires)
    by_id = {entry.id: entry for entry in boxes}
    for wire, route in zip(wires, layout.routes, strict=True):
        source, target = by_id[wire.source], by_id[wire.target]
        left, right = layout.places[wire.source], layout.places[wire.target]
        assert route[0] == pytest.approx((left[0] + source.width, left[1] + source.outputs[wire.output]))
        assert route[-1] == pytest.approx((right[0], right[1] + target.inputs[wire.input]))
        assert [x for x, _ in route] == sorted(x for x, _ in route)
        assert len(route) % 2 == 0


@given(graphs())
def test_level_parts_of_wires_pass_no_box(graph):
    boxes, wires = graph
    layout = lay_out(boxes, wires)
    for wire, route in zip(wires, layout.routes, strict=True):
        for (start, y), (end, end_y) in zip(route[2:-2:2], route[3:-2:2], strict=True):
            assert y == end_y
            for entry in boxes:
                x, top = layout.places[entry.id]
                crosses = x < end and start < x + entry.width and top < y < top + entry.height
                assert not crosses, (wire, entry.id)


@given(graphs())
def test_layout_is_deterministic(graph):
    boxes, wires = graph
    assert lay_out(boxes, wires) == lay_out(boxes, wires)


def test_chain_lies_on_one_level():
    boxes = [box(name) for name in "abcd"]
    wires = [Wire(source, "out", target, "in") for source, target in ("ab", "bc", "cd")]
    layout = lay_out(boxes, wires)
    assert len({round(y, 6) for _, y in layout.places.values()}) == 1


def test_crossing_that_can_be_avoided_is_avoided():
    boxes = [box(name) for name in ("a", "b", "c", "d")]
    layout = lay_out(boxes, [Wire("a", "out", "d", "in"), Wire("b", "out", "c", "in")])
    places = layout.places
    assert (places["a"][1] < places["b"][1]) == (places["d"][1] < places["c"][1])


def test_source_that_is_read_late_stands_next_to_its_reader():
    boxes = [box(name) for name in ("a", "late", "b", "c")]
    wires = [Wire("a", "out", "b", "in"), Wire("b", "out", "c", "in"), Wire("late", "out", "c", "in2")]
    layout = lay_out(boxes, wires)
    assert layout.places["late"][0] == layout.places["b"][0]


def test_no_boxes_give_an_empty_layout():
    layout = lay_out([], [])
    assert (layout.places, list(layout.routes), layout.width, layout.height) == ({}, [], 0.0, 0.0)


def test_long_chain_is_laid_out_without_recursion():
    boxes = [box(str(index)) for index in range(3000)]
    wires = [Wire(str(index), "out", str(index + 1), "in") for index in range(2999)]
    assert len(lay_out(boxes, wires).places) == 3000

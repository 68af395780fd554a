"""SVG and text drawings of checked graphs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from nodegraph.check.checked import CheckedGraph
from nodegraph.show.drawing import PALETTE, type_colours
from nodegraph.show.svg import graph_svg
from nodegraph.show.text import graph_text
from nodegraph.types.ports import Scalar, ValueOf

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_drawing_names_nodes_types_ports_chains_params_and_outputs(drawn_graph):
    shown = texts(graph_svg(drawn_graph))
    for text in (
        "photos",
        "show_test.load",
        "picture",
        "outline",
        "each photos › shapes",
        "angle = 3.5",
        "number",
    ):
        assert text in shown


def test_params_at_their_defaults_are_left_out(drawn_graph):
    shown = texts(graph_svg(drawn_graph))
    assert "root = sets/photos" in shown
    assert not [text for text in shown if text.startswith(("split", "least", "name"))]


def test_streams_are_drawn_double_and_streams_of_streams_with_a_core(drawn_graph):
    root = ElementTree.fromstring(graph_svg(drawn_graph))
    widths = [
        path.get("stroke-width") for path in root.iter(f"{SVG}path") if "wire" in (path.get("class") or "")
    ]
    links = 6 + 2 - 1
    assert widths.count("5.5") + widths.count("8.5") == links
    assert widths.count("8.5") == widths.count("1.8") == 2


def test_arity_of_an_input_is_the_shape_of_its_port(drawn_graph):
    root = ElementTree.fromstring(graph_svg(drawn_graph))
    ports = [element for element in root.iter() if element.get("class") == "port"]
    by_title = {(port.find(f"{SVG}title").text or ""): port.tag.removeprefix(SVG) for port in ports}
    assert by_title["outlines: Stream[show_test.outline]"] == "rect"
    assert by_title["outline: Batch[show_test.outline]"] == "path"
    assert by_title["picture: show_test.picture"] == "circle"


def test_ports_of_a_type_have_its_colour_optional_or_not(drawn_graph):
    svg = graph_svg(drawn_graph)
    colours = type_colours(drawn_graph)
    found = set(re.findall(r'fill="(#[0-9a-f]{6})"><title>outline: ', svg))
    assert found == {colours[ValueOf("show_test.outline")]}


def test_drawing_needs_nothing_from_elsewhere(drawn_graph):
    svg = graph_svg(drawn_graph)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|href|<script|@import", svg)


def test_hostile_text_stays_text(hostile_graph):
    svg = graph_svg(hostile_graph)
    ElementTree.fromstring(svg)
    assert "<script>" not in svg
    assert 'onload="x"' not in svg
    assert "\x1b" not in svg
    assert "\x1b" not in graph_text(hostile_graph)


def test_light_and_dark_are_both_styled(drawn_graph):
    assert "prefers-color-scheme:dark" in graph_svg(drawn_graph)


def test_empty_graph_is_drawn():
    empty = CheckedGraph("empty", 0, {}, {}, None)
    assert "empty" in texts(graph_svg(empty))
    assert graph_text(empty) == "empty (seed 0)\n"


def test_value_types_have_their_own_colours_and_json_types_share_one(drawn_graph):
    colours = type_colours(drawn_graph)
    picture, outline = colours[ValueOf("show_test.picture")], colours[ValueOf("show_test.outline")]
    assert picture != outline
    assert {picture, outline} <= set(PALETTE)
    assert colours[Scalar("int")] not in PALETTE


def test_text_drawing_has_a_line_per_node_with_rails(drawn_graph):
    turn = "picture←photos.picture  outline←photos.outline  angle=3.5"
    assert graph_text(drawn_graph).splitlines()[:6] == [
        "drawn (seed 7)",
        "●  photos  show_test.load    root=sets/photos",
        f"●  turn    show_test.turn    [each photos]  {turn}",
        "●  shapes  show_test.shapes  [each photos]  picture←turn.picture",
        "●  many    show_test.many    [each photos › shapes]  outline←shapes.out",
        "●  gather  show_test.gather  [each photos]  outlines←many.out",
    ]


def test_rails_branch_at_what_is_read_again_and_join_at_the_reader(branching_graph):
    assert [line[:6].rstrip() for line in graph_text(branching_graph).splitlines()[1:]] == [
        "●",
        "├─●",
        "├─│─●",
        "│ ●─╯",
        "●",
    ]

"""The one canonical form of a graph file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph.graph.canonical import WIDTH, format_document
from nodegraph.graph.document import GraphDocument
from nodegraph.graph.place import SourceText
from nodegraph.graph.shape import graph_from_data, parse_graph


def formatted(text: str, folder: Path = Path()) -> str:
    written = parse_graph(SourceText("", folder, text))
    assert written.findings == ()
    assert written.document is not None
    return format_document(written.document)


DESIGN = """{
  "nodegraph": 1,
  "name": "camera motion",
  "seed": 7,
  "inputs": {"root": {"type": "path", "default": "../examples/data/photos-mini"}},
  "nodes": {
    "photos": {"type": "load.coco", "links": {"root": "inputs.root"}},
    "clip": {"type": "video.camera_motion", "links": {"image": "photos.image"}, "params": {"frames": 8}},
    "export": {"type": "export.coco", "links": {"video": "clip"}}
  },
  "outputs": {"dataset": "export"}
}
"""


def test_the_example_of_the_design_is_canonical_also_where_its_types_are_not_known() -> None:
    assert formatted(DESIGN) == DESIGN


def test_keys_inputs_ids_links_and_floats_take_their_canonical_form(nodes: Any) -> None:
    text = """{"ui": {"zoom": 1}, "outputs": {"b": "clip.out", "a": "s.score"},
      "nodes": {
        "p": {"params": {"limit": 3, "root": "x"}, "type": "graph.load", "links": {}},
        "clip": {"ui": {"y": 1, "x": 2.5}, "params": {"amplitude": 3, "easing": 1, "frames": 2, "extra": 1},
          "links": {"boxes": "p.boxes", "image": "p.image"}, "note": "n", "type": "graph.old_clip"},
        "s": {"type": "graph.score", "links": {"image": "clip.out"}},
        "t": {"type": "graph.score", "links": {"image": "s.out"}}},
      "inputs": {"z": {"note": "ö", "default": 2, "type": "float"}, "y": {"type": "int"}},
      "seed": 0, "note": "é", "name": "n", "nodegraph": 1}"""
    assert (
        formatted(text)
        == """{
  "nodegraph": 1,
  "name": "n",
  "note": "é",
  "seed": 0,
  "inputs": {
    "z": {"type": "float", "default": 2.0, "note": "ö"},
    "y": {"type": "int"}
  },
  "nodes": {
    "p": {"type": "graph.load", "params": {"root": "x", "limit": 3}},
    "clip": {
      "type": "graph.clip",
      "note": "n",
      "links": {"image": "p.image", "boxes": "p.boxes"},
      "params": {"frames": 2, "amplitude": 3.0, "easing": 1.0, "extra": 1},
      "ui": {"y": 1, "x": 2.5}
    },
    "s": {"type": "graph.score", "links": {"image": "clip"}},
    "t": {"type": "graph.score", "links": {"image": "s"}}
  },
  "outputs": {
    "b": "clip",
    "a": "s.score"
  },
  "ui": {"zoom": 1}
}
"""
    )


def test_an_empty_graph_stays_short() -> None:
    assert formatted('{"nodes":{},"nodegraph":1}') == '{\n  "nodegraph": 1,\n  "nodes": {}\n}\n'


@pytest.mark.parametrize("spare", [0, 1])
def test_a_node_stands_on_one_line_of_up_to_110_columns_with_its_comma(spare: int) -> None:
    line = '    "a": {"type": "graph.unknown", "note": "%s"}'
    note = "x" * (WIDTH - len(line) + 1 + spare)
    text = formatted('{"nodegraph": 1, "nodes": {"a": {"type": "graph.unknown", "note": "%s"}}}' % note)  # noqa: UP031
    longest = max(map(len, text.splitlines()))
    assert text.count("\n") == (6 if spare == 0 else 9)
    assert longest <= WIDTH - 1


def test_long_literals_are_spread_only_as_far_as_needed() -> None:
    words = [["word"] * 6] * 5
    data = {
        "nodegraph": 1,
        "nodes": {"a": {"type": "graph.unknown", "params": {"words": words, "n": [1, 2]}}},
    }
    document = graph_from_data(data, SourceText("", Path())).document
    assert document is not None
    line = '          ["word", "word", "word", "word", "word", "word"]'
    assert format_document(document) == (
        '{\n  "nodegraph": 1,\n  "nodes": {\n    "a": {\n      "type": "graph.unknown",\n      "params": {\n'
        '        "words": [\n'
        + ",\n".join([line] * 5)
        + '\n        ],\n        "n": [1, 2]\n      }\n    }\n  }\n}\n'
    )


def test_links_to_a_subgraph_are_shortened_by_its_outputs(folder: Path) -> None:
    (
        folder / "sub.json"
    ).write_text("""{"nodegraph": 1, "inputs": {"b": {"type": "float"}, "a": {"type": "int"}},
      "nodes": {}, "outputs": {"only": "x"}}""")
    text = formatted(
        """{"nodegraph": 1, "nodes": {"s": {"type": "./sub.json", "params": {"a": 1, "b": 2}}},
        "outputs": {"o": "s.only"}}""",
        folder,
    )
    assert '"s": {"type": "./sub.json", "params": {"b": 2.0, "a": 1}}' in text
    assert '"outputs": {"o": "s"}' in text


names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
literals = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc/~é", max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {"type": st.sampled_from(["graph.clip", "graph.old_clip", "graph.load", "graph.score", "graph.none"])},
    optional={
        "note": st.text(st.characters(exclude_categories=["Cs"])),
        "links": st.dictionaries(
            st.sampled_from(["image", "boxes", "other"]),
            st.sampled_from(["a", "b.out", "b", "c.image", "inputs.x"]),
        ),
        "params": st.dictionaries(
            st.sampled_from(["frames", "amplitude", "easing", "extra", "odd"]), literals
        ),
        "ui": st.fixed_dictionaries(
            {"x": st.integers(), "y": st.floats(allow_nan=False, allow_infinity=False)}
        ),
    },
)
graphs = st.fixed_dictionaries(
    {"nodegraph": st.just(1), "nodes": st.dictionaries(names, entries, max_size=4)},
    optional={
        "name": st.text(st.characters(exclude_categories=["Cs"])),
        "seed": st.integers(-5, 5),
        "inputs": st.dictionaries(
            names, st.fixed_dictionaries({"type": st.just("json")}, optional={"default": literals})
        ),
        "outputs": st.dictionaries(names, st.sampled_from(["a", "b.out", "c.image"])),
    },
)


@given(graphs)
@settings(max_examples=100)
def test_the_canonical_form_is_idempotent_and_keeps_every_node(nodes: Any, data: dict[str, Any]) -> None:
    document = graph_from_data(data, SourceText("", Path())).document
    assert isinstance(document, GraphDocument)
    once = format_document(document)
    again = parse_graph(SourceText("", Path(), once))
    assert again.findings == ()
    assert again.document is not None
    assert format_document(again.document) == once
    assert list(again.document.nodes) == list(data["nodes"])

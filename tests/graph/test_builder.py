"""Building graphs in Python: refused at once what `check` would refuse; saved and loaded, equal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph.builder.graph import Graph
from nodegraph.check import check
from nodegraph.graph.problem import GraphError


def two_nodes(nodes: Any) -> tuple[Graph, Any, Any]:
    g = Graph("two", seed=7)
    photos = g.add(nodes.load_photos, root="photos")
    return g, photos, g.add(nodes.clip, id="clip", image=photos.image, frames=8)


def test_the_graph_of_the_design_is_built_saved_and_loaded(nodes: Any, folder: Path) -> None:
    g, _, clip = two_nodes(nodes)
    g.output("clip", clip)
    g.save("graphs/two.json")
    assert (
        Path("graphs/two.json").read_text()
        == """{
  "nodegraph": 1,
  "name": "two",
  "seed": 7,
  "nodes": {
    "load_photos": {"type": "graph.load", "params": {"root": "../photos"}},
    "clip": {"type": "graph.clip", "links": {"image": "load_photos.image"}, "params": {"frames": 8}}
  },
  "outputs": {"clip": "clip"}
}
"""
    )
    assert Graph.load("graphs/two.json") == g
    assert check("graphs/two.json").nodes == check(g).nodes
    assert [path.name for path in Path("graphs").iterdir()] == ["two.json"]


def test_default_ids_are_the_functions_name_and_numbers(nodes: Any, folder: Path) -> None:
    g, photos, _ = two_nodes(nodes)
    added = [g.add(nodes.clip, image=photos.image) for _ in range(2)]
    added += [g.add("graph.clip", image=photos.image), g.add(nodes.clip, id="clip_5", image=photos.image)]
    added += [g.add(nodes.clip, image=photos.image)]
    assert list(map(str, added)) == ["clip_2", "clip_3", "clip_4", "clip_5", "clip_6"]


def test_a_refused_node_leaves_the_graph_as_it_was(nodes: Any, folder: Path) -> None:
    g, photos, _ = two_nodes(nodes)
    before = g.to_json()
    with pytest.raises(GraphError):
        g.add(nodes.clip, image=photos.boxes)
    assert g.to_json() == before
    assert str(g.add(nodes.clip, image=photos.image)) == "clip_2"


Wrong = Callable[[Graph, Any, Any, Any], Any]


@pytest.mark.parametrize(
    ("wrong", "code", "pointer", "message"),
    [
        (
            lambda g, n, photos, clip: g.add(n.clip, image=photos.image, framez=3),
            "unknown-input",
            "/nodes/clip_2/params/framez",
            "'clip_2' (graph.clip) has no input 'framez'",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=photos.image, frames=0),
            "bad-literal",
            "/nodes/clip_2/params/frames",
            "input 'frames' of 'clip_2' (graph.clip) must be greater than or equal to 1; found 0",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=photos.image, amplitude=float("nan")),
            "not-finite",
            "/nodes/clip_2/params/amplitude",
            "input 'amplitude' of 'clip_2' (graph.clip) must be finite; found NaN",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=g.add(n.labels, id="b", root="p")),
            "type-mismatch",
            "/nodes/clip_2/links/image",
            "input 'image' of 'clip_2' (graph.clip) takes graph.picture; b carries graph.boxes",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=photos),
            "ambiguous-output",
            "/nodes/clip_2/links/image",
            "input 'image' of 'clip_2' (graph.clip): node 'load_photos' has several outputs",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=clip, boxes=g.add(n.labels, root="l")),
            "different-origins",
            "/nodes/clip_2/links/boxes",
            (
                "'clip_2' (graph.clip): streams of different origin meet in one node: input 'boxes' reads "
                "labels.out (one per item of labels), input 'image' reads clip.out "
                "(one per item of load_photos)"
            ),
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip),
            "missing-input",
            "/nodes/clip_2",
            "'clip_2' (graph.clip) lacks its input 'image' (graph.picture)",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, id="clip", image=clip),
            "taken-name",
            "/nodes/clip",
            "node id 'clip' is taken",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, id="a b", image=clip),
            "bad-name",
            "/nodes/a b",
            "node id 'a b' is malformed",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=n.Picture("x")),
            "not-a-literal",
            "/nodes/clip_2/params/image",
            (
                "input 'image' of 'clip_2' takes a link or a JSON value, not "
                "nodegraph_graph_example_nodes.Picture"
            ),
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=clip, seed=3),
            "unknown-input",
            "/nodes/clip_2/params/seed",
            "'clip_2' (graph.clip) has no input 'seed'",
        ),
        (
            lambda g, n, photos, clip: g.add(n.clip, image=clip, note=3),
            "wrong-json-type",
            "/nodes/clip_2/note",
            "note must be a str, not int",
        ),
        (
            lambda g, n, photos, clip: g.add("graph.clop", image=clip),
            "unknown-node-type",
            "/nodes/clop/type",
            "unknown node type 'graph.clop'",
        ),
        (
            lambda g, n, photos, clip: g.add(n.count, images=g.add(n.count, images=clip)),
            "type-mismatch",
            "/nodes/count_2/links/images",
            "input 'images' of 'count_2' (graph.count) takes graph.picture; count carries int",
        ),
        (
            lambda g, n, photos, clip: g.output("a-b", clip),
            "bad-name",
            "/outputs/a-b",
            "output name 'a-b' is malformed",
        ),
        (
            lambda g, n, photos, clip: g.output("all", photos),
            "ambiguous-output",
            "/outputs/all",
            "output 'all': node 'load_photos' has several outputs",
        ),
        (
            lambda g, n, photos, clip: g.output("x", "clip"),
            "bad-link",
            "/outputs/x",
            "output 'x' must be a node or an output of one, not str",
        ),
        (
            lambda g, n, photos, clip: g.input("n", "integer"),
            "unknown-type",
            "/inputs/n/type",
            "graph input 'n' has the unknown type 'integer'",
        ),
        (
            lambda g, n, photos, clip: g.input("n", int, default=1.5),
            "bad-literal",
            "/inputs/n/default",
            "input 'n' of the graph must be a valid integer; found 1.5",
        ),
        (
            lambda g, n, photos, clip: Graph("x", seed=1.5),  # type: ignore[arg-type]
            "wrong-json-type",
            "/seed",
            "'seed' must be an integer; found 1.5",
        ),
    ],
)
def test_what_check_would_refuse_is_refused_at_once(
    nodes: Any, folder: Path, wrong: Wrong, code: str, pointer: str, message: str
) -> None:
    g, photos, clip = two_nodes(nodes)
    with pytest.raises(GraphError) as caught:
        wrong(g, nodes, photos, clip)
    (problem,) = caught.value.problems
    assert (problem.code, problem.pointer, problem.message) == (code, pointer, message)
    assert (problem.file, problem.line) == ("", 0)


def test_an_output_of_another_graph_is_refused(nodes: Any, folder: Path) -> None:
    g, photos, _ = two_nodes(nodes)
    other = Graph("other")
    with pytest.raises(GraphError, match=r"reads 'load_photos\.image' of another graph"):
        other.add(nodes.clip, image=photos.image)
    with pytest.raises(GraphError, match="of another graph"):
        g.output("x", other.add(nodes.load_photos, root="p").image)


def test_an_unknown_output_is_an_attribute_error_that_names_the_outputs(nodes: Any, folder: Path) -> None:
    _, photos, _ = two_nodes(nodes)
    assert not hasattr(photos, "imag")
    with pytest.raises(GraphError, match="did you mean 'image'"):
        photos.imag  # noqa: B018
    assert str(photos["boxes"]) == "load_photos.boxes"
    assert dir(photos) == ["boxes", "image"]


def test_the_output_called_out_stands_for_the_node(nodes: Any, folder: Path) -> None:
    g, _, clip = two_nodes(nodes)
    scored = g.add(nodes.score, image=clip)
    g.add(nodes.clip, image=scored, amplitude=scored.score)
    assert g.to_dict()["nodes"]["clip_2"]["links"] == {"image": "score", "amplitude": "score.score"}


def test_python_literals_become_json(nodes: Any, folder: Path) -> None:
    g, _, clip = two_nodes(nodes)
    g.add(nodes.clip, id="c", image=clip, fill=nodes.Fill.BLUR, camera=nodes.Camera(fov=1), extra=(1, [2]))
    g.add(nodes.noise, image=clip, lut=Path("a") / "b.txt", seed=5, note="n")
    assert g.to_dict()["nodes"]["c"]["params"] == {
        "fill": "blur",
        "camera": {"fov": 1.0, "tilt": 0},
        "extra": [1, [2]],
    }
    assert g.to_dict()["nodes"]["noise"]["params"] == {"lut": "a/b.txt", "seed": 5}


def test_graph_inputs_are_linked_and_take_python_types(nodes: Any, folder: Path) -> None:
    g = Graph(name="g")
    root = g.input("root", Path, default=Path("photos"), note="where")
    picture = g.input("picture", nodes.Picture)
    g.input("n", "int")
    g.add(nodes.load_photos, root=root)
    g.add(nodes.clip, image=picture)
    assert g.to_dict()["inputs"] == {
        "root": {"type": "path", "default": "photos", "note": "where"},
        "picture": {"type": "graph.picture"},
        "n": {"type": "int"},
    }
    with pytest.raises(GraphError, match="graph input 'n' is taken"):
        g.input("n", "int")


def test_a_graph_file_is_used_as_a_node(nodes: Any, folder: Path) -> None:
    inner = Graph("inner")
    inner.output("still", inner.add(nodes.clip, image=inner.input("image", "graph.picture")))
    inner.save("parts/inner.json")
    g = Graph("outer")
    photos = g.add(nodes.load_photos, root="photos")
    sub = g.add("./parts/inner.json", image=photos.image)
    assert str(sub) == "inner"
    g.output("n", g.add(nodes.count, images=sub.still))
    g.save("graphs/outer.json")
    assert (
        json.loads(Path("graphs/outer.json").read_text())["nodes"]["inner"]["type"] == "../parts/inner.json"
    )
    assert Graph.load("graphs/outer.json") == g
    assert list(check(g).nodes) == ["load_photos", "inner/clip", "count"]


def test_errors_in_a_graph_file_used_as_a_node_are_raised_at_once(nodes: Any, folder: Path) -> None:
    Path("bad.json").write_text('{"nodegraph": 1,\n "nodes": {"a": {"type": "graph.none"}}}')
    g = Graph("g")
    for _ in range(2):
        with pytest.raises(GraphError) as caught:
            g.add("./bad.json")
        assert [(found.code, found.file, found.line) for found in caught.value.problems] == [
            ("broken-subgraph", "", 0),
            ("unknown-node-type", "bad.json", 2),
        ]
    assert str(g.add(nodes.load_photos, root="p")) == "load_photos"


def test_a_graph_can_be_read_from_python_and_grown_on(nodes: Any, folder: Path) -> None:
    g, _, _ = two_nodes(nodes)
    again = Graph.from_dict(g.to_dict(), folder=folder)
    assert again == g
    again.add(nodes.clip, image=again["load_photos"].image)
    assert again != g
    assert list(again.document.nodes) == ["load_photos", "clip", "clip_2"]
    with pytest.raises(KeyError):
        again["none"]


def test_loading_a_bad_file_raises_with_every_problem_placed(nodes: Any, folder: Path) -> None:
    Path("bad.json").write_text(
        '{"nodegraph": 1,\n "nodes": {"a": {"type": "graph.none"},\n "b": {"typ": ""}}}'
    )
    with pytest.raises(GraphError) as caught:
        Graph.load("bad.json")
    assert [(found.code, found.line) for found in caught.value.problems] == [
        ("unknown-node-type", 2),
        ("missing-key", 3),
        ("unknown-key", 3),
    ]
    with pytest.raises(GraphError, match="not JSON"):
        Graph.from_json("{")


def test_saving_over_a_link_writes_the_file_it_leads_to(nodes: Any, folder: Path) -> None:
    g, _, _ = two_nodes(nodes)
    Path("real").mkdir()
    Path("real/g.json").write_text("old")
    Path("g.json").symlink_to("real/g.json")
    g.save("g.json")
    assert Path("g.json").is_symlink()
    assert Graph.load("real/g.json").name == "two"


def test_graphs_have_no_hash_and_equal_only_graphs(nodes: Any, folder: Path) -> None:
    g, _, _ = two_nodes(nodes)
    assert g != "two"
    with pytest.raises(TypeError):
        hash(g)
    assert repr(g) == "Graph('two', 2 nodes)"


steps = st.lists(
    st.tuples(
        st.sampled_from(["load", "clip", "score", "mix", "noise", "count"]),
        st.integers(0, 50),
        st.fixed_dictionaries(
            {},
            optional={
                "frames": st.integers(1, 100),
                "amplitude": st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False),
                "path": st.sampled_from(["pan", "zoom"]),
                "extra": st.recursive(
                    st.none() | st.text('ab\n"é/~'), lambda inner: st.lists(inner, max_size=3)
                ),
            },
        ),
    ),
    max_size=8,
)


@given(steps, st.text('ab é"\\'), st.none() | st.integers(-(2**40), 2**40))
@settings(max_examples=60)
def test_json_and_python_round_trips_are_the_identity(
    nodes: Any, folder: Path, steps: list[tuple[str, int, dict[str, Any]]], name: str, seed: int | None
) -> None:
    g = Graph(name, seed=seed)
    pictures: list[Any] = [g.add(nodes.load_photos, root="photos/a").image]
    for kind, pick, params in steps:
        source = pictures[pick % len(pictures)]
        if kind == "load":
            pictures.append(g.add(nodes.load_photos, root=f"photos/{pick}", limit=pick).image)
        elif kind == "clip":
            pictures.append(g.add(nodes.clip, image=source, **params))
        elif kind == "score":
            pictures.append(g.add(nodes.score, image=source))
        elif kind == "mix":
            pictures.append(g.add(nodes.mix, images=source))
        elif kind == "noise":
            pictures.append(g.add(nodes.noise, image=source, lut="lut.txt", seed=pick))
        else:
            g.output(f"o{len(g.document.outputs)}", g.add(nodes.count, images=source))
    data = g.to_dict()
    assert Graph.from_dict(data, folder=folder).to_dict() == data
    g.save("deep/er/g.json")
    loaded = Graph.load("deep/er/g.json")
    assert loaded == g
    assert check(loaded).nodes == check(g).nodes
    loaded.save("again.json")
    assert Graph.load("again.json").to_dict() == data


def test_paths_of_a_loaded_graph_do_not_follow_the_working_directory(
    nodes: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g, _, _ = two_nodes(nodes)
    g.save("graphs/g.json")
    loaded = Graph.load("graphs/g.json")
    monkeypatch.chdir(folder / "graphs")
    assert loaded == g
    assert check(loaded).nodes["load_photos"].params["root"] == folder / "photos"


@pytest.mark.parametrize(
    "build",
    [
        "Graph.load({path!r})",
        "Graph.from_json(pathlib.Path({path!r}).read_text())",
        'Graph("g").add("load.images", root=".")',
    ],
)
def test_installed_packs_are_found_without_an_import(folder: Path, build: str) -> None:
    Path("g.json").write_text(
        '{"nodegraph": 1, "nodes": {"a": {"type": "load.images", "params": {"root": "."}}}}'
    )
    script = f"import pathlib\nfrom nodegraph import Graph\n{build.format(path='g.json')}\n"
    ended = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_graph_shows_itself_as_a_picture(nodes: Any, folder: Path) -> None:
    graph, _, _ = two_nodes(nodes)
    shown = graph._repr_html_()
    assert shown.startswith("<svg")
    assert all(f">{name}<" in shown for name in graph.to_dict()["nodes"])

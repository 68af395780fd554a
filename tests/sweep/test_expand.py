"""The graph that holds every combination: what is copied, what is shared, and what it is called."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nodegraph.check.check import check
from nodegraph.graph.document import GraphDocument, NodeEntry
from nodegraph.sweep.axes import check_sweep
from nodegraph.sweep.expand import expand


def swept(graph, sweep):
    return expand(*check_sweep(graph, sweep))


def test_node_is_copied_for_the_axes_it_depends_on_and_no_other(bench):
    bench.set(
        {
            "count": ("sw.count",),
            "left": ("sw.times", {"number": "count"}),
            "right": ("sw.times", {"number": "count"}),
            "plain": ("sw.total", {"numbers": "count"}),
            "both": ("sw.add", {"number": "left", "other": "right"}),
        },
        {"low": "left", "plain": "plain", "both": "both"},
    )
    found = swept(bench.file, ["left.by=1,2", "right.tag=a,b,c"])
    assert list(found.graph.nodes)[:6] == [
        "count",
        "left[by=1.0]",
        "left[by=2.0]",
        "right[tag=a]",
        "right[tag=b]",
        "right[tag=c]",
    ]
    assert len(found.graph.nodes) == 1 + 2 + 3 + 1 + 6
    both = found.graph.nodes["both[left.by=2.0,right.tag=a]"]
    assert {name: str(source) for name, source in both.links.items()} == {
        "number": "left[by=2.0].out",
        "other": "right[tag=a].out",
    }
    assert list(found.graph.outputs)[:4] == [
        "left.by=1.0/low",
        "left.by=2.0/low",
        "plain",
        "left.by=1.0,right.tag=a/both",
    ]


def test_first_axis_varies_slowest(chain):
    found = swept(chain.file, ["add.plus=1,2", "times.by=3,4"])
    assert [found.params(choice) for choice in found.choices()] == [
        {"add.plus": 1, "times.by": 3.0},
        {"add.plus": 1, "times.by": 4.0},
        {"add.plus": 2, "times.by": 3.0},
        {"add.plus": 2, "times.by": 4.0},
    ]


def test_origin_of_items_is_the_copy_that_made_them(chain):
    found = swept(chain.file, ["count.n=1,2", "add.plus=0,1"])
    node = found.graph.nodes["add[count.n=2,plus=1]"]
    assert node.chain == node.output_chain == ("count[n=2]",)
    assert found.graph.nodes["count[n=2]"].output_chain == ("count[n=2]",)


def test_param_of_a_subgraph_copies_its_nodes_and_names_a_folder_without_a_slash(bench):
    bench.set(
        {"inner": ("sw.add", {"number": "inputs.x", "plus": "inputs.plus"})},
        {"y": "inner"},
        inputs={"x": {"type": "float"}, "plus": {"type": "int", "default": 0}},
        name="sub.json",
    )
    bench.set({"sub": ("./sub.json", {}, {"x": 1.0}), "next": ("sw.add", {"number": "sub"})}, {"y": "next"})
    outside = swept(bench.file, ["sub.plus=1,2"])
    assert list(outside.graph.nodes)[:2] == ["sub/inner[sub.plus=1]", "sub/inner[sub.plus=2]"]
    inside = swept(bench.file, ["sub/inner.other=1,2"])
    assert list(inside.graph.nodes)[:2] == ["sub/inner[other=1.0]", "sub/inner[other=2.0]"]
    assert list(inside.graph.outputs) == ["sub.inner.other=1.0/y", "sub.inner.other=2.0/y"]


def test_without_axes_or_with_one_value_each_the_graph_is_as_it_was(chain):
    graph = check(chain.file, sets=["times.by=4"])
    assert swept(chain.file, ["times.by=4"]).graph == graph
    assert expand(graph, ()).graph == graph


def test_swept_graph_is_another_variant_of_the_graph_whatever_the_values(chain):
    variants = {swept(chain.file, [f"times.by={values}"]).graph.variant for values in ("1,2", "2,3,4")}
    assert variants == {"sweep of times.by"}
    assert check(chain.file).variant == ""


@st.composite
def graphs(draw):
    """A random graph of adders that read any nodes before them, and a grid over some of their params."""
    size = draw(st.integers(1, 7))
    nodes = {}
    for index in range(size):
        before = [f"n{number}" for number in range(index)]
        links = {
            name: draw(st.sampled_from(before))
            for name in ("number", "other")
            if before and draw(st.booleans())
        }
        nodes[f"n{index}"] = NodeEntry(
            "sw.add", links=links, params={} if "number" in links else {"number": index}
        )
    targets = draw(
        st.lists(st.sampled_from([f"n{index}.plus" for index in range(size)]), unique=True, max_size=3)
    )
    values = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)
    axes = {target: draw(values) for target in targets}
    outputs = {f"o{index}": f"n{index}" for index in range(size)}
    return GraphDocument("random", nodes=nodes, outputs=outputs, folder=Path()), axes


@given(graphs())
def test_every_combination_is_the_graph_with_its_values_set_and_copies_differ(drawn):
    document, axes = drawn
    found = swept(document, axes)
    for choice in found.choices():
        alone = check(document, sets=[f"{name}={value}" for name, value in found.params(choice).items()])
        for name, node in alone.nodes.items():
            copy = found.graph.nodes[found.node(name, choice)]
            assert (copy.type, copy.params) == (node.type, node.params)
            assert {port: str(reads) for port, reads in copy.links.items()} == {
                port: f"{found.node(reads.node, choice)}.{reads.output}" for port, reads in node.links.items()
            }
        for name, reads in alone.outputs.items():
            assert found.graph.outputs[found.output(name, choice)].node == found.node(reads.node, choice)
    counts = {name: len(set(found.copies(name))) for name in document.nodes}
    assert sum(counts.values()) == len(found.graph.nodes)
    seen = set()
    for node in found.graph.nodes.values():
        assert {reads.node for reads in node.links.values()} <= seen
        seen.add(node.id)
        upstream = {reads.node: re.sub(r"\[.*", "", reads.node) for reads in node.links.values()}
        assert all(counts[original] <= counts[re.sub(r"\[.*", "", node.id)] for original in upstream.values())

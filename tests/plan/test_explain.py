"""Why a node would run: causes lead up to a param, a file or the code, and each is told once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from nodegraph import node
from nodegraph.api import Options, run_graph
from nodegraph.graph.problem import GraphError
from nodegraph.node.registry import find, register
from nodegraph.why import why_node


@node("pl.sum", version=1)
def sum_of_two(left: int, right: int) -> int:
    """The sum of two numbers."""
    return left + right


def why(bench, node, **chosen):
    item = chosen.pop("item", None)
    return why_node(
        bench.folder / "graph.json", node, Options(store=bench.folder / "store", **chosen), item=item
    )


def way(found):
    """The (node, why) pairs from the node's own calls up, as long as there is one cause at a time."""
    told, at = [], found.roots
    while at:
        (cause,) = (found.causes[place] for place in at)
        told.append((cause.node, cause.why))
        at = cause.because
    return told


def roots(found):
    return {cause.why: cause.items for cause in (found.causes[place] for place in found.roots)}


def test_node_that_never_ran_is_new(chain):
    found = why(chain, "half")
    assert way(found) == [("half", "new")]
    assert (found.items, found.cached, found.run, found.made) == (10, 0, 10, None)


def test_node_that_would_not_run_tells_what_its_results_are_made_of(chain):
    chain.run()
    chain.run()
    found = why(chain, "times")
    assert (found.run, found.roots, found.causes) == (0, (), ())
    assert found.made is not None
    assert (found.made.run, found.made.version, found.made.params["by"]) == (1, 1, 2)
    assert found.made.links == {"number": "count.out"}


def test_changed_param_is_found_through_the_nodes_between(chain):
    chain.run()
    chain.edit("times", by=25)
    assert way(why(chain, "half")) == [
        ("half", "input number depends on what times gives"),
        ("times", "param by: 2 → 25"),
    ]
    assert way(why(chain, "total")) == [
        ("total", "input numbers depends on what half gives (10 changed of 10 items)"),
        ("half", "input number depends on what times gives"),
        ("times", "param by: 2 → 25"),
    ]


def test_changed_version_is_found(chain):
    chain.run()
    declared = find("pl.times")
    register(replace(declared, version=2))
    try:
        assert way(why(chain, "half"))[-1] == ("times", "version 1 → 2")
    finally:
        register(declared)


def test_result_that_is_known_again_is_a_changed_input_and_no_open_question(chain):
    chain.run()
    chain.edit("times", by=3)
    chain.run(targets=["times"])
    assert way(why(chain, "half")) == [
        ("half", "input number changed"),
        ("times", "its result, made in run 2, is another than the one read last time"),
    ]


def test_param_whose_results_another_graph_has_made_is_the_cause_of_a_changed_input(chain):
    chain.run()
    chain.edit("times", by=3)
    other = chain.folder / "other.json"
    other.write_text((chain.folder / "graph.json").read_text())
    run_graph(other, Options(store=chain.folder / "store", targets=["times"]))
    assert why(chain, "times").run == 0
    assert way(why(chain, "half")) == [("half", "input number changed"), ("times", "param by: 2 → 3")]


def test_only_the_items_of_a_failure_are_told_with_its_message(chain):
    chain.edit("times", fails=4)
    chain.run()
    found = why(chain, "times")
    assert roots(found) == {"failed last time: ValueError: unlucky": ("4",)}
    assert (found.cached, found.run) == (9, 1)


def test_calls_are_grouped_by_what_is_behind_them(bench):
    bench.set(
        {
            "one": ("pl.count", {}, {"n": 4}),
            "times": ("pl.times", {"number": "one"}, {"fails": 1}),
            "half": ("pl.half", {"number": "one"}),
        }
    )
    bench.run()
    bench.edit("one", n=6)
    found = why(bench, "times")
    assert roots(found) == {
        "failed last time: ValueError: unlucky": ("1",),
        "input number changed": ("4", "5"),
    }
    assert [cause.why for cause in found.causes if cause.node == "one"] == ["param n: 4 → 6"]


def test_one_item_is_explained_alone(chain):
    chain.run()
    chain.edit("times", by=25)
    found = why(chain, "half", item="7")
    assert (found.items, found.cached, found.run) == (1, 0, 1)
    assert [cause.items for cause in found.causes] == [("7",), ("7",)]
    with pytest.raises(LookupError, match="is called for no item '77'; did you mean '7'"):
        why(chain, "half", item="77")


def test_unknown_node_names_the_nearest(chain):
    with pytest.raises(GraphError, match="no node 'halve'"):
        why(chain, "halve")


def test_lost_rows_are_the_cause_where_the_history_still_knows_the_call(chain, tmp_path):
    chain.run()
    with sqlite3.connect(tmp_path / "store" / "index.db") as connection:
        connection.execute("DELETE FROM rows")
    connection.close()
    assert way(why(chain, "half"))[-1][1] == "not in the store"


def test_items_that_only_a_run_can_tell_name_the_node_to_wait_for(bench, folder_of_texts):
    bench.set(
        {
            "texts": ("pl.texts", {}, {"folder": "texts"}),
            "letters": ("pl.letters", {"text": "texts"}),
            "length": ("pl.length", {"text": "letters"}),
        }
    )
    bench.run()
    (folder_of_texts / "t3.txt").write_text("changed")
    found = why(bench, "length")
    assert found.items is None
    assert found.waits_for == ("letters",)
    (cause,) = (found.causes[place] for place in found.roots)
    assert (cause.node, cause.items, cause.why) == (
        "letters",
        ("t3",),
        "input text depends on what texts gives",
    )
    assert way(found)[-1][0] == "texts"


def test_of_two_inputs_the_one_that_changed_is_named(bench):
    nodes = {
        "count": ("pl.count", {}, {"n": 5}),
        "times": ("pl.times", {"number": "count"}),
        "other": ("pl.times", {"number": "count"}, {"by": 5}),
        "sum": ("pl.sum", {"left": "times", "right": "other"}),
    }
    bench.set(nodes)
    bench.run()
    bench.edit("other", by=6)
    assert way(why(bench, "sum"))[0] == ("sum", "input right depends on what other gives")
    bench.run(targets=["other"])
    found = why(bench, "sum")
    assert set(roots(found)) == {"input right changed"}
    assert found.run == 4


def test_changed_seed_is_named(bench):
    nodes = {"count": ("pl.count",), "noise": ("pl.noise", {"number": "count"})}
    bench.set(nodes, seed=1)
    bench.run()
    bench.set(nodes, seed=2)
    assert way(why(bench, "noise")) == [("noise", "seed 1 → 2")]


def test_chain_of_a_thousand_nodes_is_followed_to_its_beginning(bench):
    nodes = {"n0": ("pl.times", {}, {"number": 1})}
    nodes |= {f"n{at}": ("pl.times", {"number": f"n{at - 1}"}, {"by": 1}) for at in range(1, 1200)}
    bench.set(nodes)
    bench.run(targets=["n1199"])
    bench.edit("n0", by=3)
    told = way(why(bench, "n1199"))
    assert (len(told), told[-1]) == (1200, ("n0", "param by: 2 → 3"))


def test_diamonds_in_a_row_are_told_in_as_many_causes_as_there_are_nodes(bench):
    nodes = {"n0": ("pl.times", {}, {"number": 1})}
    for at in range(1, 40):
        nodes[f"a{at}"] = ("pl.times", {"number": f"n{at - 1}"})
        nodes[f"b{at}"] = ("pl.times", {"number": f"n{at - 1}"}, {"by": 3})
        nodes[f"n{at}"] = ("pl.sum", {"left": f"a{at}", "right": f"b{at}"})
    bench.set(nodes)
    bench.run(targets=["n39"])
    bench.edit("n0", by=3)
    assert len(why(bench, "n39").causes) == 118

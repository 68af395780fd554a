"""Axes checked against a graph: each value is read and refused as `--set` would."""

from __future__ import annotations

import pytest

from nodegraph.sweep.axes import check_sweep


def test_every_problem_of_every_axis_is_told_in_one_pass(chain):
    problems = chain.problems(
        ["times.by=x,1,2,y", "tims.by=1", "times.bay=1", "add.number=1", "rot=1", "add.plus"]
    )
    assert {(problem.code, problem.message.partition(";")[0]) for problem in problems} == {
        ("bad-sweep", "--sweep takes node.param=a,b,c"),
        ("unknown-node", "the graph has no node 'tims'"),
        ("unknown-input", "'times' (sw.times) has no input 'bay'"),
        ("linked-input", "input 'number' of 'add' is linked to 'times', so it takes no literal"),
        ("unknown-graph-input", "the graph has no input 'rot'"),
        ("bad-literal", "input 'by' takes float"),
    }
    assert {"'x' is not JSON", "'y' is not JSON"} <= {
        problem.message.partition("; ")[2] for problem in problems
    }


def test_problems_of_the_graph_are_told_once(bench):
    bench.set({"times": ("sw.times", {}, {"tag": 3})})
    assert [problem.code for problem in bench.problems(["times.by=1,2,3"])] == [
        "missing-input",
        "bad-literal",
    ]


def test_required_param_may_be_given_by_the_sweep_alone(bench):
    bench.set({"add": ("sw.add",)}, {"sum": "add"})
    assert [entry.value("sum") for entry in bench.sweep(["add.number=1,2.5"])] == [1.0, 2.5]


@pytest.mark.parametrize("sweep", [["times.by=1,1.0"], {"times.by": [1, 1.0]}])
def test_values_that_mean_the_same_are_given_twice(chain, sweep):
    (problem,) = chain.problems(sweep)
    assert problem.message == "times.by has the value 1.0 twice"


@pytest.mark.parametrize("sweep", [{"times.tag": ["a", 1]}, {"times.by": ["1", 2]}, ['times.tag=["a", 1]']])
def test_json_value_of_another_type_is_no_text_of_a_command_line(chain, sweep):
    (problem,) = chain.problems(sweep)
    assert "takes another type" in problem.message


def test_graph_input_that_no_node_takes_cannot_be_swept(bench):
    bench.set({"count": ("sw.count",)}, inputs={"size": {"type": "int", "default": 1}})
    (problem,) = bench.problems(["size=1,2"])
    assert "make no difference: no node takes it" in problem.message


def test_int_for_a_float_becomes_one_and_nothing_else_does(chain):
    _, axes = check_sweep(chain.file, ["times.by=1,2.5", "add.plus=1,2", "times.tag=1,true"])
    assert [axis.values for axis in axes] == [(1.0, 2.5), (1, 2), ("1", "true")]
    assert [type(axis.values[0]) for axis in axes] == [float, int, str]


def test_lists_objects_and_null_are_values(bench):
    bench.set({"any": ("sw.any",)})
    sweep = {"any.pair": [[1, 2], [3], None], "any.mapping": [{"a": 1, "b": 2}], "any.name": ["[x", "a,b"]}
    _, axes = check_sweep(bench.file, sweep)
    assert {axis.target: list(axis.values) for axis in axes} == sweep


def test_paths_are_shown_as_given_and_resolve_against_the_working_directory(bench, monkeypatch):
    bench.set({"texts": ("sw.texts", {"folder": "inputs.root"})}, inputs={"root": {"type": "path"}})
    monkeypatch.chdir(bench.folder)
    _, (axis,) = check_sweep(bench.file, ["root=a,b/c"])
    assert axis.values == ("a", "b/c")
    assert [params["texts"]["folder"] for params in axis.params] == [bench.folder / "a", bench.folder / "b/c"]


def test_axis_of_one_value_varies_no_node(chain):
    graph, (axis,) = check_sweep(chain.file, ["times.by=4"])
    assert graph.nodes["times"].params["by"] == 4.0
    assert axis.params == ({},)
    assert axis.values == (4.0,)

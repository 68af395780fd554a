"""Axes as they are given: texts of the command line, and values from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph.sweep.given import MAX_COMBINATIONS, GivenAxis, read_axes


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("blur.sigma=0.5,1,2", GivenAxis("blur.sigma", ("0.5", "1", "2"), is_text=True)),
        ("blur.mode=a, b", GivenAxis("blur.mode", ("a", " b"), is_text=True)),
        ("sub/blur.mode=a=b", GivenAxis("sub/blur.mode", ("a=b",), is_text=True)),
        ("root=p,q", GivenAxis("inputs.root", ("p", "q"), is_text=True)),
        ("inputs.root=p", GivenAxis("inputs.root", ("p",), is_text=True)),
        ("a.pair=[[1,2],[3,4]]", GivenAxis("a.pair", ([1, 2], [3, 4]), is_text=False)),
        ('a.name=["x,y",""]', GivenAxis("a.name", ("x,y", ""), is_text=False)),
        ("a.name=[x],[y]", GivenAxis("a.name", ("[x]", "[y]"), is_text=True)),
    ],
)
def test_text_is_split_at_commas_unless_it_is_a_json_array(text, axis):
    assert read_axes([text], (), ()) == ([axis], [])


def test_python_values_keep_their_types_and_paths_become_texts():
    axes, problems = read_axes({"a.b": range(2), "root": [Path("x/y")]}, (), ())
    assert axes == [
        GivenAxis("a.b", (0, 1), is_text=False),
        GivenAxis("inputs.root", ("x/y",), is_text=False),
    ]
    assert not problems


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (["blur.sigma"], "--sweep takes node.param=a,b,c; found 'blur.sigma'"),
        ([".sigma=1"], "--sweep takes node.param=a,b,c; found '.sigma=1'"),
        (["blur.=1"], "--sweep takes node.param=a,b,c; found 'blur.=1'"),
        (["=1"], "--sweep takes node.param=a,b,c; found '=1'"),
        (["blur.sigma="], "the sweep of blur.sigma has no values"),
        (["blur.sigma=[]"], "the sweep of blur.sigma has no values"),
        (["blur.sigma=1,2,1"], "blur.sigma has the value 1 twice"),
        (["blur.sigma=1", "blur.sigma=2"], "blur.sigma is swept twice"),
        (["root=a", "inputs.root=b"], "inputs.root is swept twice"),
        ({"blur.sigma": 3}, "the values of blur.sigma are to be a list; found 3"),
        ({"blur.sigma": "12"}, 'the values of blur.sigma are to be a list; found "12"'),
        ({"blur.sigma": [object()]}, "blur.sigma takes JSON values and paths; found a value of type object"),
        ({"": [1]}, "'' is neither a node.param nor a graph input"),
    ],
)
def test_sweep_that_is_not_well_formed_is_a_problem_that_says_so(sweep, message):
    _, problems = read_axes(sweep, (), ())
    assert [(problem.code, problem.message) for problem in problems] == [("bad-sweep", message)]


@pytest.mark.parametrize(
    ("sweep", "sets", "inputs", "option"),
    [
        (["a.b=1,2"], ["a.b=1"], (), "--set"),
        (["root=1,2"], (), ["root=1"], "--input"),
        ({"root": [1, 2]}, (), {"root": 1}, "--input"),
    ],
)
def test_what_is_swept_and_given_besides_is_a_problem(sweep, sets, inputs, option):
    _, (problem,) = read_axes(sweep, sets, inputs)
    assert f"is swept, and given by {option} as well" in problem.message


def test_grid_that_is_too_large_is_a_problem_and_only_its_first_values_are_kept():
    values = list(range(101))
    axes, (problem,) = read_axes({"a.b": values, "a.c": values}, (), ())
    assert problem.message == "the grid has 101 × 101 = 10,201 combinations; at most 10,000 are taken"
    assert [axis.values for axis in axes] == [(0,), (0,)]


def test_grid_of_the_largest_size_is_taken():
    axes, problems = read_axes({"a.b": range(MAX_COMBINATIONS)}, (), ())
    assert len(axes[0].values) == MAX_COMBINATIONS
    assert not problems

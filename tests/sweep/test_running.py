"""Sweeps that run: what is shared runs once, results are those of single runs, failures stay apart."""

from __future__ import annotations

import pytest

from nodegraph import Graph
from nodegraph.api import Options, run_graph


def executed(run):
    return sum(node.executed for node in run.nodes.values())


def test_what_combinations_share_is_computed_once(chain):
    swept = chain.sweep(["add.plus=0,1,2", "total.scale=1,10"])
    assert swept.ok
    assert chain.called == {"count": 1, "times": 3, "add": 9, "total": 6}
    assert [row["result"] for row in swept.table] == [6, 60, 9, 90, 12, 120]


def test_plain_run_with_swept_values_finds_everything_in_the_store(chain):
    swept = chain.sweep(["times.by=1,3", "add.plus=0,1"])
    for combination in swept:
        sets = [f"{target}={value}" for target, value in combination.params.items()]
        run = chain.run(sets=sets)
        assert executed(run) == 0
        assert run.value("result") == combination.value("result")
        assert run.outputs["low"] == combination.outputs["low"]


def test_sweep_finds_what_plain_runs_have_stored(chain):
    for by in (1, 3):
        for plus in (0, 1):
            chain.run(sets=[f"times.by={by}", f"add.plus={plus}"])
    swept = chain.sweep({"times.by": [1, 3], "add.plus": [0, 1]})
    assert (executed(swept.run), swept.ok) == (0, True)


def test_value_that_is_added_to_a_sweep_is_all_that_runs(chain):
    chain.sweep(["times.by=1,3"])
    swept = chain.sweep(["times.by=1,2,3"])
    assert {name for name, node in swept.run.nodes.items() if node.executed} == {
        f"{name}[{'' if name == 'times' else 'times.'}by=2.0]" for name in ("times", "add", "total")
    }


def test_reasons_of_the_plain_graph_are_not_disturbed_by_a_sweep(chain):
    chain.run()
    chain.sweep(["times.by=5,6"])
    assert chain.plan(sets=["times.by=7"]).nodes["times"].reasons == ("param by: 2.0 → 7.0",)
    assert all(not node.run for node in chain.plan().nodes.values())


def test_failing_combination_leaves_the_others_alone(chain):
    swept = chain.sweep(["add.fails=false,true", "total.scale=1,2"])
    assert [entry.state for entry in swept] == ["done", "done", "failed", "failed"]
    assert [entry.ok for entry in swept] == [True, True, False, False]
    assert not swept.ok
    assert {error.node for error in swept.run.errors} == {"add[fails=true]"}
    assert swept.combinations[1].value("result") == 12


def test_failure_in_what_is_shared_is_one_of_every_combination(chain):
    swept = chain.sweep(["add.plus=0,1"], sets=["times.bad=1"])
    assert [entry.state for entry in swept] == ["failed", "failed"]
    assert [error.node for error in swept.run.errors] == ["times"]
    assert [row["result"] for row in swept.table] == [4, 6]


def test_combinations_that_a_stopped_run_did_not_reach_are_not_finished(bench):
    bench.set(
        {
            "add": ("sw.add", {}, {"number": 1.0}),
            "stop": ("sw.stop", {"number": "add"}),
            "last": ("sw.add", {"number": "stop"}),
        },
        {"result": "last"},
    )
    swept = bench.sweep(["add.plus=1,2"], jobs=1)
    assert swept.run.interrupted
    assert not swept.ok
    assert "not finished" in [entry.state for entry in swept]
    assert all(entry.ok is not entry.outputs["result"].missing for entry in swept)


def test_sweep_that_stops_at_its_first_failure_tells_failed_from_not_finished(chain):
    swept = chain.sweep(["add.fails=true,false"], fail_fast=True, jobs=1)
    assert not swept.ok
    failing, other = swept
    assert failing.state == "failed"
    assert other.state == "not finished"


def test_swept_source_gives_every_combination_its_own_items(chain):
    swept = chain.sweep(["count.n=1,2,4"])
    assert [entry.outputs["low"].items for entry in swept] == [1, 2, 4]
    assert [item.value for item in swept.at({"count.n": 2}).items("low")] == [0.0, 2.0]
    assert chain.called["times"] <= 1 + 2 + 4


def test_fan_out_below_a_shared_stream_can_be_swept(bench):
    bench.set(
        {
            "count": ("sw.count",),
            "parts": ("sw.parts", {"number": "count"}),
            "times": ("sw.times", {"number": "parts"}),
            "inner": ("sw.total", {"numbers": "times"}),
            "outer": ("sw.total", {"numbers": "inner"}),
        },
        {"result": "outer"},
    )
    swept = bench.sweep(["parts.upto=0,2,3", "times.by=1,2"])
    assert swept.ok
    assert [row["result"] for row in swept.table] == [0, 0, 63, 126, 99, 198]
    assert bench.called["count"] == 1


def test_seed_of_a_seeded_node_can_be_swept(bench):
    bench.set({"noise": ("sw.noise", {}, {"number": 1})}, {"seed": "noise"})
    swept = bench.sweep(["noise.seed=1,2"])
    first, second = (entry.value("seed") for entry in swept)
    assert first != second
    assert bench.run(sets=["noise.seed=2"]).value("seed") == second


def test_graph_input_that_several_nodes_take_copies_them_together(bench):
    bench.set(
        {
            "one": ("sw.add", {"number": "inputs.x"}),
            "two": ("sw.add", {"number": "inputs.x", "other": "one"}),
            "three": ("sw.add", {}, {"number": 5}),
        },
        {"sum": "two", "rest": "three"},
        inputs={"x": {"type": "float", "default": 0.0}},
    )
    swept = bench.sweep(["x=1,2"])
    assert swept.table == [
        {"inputs.x": 1.0, "sum": 2.0, "rest": 5.0, "state": "done"},
        {"inputs.x": 2.0, "sum": 4.0, "rest": 5.0, "state": "done"},
    ]
    assert "three" in swept.run.nodes


def test_target_and_force_name_the_nodes_of_the_graph_and_mean_all_copies(chain):
    chain.sweep(["times.by=1,2"])
    swept = chain.sweep(["times.by=1,2"], targets=["add"], force=["times"])
    assert list(swept.run.nodes) == ["count", *(f"times[by={n}.0]" for n in (1, 2)), *(
        f"add[times.by={n}.0]" for n in (1, 2)
    )]  # fmt: skip
    assert chain.called == {"times": 6}
    assert set(swept.combinations[0].outputs) == {"low"}


def test_unknown_target_is_refused_with_the_names_of_the_graph(chain):
    (problem,) = chain.problems(["times.by=1,2"], targets=["tims"])
    assert (problem.file, problem.code, problem.hint) == ("--target", "unknown-node", "did you mean 'times'?")


def test_exports_stand_in_a_folder_per_combination_beside_those_of_plain_runs(bench):
    bench.set(
        {
            "count": ("sw.count",),
            "times": ("sw.times", {"number": "count"}),
            "write": ("sw.write", {"numbers": "times"}),
            "base": ("sw.write", {"numbers": "count"}),
        },
        {"text": "write", "base": "base"},
    )
    out = bench.folder / "out"
    names = ["../../up", "a b"]
    swept = bench.sweep({"times.by": [1, 2], "write.name": ["x", "y"]}, out=out)
    assert swept.ok
    assert bench.run(out=out).ok
    assert bench.sweep({"times.tag": names}, out=out).ok
    found = {path.relative_to(out).as_posix() for path in out.rglob("*.txt")}
    assert {path for path in found if "tag" not in path} == {
        "base/numbers.txt",
        "text/numbers.txt",
        *(f"times.by={by}.0,write.name={name}/text/{name}.txt" for by in (1, 2) for name in "xy"),
    }
    assert (out / "times.by=2.0,write.name=y/text/y.txt").read_text() == "0.0 2.0 4.0"
    assert len([path for path in found if path.startswith("times.tag=")]) == 2
    assert swept.combinations[3].outputs["text"].path == out / "times.by=2.0,write.name=y/text"


def test_plan_of_a_sweep_tells_every_copy_and_what_the_store_has(chain):
    chain.run(sets=["times.by=1"])
    planned = chain.plan(sweep=["times.by=1,2"])
    assert (planned.nodes["times[by=1.0]"].cached, planned.nodes["times[by=1.0]"].run) == (3, 0)
    assert (planned.nodes["times[by=2.0]"].cached, planned.nodes["times[by=2.0]"].run) == (0, 3)
    assert planned.nodes["count"].run == 0


def test_graph_in_python_is_swept_and_its_combinations_are_found_by_values(tmp_path):
    graph = Graph("swept")
    numbers = graph.add("sw.count")
    scaled = graph.add("sw.times", number=numbers)
    graph.output("result", graph.add("sw.total", numbers=graph.add("sw.add", number=scaled)))
    swept = graph.sweep({"times.by": [1, 2], "add.plus": range(2)}, store=tmp_path / "store")
    assert swept.axes == {"times.by": (1.0, 2.0), "add.plus": (0, 1)}
    assert swept.at({"times.by": 2, "add.plus": 1}).value("result") == 9
    assert len(swept) == len(list(swept)) == 4
    with pytest.raises(KeyError, match="2 combinations have"):
        swept.at({"times.by": 2})
    with pytest.raises(KeyError, match="0 combinations have"):
        swept.at({"times.by": 3, "add.plus": 1})
    with pytest.raises(KeyError, match=r"'add\.by' is not swept; the axes: times\.by, add\.plus"):
        swept.at({"add.by": 3})
    with pytest.raises(KeyError, match="no output 'reslt'; its outputs: result"):
        swept.combinations[0].value("reslt")
    with pytest.raises(TypeError, match="single value"):
        swept.combinations[0].items("result")


def test_plain_run_of_options_with_a_sweep_is_the_run_of_all_combinations(chain):
    options = Options(store=chain.folder / "store", sweep=["add.plus=0,1"])
    run = run_graph(chain.file, options)
    assert [run.value(f"add.plus={plus}/result") for plus in (0, 1)] == [6, 9]


def test_sweep_remembers_what_its_nodes_were_made_of_also_when_its_values_change(chain):
    chain.sweep(["add.plus=0,1"])
    planned = chain.plan(sweep=["add.plus=0,1,2"], sets=["times.by=3"])
    assert planned.nodes["times"].reasons == ("param by: 2.0 → 3.0",)
    assert planned.nodes["add[plus=2]"].reasons == ("new",)

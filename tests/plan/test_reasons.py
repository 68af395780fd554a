"""Why a plan says that calls would run, in the words of the design."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from nodegraph.node.registry import find, register


def reasons(bench, node, **options):
    return bench.plan(**options).nodes[node].reasons


def test_changed_param_is_named_with_both_values(chain):
    chain.run()
    chain.edit("times", by=25)
    assert reasons(chain, "times") == ("param by: 2 → 25",)
    assert reasons(chain, "half") == ("10 of 10 inputs changed",)


def test_several_changed_params_are_one_reason(chain):
    chain.run()
    chain.edit("times", by=25, drops=3)
    assert reasons(chain, "times") == ("param by: 2 → 25; param drops: -1 → 3",)


def test_changed_file_is_one_changed_input_for_what_follows(bench, folder_of_texts):
    bench.run()
    (folder_of_texts / "t3.txt").write_text("changed")
    plan = bench.plan()
    assert plan.nodes["texts"].reasons == ("1 of 10 inputs changed",)
    assert (plan.nodes["texts"].cached, plan.nodes["texts"].run) == (9, 1)
    assert plan.nodes["length"].reasons == ("1 of 10 inputs changed",)
    assert plan.nodes["total"].reasons == ("inputs changed",)


def test_added_file_is_counted_among_all(bench, folder_of_texts):
    bench.run()
    (folder_of_texts / "new.txt").write_text("new")
    assert bench.plan().nodes["length"].reasons == ("1 of 11 inputs changed",)


@pytest.fixture
def next_version() -> Iterator[None]:
    """Gives `pl.times` the version 2 while a test lasts."""
    declared = find("pl.times")
    assert declared is not None
    register(replace(declared, version=2))
    yield
    register(declared)


def test_new_version_is_named(chain, request):
    chain.run()
    request.getfixturevalue("next_version")
    assert reasons(chain, "times") == ("version 1 → 2",)


def test_node_that_never_ran_here_is_new_beside_old_ones(chain):
    chain.run()
    chain.graph["nodes"]["more"] = {"type": "pl.half", "links": {"number": "half"}, "params": {}}
    chain.graph["outputs"] = {}
    chain._write()
    assert reasons(chain, "more") == ("new",)
    assert reasons(chain, "half") == ()


def test_forced_node_says_so(chain):
    chain.run()
    assert reasons(chain, "times", force=["times"]) == ("forced",)
    assert reasons(chain, "half", force=["times"]) == ("10 of 10 inputs changed",)


def test_param_that_is_again_what_it_was_is_no_reason_beside_stored_calls(bench, folder_of_texts):
    bench.set(
        {
            "texts": ("pl.texts", {}, {"folder": "texts"}),
            "length": ("pl.length", {"text": "texts"}),
            "times": ("pl.times", {"number": "length"}),
            "half": ("pl.half", {"number": "times"}),
        }
    )
    bench.run()
    bench.run(sets=["times.by=5"])
    (folder_of_texts / "t3.txt").write_text("changed much")
    plan = bench.plan()
    assert (plan.nodes["times"].cached, plan.nodes["times"].run) == (9, 1)
    assert plan.nodes["times"].reasons == ("1 of 10 inputs changed",)
    assert dict(bench.run().nodes["times"].reasons) == {"inputs changed": 1}
    assert reasons(bench, "times", sets=["times.by=7"]) == ("param by: 2 → 7",)


def test_failed_item_is_tried_again_and_says_so(chain):
    chain.edit("times", fails=4)
    assert not chain.run().ok
    plan = chain.plan()
    assert (plan.nodes["times"].cached, plan.nodes["times"].run) == (9, 1)
    assert plan.nodes["times"].reasons == ("failed last time",)


def test_lost_rows_are_not_in_the_store(chain, tmp_path):
    import sqlite3

    chain.run()
    with sqlite3.connect(tmp_path / "store" / "index.db") as connection:
        connection.execute("DELETE FROM rows")
    connection.close()
    assert reasons(chain, "total") == ("not in the store",)
    assert "not in the store" in reasons(chain, "times")


def test_seed_that_changed_is_named_for_seeded_nodes_only(bench):
    nodes = {
        "count": ("pl.count",),
        "noise": ("pl.noise", {"number": "count"}),
        "half": ("pl.half", {"number": "count"}),
    }
    bench.set(nodes, seed=1)
    bench.run()
    bench.set(nodes, seed=2)
    assert reasons(bench, "noise") == ("seed 1 → 2",)
    assert reasons(bench, "half") == ()


def test_input_that_became_a_link_says_so(bench):
    bench.set({"half": ("pl.half", {}, {"number": 8})})
    bench.run()
    bench.set({"count": ("pl.now",), "half": ("pl.half", {"number": "count"})})
    assert reasons(bench, "half") == ("input number is now linked",)


@pytest.mark.parametrize("spoiler", [{"limit": 2}, {"items": "[12]"}, {"targets": ["count"]}])
def test_history_is_not_spoiled_by_a_run_over_a_part(chain, spoiler):
    chain.run()
    chain.run(**spoiler)
    chain.edit("times", by=9)
    assert reasons(chain, "times") == ("param by: 2 → 9",)
    chain.run(limit=1)
    assert reasons(chain, "times") == ("param by: 2 → 9",)


def test_reasons_of_the_run_are_those_of_the_plan(chain):
    chain.run()
    chain.edit("times", by=25)
    planned = {name: node.reasons for name, node in chain.plan().nodes.items()}
    run = chain.run()
    assert planned["times"] == tuple(run.nodes["times"].reasons)

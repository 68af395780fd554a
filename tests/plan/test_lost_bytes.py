"""Plans where the store still has rows, but not the bytes that they name."""

from __future__ import annotations

import pytest

from nodegraph.api import Options
from nodegraph.store import Store
from nodegraph.types.wire import digest, encode
from nodegraph.why import why_node


def lose(bench, *values):
    """Lose the bytes of some values, or of everything."""
    with Store.open(bench.folder / "store") as store:
        if values:
            store.evict([digest(encode(value)) for value in values])
        else:
            store.gc(max_size=0)


def counts(plan):
    """`cached+run reasons` of the nodes that would run."""
    told = {name: (node.cached, node.run, node.reasons) for name, node in plan.nodes.items()}
    return {name: found for name, found in told.items() if found[1] or found[2]}


def test_items_given_by_a_source_whose_listing_is_lost_are_not_in_the_store(chain):
    chain.set({"count": ("pl.count", {}, {"n": 10}), "times": ("pl.times", {"number": "count"})})
    chain.run()
    lose(chain)
    assert counts(chain.plan()) == {"count": (0, 10, ("not in the store",))}
    run = chain.run()
    assert dict(run.nodes["count"].reasons) == {"not in the store": 10}
    assert run.nodes["times"].cached == 10


def test_lost_listings_that_only_a_run_can_tell_change_no_inputs_of_what_follows(bench, folder_of_texts):
    bench.set(
        {
            "texts": ("pl.texts", {}, {"folder": "texts"}),
            "letters": ("pl.letters", {"text": "texts"}),
            "length": ("pl.length", {"text": "letters"}),
            "inner": ("pl.total", {"numbers": "length"}),
            "outer": ("pl.total", {"numbers": "inner"}),
        }
    )
    bench.run()
    lose(bench)
    plan = bench.plan()
    assert plan.nodes["letters"].items is None
    told = {name: node.reasons for name, node in plan.nodes.items()}
    assert told == dict.fromkeys(["texts", "letters", "length", "inner", "outer"], ("not in the store",))
    bench.edit("texts", folder="texts")
    (folder_of_texts / "t3.txt").write_text("changed")
    assert "1 of 10 inputs changed" in bench.plan().nodes["inner"].reasons


def test_calls_are_made_again_up_to_where_bytes_are_for_a_call_that_runs(chain):
    chain.set(
        {
            "count": ("pl.count", {}, {"n": 4}),
            "times": ("pl.times", {"number": "count"}, {"by": 1000}),
            "half": ("pl.half", {"number": "times"}),
            "more": ("pl.times", {"number": "half"}, {"by": 3}),
        },
        {"more": "more"},
    )
    chain.run()
    lose(chain, 1500, 3000)
    assert counts(chain.plan()) == {}
    chain.edit("more", by=5)
    plan = chain.plan()
    assert counts(plan) == {
        "times": (3, 1, ("not in the store",)),
        "half": (3, 1, ("not in the store",)),
        "more": (0, 4, ("param by: 3 → 5",)),
    }
    run = chain.run()
    assert {name: node.executed for name, node in run.nodes.items()} == {
        name: node.run for name, node in plan.nodes.items()
    }


def test_results_whose_bytes_are_not_kept_are_made_again_below_a_change(chain):
    chain.set(
        {
            "count": ("pl.count", {}, {"n": 4}),
            "lean": ("pl.lean", {"number": "count"}),
            "times": ("pl.times", {"number": "lean"}, {"by": 1000}),
        }
    )
    chain.run()
    assert counts(chain.plan()) == {}
    chain.edit("times", by=2000)
    # The first three results are equal to items of the source, whose bytes are kept.
    assert counts(chain.plan())["lean"] == (3, 1, ("not in the store",))
    assert chain.run().nodes["lean"].executed == 1


def test_stream_of_which_one_item_is_lost_is_made_again_as_far_as_it_is_lost(chain):
    chain.edit("times", by=1000)
    chain.run()
    lose(chain, 2500, 22500)
    assert counts(chain.plan()) == {
        "half": (9, 1, ("not in the store",)),
        "total": (0, 1, ("not in the store",)),
    }
    assert chain.run().nodes["half"].executed == 1


def test_nothing_is_made_again_for_an_output_that_is_told_by_digest(chain):
    chain.graph["outputs"] = {"half": "half"}
    chain.edit("times", by=1000)
    chain.run()
    lose(chain, 2500)
    assert counts(chain.plan()) == {}


@pytest.mark.parametrize("node", ["half", "total"])
def test_lost_bytes_are_the_cause_at_the_bottom(chain, node):
    chain.edit("times", by=1000)
    chain.run()
    lose(chain)
    found = why_node(chain.folder / "graph.json", node, Options(store=chain.folder / "store"))
    assert {cause.why for cause in found.causes} <= {"not in the store"}
    assert bool(found.causes) == (node == "total")

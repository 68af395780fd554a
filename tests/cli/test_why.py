"""`nodegraph cache why`: the tree of causes as text and as JSON, and the command as a process."""

from __future__ import annotations

import json

from nodegraph.cli.cache_why import explanation_lines
from nodegraph.plan.explanation import Cause, Explanation, Made


def text(causes, roots, **given):
    """The lines under the title, of an explanation of the node `boxes`."""
    fields = {"items": 10, "cached": 8, "run": 2, "reasons": (), "waits_for": (), "gone": (), "made": None}
    found = Explanation(
        node="boxes", type="track.flow", causes=tuple(causes), roots=tuple(roots), **fields | given
    )
    title, *lines = explanation_lines(found, "graph.json")
    assert title == "boxes (track.flow) in graph.json"
    return "\n".join(lines)


def test_causes_stand_below_what_they_cause_with_their_items():
    causes = [
        Cause("photos", ("dog.jpg",), "new item, file dog.jpg", ("dog.jpg",), ()),
        Cause("clip", ("cat.jpg",), "param frames: 8 → 12", (), ()),
        Cause("boxes", ("cat.jpg",), "input clip changed", (), (1,)),
        Cause("boxes", ("dog.jpg",), "new item", (), (0,)),
    ]
    assert text(causes, [2, 3], gone=("bird.jpg",)) == (
        "2 of 10 calls would run\n"
        "  item cat.jpg: input clip changed\n"
        "    clip: param frames: 8 → 12\n"
        "  item dog.jpg: new item\n"
        "    photos: new item, file dog.jpg\n"
        "gone since the last run: bird.jpg"
    )


def test_reason_of_all_calls_that_would_run_needs_no_items():
    causes = [Cause("boxes", ("a", "b"), "param min: 1 → 2", (), ())]
    assert text(causes, [0]) == "2 of 10 calls would run\n  param min: 1 → 2"


def test_items_of_a_cause_are_told_where_they_are_others_than_below():
    causes = [
        Cause("clip", ("a", "b", "c"), "new", (), ()),
        Cause("boxes", ("a",), "input clip changed", (), (0,)),
        Cause("boxes", ("b",), "forced", (), ()),
    ]
    assert "    clip (items a, b, c): new" in text(causes, [1, 2])


def test_many_items_and_many_causes_are_cut_and_counted():
    many = tuple(f"i{at}" for at in range(25))
    causes = [Cause("boxes", many, "input clip changed", (), ())]
    causes += [Cause("boxes", (f"j{at}",), f"failed last time: {at}", (), ()) for at in range(12)]
    told = text(causes, range(13), run=37)
    assert "  items i0, i1, i2, i3, i4, i5, i6, i7, i8, i9 and 15 more: input clip changed" in told
    assert told.endswith("  item j8: failed last time: 8\n  and 3 more causes; --json has them all")


def test_cause_behind_several_others_is_told_once():
    causes = [
        Cause("clip", ("a",), "param frames: 8 → 12", (), ()),
        Cause("track", ("a",), "input clip changed", (), (0,)),
        Cause("boxes", ("a",), "inputs clip and track changed", (), (1, 0)),
    ]
    assert text(causes, [2], run=1).count("param frames") == 1


def test_long_way_that_does_not_branch_is_told_by_its_ends():
    causes = [Cause("n0", (), "param by: 2 → 3", (), ())]
    causes += [Cause(f"n{at}", (), "input x changed", (), (at - 1,)) for at in range(1, 500)]
    causes += [Cause("boxes", (), "input x changed", (), (499,))]
    lines = text(causes, [500], items=1, cached=0, run=1).splitlines()
    assert lines[-2].strip() == "… 494 nodes further up:"
    assert lines[-1].strip() == "n0: param by: 2 → 3"
    assert len(lines) < 12


def test_node_that_waits_for_another_says_so():
    told = text([], [], items=None, run=0, cached=0, waits_for=("letters",))
    assert told == "which calls there are is known once letters has run"


def test_node_that_would_not_run_tells_what_it_is_made_of():
    made = Made(3, None, 2, (), {"at": 0.5}, {"mask": "ab" * 32}, 7, {"clip": "clip.out"})
    assert text([], [], run=0, cached=10, made=made).splitlines() == [
        "nothing to do: 10 calls cached",
        "  computed in run 3",
        "  version 2",
        "  input clip: clip.out",
        "  param at: 0.5",
        "  file mask: abababababababab",
        "  seed 7",
    ]


def test_names_from_data_cannot_steer_the_terminal():
    causes = [Cause("boxes", ("a\x1b[31m",), "new item", (), ())]
    assert "\x1b" not in text(causes, [0])


def test_command_gives_the_tree_of_a_change_as_json(run_cli, demo_graph, demo_env):
    assert run_cli("run", demo_graph, env=demo_env).exit == 0
    ended = run_cli("cache", "why", "halve", "--item", "4", "--set", "count.n=7", "--json", env=demo_env)
    told = json.loads(ended.stdout)
    assert (told["node"], told["items"], told["run"], told["cached"]) == ("halve", 1, 0, 1)
    ended = run_cli("cache", "why", "halve", "--set", "count.n=7", "--json", env=demo_env)
    told = json.loads(ended.stdout)
    (root,) = (told["causes"][place] for place in told["roots"])
    assert (root["node"], root["items"], root["why"]) == ("halve", ["6"], "input number changed")
    (below,) = (told["causes"][place] for place in root["because"])
    assert (below["node"], below["why"]) == ("count", "param n: 6 → 7")


def test_unknown_item_is_bad_usage(run_cli, demo_graph, demo_env):
    assert run_cli("run", demo_graph, env=demo_env).exit == 0
    ended = run_cli("cache", "why", "halve", "--item", "44", env=demo_env)
    assert (ended.exit, ended.stdout) == (2, "")
    assert "is called for no item '44'; did you mean '4'?" in ended.stderr

"""Property: a run executes no more calls than the plan before it foresaw, for the reasons that it gave."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nodegraph.run.machine import BYTES_GONE

NODES = {
    "texts": ("pl.texts", {}, {"folder": "texts"}),
    "length": ("pl.length", {"text": "texts"}),
    "times": ("pl.times", {"number": "length"}),
    "half": ("pl.half", {"number": "times"}),
    "letters": ("pl.letters", {"text": "texts"}),
    "noise": ("pl.noise", {"number": "half"}),
    "inner": ("pl.length", {"text": "letters"}),
    "inner_total": ("pl.total", {"numbers": "inner"}),
    "total": ("pl.total", {"numbers": "half"}),
    "now": ("pl.now",),
    "after_now": ("pl.times", {"number": "now"}),
}

edits = st.one_of(
    st.tuples(st.just("by"), st.integers(1, 3)),
    st.tuples(st.just("fails"), st.integers(-1, 3)),
    st.tuples(st.just("drops"), st.integers(-1, 3)),
    st.tuples(st.just("file"), st.tuples(st.integers(0, 3), st.text("ab", max_size=4))),
    st.tuples(st.just("remove"), st.integers(0, 3)),
    st.tuples(st.just("seed"), st.integers(0, 2)),
)
options = st.fixed_dictionaries(
    {},
    optional={
        "limit": st.integers(1, 3),
        "items": st.sampled_from(["t[01]", "t2"]),
        "force": st.sampled_from([["times"], ["letters"], ["texts"], ["total", "half"]]),
        "targets": st.sampled_from([["half"], ["inner_total", "total"]]),
    },
)

TAKES = {
    "pl.length": ("text", "texts"),
    "pl.letters": ("text", "texts"),
    "pl.times": ("number", "numbers"),
    "pl.half": ("number", "numbers"),
    "pl.noise": ("number", "numbers"),
    "pl.total": ("numbers", "streams"),
}
GIVES_TEXT = {"pl.texts", "pl.letters"}
wirings = st.lists(st.tuples(st.sampled_from(sorted(TAKES)), st.integers(0, 20)), min_size=1, max_size=8)


def wired(wiring):
    """A graph over the folder of texts: each node takes one of the outputs before it that fit."""
    nodes = {"texts": ("pl.texts", {}, {"folder": "texts"}), "length": ("pl.length", {"text": "texts"})}
    depth = {"texts": 1, "length": 1}
    for at, (type_, pick) in enumerate(wiring):
        name, takes = TAKES[type_]
        fits = [
            node
            for node, spec in nodes.items()
            if (spec[0] in GIVES_TEXT) == (takes == "texts") and (takes != "streams" or depth[node])
        ]
        source = fits[pick % len(fits)]
        depth[f"n{at}"] = depth[source] + {"pl.letters": 1, "pl.total": -1}.get(type_, 0)
        nodes[f"n{at}"] = (type_, {name: source})
    return nodes


def apply(bench, folder: Path, edit) -> None:
    what, value = edit
    if what == "file":
        (folder / f"t{value[0]}.txt").write_text(value[1])
    elif what == "remove":
        (folder / f"t{value}.txt").unlink(missing_ok=True)
    elif what == "seed":
        bench.graph["seed"] = value
        bench._write()
    else:
        for name, node in bench.graph["nodes"].items():
            if node["type"] == "pl.times" and (what == "by" or name == "times"):
                bench.edit(name, **{what: value})


def begin(bench, name: str) -> Path:
    bench.folder = Path(name)
    folder = bench.folder / "texts"
    folder.mkdir()
    for index in range(3):
        (folder / f"t{index}.txt").write_text("ab" * index)
    return folder


@settings(max_examples=40)
@given(steps=st.lists(st.tuples(st.lists(edits, max_size=2), options), min_size=1, max_size=4))
def test_run_executes_no_more_than_was_planned(bench, steps):
    with tempfile.TemporaryDirectory() as name:
        folder = begin(bench, name)
        bench.set(NODES)
        for changes, chosen in steps:
            for edit in changes:
                apply(bench, folder, edit)
            check_agreement(bench, bench.plan(**chosen), bench.run(**chosen))


@settings(max_examples=40)
@given(steps=st.lists(st.tuples(wirings, st.lists(edits, max_size=2)), min_size=1, max_size=3))
def test_reasons_agree_whatever_the_graph_is_rewired_to(bench, steps):
    with tempfile.TemporaryDirectory() as name:
        folder = begin(bench, name)
        for wiring, changes in steps:
            for _ in range(2):
                bench.set(wired(wiring), seed=bench.graph.get("seed", 0))
                check_agreement(bench, bench.plan(), bench.run())
                for edit in changes:
                    apply(bench, folder, edit)
            check_agreement(bench, bench.plan(), bench.run())


def check_agreement(bench, plan, run) -> None:
    assert list(plan.nodes) == list(run.nodes)
    for name, ran in run.nodes.items():
        planned = plan.nodes[name]
        check_reasons(planned, ran, settled=is_settled(bench, plan, name), where=name)
        if planned.items is None:
            continue
        assert ran.executed + ran.failed <= planned.run, name
        assert ran.items <= planned.items, name
        assert ran.cached >= planned.cached, name
        assert bool(planned.run) == bool(planned.reasons), name
        if run.ok and not any(node.dropped for node in run.nodes.values()):
            assert ran.items == planned.items, name


def is_settled(bench, plan, name: str) -> bool:
    """Whether nothing before a node runs, so that its plan knows every input."""
    waiting, before = [name], set()
    while waiting:
        for source in bench.graph["nodes"][waiting.pop()]["links"].values():
            if source not in before:
                before.add(source)
                waiting.append(source)
    return all(plan.nodes[node].run == 0 and plan.nodes[node].items is not None for node in before)


def check_reasons(planned, ran, *, settled: bool, where: str) -> None:
    """Every reason of the run was foreseen; where all inputs were known, as often as the plan said."""
    ran_for = {"not in the store" if why == BYTES_GONE else why: count for why, count in ran.reasons.items()}
    changed = {why: re.fullmatch(r"(\d+) of \d+ inputs changed", why) for why in planned.reasons}
    foreseen = {"inputs changed" if found else why: found for why, found in changed.items()}
    assert len(foreseen) == len(planned.reasons), where
    allowed = set(foreseen)
    if not settled:
        if "not in the store" in foreseen:
            allowed.add("inputs changed")
        allowed |= {"not in the store", "failed last time"}
    assert set(ran_for) <= allowed, (where, planned, ran)
    known = settled and planned.items is not None
    everything_ran = known and ran.failed == 0 and ran.executed == planned.run
    if everything_ran:
        assert set(ran_for) == set(foreseen), (where, planned, ran)
    counted = foreseen.get("inputs changed")
    if everything_ran and counted is not None:
        assert ran.reasons["inputs changed"] == int(counted[1]), where

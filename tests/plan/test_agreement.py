"""Property: a run executes no more calls than the plan before it foresaw, whatever came before."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

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
        bench.edit("times", **{what: value})


@settings(max_examples=40)
@given(steps=st.lists(st.tuples(st.lists(edits, max_size=2), options), min_size=1, max_size=4))
def test_run_executes_no_more_than_was_planned(bench, steps):
    with tempfile.TemporaryDirectory() as name:
        bench.folder = Path(name)
        folder = bench.folder / "texts"
        folder.mkdir()
        for index in range(3):
            (folder / f"t{index}.txt").write_text("ab" * index)
        bench.set(NODES)
        for changes, chosen in steps:
            for edit in changes:
                apply(bench, folder, edit)
            check_agreement(bench.plan(**chosen), bench.run(**chosen))


def check_agreement(plan, run) -> None:
    assert list(plan.nodes) == list(run.nodes)
    for name, ran in run.nodes.items():
        planned = plan.nodes[name]
        if planned.items is None:
            continue
        assert ran.executed + ran.failed <= planned.run, name
        assert ran.items <= planned.items, name
        assert ran.cached >= planned.cached, name
        assert bool(planned.run) == bool(planned.reasons), name
        if run.ok and not run.nodes["times"].dropped:
            assert ran.items == planned.items, name

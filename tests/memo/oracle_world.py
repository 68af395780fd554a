"""A store, two folders and a memo that the oracle keeps beside them: runs are made here, and compared."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nodegraph.api import Options, plan_graph, run_graph
from nodegraph.place.plan import Plan
from nodegraph.run.result import Run
from nodegraph.run.selected import NOTHING_MATCHES
from nodegraph.store import Store
from tests.memo import oracle_nodes
from tests.memo.oracle import FAILED, Call, Evaluation, digest_of, rep
from tests.memo.oracle_memo import (
    Memo,
    Prediction,
    groups,
    is_done_once,
    learn,
    logged,
    may_have_bytes,
    must_have_bytes,
    predict,
)
from tests.memo.oracle_nodes import CALLS, Vec, declare_versions
from tests.memo.oracle_states import Choice, State

EVERYTHING = Choice()
"""A run of the whole graph."""

RunCli = Callable[..., Any]


class World:
    """One folder with a store; every run in it is predicted, made and compared."""

    def __init__(self, folder: Path) -> None:
        self.memo = Memo()
        self.known: set[Hashable] = set()
        self.store = folder / "store"
        self._folder = folder
        self._digests: dict[str, Hashable] = {}
        self._values: dict[Hashable, str] = {}
        for name in ("one", "two"):
            (folder / name).mkdir()

    def write(self, state: State) -> Path:
        """Bring the world to a state; returns the graph file."""
        for name, items in state.folders.items():
            folder = self._folder / name
            for path in folder.iterdir():
                if path.name not in items:
                    path.unlink()
            for item, number in items.items():
                path = folder / item
                if not path.exists() or path.read_text() != str(number):
                    path.write_text(str(number))
        declare_versions(state.versions)
        oracle_nodes.TICK[0] = state.tick
        file = self._folder / "graph.json"
        file.write_text(json.dumps(self._document(state)))
        return file

    def _document(self, state: State) -> dict[str, Any]:
        nodes = {
            node.name: {
                "type": node.type.type_id or f"orc.{node.kind}",
                "links": {name: ".".join(source) for name, source in node.links.items()},
                "params": node.params,
            }
            for node in state.nodes
        }
        outputs = {f"{node}-{output}".replace("-", "_"): f"{node}.{output}" for node, output in state.outputs}
        return {"nodegraph": 1, "name": "oracle", "seed": state.seed, "nodes": nodes, "outputs": outputs}

    def evaluate(self, state: State, choice: Choice) -> Evaluation:
        """What a run from nothing comes to."""
        self.write(state)
        return Evaluation(state, choice, self._folder)

    def run(self, state: State, choice: Choice = EVERYTHING, *, jobs: int = 1) -> Run:
        """Plan, run, and compare both with the oracle."""
        file = self.write(state)
        found = Evaluation(state, choice, self._folder)
        prediction = predict(self.memo, found, choice)
        options = Options(
            store=self.store,
            jobs=jobs,
            targets=choice.targets,
            force=choice.force,
            limit=choice.limit,
            items=choice.items,
        )
        plan = plan_graph(file, options)
        assert not CALLS, "planning calls nothing"
        run = _run(file, options)
        calls = Counter(CALLS)
        CALLS.clear()
        compare_counts(run, found, prediction, jobs=jobs)
        compare_calls(calls, prediction, jobs=jobs)
        compare_plan(plan, run)
        self._compare_outputs(run, found)
        self._take_in(found, prediction, choice)
        return run

    def run_elsewhere(self, state: State, run_cli: RunCli) -> None:
        """Run in another process, and compare what it prints with the oracle."""
        file = self.write(state)
        found = Evaluation(state, EVERYTHING, self._folder)
        prediction = predict(self.memo, found, EVERYTHING)
        pack = Path(oracle_nodes.__file__)
        ended = run_cli("run", file, "--store", self.store, "--nodes", pack, "--json", "--jobs", "1")
        told = json.loads(ended.stdout)
        assert ended.exit == (not told["ok"]), ended.stderr
        nodes = {name: SimpleNamespace(**counts) for name, counts in told["nodes"].items()}
        compare_counts(SimpleNamespace(ok=told["ok"], nodes=nodes), found, prediction, jobs=1)
        for (name, output), shown in zip(found.outputs, told["outputs"].values(), strict=True):
            at = found.place_of(name, output)
            if "digest" in shown and found.places[name].chain:
                self._same(shown["digest"], ("stream", *found.reps(name, at)))
            elif "value" in shown:
                call = found.results[name][()]
                assert isinstance(call, Call)
                assert rep(shown["value"]) == call.reps[at]
        self._take_in(found, prediction, EVERYTHING)

    def _compare_outputs(self, run: Run, found: Evaluation) -> None:
        assert len(run.outputs) == len(found.outputs)
        with Store.open(self.store, read_only=True) as store:
            for (name, output), told in zip(found.outputs, run.outputs.values(), strict=True):
                at = found.place_of(name, output)
                if found.places[name].chain:
                    entries = found.reps(name, at)
                    assert told.items == len(entries)
                    self._same(told.digest, ("stream", *entries))
                    self._compare_items(run, f"{name}.{output}", entries, store)
                else:
                    self._compare_value(told, found.results[name][()], at)

    def _compare_items(self, run: Run, name: str, entries: list[tuple[str, Hashable]], store: Store) -> None:
        items = list(run.items(name))
        assert [item.key for item in items] == [key for key, _ in entries], name
        for item, (_, wanted) in zip(items, entries, strict=True):
            if store.has(digest_of(wanted)):
                assert rep(item.value) == wanted, (name, item.key)

    def _compare_value(self, told: Any, call: Call | str, at: int) -> None:
        if isinstance(call, str) or not call.has_value:
            assert told.missing
        elif isinstance(call.outcome[at], Vec):
            self._same(told.digest, call.reps[at])
        else:
            assert told.has_value
            assert rep(told.value) == call.reps[at]

    def _same(self, told: str | None, wanted: Hashable) -> None:
        """The same results have the same digest, others another, in all runs."""
        assert told is not None
        assert self._digests.setdefault(told, wanted) == wanted
        assert self._values.setdefault(wanted, told) == told

    def _take_in(self, found: Evaluation, prediction: Prediction, choice: Choice) -> None:
        """Compare which values have bytes now, and remember what was recorded."""
        outputs = {name for name, _ in found.outputs}
        self.known |= {rep for call in found.calls for rep in call.reps}
        before = may_have_bytes(self.memo, prediction, outputs)
        self.look()
        assert must_have_bytes(prediction) <= self.memo.bytes
        assert self.memo.bytes <= before, self.memo.bytes - before
        learn(self.memo, prediction, choice)

    def look(self) -> None:
        """See which values have their bytes in the store."""
        with Store.open(self.store, read_only=True) as store:
            self.memo.bytes = {one for one in self.known if store.has(digest_of(one))}

    def evict(self, values: Iterable[Hashable]) -> None:
        """Lose the bytes of values; the rows that name them stay."""
        with Store.open(self.store) as store:
            store.evict([digest_of(one) for one in values])
        self.look()

    def evict_all(self) -> None:
        """Lose all bytes, those of the lists of items, too."""
        with Store.open(self.store) as store:
            store.gc(max_size=0)
        self.memo.listings = dict.fromkeys(self.memo.listings, False)
        self.look()

    def remove_blobs(self) -> int:
        """Lose the files of all large values, as if by accident; returns how many."""
        files = [path for path in (self.store / "blobs").rglob("*") if path.is_file()]
        for path in files:
            path.unlink()
        self.look()
        return len(files)


def _run(file: Path, options: Options) -> Run:
    stop = threading.Event()
    watchdog = threading.Timer(60, stop.set)
    watchdog.start()
    try:
        run = run_graph(file, options, cancel=stop)
    finally:
        watchdog.cancel()
    assert not run.interrupted, "the run came to no end"
    return run


def compare_counts(run: Any, found: Evaluation, prediction: Prediction, *, jobs: int) -> None:
    """What a run tells of each node's calls; which were executed, by nodes that share work."""
    for node in found.nodes:
        told = run.nodes[node.name]
        counted = [call for call in found.calls if call.node is node and call.counts]
        failed = sum(call.outcome == FAILED for call in counted)
        dropped = sum(call.outcome == "dropped" for call in counted)
        skipped = found.skipped[node.name]
        expected = (len(counted) + skipped, failed, skipped, dropped)
        assert (told.items, told.failed, told.skipped, told.dropped) == expected, node.name
        assert told.executed + told.cached == told.items - failed - skipped, node.name
    errors = getattr(run, "errors", ())
    # A pattern for items that lets none through ends the run with an error, though no call fails.
    nothing_matches = any(error.error == NOTHING_MATCHES for error in errors)
    assert not nothing_matches or not any(run.nodes[error.node].items for error in errors)
    assert run.ok == (not nothing_matches and all(call.outcome != FAILED for call in found.calls)), errors
    for group in groups(found, prediction, alone=jobs == 1):
        executed = {name: run.nodes[name].executed for name in sorted(group.nodes)}
        assert group.least <= sum(executed.values()) <= group.most, (executed, group.least, group.most)


def compare_calls(calls: Counter[Any], prediction: Prediction, *, jobs: int) -> None:
    """What was really called is what was predicted; each piece of work once, unless two may meet."""
    least, most = logged(prediction.least), logged(prediction.most)
    assert set(least) <= set(calls), set(least) - set(calls)
    assert set(calls) <= set(most), set(calls) - set(most)
    if jobs == 1 and prediction.is_clean:
        once = logged(call for call in prediction.most if is_done_once(call))
        assert not {log for log, number in once.items() if calls[log] > number}, "done twice"


def compare_plan(plan: Plan, run: Run) -> None:
    """A plan is a bound: on what is executed from above, on what is cached from below."""
    for name, told in run.nodes.items():
        foreseen = plan.nodes[name]
        if foreseen.items is None:
            continue
        assert foreseen.cached + foreseen.run == foreseen.items, (name, foreseen)
        assert told.items <= foreseen.items, (name, foreseen, told)
        assert foreseen.cached <= told.cached, (name, foreseen, told)
        assert told.executed + told.failed + told.skipped <= foreseen.run, (name, foreseen, told)

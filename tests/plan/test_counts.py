"""What `plan` counts, and that it computes and writes nothing."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest

from nodegraph.run.closing import close_unused


def row(plan: Any, node: str) -> tuple[int | None, int, int]:
    found = plan.nodes[node]
    return found.items, found.cached, found.run


def test_what_a_source_prints_while_it_is_listed_is_no_result(bench, capsys):
    bench.set({"loud": ("pl.loud",)})
    assert row(bench.plan(), "loud") == (1, 0, 1)
    assert capsys.readouterr() == ("", "listing\n")


def test_first_plan_lists_the_source_and_counts_everything_as_new(chain):
    plan = chain.plan()
    assert {node: row(plan, node) for node in plan.nodes} == {
        "count": (10, 0, 10),
        "times": (10, 0, 10),
        "half": (10, 0, 10),
        "total": (1, 0, 1),
    }
    assert all(node.reasons == ("new",) for node in plan.nodes.values())
    assert all(node.device == "cpu" for node in plan.nodes.values())


def test_files_are_listed_and_not_read_before_anything_was_run(bench, folder_of_texts, monkeypatch):
    def read(*_: Any) -> None:
        raise AssertionError("a file was hashed")

    monkeypatch.setattr("nodegraph.store.store.content_digest", read)
    assert row(bench.plan(), "texts") == (10, 0, 10)


def test_plan_makes_no_store_and_writes_into_none(chain):
    chain.plan()
    assert not (chain.folder / "store").exists()
    chain.run()
    gc.collect()
    close_unused()
    before = {
        path: os.stat(path).st_mtime_ns for path in (chain.folder / "store").rglob("*") if path.is_file()
    }
    chain.plan()
    after = {
        path: os.stat(path).st_mtime_ns for path in (chain.folder / "store").rglob("*") if path.is_file()
    }
    changed = {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"index.db-shm", "index.db-wal"}


def test_after_a_run_everything_is_cached_without_a_reason(chain):
    chain.run()
    plan = chain.plan()
    assert [row(plan, node) for node in plan.nodes] == [(10, 10, 0), (10, 10, 0), (10, 10, 0), (1, 1, 0)]
    assert all(node.reasons == () for node in plan.nodes.values())


def test_items_of_a_fan_out_that_has_not_run_are_not_known(bench, folder_of_texts):
    bench.set(
        {
            "texts": ("pl.texts", {}, {"folder": "texts"}),
            "letters": ("pl.letters", {"text": "texts"}),
            "length": ("pl.length", {"text": "letters"}),
            "total": ("pl.total", {"numbers": "length"}),
        }
    )
    plan = bench.plan()
    assert row(plan, "texts") == (10, 0, 10)
    assert plan.nodes["letters"].items is None
    assert plan.nodes["length"].items is None
    assert plan.nodes["length"].reasons == ("new",)
    assert row(plan, "total") == (10, 0, 10)


def test_limit_and_items_cut_the_sources(chain):
    assert row(chain.plan(limit=3), "times") == (3, 0, 3)
    assert row(chain.plan(items="[45]"), "times") == (2, 0, 2)


def test_target_prunes_the_plan(chain):
    assert list(chain.plan(targets=["times"]).nodes) == ["count", "times"]


def test_dropped_items_do_not_count_downstream(chain):
    chain.edit("times", drops=4)
    chain.run()
    plan = chain.plan()
    assert row(plan, "times") == (10, 10, 0)
    assert row(plan, "half") == (9, 9, 0)


def test_source_that_breaks_off_is_a_reason_and_no_crash(chain):
    chain.edit("count", stop=4)
    plan = chain.plan()
    assert plan.nodes["count"].items is None
    assert "cannot be listed: the source broke off" in plan.nodes["count"].reasons
    assert plan.nodes["times"].items is None


def test_missing_folder_of_a_source_is_a_reason_and_no_crash(bench):
    bench.set({"file": ("pl.file", {}, {"path": "gone.txt"})})
    (reason,) = bench.plan().nodes["file"].reasons
    assert reason.startswith("cannot read")
    assert "gone.txt" in reason


def test_impure_node_runs_every_time(bench):
    bench.set({"now": ("pl.now",), "half": ("pl.half", {"number": "now"})})
    bench.run()
    plan = bench.plan()
    assert plan.nodes["now"].reasons == ("runs every time",)
    assert plan.nodes["now"].run == 1


def test_seconds_are_known_once_all_types_were_run(chain):
    assert chain.plan().seconds is None
    chain.run()
    chain.edit("times", by=7)
    seconds = chain.plan().seconds
    assert seconds is not None
    assert seconds > 0


def test_devices_are_listed_with_their_budgets(chain):
    devices = chain.plan(devices="cpu=1GiB").as_json()["devices"]
    assert devices == {"cpu": {"budget": 2**30, "peak": 0, "loads": 0}}


def test_json_has_the_agreed_shape(chain):
    told = json.loads(json.dumps(chain.plan().as_json()))
    assert list(told) == ["nodes", "devices", "seconds"]
    assert list(told["nodes"]["times"]) == ["type", "items", "cached", "run", "reasons", "device"]


@pytest.mark.parametrize("name", ["a.txt", "b.txt"])
def test_content_of_a_folder_enters_by_name_and_content(bench, tmp_path, name):
    folder = Path(tmp_path / "data")
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    bench.set({"file": ("pl.file", {}, {"path": "data"})})
    assert bench.run().nodes["file"].executed == 1
    assert bench.run().nodes["file"].executed == 0
    (folder / name).write_text("two")
    assert bench.plan().nodes["file"].reasons == ("file path changed",)
    assert bench.run().nodes["file"].executed == 1

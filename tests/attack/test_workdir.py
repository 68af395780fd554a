"""A long call that is killed goes on from what it keeps in its own folder."""

from __future__ import annotations

from collections import Counter


def test_killed_long_call_resumes_from_its_folder_each_time(site):
    graph = site.graph({"steps": ("steps", {}, {"n": 8})}, {"steps": "steps"})
    for step in ("step/2", "step/5"):
        killed = site.run("cli", "run", graph, "--store", "store", environment={"KILLED_AT": step})
        assert killed.exit == -9
    assert len(list(site.store.glob("work/*"))) == 1
    ended = site.run("cli", "run", graph, "--store", "store", "--json")
    assert (ended.exit, ended.warnings) == (0, [])
    assert ended.json["outputs"]["steps"] == {"value": 36}
    begun = Counter(note.call for note in site.notes() if note.what == "began")
    # A step was written down before its process was killed, so not even that one is done again.
    assert begun == {f"step/{step}": 1 for step in range(8)}
    assert list(site.store.glob("work/*")) == []


def test_calls_of_other_params_do_not_share_a_folder(site):
    for n in (8, 6):
        graph = site.graph({"steps": ("steps", {}, {"n": n})}, {"steps": "steps"})
        assert (
            site.run("cli", "run", graph, "--store", "store", environment={"KILLED_AT": "step/2"}).exit == -9
        )
    assert len(list(site.store.glob("work/*"))) == 2
    ended = site.run("cli", "run", graph, "--store", "store", "--json")
    assert ended.json["outputs"]["steps"] == {"value": 21}

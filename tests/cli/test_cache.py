"""`nodegraph cache` as a process."""

from __future__ import annotations

import json

import pytest

from nodegraph.store import Store


@pytest.fixture
def ran(run_cli, demo_graph, demo_env):
    assert run_cli("run", demo_graph, env=demo_env).exit == 0
    return demo_graph


def test_stat_counts_calls_by_node_type(run_cli, ran, demo_env):
    counted = json.loads(run_cli("cache", "stat", "--json", env=demo_env).stdout)
    assert counted["types"]["demo.halve"]["calls"] == 6
    assert counted["runs"] == 1
    text = run_cli("cache", "stat", env=demo_env).stdout
    assert "demo.halve" in text


def test_stat_tells_hit_rates_and_what_was_saved_in_all_and_by_type(run_cli, demo_env, tmp_path):
    with Store.open(tmp_path / ".nodegraph") as store:
        store.record_use("demo.slow", executed=1, spent=6840.0, cached=3, saved=11520.0)
        store.record_use("demo.new", executed=1, spent=0.0, cached=0, saved=0.0)
    counted = json.loads(run_cli("cache", "stat", "--json", env=demo_env).stdout)
    assert (counted["hit_rate"], counted["saved_seconds"], counted["spent_seconds"]) == (0.6, 11520.0, 6840.0)
    slow = counted["types"]["demo.slow"]
    assert (slow["hit_rate"], slow["saved_seconds"], slow["spent_seconds"]) == (0.75, 11520.0, 6840.0)
    assert counted["types"]["demo.new"]["hit_rate"] == 0.0
    text = run_cli("cache", "stat", env=demo_env).stdout
    assert "3.2 h of 5.1 h; 60 % of 5 calls did not have to run" in text
    (line,) = [line for line in text.splitlines() if line.startswith("demo.slow")]
    assert line.split()[-4:] == ["75", "%", "3.2", "h"]


def test_stat_of_a_store_in_which_nothing_ran_has_no_rate(run_cli, demo_env, tmp_path):
    Store.open(tmp_path / ".nodegraph").close()
    assert json.loads(run_cli("cache", "stat", "--json", env=demo_env).stdout)["hit_rate"] is None
    assert "nothing has run yet" in run_cli("cache", "stat", env=demo_env).stdout


def test_ls_lists_the_latest_first_and_says_how_many_more(run_cli, ran, demo_env):
    ended = run_cli("cache", "ls", "--type", "demo.halve", "--limit", "2", env=demo_env)
    assert ended.exit == 0
    assert len(ended.stdout.splitlines()) == 3
    assert "and 4 more calls" in ended.stderr
    listed = json.loads(run_cli("cache", "ls", "--json", env=demo_env).stdout)
    assert listed["total"] == len(listed["entries"])


def test_why_tells_that_there_is_nothing_to_do_after_a_run(run_cli, ran, demo_env):
    assert "nothing to do: 6 calls cached" in run_cli("cache", "why", "halve", env=demo_env).stdout


def test_why_tells_the_reason_of_a_change(run_cli, ran, demo_env):
    ended = run_cli("cache", "why", "halve", "--set", "halve.at=0.1", "--json", env=demo_env)
    told = json.loads(ended.stdout)
    assert (told["run"], told["reasons"]) == (6, ["param at: 0.5 → 0.1"])


def test_why_of_a_graph_that_never_ran_asks_for_it(run_cli, demo_graph, demo_env, tmp_path):
    (tmp_path / ".nodegraph").mkdir()
    ended = run_cli("cache", "why", "halve", env=demo_env)
    assert ended.exit == 2
    assert "--graph" in ended.stderr
    named = run_cli("cache", "why", "halve", "--graph", demo_graph, env=demo_env)
    assert named.exit == 0
    assert "new" in named.stdout


def test_verify_of_a_sound_store_exits_0(run_cli, ran, demo_env):
    ended = run_cli("cache", "verify", "--json", env=demo_env)
    assert (ended.exit, json.loads(ended.stdout)) == (0, {"ok": True, "damages": []})


def test_verify_of_a_damaged_store_exits_1_and_names_it(run_cli, write_graph, demo_env, tmp_path):
    graph = write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": 3}},
            "write": {"type": "demo.write", "links": {"numbers": "count"}},
        },
        {"text": "write"},
    )
    assert run_cli("run", graph, env=demo_env).exit == 0
    stored = next(path for path in (tmp_path / ".nodegraph/files").rglob("*") if path.is_file())
    stored.chmod(0o644)
    stored.write_bytes(b"9\n9\n9\n")
    ended = run_cli("cache", "verify", env=demo_env)
    assert ended.exit == 1
    assert stored.name in ended.stdout
    assert "1 damage" in ended.stderr


def test_gc_shrinks_to_the_size_and_the_rows_stay(run_cli, ran, demo_env):
    ended = run_cli("cache", "gc", "--max-size", "1B", "--json", env=demo_env)
    assert ended.exit == 0
    assert json.loads(ended.stdout)["evicted"] > 0
    assert json.loads(run_cli("cache", "stat", "--json", env=demo_env).stdout)["calls"] > 0


def test_clear_empties_the_store(run_cli, ran, demo_env):
    assert run_cli("cache", "clear", env=demo_env).exit == 0
    assert json.loads(run_cli("cache", "stat", "--json", env=demo_env).stdout)["calls"] == 0

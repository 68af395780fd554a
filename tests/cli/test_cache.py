"""`nodegraph cache` as a process."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from nodegraph.store import Store
from nodegraph.types.wire import digest, encode


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


READING = [
    ("cache", "stat", "--json"),
    ("cache", "ls", "--json"),
    ("cache", "why", "halve", "--json"),
    ("plan", "graph.json", "--json"),
    ("get", "graph.json", "low", "--json"),
]


@pytest.fixture(scope="module")
def powerless(warm_forks):
    """Forks processes without the right to write what the modes of files and folders forbid."""
    if os.geteuid() != 0:
        yield warm_forks
        return
    # In a namespace of its own, root is a user like any other.
    within = ("unshare", "--user")
    tried = subprocess.run([*within, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"root can write anywhere here: {tried.stderr.strip()}")
    server = warm_forks.another(within)
    yield server
    server.close()


@pytest.fixture
def run_powerless(tmp_path, tmp_path_factory, powerless, demo_env):
    """Runs the command line without the right to write what the modes of files and folders forbid."""
    printed = tmp_path_factory.mktemp("printed")

    def run(*arguments):
        return powerless.run("cli", *arguments, folder=tmp_path, environment=demo_env, printed=printed)

    return run


@pytest.fixture
def closed(ran, tmp_path):
    """A store whose files and folders nobody may write."""
    store = tmp_path / ".nodegraph"
    yield store
    for path in (store, *store.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture
def large_value(ran, tmp_path):
    """The file of a large value in the store."""
    wire = encode("x" * 20_000)
    with Store.open(tmp_path / ".nodegraph") as store:
        store.put(digest(wire), wire)
    (file,) = [path for path in (tmp_path / ".nodegraph/blobs").rglob("*") if path.is_file()]
    return file


def close(store):
    for path in (*store.rglob("*"), store):
        path.chmod(0o555 if path.is_dir() else 0o444)


def content_of(store):
    return {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


def answers(run, ran):
    commands = [[str(ran) if part == "graph.json" else part for part in command] for command in READING]
    ended = [run(*command) for command in commands]
    assert [(each.exit, each.stderr) for each in ended] == [(0, "")] * len(ended)
    told = [json.loads(each.stdout) for each in ended]
    for each in told:
        # What is free of the memory differs from one moment to the next.
        each.pop("devices", None)
    return told


def test_a_store_that_cannot_be_written_answers_all_that_only_reads(ran, closed, run_powerless):
    expected = answers(run_powerless, ran)
    assert expected[0]["types"]["demo.halve"]["calls"] == 6
    close(closed)
    before = content_of(closed)
    assert answers(run_powerless, ran) == expected
    assert content_of(closed) == before


@pytest.mark.parametrize("shared_memory", [True, False])
def test_the_log_that_a_killed_run_has_left_is_read_where_nothing_can_be_written(
    ran, closed, run_powerless, tmp_path, shared_memory
):
    expected = answers(run_powerless, ran)
    with Store.open(closed) as store:
        # What is in the log alone: all of it, since nothing is copied out of it while the store is open.
        store.record_use("demo.halve", executed=1, spent=1.0, cached=4, saved=4.0)
        store.flush()
        left = {path: path.read_bytes() for path in closed.glob("index.db*")}
    assert len(left) == 3
    for path, content in left.items():
        if shared_memory or not path.name.endswith("-shm"):
            path.write_bytes(content)
    close(closed)
    found = answers(run_powerless, ran)
    assert found[0]["types"]["demo.halve"]["saved_seconds"] >= 4.0
    assert found[1:] == expected[1:]


def test_a_run_on_a_store_that_cannot_be_written_is_one_clear_error(ran, closed, run_powerless):
    close(closed)
    ended = run_powerless("run", ran, "--set", "halve.at=0.25")
    assert ended.exit == 1
    assert "Traceback" not in ended.stderr
    assert "write permission" in ended.stderr
    assert "--store" in ended.stderr


def test_verify_of_a_store_that_cannot_be_written_checks_it_and_changes_nothing(ran, closed, run_powerless):
    close(closed)
    before = content_of(closed)
    ended = run_powerless("cache", "verify")
    assert (ended.exit, ended.stderr) == (0, f"{closed}: everything is sound\n")
    assert content_of(closed) == before


def test_verify_tells_damage_in_a_store_that_cannot_be_written_and_leaves_it(
    large_value, closed, run_powerless
):
    large_value.chmod(0o644)
    large_value.write_bytes(large_value.read_bytes()[:-9] + bytes(9))
    close(closed)
    before = content_of(closed)
    ended = run_powerless("cache", "verify")
    assert ended.exit == 1
    assert large_value.name in ended.stdout
    assert "1 damage; it is left as it is, since you may not write there" in ended.stderr
    assert content_of(closed) == before


def test_verify_does_not_rename_a_lock_file_that_only_cannot_be_written(ran, closed, run_powerless):
    (closed / "lock").chmod(0o444)
    assert run_powerless("cache", "verify").exit == 0
    assert not list(closed.glob("*.damaged*"))


def test_a_store_that_cannot_be_written_is_named_without_internals(ran, closed, run_powerless):
    close(closed)
    ended = run_powerless("cache", "clear")
    assert ended.exit == 1
    assert ended.stderr.startswith(f"error: {closed}/lock: the store cannot be written (Permission denied);")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_store_of_another_user_is_read_while_he_uses_it(ran, closed, run_powerless):
    expected = answers(run_powerless, ran)
    with Store.open(closed) as store:
        run = store.begin_run("graph", b"")
        store.record_use("demo.halve", executed=1, spent=1.0, cached=4, saved=4.0)
        store.flush()
        for path in (closed, *closed.rglob("*")):
            os.chown(path, 65534, 65534)
        found = answers(run_powerless, ran)
        assert found[0]["types"]["demo.halve"]["saved_seconds"] >= 4.0
        assert found[1:] == expected[1:]
        store.finish_run(run, True, b"")

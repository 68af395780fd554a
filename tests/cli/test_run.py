"""`nodegraph run` and `plan` as processes: results, exit statuses, failures, interrupts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from nodegraph.cli.run import resume_command


def picky_graph(write_graph, **params):
    return write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": 5}},
            "picky": {"type": "demo.picky", "links": {"number": "count"}, "params": params},
        },
        {"numbers": "picky"},
    )


def test_run_prints_outputs_on_stdout_and_the_rest_on_stderr(run_cli, demo_graph, demo_env):
    ended = run_cli("run", demo_graph, env=demo_env)
    assert ended.exit == 0
    assert ended.stdout.splitlines()[1].split() == ["total", "6"]
    assert "done in" in ended.stderr
    assert "report: .nodegraph/runs/1/report.html" in ended.stderr


def test_text_of_several_lines_is_printed_as_it_is(run_cli, write_graph, demo_env):
    node = {"type": "demo.lines", "params": {"text": "| a |\n| 1 |\n"}}
    one = {"type": "demo.lines", "params": {"text": "one"}}
    graph = write_graph({"lines": node, "one": one}, {"table": "lines", "one": "one"})
    assert run_cli("run", graph, "--quiet", env=demo_env).stdout == 'one  "one"\n\ntable\n| a |\n| 1 |\n'


def test_output_that_is_not_made_is_told_with_what_was_dropped(run_cli, write_graph, demo_env):
    node = {"type": "demo.picky", "params": {"number": 3, "dropped": 3}}
    ended = run_cli("run", write_graph({"picky": node}, {"number": "picky"}), env=demo_env)
    assert (ended.exit, ended.stdout) == (0, "number  not made\n")
    assert "warning: picky left 1 of 1 out: not wanted" in ended.stderr


def test_second_run_executes_nothing_and_gives_the_same_outputs(run_cli, demo_graph, demo_env):
    first = json.loads(run_cli("run", demo_graph, "--json", env=demo_env).stdout)
    second = json.loads(run_cli("run", demo_graph, "--json", env=demo_env).stdout)
    assert sum(node["executed"] for node in first["nodes"].values()) > 0
    assert sum(node["executed"] for node in second["nodes"].values()) == 0
    assert second["outputs"] == first["outputs"]


def test_json_of_a_run_has_the_agreed_shape(run_cli, demo_graph, demo_env):
    result = json.loads(run_cli("run", demo_graph, "--json", env=demo_env).stdout)
    assert list(result) == ["ok", "run", "seconds", "nodes", "outputs", "errors"]
    node = result["nodes"]["halve"]
    counts = ["items", "executed", "cached", "failed", "skipped", "dropped", "seconds"]
    assert list(node) == ["type", *counts]
    assert node["items"] == 6
    assert result["outputs"]["total"] == {"value": 6}
    assert set(result["outputs"]["low"]) == {"items", "digest"}


def test_json_stays_one_object_when_nodes_print(run_cli, write_graph, demo_env):
    ended = run_cli("run", picky_graph(write_graph), "--json", env=demo_env)
    assert json.loads(ended.stdout)["ok"] is True
    assert "picky 3: took 3" in ended.stderr


def test_failing_item_exits_1_with_a_table_and_the_resuming_command(run_cli, write_graph, demo_env):
    graph = picky_graph(write_graph, bad=3, dropped=1)
    ended = run_cli("run", graph.name, "--force", "picky", env=demo_env)
    assert ended.exit == 1
    assert "picky  3  ValueError: 3 is unlucky" in ended.stderr
    assert "to resume: nodegraph run graph.json\n" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "3 items" in ended.stdout


def test_failing_item_is_in_the_json_and_the_others_are_done(run_cli, write_graph, demo_env):
    ended = run_cli("run", picky_graph(write_graph, bad=3, dropped=1), "--json", env=demo_env)
    result = json.loads(ended.stdout)
    assert ended.exit == 1
    assert result["errors"] == [
        {"node": "picky", "item": "3", "error": "ValueError", "message": "3 is unlucky"}
    ]
    node = result["nodes"]["picky"]
    assert (node["executed"], node["failed"], node["dropped"], node["items"]) == (4, 1, 1, 5)


def test_traceback_option_shows_the_frames_of_the_node(run_cli, write_graph, demo_env):
    ended = run_cli("run", picky_graph(write_graph, bad=3), "--traceback", env=demo_env)
    assert ended.exit == 1
    assert 'raise ValueError(f"{number} is unlucky")' in ended.stderr


def test_quiet_run_says_nothing_but_its_result(run_cli, demo_graph, demo_env):
    ended = run_cli("run", demo_graph, "--quiet", env=demo_env)
    assert (ended.exit, ended.stderr) == (0, "")
    assert "total" in ended.stdout


def test_report_stays_with_the_run(run_cli, demo_graph, demo_env, tmp_path):
    run_cli("run", demo_graph, "--store", "memo", env=demo_env)
    folder = tmp_path / "memo" / "runs" / "1"
    assert "demo.halve" in (folder / "report.txt").read_text()
    assert "<svg" in (folder / "report.html").read_text()
    assert (folder / "events.jsonl").is_file()


def test_artifact_is_published_under_out_by_default_and_can_be_traced(
    run_cli, write_graph, demo_env, tmp_path
):
    graph = write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": 3}},
            "write": {"type": "demo.write", "links": {"numbers": "count"}},
        },
        {"text": "write"},
        name="numbers.json",
    )
    ended = run_cli("run", graph, env=demo_env)
    assert ended.exit == 0
    assert "out/numbers/text" in ended.stdout
    published = tmp_path / "out/numbers/text/numbers.txt"
    assert published.read_text() == "0\n1\n2\n"
    traced = run_cli("trace", published, "--json", env=demo_env)
    assert traced.exit == 0
    assert json.loads(traced.stdout)["file"] == "numbers.txt"
    assert "file: numbers.txt" in run_cli("trace", published, env=demo_env).stdout


def test_foreign_folder_in_the_way_is_refused_and_kept(run_cli, write_graph, demo_env, tmp_path):
    graph = write_graph(
        {
            "count": {"type": "demo.count"},
            "write": {"type": "demo.write", "links": {"numbers": "count"}},
        },
        {"text": "write"},
    )
    mine = tmp_path / "out/graph/text/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ended = run_cli("run", graph, env=demo_env)
    assert ended.exit == 2
    assert "was not published by nodegraph" in ended.stderr
    assert mine.read_text() == "mine"
    assert "Traceback" not in ended.stderr


def test_limit_and_items_cut_the_sources(run_cli, demo_graph, demo_env):
    limited = json.loads(run_cli("run", demo_graph, "--limit", "2", "--json", env=demo_env).stdout)
    assert limited["nodes"]["halve"]["items"] == 2
    picked = json.loads(run_cli("run", demo_graph, "--items", "[45]", "--json", env=demo_env).stdout)
    assert picked["nodes"]["halve"]["items"] == 2
    assert picked["outputs"]["total"] == {"value": 4}


def test_limit_and_items_leave_lists_that_the_graph_itself_writes_beside_data(run_cli, write_graph, demo_env):
    graph = write_graph(
        {
            "data": {"type": "demo.listed", "params": {"n": 9}},
            "settings": {"type": "demo.count", "params": {"n": 3}},
            "halved": {"type": "demo.picky", "links": {"number": "data"}},
            "each": {"type": "demo.picky", "links": {"number": "settings"}},
        },
        {"halved": "halved", "each": "each"},
    )
    for cut in (("--limit", "2"), ("--items", "[78]")):
        for _ in range(2):
            nodes = json.loads(run_cli("run", graph, *cut, "--json", env=demo_env).stdout)["nodes"]
            assert (nodes["halved"]["items"], nodes["each"]["items"]) == (2, 3)
        assert nodes["settings"]["executed"] == 0


def written_graph(write_graph, n: int):
    return write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": n}},
            "write": {"type": "demo.write", "links": {"numbers": "count"}},
        },
        {"written": "write"},
    )


def test_items_that_match_nothing_exit_1_with_the_keys_there_are_and_keep_what_is_published(
    run_cli, write_graph, demo_env, tmp_path
):
    graph = written_graph(write_graph, 12)
    assert run_cli("run", graph, env=demo_env).exit == 0
    published = tmp_path / "out" / "graph" / "written" / "numbers.txt"
    before = published.read_text()
    for _ in range(2):
        ended = run_cli("run", graph, "--items", "zzz*", env=demo_env)
        assert ended.exit == 1
        keys = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."
        assert f"NothingMatches: no item matches 'zzz*'; there are: {keys}\n" in ended.stderr
        assert "to resume" not in ended.stderr
        assert "was published" not in ended.stderr
        assert published.read_text() == before


def test_items_of_a_source_that_has_none_are_no_error(run_cli, write_graph, demo_env):
    ended = run_cli("run", written_graph(write_graph, 0), "--items", "zzz*", env=demo_env)
    assert ended.exit == 0


def test_target_runs_only_what_it_needs(run_cli, demo_graph, demo_env):
    result = json.loads(run_cli("run", demo_graph, "--target", "halve", "--json", env=demo_env).stdout)
    assert set(result["nodes"]) == {"count", "halve"}


def test_unknown_target_exits_2(run_cli, demo_graph, demo_env):
    ended = run_cli("run", demo_graph, "--target", "halv", env=demo_env)
    assert ended.exit == 2
    assert "'halve'" in ended.stderr


def test_invalid_graph_exits_2_and_json_lists_the_problems(run_cli, demo_graph, demo_env):
    ended = run_cli("run", demo_graph, "--set", "halve.at=7", "--json", env=demo_env)
    assert ended.exit == 2
    assert [error["code"] for error in json.loads(ended.stdout)["errors"]] == ["bad-literal"]


def test_store_that_cannot_be_made_exits_1_with_a_clear_text(run_cli, demo_graph, demo_env, tmp_path):
    (tmp_path / "file").write_text("")
    ended = run_cli("run", demo_graph, "--store", "file/store", env=demo_env)
    assert ended.exit == 1
    assert "--store" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_plan_says_why_and_runs_nothing(run_cli, demo_graph, demo_env):
    run_cli("run", demo_graph, env=demo_env)
    ended = run_cli("plan", demo_graph, "--set", "halve.at=0.25", env=demo_env)
    assert ended.exit == 0
    assert "param at: 0.5 → 0.25" in ended.stdout
    planned = json.loads(run_cli("plan", demo_graph, "--set", "halve.at=0.25", "--json", env=demo_env).stdout)
    assert list(planned) == ["nodes", "devices", "seconds"]
    assert list(planned["nodes"]["halve"]) == ["type", "items", "cached", "run", "reasons", "device"]
    assert (planned["nodes"]["count"]["run"], planned["nodes"]["halve"]["run"]) == (0, 6)
    again = json.loads(run_cli("run", demo_graph, "--json", env=demo_env).stdout)
    assert sum(node["executed"] for node in again["nodes"].values()) == 0


def test_plan_of_a_graph_of_which_all_is_cached_says_that_nothing_would_run(run_cli, demo_graph, demo_env):
    run_cli("run", demo_graph, env=demo_env)
    assert run_cli("plan", demo_graph, env=demo_env).stdout.splitlines()[-2] == "nothing would run"


def start_waiting(write_graph, environment, tmp_path, *, stubborn):
    """A run whose only call waits; returns the process once the call runs."""
    graph = write_graph({"wait": {"type": "demo.wait", "params": {"number": 1, "stubborn": stubborn}}})
    process = subprocess.Popen(
        [sys.executable, "-m", "nodegraph", "run", graph.name],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting" in line:
            return process
    raise AssertionError("the call did not start")


def test_interrupt_stops_keeps_what_is_done_and_exits_130(write_graph, cli_env, demo_env, tmp_path):
    process = start_waiting(write_graph, cli_env | demo_env, tmp_path, stubborn=False)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping; what is done is kept" in errors
    assert "to resume: nodegraph run graph.json" in errors
    assert "Traceback" not in errors


def test_second_interrupt_ends_at_once_with_130(write_graph, cli_env, demo_env, tmp_path):
    process = start_waiting(write_graph, cli_env | demo_env, tmp_path, stubborn=True)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    for line in process.stderr:
        if "stopping" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "a.json", "--force", "x", "--jobs", "2"], "nodegraph run a.json --jobs 2"),
        (["run", "a b.json", "--force=x"], "nodegraph run 'a b.json'"),
        (["run", "a.json", "--items", "x*"], "nodegraph run a.json --items 'x*'"),
    ],
)
def test_resuming_command_is_the_same_without_force(arguments, expected):
    assert resume_command(arguments) == expected

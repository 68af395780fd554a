"""`nodegraph run --sweep` as a process: table, JSON, failures, interrupts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest


def test_sweep_prints_a_table_on_stdout(run_cli, demo_graph, demo_env):
    ended = run_cli("run", demo_graph, "--sweep", "halve.at=0.5,1", "--sweep", "count.n=4,6", env=demo_env)
    assert ended.exit == 0
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert lines[0] == ["halve.at", "count.n", "low", "total", "state"]
    assert [(line[0], line[1], line[-2], line[-1]) for line in lines[1:]] == [
        ("0.5", "4", "2", "done"),
        ("0.5", "6", "6", "done"),
        ("1.0", "4", "6", "done"),
        ("1.0", "6", "15", "done"),
    ]
    assert "4 of 4 combinations done" in ended.stderr


def test_json_of_a_sweep_is_that_of_a_run_and_the_combinations(run_cli, demo_graph, demo_env):
    plain = json.loads(run_cli("run", demo_graph, "--json", env=demo_env).stdout)
    ended = run_cli("run", demo_graph, "--sweep", "halve.at=0.5,1", "--json", "--quiet", env=demo_env)
    swept = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert [*plain, "sweep"] == list(swept)
    assert list(swept["nodes"]) == [
        "count",
        "halve[at=0.5]",
        "halve[at=1.0]",
        "total[halve.at=0.5]",
        "total[halve.at=1.0]",
    ]
    assert sum(swept["nodes"][name]["executed"] for name in ("count", "halve[at=0.5]")) == 0
    assert swept["sweep"]["axes"] == {"halve.at": [0.5, 1.0]}
    first, second = swept["sweep"]["combinations"]
    assert first == {"params": {"halve.at": 0.5}, "ok": True, "outputs": plain["outputs"]}
    assert second["outputs"]["total"] == {"value": 15}
    assert swept["outputs"]["halve.at=1.0/total"] == {"value": 15}


def test_plan_of_a_sweep_tells_what_each_copy_would_run(run_cli, demo_graph, demo_env):
    ended = run_cli("plan", demo_graph, "--sweep", "halve.at=0.5,1", "--json", env=demo_env)
    planned = json.loads(ended.stdout)["nodes"]
    assert ended.exit == 0
    assert list(planned) == [
        "count",
        "halve[at=0.5]",
        "halve[at=1.0]",
        "total[halve.at=0.5]",
        "total[halve.at=1.0]",
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["get", "graph.json", "halve[at=0.5].low"],
        ["cache", "why", "halve[at=0.5]", "--graph", "graph.json"],
        ["run", "graph.json", "--target", "halve[at=0.5]"],
        ["plan", "graph.json", "--force", "halve[at=0.5]"],
    ],
    ids=lambda command: command[0],
)
def test_node_named_as_in_a_sweeps_report_is_refused_and_told_how_to_name_it(
    run_cli, demo_graph, demo_env, command
):
    ended = run_cli(*command, env=demo_env)
    assert ended.exit == 2
    assert "is node 'halve' in one combination of a sweep; name 'halve'" in ended.stderr
    assert "--set" in ended.stderr


def test_failing_combination_is_named_and_exits_1_with_the_resuming_command(run_cli, write_graph, demo_env):
    graph = write_graph(
        {"picky": {"type": "demo.picky", "params": {"number": 3}}}, {"number": "picky"}, name="g.json"
    )
    ended = run_cli("run", graph.name, "--sweep", "picky.bad=-1,3", env=demo_env)
    assert ended.exit == 1
    assert [line.split() for line in ended.stdout.splitlines()] == [
        ["picky.bad", "number", "state"],
        ["-1", "3", "done"],
        ["3", "not", "made", "failed"],
    ]
    assert "1 of 2 combinations done" in ended.stderr
    assert "picky[bad=3]    ValueError: 3 is unlucky" in ended.stderr
    assert "to resume: nodegraph run g.json --sweep picky.bad=-1,3\n" in ended.stderr


def test_sweep_that_is_wrong_exits_2_with_every_problem(run_cli, demo_graph, demo_env):
    sweeps = ["--sweep", "halve.at=7,x", "--sweep", "halv.at=1", "--sweep", "count.n="]
    ended = run_cli("run", demo_graph, *sweeps, "--json", env=demo_env)
    assert ended.exit == 2
    codes = [error["code"] for error in json.loads(ended.stdout)["errors"]]
    assert sorted(codes) == ["bad-literal", "bad-literal", "bad-sweep", "unknown-node"]
    assert "did you mean 'halve'?" in ended.stderr
    assert "4 problems; nothing was run" in ended.stderr


def test_interrupt_tells_which_combinations_are_done(write_graph, cli_env, demo_env, tmp_path):
    graph = write_graph(
        {
            "picky": {"type": "demo.picky", "params": {"number": 1}},
            "wait": {"type": "demo.wait", "links": {"number": "picky"}},
        },
        {"waited": "wait"},
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "nodegraph", "run", graph.name, "--sweep", "picky.bad=5,6", "--jobs", "1"],
        cwd=tmp_path,
        env=cli_env | demo_env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("waiting" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "not finished" in output
    assert "0 of 2 combinations done" in errors
    assert "Traceback" not in errors

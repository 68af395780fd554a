"""`nodegraph check` as a process: exit status, places, carets, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nodegraph.cli.problems import _source
from nodegraph.cli.terminal import Terminal
from nodegraph.graph.problem import Problem

BAD = """{
  "nodegraph": 1,
  "nodes": {
    "count": {"type": "demo.cuont"},
    "halve": {"type": "demo.halve", "links": {"number": "count"}, "params": {"at": 1.5, "att": 0.5}}
  },
  "outputs": {"low": "halve.lo"}
}
"""


def test_sound_graph_exits_0_and_leaves_stdout_empty(run_cli, demo_graph, demo_env):
    ended = run_cli("check", demo_graph, env=demo_env)
    assert (ended.exit, ended.stdout) == (0, "")
    assert "no problems" in ended.stderr


def test_all_problems_come_with_place_source_line_caret_and_count(run_cli, tmp_path, demo_env):
    (tmp_path / "bad.json").write_text(BAD)
    ended = run_cli("check", "bad.json", env=demo_env)
    assert (ended.exit, ended.stdout) == (2, "")
    assert "bad.json:4:23: unknown node type 'demo.cuont' [unknown-node-type]" in ended.stderr
    assert (
        '    4 |     "count": {"type": "demo.cuont"},\n      |                       ^~~~~~~~~~~~'
        in ended.stderr
    )
    assert "hint: did you mean 'demo.count'?" in ended.stderr
    assert "bad.json:5:84: input 'at' of 'halve'" in ended.stderr
    assert ended.stderr.endswith("4 problems; nothing was run\n")
    assert "Traceback" not in ended.stderr


def test_json_gives_one_object_in_the_agreed_shape(run_cli, tmp_path, demo_env):
    (tmp_path / "bad.json").write_text(BAD)
    ended = run_cli("check", "bad.json", "--json", env=demo_env)
    found = json.loads(ended.stdout)
    assert ended.exit == 2
    assert found["ok"] is False
    assert len(found["errors"]) == 4
    for error in found["errors"]:
        assert list(error) == ["file", "pointer", "line", "column", "code", "message", "hint"]
    assert found["errors"][0]["pointer"] == "/nodes/count/type"


def test_json_of_a_sound_graph_is_ok_without_errors(run_cli, demo_graph, demo_env):
    ended = run_cli("check", demo_graph, "--json", env=demo_env)
    assert (ended.exit, json.loads(ended.stdout)) == (0, {"ok": True, "errors": []})


def test_pack_given_by_option_is_known(run_cli, demo_graph, pack):
    assert run_cli("check", demo_graph, "--nodes", pack).exit == 0


def test_overlay_set_and_input_are_checked_too(run_cli, demo_graph, demo_env, tmp_path):
    (tmp_path / "more.json").write_text('{"params": {"halve": {"at": "half"}}}')
    ended = run_cli(
        "check", demo_graph, "--values", "more.json", "--set", "count.n=-1", "--input", "x=1", env=demo_env
    )
    assert ended.exit == 2
    assert "more.json:1:" in ended.stderr
    assert "count" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "missing.json"),
        ("run", "missing.json"),
        ("plan", "missing.json"),
        ("show", "missing.json"),
        ("check",),
        ("check", "--no-such-option"),
        ("no-such-command",),
        ("run", "graph.json", "--jobs", "0"),
        ("run", "graph.json", "--limit", "many"),
        ("run", "graph.json", "--store-size", "huge"),
        ("run", "graph.json", "--nodes", "no_such_pack.py"),
        ("check", "graph.json", "--nodes", "no_such_module"),
        ("get", "graph.json"),
        ("get", "graph.json", "nobody"),
        ("nodes", "demo.nothing"),
        ("cache", "stat", "--store", "no/store/here"),
        ("cache", "gc", "--store", ".", "--older-than", "soon"),
        ("trace", "missing.txt"),
    ],
)
def test_bad_usage_exits_2_with_a_clear_text(run_cli, demo_graph, demo_env, arguments):
    ended = run_cli(*arguments, env=demo_env)
    assert ended.exit == 2
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


def test_pack_with_an_error_is_named_with_its_line(run_cli, tmp_path, demo_graph):
    (tmp_path / "broken.py").write_text("x = 1\ny = = 2\n")
    ended = run_cli("check", demo_graph, "--nodes", "broken.py")
    assert ended.exit == 2
    assert "broken.py:2:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_long_line_is_shown_around_the_fault(tmp_path):
    file = tmp_path / "long.json"
    file.write_text(" " * 500 + '"fault"' + " " * 500)
    shown = list(_source(Problem(str(file), "", 1, 501, "code", "message"), Terminal()))
    assert '"fault"' in shown[0]
    assert len(shown[0]) < 120
    assert shown[1].index("^") == shown[0].index('"fault"')
    assert shown[1].count("~") == len('"fault"') - 1


def test_control_characters_of_a_file_do_not_reach_the_terminal(run_cli, tmp_path):
    (tmp_path / "esc.json").write_text('{"nodegraph": 1, "nodes": {"a\\u001b[31m": 1}, \x1b]0;title\x07 }')
    ended = run_cli("check", "esc.json")
    assert ended.exit == 2
    assert "\x1b" not in ended.stderr
    assert "\x07" not in ended.stderr


def test_source_line_is_left_out_where_the_file_is_gone():
    assert list(_source(Problem(str(Path("gone.json")), "", 1, 1, "code", "message"), Terminal())) == []

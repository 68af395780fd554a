"""`nodegraph show` and `fmt` as processes."""

from __future__ import annotations

import json
import stat
import xml.etree.ElementTree as ElementTree


def test_show_gives_svg_where_stdout_is_no_terminal(run_cli, demo_graph, demo_env):
    ended = run_cli("show", demo_graph, env=demo_env)
    assert ended.exit == 0
    assert ElementTree.fromstring(ended.stdout).tag == "{http://www.w3.org/2000/svg}svg"


def test_show_writes_the_file_it_is_told_to(run_cli, demo_graph, demo_env, tmp_path):
    ended = run_cli("show", demo_graph, "-o", "graph.svg", env=demo_env)
    assert (ended.exit, ended.stdout) == (0, "")
    assert "demo.halve" in (tmp_path / "graph.svg").read_text()


def test_show_draws_with_text_on_demand(run_cli, demo_graph, demo_env):
    text = run_cli("show", demo_graph, "--text", env=demo_env).stdout
    assert "●  count  demo.count  n=6" in text
    assert "●  halve  demo.halve  [each count]  number←count.out" in text


def test_show_into_a_missing_folder_exits_2(run_cli, demo_graph, demo_env):
    ended = run_cli("show", demo_graph, "-o", "no/such/folder/graph.svg", env=demo_env)
    assert ended.exit == 2
    assert "cannot write" in ended.stderr


def test_show_json_is_one_object(run_cli, demo_graph, demo_env, tmp_path):
    shown = json.loads(run_cli("show", demo_graph, "--json", "-o", "g.svg", env=demo_env).stdout)
    assert shown == {"path": str(tmp_path / "g.svg")}


def test_fmt_writes_the_canonical_form_once_and_keeps_permissions(run_cli, demo_graph, demo_env):
    demo_graph.chmod(0o640)
    first = run_cli("fmt", demo_graph, env=demo_env)
    text = demo_graph.read_text()
    second = run_cli("fmt", demo_graph, env=demo_env)
    assert (first.exit, second.exit) == (0, 0)
    assert "rewrote" in first.stderr
    assert "rewrote" not in second.stderr
    assert text.startswith('{\n  "nodegraph": 1,\n')
    assert demo_graph.read_text() == text
    assert stat.S_IMODE(demo_graph.stat().st_mode) == 0o640
    assert [path.name for path in demo_graph.parent.iterdir() if path.name.startswith(".graph")] == []


def test_fmt_check_exits_1_and_changes_nothing(run_cli, demo_graph, demo_env):
    before = demo_graph.read_text()
    ended = run_cli("fmt", "--check", demo_graph, "--json", env=demo_env)
    assert ended.exit == 1
    assert json.loads(ended.stdout) == {"changed": [str(demo_graph)]}
    assert demo_graph.read_text() == before


def test_fmt_refuses_a_graph_with_errors_and_leaves_it(run_cli, demo_env, tmp_path, pack):
    file = tmp_path / "bad.json"
    file.write_text('{"nodegraph": 1, "nodes": {"a": {"type": "demo.nothing"}}}')
    ended = run_cli("fmt", file, env=demo_env)
    assert ended.exit == 2
    assert file.read_text().startswith('{"nodegraph"')

"""`nodegraph doctor` and the start of every command, as processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COMMANDS = ["run", "plan", "check", "fmt", "show", "nodes", "schema", "get", "trace", "doctor"]
SUBCOMMANDS = [["cache", name] for name in ("stat", "ls", "why", "gc", "verify", "clear")]
SUBCOMMANDS += [["bench", "placement"]]


def test_doctor_tells_versions_store_packs_and_devices(run_cli, demo_env, tmp_path):
    ended = run_cli("doctor", "--json", env=demo_env)
    told = json.loads(ended.stdout)
    found = {entry["topic"]: entry["found"] for entry in told["found"]}
    assert all(list(entry) == ["topic", "found", "problem"] for entry in told["found"])
    assert ended.exit == 0
    assert found["python"].startswith("3.")
    assert str(tmp_path / ".nodegraph") in found["store"]
    assert "node types" in found["pack demo_pack"]
    assert "NVIDIA driver" in found
    assert found["torch"]
    assert "memory" in found["device cpu"]
    cpu = told["devices"][-1]
    assert (cpu["name"], cpu["kind"]) == ("cpu", "cpu")
    assert 0 < cpu["budget"] < cpu["total"]
    assert not (tmp_path / ".nodegraph").exists()


def test_doctor_exits_1_where_the_store_cannot_be(run_cli, tmp_path):
    (tmp_path / "file").write_text("")
    ended = run_cli("doctor", "--store", "file/store")
    assert ended.exit == 1
    assert "is not a folder" in ended.stderr


def test_doctor_tells_what_a_graph_lacks(run_cli, tmp_path, demo_env, demo_graph):
    assert run_cli("doctor", demo_graph, env=demo_env).exit == 0
    file = tmp_path / "lacks.json"
    file.write_text(
        '{"nodegraph": 1, "nodes": {"photos": {"type": "load.images", "params": {"root": "gone"}}}}'
    )
    ended = run_cli("doctor", file, env=demo_env)
    assert ended.exit == 1
    assert "photos.root" in ended.stderr
    assert "does not exist" in ended.stderr


def test_doctor_takes_the_values_of_a_graph_as_plan_does(run_cli, demo_env, write_graph):
    file = write_graph({"photos": {"type": "load.images", "params": {"root": "gone"}}})
    (file.parent / "here").mkdir()
    assert run_cli("doctor", file, env=demo_env).exit == 1
    ended = run_cli("doctor", file, "--set", "photos.root=here", env=demo_env)
    assert (ended.exit, ended.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--input", "--set", "--values"])
def test_values_without_a_graph_are_refused(run_cli, option):
    ended = run_cli("doctor", option, "a.b=1")
    assert ended.exit == 2
    assert "name its file: nodegraph doctor GRAPH" in ended.stderr


@pytest.mark.parametrize("command", [[name] for name in COMMANDS] + SUBCOMMANDS)
def test_every_command_has_help_and_the_common_options(run_cli, command):
    ended = run_cli(*command, "--help")
    assert ended.exit == 0
    for option in ("--store", "--nodes", "--json", "--quiet"):
        assert option in ended.stdout


def test_version_is_printed(run_cli):
    ended = run_cli("--version")
    assert (ended.exit, ended.stderr) == (0, "")
    assert ended.stdout.startswith("nodegraph ")


def test_reader_that_goes_away_leaves_no_traceback(demo_graph, cli_env, demo_env):
    shell = f"{sys.executable} -m nodegraph nodes --json | head -c 10"
    ended = subprocess.run(
        ["bash", "-c", shell], env=cli_env | demo_env, capture_output=True, text=True, check=False
    )
    assert ended.stdout == '{\n  "nodes'
    assert ended.stderr == ""


def test_colours_are_not_written_to_a_file(run_cli, tmp_path):
    (tmp_path / "bad.json").write_text("[]")
    assert "\x1b" not in run_cli("check", "bad.json", env={"TERM": "xterm-256color"}).stderr


def test_bug_is_said_to_be_one_and_exits_1(run_cli, tmp_path, demo_graph, demo_env):
    (tmp_path / "sitecustomize.py").write_text(
        "import nodegraph.show.svg as svg\n\n"
        "def broken(graph):\n    raise ZeroDivisionError('of ours')\n\n"
        "svg.graph_svg = broken\n"
    )
    ended = run_cli("show", demo_graph, env=demo_env | {"PYTHONPATH": str(tmp_path)})
    assert ended.exit == 1
    assert "this is a bug in nodegraph" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


def test_check_loads_no_heavy_library(demo_graph, cli_env, demo_env):
    code = (
        "import sys\nsys.argv = ['nodegraph', 'check', sys.argv[1]]\n"
        "from nodegraph.cli import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert ended.code == 0, ended.code\n"
        "heavy = {'numpy', 'networkx', 'torch', 'cv2', 'av', 'scipy', 'rich', 'PIL'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(demo_graph)],
        env=cli_env | demo_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout.split()) == (0, [])

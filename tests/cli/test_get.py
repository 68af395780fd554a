"""`nodegraph get` as a process."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def ran(run_cli, demo_graph, demo_env):
    assert run_cli("run", demo_graph, env=demo_env).exit == 0
    return demo_graph


def test_value_is_printed_as_json(run_cli, ran, demo_env):
    assert run_cli("get", ran, "total", env=demo_env).stdout == "6\n"


def test_stream_lists_its_keys(run_cli, ran, demo_env):
    ended = run_cli("get", ran, "halve.low", env=demo_env)
    assert ended.stdout.split() == ["0", "1", "2", "3", "4", "5"]
    assert "--item KEY" in ended.stderr


def test_item_of_a_stream_is_printed(run_cli, ran, demo_env):
    assert run_cli("get", ran, "halve.high", "--item", "5", env=demo_env).stdout == "3\n"


def test_json_has_value_and_digest(run_cli, ran, demo_env):
    got = json.loads(run_cli("get", ran, "total", "--json", env=demo_env).stdout)
    assert got["value"] == 6
    assert len(got["digest"]) == 64
    stream = json.loads(run_cli("get", ran, "count", "--json", env=demo_env).stdout)
    assert (stream["items"], stream["keys"][0]) == (6, "0")


def test_json_file_is_written_in_full(run_cli, ran, demo_env, tmp_path):
    assert run_cli("get", ran, "total", "-o", "total.json", env=demo_env).exit == 0
    assert json.loads((tmp_path / "total.json").read_text()) == 6


@pytest.mark.parametrize(
    ("arguments", "exit_status", "text"),
    [
        (("nobody",), 2, "no node 'nobody'"),
        (("halve.middle",), 2, "its outputs: low, high"),
        (("halve.low", "--item", "77"), 1, "not in the store"),
        (("total", "-o", "total.png"), 2, "no preview"),
        (("halve.low", "-o", "low.json"), 2, "--item KEY"),
    ],
)
def test_what_cannot_be_got_is_told_with_what_to_do(run_cli, ran, demo_env, arguments, exit_status, text):
    ended = run_cli("get", ran, *arguments, env=demo_env)
    assert ended.exit == exit_status
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_value_that_was_never_made_asks_for_a_run(run_cli, demo_graph, demo_env):
    ended = run_cli("get", demo_graph, "total", env=demo_env)
    assert ended.exit == 1
    assert "run the graph first" in ended.stderr


DOTS = '''
"""A value with a preview."""

from dataclasses import dataclass

from nodegraph import node, value


@value("test.dot")
@dataclass(frozen=True)
class Dot:
    size: int

    def preview(self) -> bytes:
        return b"PNG of %d" % self.size


@node("test.dot_of", version=1)
def dot_of(size: int = 3) -> Dot:
    """A dot."""
    return Dot(size)
'''


def test_value_with_a_preview_is_written_as_png_and_as_nothing_else(run_cli, write_graph, tmp_path):
    (tmp_path / "dots.py").write_text(DOTS)
    graph = write_graph({"dot": {"type": "test.dot_of"}})
    assert run_cli("run", graph, "--nodes", "dots.py").exit == 0
    assert run_cli("get", graph, "dot", "-o", "dot.png", "--nodes", "dots.py").exit == 0
    assert (tmp_path / "dot.png").read_bytes() == b"PNG of 3"
    refused = run_cli("get", graph, "dot", "-o", "dot.mp4", "--nodes", "dots.py")
    assert refused.exit == 2
    assert "a PNG picture, not .mp4: name a .png file" in refused.stderr
    assert not (tmp_path / "dot.mp4").exists()
    got = json.loads(run_cli("get", graph, "dot", "--json", "--nodes", "dots.py").stdout)
    assert got["value"] == {"type": "test.dot", "size": 3}


def test_artifact_is_copied_to_a_new_folder_and_never_over_one(run_cli, write_graph, demo_env, tmp_path):
    graph = write_graph(
        {
            "count": {"type": "demo.count", "params": {"n": 2}},
            "write": {"type": "demo.write", "links": {"numbers": "count"}},
        },
        {"text": "write"},
    )
    assert run_cli("run", graph, env=demo_env).exit == 0
    assert run_cli("get", graph, "write", "-o", "copy", env=demo_env).exit == 0
    assert (tmp_path / "copy/numbers.txt").read_text() == "0\n1\n"
    again = run_cli("get", graph, "write", "-o", "copy", env=demo_env)
    assert again.exit == 2
    assert "name a new one" in again.stderr

"""`nodegraph nodes` and `schema` as processes."""

from __future__ import annotations

import json


def test_catalog_groups_types_by_kind_with_one_line_each(run_cli, demo_env):
    ended = run_cli("nodes", env=demo_env)
    assert ended.exit == 0
    lines = ended.stdout.splitlines()
    kind = lines.index("demo")
    assert any(line.split() == ["demo.total", "Add", "up", "a", "stream."] for line in lines[kind:])


def test_one_type_shows_inputs_bounds_outputs_flags_and_an_example(run_cli, demo_env):
    text = run_cli("nodes", "demo.halve", env=demo_env).stdout
    assert "  The low part is rounded down." in text
    assert "  at      float  = 0.5     0 ≤ x ≤ 1 fraction  where to cut" in text
    assert "  low   int" in text
    assert "version 1, not seeded, pure" in text
    assert '"halve": {"type": "demo.halve", "params": {"number": 1, "at": 0.5}}' in text


def test_json_of_one_type_describes_every_port(run_cli, demo_env):
    described = json.loads(run_cli("nodes", "demo.halve", "--json", env=demo_env).stdout)
    assert described["inputs"][1] == {
        "name": "at",
        "type": "float",
        "required": False,
        "literal": True,
        "default": 0.5,
        "bounds": {"ge": 0.0, "le": 1.0},
        "unit": "fraction",
        "help": "where to cut",
    }
    assert [port["name"] for port in described["outputs"]] == ["low", "high"]
    assert described["version"] == 1


def test_json_of_the_catalog_is_one_object(run_cli, demo_env):
    catalog = json.loads(run_cli("nodes", "--json", env=demo_env).stdout)
    types = [described["type"] for described in catalog["nodes"]]
    assert "demo.halve" in types
    assert types == sorted(types)


def test_unknown_type_exits_2_with_the_nearest_name(run_cli, demo_env):
    ended = run_cli("nodes", "demo.halv", env=demo_env)
    assert (ended.exit, ended.stdout) == (2, "")
    assert "did you mean 'demo.halve'?" in ended.stderr


def test_schema_is_a_json_schema_that_knows_the_types(run_cli, demo_env):
    ended = run_cli("schema", env=demo_env)
    assert ended.exit == 0
    schema = json.loads(ended.stdout)
    assert schema["$schema"].startswith("https://json-schema.org/draft/2020-12")
    assert "demo.halve" in ended.stdout


def test_kind_lists_its_types_alone(run_cli, demo_env):
    ended = run_cli("nodes", "image", env=demo_env)
    assert (ended.exit, ended.stderr) == (0, "")
    listed = [line.split()[0] for line in ended.stdout.splitlines()]
    assert listed == ["image", "image.annotate", "image.encode"]

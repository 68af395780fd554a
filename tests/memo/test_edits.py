"""Which edits of a pack file make which nodes run again in the next process."""

from __future__ import annotations

import pytest

NOTHING = [
    ("pack.py", "  # twice", ""),
    ("pack.py", '"""Work on a number."""', '"""Another text."""'),
    ("pack.py", "doubled", "twofold", "both"),
    ("pack.py", "def b(number: int, *,", "def b(\n    number: int,\n    *,"),
    ("pack.py", '"""Near."""', '"""Nearer."""'),
    ("pack.py", '"""How much."""', '"""How much it is."""'),
    ("helpers.py", '"""Lift a number."""', ""),
    ("helpers.py", "return number - 1", "return number - 2"),
    ("pack.py", "import helpers\nfrom nodegraph", "import helpers\nimport json\nfrom nodegraph"),
]

CHANGED = {
    "constant in the body": ("pack.py", "+ 5 +", "+ 6 +"),
    "operator": ("pack.py", "number * Settings", "number + Settings"),
    "helper of the same module": ("pack.py", "return number + OFFSET", "return number + OFFSET + 1"),
    "constant of the module": ("pack.py", "OFFSET = 1", "OFFSET = 2"),
    "attribute of a class": ("pack.py", "scale = 2", "scale = 3"),
    "helper in the module beside it": ("helpers.py", "number * FACTOR", "number * FACTOR + 1"),
    "constant of the module beside it": ("helpers.py", "FACTOR = 10", "FACTOR = 11"),
    "helper of a helper, two modules on": ("deeper.py", "number * 100", "number * 101"),
    "default": ("pack.py", "extra: int = 0", "extra: int = 1"),
}

SAME_RESULT = {
    "another order": (
        "pack.py",
        "near(doubled) + helpers.lift(number)",
        "helpers.lift(number) + near(doubled)",
    ),
    "a helper written another way": ("helpers.py", "number * FACTOR", "FACTOR * number"),
    "a class attribute nobody reads differently": ("pack.py", "scale = 2", "scale = 1 + 1"),
}


def test_nothing_edited_runs_nothing(project):
    assert project.executed() == ""


def test_edits_that_change_no_behaviour_run_nothing(project):
    for file, old, new, *also in NOTHING:
        if also:
            path = project.folder / file
            path.write_text(path.read_text().replace(old, new))
        else:
            project.edit(file, old, new)
    assert project.executed() == ""


@pytest.mark.parametrize("edit", CHANGED.values(), ids=CHANGED)
def test_edit_that_changes_the_result_runs_the_node_and_what_follows(project, edit):
    project.edit(*edit)
    assert project.executed() == "b c"


@pytest.mark.parametrize("edit", SAME_RESULT.values(), ids=SAME_RESULT)
def test_edit_that_leaves_the_result_equal_stops_at_the_node(project, edit):
    project.edit(*edit)
    assert project.executed() == "b"


def test_edit_taken_back_runs_nothing(project):
    project.edit("pack.py", "+ 5 +", "+ 6 +")
    assert project.executed() == "b c"
    project.edit("pack.py", "+ 6 +", "+ 5 +")
    assert project.executed() == ""


def test_plan_names_the_part_of_the_code_that_changed(project):
    project.executed()
    project.edit("helpers.py", "number * FACTOR", "number * FACTOR + 1")
    nodes = project.command("plan", "graph.json")["nodes"]
    assert nodes["a"]["reasons"] == []
    assert nodes["b"]["reasons"] == ["code changed: helpers.lift"]
    assert nodes["c"]["reasons"] == ["1 of 1 inputs changed"]


def test_code_that_got_a_version_is_another_version(project):
    project.executed()
    project.edit("pack.py", '@node("ed.b")', '@node("ed.b", version=2)')
    assert project.command("plan", "graph.json")["nodes"]["b"]["reasons"] == ["version none → 2"]
    assert project.executed() == "b"
    project.edit("pack.py", "+ 5 +", "+ 6 +")
    assert project.executed() == ""
    project.edit("pack.py", "version=2", "version=3")
    assert project.command("plan", "graph.json")["nodes"]["b"]["reasons"] == ["version 2 → 3"]
    assert project.executed() == "b c"

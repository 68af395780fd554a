"""The edit table: which edits of a pack's code make which nodes run again in the next process, and why.

Every edit is made in a project that ran once. Then a new process plans and runs the graph a → b → c, and
calls the functions themselves: what they compute from nothing is what the run must give.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forks import Forks

PACK = '''
"""Three nodes in a row."""

from __future__ import annotations

from nodegraph import node
from .tables import TABLE, Shape
from .shapes import *
from . import helpers
from . import fillers

OFFSET = 1
LIMIT = 1000000


class Settings:
    """How much."""

    scale = 2

    def twice(self, number):
        return number * self.scale


def near(number, step=0):
    """Near."""
    return number + OFFSET + step


def scaled(by):
    def work(number):
        return number * by

    return work


triple = scaled(3)


@node("ed.a")
def a(number: int = 3) -> int:
    """The number."""
    return number


@node("ed.b")
def b(number: int, *, extra: int = 0) -> int:
    """Work on a number."""
    doubled = Settings().twice(number)  # twice
    total = near(doubled) + helpers.lift(number) + triple(number) + TABLE["sum"](number)
    return min(LIMIT, total + Shape.SIDES.value + area(number) + 5 + extra)


@node("ed.c")
def c(number: int) -> int:
    """One more."""
    return number + 1
'''

MODULES = {
    "pack": PACK,
    "helpers": '''
"""Helpers of the pack."""

from .deeper import high

FACTOR = 10


def lift(number):
    """Lift a number."""
    return number * FACTOR + high(number)


def unused(number):
    return number - 1
''',
    "deeper": "def high(number):\n    return number * 100\n",
    "shapes": "from .deeper import high as tall\n\ndef area(number):\n    return number * number\n",
    "tables": """
import enum

TABLE = {}


def add(name):
    def keep(function):
        TABLE[name] = function
        return function

    return keep


class Shape(enum.Enum):
    SIDES = 4
    OTHER = 5
""",
    "fillers": """
from .tables import add


@add("sum")
def together(number):
    return number + 7


@add("difference")
def apart(number):
    return number - 7
""",
}

NOTHING = {
    "comment": ("pack", "  # twice", "  # two times"),
    "comment line": ("pack", "OFFSET = 1\n", "# Where it starts.\nOFFSET = 1\n"),
    "docstring of the node": ("pack", '"""Work on a number."""', '"""Another text."""'),
    "docstring of a helper": ("pack", '"""Near."""', '"""Nearer."""'),
    "docstring of a class": ("pack", '"""How much."""', '"""How much it is."""'),
    "docstring of a module": ("helpers", '"""Helpers of the pack."""', '"""Helpers."""'),
    "no docstring": ("helpers", '    """Lift a number."""\n', ""),
    "local name": ("pack", "doubled", "twofold"),
    "statement that does nothing": ("pack", "    def work(number):", "    def work(number):\n        pass"),
    "layout": ("pack", "def b(number: int, *,", "def b(\n    number: int,\n    *,"),
    "spelling of a number": ("pack", "LIMIT = 1000000", "LIMIT = 1_000_000"),
    "annotation of a helper": (
        "pack",
        "def near(number, step=0)",
        "def near(number: int, step: int = 0) -> int",
    ),
    "function nobody uses": ("helpers", "return number - 1", "return number - 2"),
    "import nobody uses": ("helpers", "FACTOR = 10", "import json\n\nFACTOR = 10"),
    "help of an option": ("pack", '@node("ed.c")', '@node("ed.c", keep=True)'),
}

CHANGED = {
    "constant in the body": ("pack", "+ 5 +", "+ 6 +", "pack.b"),
    "operator": ("pack", "number * self.scale", "number + self.scale", "pack.Settings.twice"),
    "default argument of the node": ("pack", "extra: int = 0", "extra: int = 1", "pack.b"),
    "default argument of a helper": ("pack", "step=0", "step=1", "pack.near"),
    "helper of the same module": ("pack", "+ OFFSET + step", "+ OFFSET - 1", "pack.near"),
    "constant of the module": ("pack", "OFFSET = 1", "OFFSET = 2", "pack.OFFSET"),
    "class attribute": ("pack", "scale = 2", "scale = 3", "pack.Settings.scale"),
    "method of a helper class": ("pack", "self.scale\n", "self.scale + 1\n", "pack.Settings.twice"),
    "closure value": ("pack", "scaled(3)", "scaled(4)", "pack.triple"),
    "closure's code": ("pack", "number * by", "number - by", "pack.scaled"),
    "helper in another module": ("helpers", "number * FACTOR", "number - FACTOR", "helpers.lift"),
    "constant of another module": ("helpers", "FACTOR = 10", "FACTOR = 20", "helpers.FACTOR"),
    "helper of a helper, two modules on": ("deeper", "* 100", "* 101", "deeper.high"),
    "helper from a star import": ("shapes", "number * number", "number + number", "shapes.area"),
    "function another module put into a table": ("fillers", "+ 7", "+ 8", "fillers.together"),
    "member of an enum": ("tables", "SIDES = 4", "SIDES = 3", "tables.Shape.SIDES"),
    "constant of equal size, changed where it is used": (
        "pack",
        'TABLE["sum"]',
        "TABLE['difference']",
        "pack.b",
    ),
}

SAME_RESULT = {
    "order of terms": (
        "pack",
        "near(doubled) + helpers.lift(number)",
        "helpers.lift(number) + near(doubled)",
        "pack.b",
    ),
    "helper written another way": ("helpers", "number * FACTOR", "FACTOR * number", "helpers.lift"),
    "constant worked out": ("pack", "scale = 2", "scale = 1 + 1", "pack.Settings.scale"),
    "limit that is not reached": ("pack", "LIMIT = 1000000", "LIMIT = 2000000", "pack.LIMIT"),
    "another entry of the table": ("fillers", "number - 7", "number - 8", "fillers.apart"),
    "function that fills the table": (
        "tables",
        "    return keep",
        "    kept = keep\n    return kept",
        "tables.add",
    ),
}


@dataclass(frozen=True)
class Project:
    """A folder with a pack of either form, a graph and a store."""

    folder: Path
    forks: Forks
    is_package: bool

    @classmethod
    def create(cls, folder: Path, forks: Forks, *, is_package: bool) -> Project:
        """Write the pack and the graph."""
        project = cls(folder, forks, is_package)
        for name, source in MODULES.items():
            path = project.file(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source if is_package else absolute_imports(source))
        if is_package:
            project.file("__init__").write_text("from . import pack\n")
        nodes = {
            "a": {"type": "ed.a"},
            **{two: {"type": f"ed.{two}", "links": {"number": one}} for one, two in ("ab", "bc")},
        }
        graph = {"nodegraph": 1, "name": "row", "nodes": nodes, "outputs": {"out": "c"}}
        (folder / "graph.json").write_text(json.dumps(graph))
        return project

    def file(self, name: str) -> Path:
        """The file of a module."""
        return self.folder / "mypack" / f"{name}.py" if self.is_package else self.folder / f"{name}.py"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a module, wherever it stands there."""
        text = self.file(name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        self.file(name).write_text(text.replace(old, new))

    def part(self, name: str) -> str:
        """How a part of the pack's code is called."""
        return f"mypack.{name}" if self.is_package else name

    def run(self) -> dict[str, Any]:
        """Plan and run in a new process; what it gives must be what the code gives from nothing."""
        names = ("mypack", "mypack.pack") if self.is_package else ("pack.py", "pack")
        ended = self.forks.run("probe", *names, folder=self.folder)
        assert ended.exit == 0, ended.stderr
        found = ended.json
        assert found["value"] == found["from_nothing"], "a stale result"
        return found


def absolute_imports(source: str) -> str:
    return re.sub(r"from \.(\w+) import", r"from \1 import", source).replace("from . import", "import")


def ran_once(folder: Path, forks: Forks, *, is_package: bool) -> Project:
    """A project whose graph ran, and beside it what `restored` needs."""
    project = Project.create(folder / "project", forks, is_package=is_package)
    assert project.run()["executed"] == "a b c"
    shutil.copytree(project.folder, folder / "kept")
    return project


def restored(project: Project) -> Project:
    """A project as it was after its first run, in the same folder."""
    shutil.rmtree(project.folder)
    shutil.copytree(project.folder.with_name("kept"), project.folder)
    return project


@pytest.fixture(scope="module")
def file_that_ran(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ran_once(tmp_path_factory.mktemp("file"), forks, is_package=False)


@pytest.fixture(scope="module")
def package_that_ran(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return ran_once(tmp_path_factory.mktemp("package"), forks, is_package=True)


@pytest.fixture
def project(file_that_ran: Project) -> Project:
    return restored(file_that_ran)


@pytest.fixture
def package(package_that_ran: Project) -> Project:
    return restored(package_that_ran)


def edits_that_change_no_behaviour_run_nothing(project: Project) -> None:
    assert project.run()["executed"] == ""
    for edit in NOTHING.values():
        project.edit(*edit)
    found = project.run()
    assert (found["executed"], found["reasons"]) == ("", [])


def edit_runs_node_and_what_follows(project: Project, edit: tuple[str, str, str, str]) -> None:
    *where, part = edit
    project.edit(*where)
    found = project.run()
    assert found["executed"] == "b c"
    assert found["reasons"][0].split("; ")[0] == f"code changed: {project.part(part)}"


def test_edits_that_change_no_behaviour_run_nothing(project):
    edits_that_change_no_behaviour_run_nothing(project)


def test_edits_that_change_no_behaviour_run_nothing_of_a_package(package):
    edits_that_change_no_behaviour_run_nothing(package)


@pytest.mark.parametrize("edit", CHANGED.values(), ids=CHANGED)
def test_edit_that_changes_the_result_runs_the_node_and_what_follows_and_is_named(project, edit):
    edit_runs_node_and_what_follows(project, edit)


ELSEWHERE = {name: edit for name, edit in CHANGED.items() if edit[0] != "pack"}


@pytest.mark.parametrize("edit", ELSEWHERE.values(), ids=ELSEWHERE)
def test_edit_in_another_module_of_a_package_runs_the_node_and_what_follows_and_is_named(package, edit):
    edit_runs_node_and_what_follows(package, edit)


@pytest.mark.parametrize("edit", SAME_RESULT.values(), ids=SAME_RESULT)
def test_edit_that_leaves_the_result_equal_stops_at_the_node_and_is_named(project, edit):
    *where, part = edit
    project.edit(*where)
    found = project.run()
    assert found["executed"] == "b"
    assert found["reasons"] == [f"code changed: {part}"]


def test_edit_taken_back_runs_nothing(project):
    project.edit("deeper", "* 100", "* 101")
    assert project.run()["executed"] == "b c"
    project.edit("deeper", "* 101", "* 100")
    assert project.run()["executed"] == ""


def test_node_that_gets_a_version_runs_for_that_and_from_then_on_when_it_is_raised(project):
    project.edit("pack", '@node("ed.b")', '@node("ed.b", version=2)')
    found = project.run()
    assert (found["executed"], found["reasons"]) == ("b", ["version none → 2"])
    project.edit("helpers", "number * FACTOR", "FACTOR * number")
    assert project.run()["executed"] == ""
    project.edit("pack", "version=2", "version=3")
    found = project.run()
    assert (found["executed"], found["reasons"]) == ("b", ["version 2 → 3"])


def test_store_whose_files_are_cut_in_half_gives_right_results_before_and_after_an_edit(project):
    cut_in_half(project.folder / ".nodegraph")
    project.run()
    cut_in_half(project.folder / ".nodegraph")
    project.edit("deeper", "* 100", "* 101")
    project.run()


def cut_in_half(store: Path) -> None:
    files = [path for path in store.rglob("*") if path.is_file() and path.stat().st_size]
    assert files, "there is something to cut"
    for path in files:
        os.truncate(path, path.stat().st_size // 2)

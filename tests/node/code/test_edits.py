"""Which edits of a pack change the fingerprint of a node, and what the change is called.

Every state of the pack is fingerprinted in a process of its own, as a later run would see it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NODES = '''
"""A pack."""
from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from nodegraph import Context, Param, node
from typing import Annotated

from . import shapes as forms
from . import tables
from .deep.inner import bend as curve
from .helpers import lift
import mypack.paths

SCALE = 3
DOUBLE = SCALE * 2
LIMITS = {"low": 1, "high": [2, 3]}
half = functools.partial(lift, factor=0.5)
table = []
table.append(7)


class Config:
    """Settings."""
    rate = 4
    names = ("a", "b")

    def total(self) -> int:
        return self.rate * 2

    @property
    def wide(self) -> bool:
        return self.rate > 2


def near(x: float) -> float:
    """Near."""
    step = x + 1  # a comment
    return math.floor(step)


def timed(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs) + 0

    return inner


@timed
def slow(x):
    return x


def recursive(n):
    return 0 if n == 0 else mutual(n - 1)


def mutual(n):
    return recursive(n)


@node("test.all")
def everything(x: float, *, steps: Annotated[int, Param(ge=0, help="how many")] = 5) -> float:
    """Use all sorts of things."""
    from .late import tail

    total = 0.5
    for index in range(steps):
        total += near(x) + lift(x) + curve(index) + forms.area(x) + mypack.paths.go(x)
    total += DOUBLE + LIMITS["low"] + Config().total() + slow(1) + half(2) + recursive(2) + tail(1)
    total += sum(table) + tables.look(1)
    return sorted([total, 1.0], key=lambda value: -value)[0]


def make(scale):
    @node("test.made")
    def made(x: int) -> int:
        return x * scale + offset(x)

    def offset(x):
        return x + 10

    return made


made = make(3)


@node("test.dynamic")
def dynamic(name: str) -> float:
    return globals()[name](1.0)
'''

FILES = {
    "nodes.py": NODES,
    "__init__.py": "",
    "helpers.py": "FACTOR = 2\ndef lift(x, factor=1.0):\n    return x * factor * FACTOR\n"
    "def unused():\n    return 1\n",
    "shapes.py": "def area(x):\n    return x * x\ndef other(x):\n    return x\n",
    "paths.py": "def go(x):\n    return -x\n",
    "late.py": "def tail(x):\n    return x + 1\n",
    "deep/__init__.py": "",
    "deep/inner.py": "from ..helpers import lift as raise_\ndef bend(x):\n    return raise_(x) + 1\n",
    "tables.py": "_known = {}\ndef register(f):\n    _known[f.__name__] = f\n    return f\n"
    "@register\ndef one(x):\n    return 1\ndef look(x):\n    return _known['one'](x)\n",
}

LOCAL = "    step = x + 1  # a comment\n    return math.floor(step)\n"
LOOP = """    for index in range(steps):
        total += near(x) + lift(x) + curve(index) + forms.area(x) + mypack.paths.go(x)
"""

SAME = [
    pytest.param("nodes.py", "# a comment", "# another\n    # and one more", id="comment"),
    pytest.param("nodes.py", '"""Near."""', '"""Near, but other."""', id="docstring"),
    pytest.param("nodes.py", '"""Settings."""', '"""Other."""', id="class docstring"),
    pytest.param("nodes.py", '"""Use all sorts of things."""', "", id="no docstring"),
    pytest.param("nodes.py", LOCAL, LOCAL.replace("step", "other"), id="local variable"),
    pytest.param("nodes.py", LOOP, LOOP.replace("index", "position"), id="loop variable"),
    pytest.param("nodes.py", "def near(x: float) -> float", "def near(x)", id="annotation of a helper"),
    pytest.param("nodes.py", 'help="how many"', 'help="number"', id="help of a parameter"),
    pytest.param("nodes.py", '@node("test.all")', '@node("test.all", keep=False)', id="option of the node"),
    pytest.param("nodes.py", "SCALE * 2", "(SCALE\n   *\n   2)", id="layout"),
    pytest.param("nodes.py", "+ 1  #", "+ 0x1  #", id="spelling of a number"),
    pytest.param("helpers.py", "return 1", "return 2", id="a function that is not used"),
    pytest.param("shapes.py", "return x\n", "return -x\n", id="an unused function beside a used one"),
]

CHANGED = [
    pytest.param("nodes.py", "total = 0.5", "total = 0.6", "nodes.everything", id="constant"),
    pytest.param("nodes.py", "= 5)", "= 6)", "nodes.everything", id="default argument"),
    pytest.param("nodes.py", "step = x + 1", "step = x + 2", "nodes.near", id="helper in the module"),
    pytest.param("nodes.py", "math.floor", "math.ceil", "nodes.near", id="other standard function"),
    pytest.param("helpers.py", "x * factor", "x + factor", "helpers.lift", id="helper in another module"),
    pytest.param("helpers.py", "factor=1.0", "factor=2.0", "helpers.lift", id="default of a helper"),
    pytest.param("helpers.py", "FACTOR = 2", "FACTOR = 3", "helpers.FACTOR", id="constant of a helper"),
    pytest.param("shapes.py", "x * x", "x * x * 2", "shapes.area", id="attribute of an aliased module"),
    pytest.param("paths.py", "-x", "+x", "paths.go", id="attribute of a dotted module"),
    pytest.param("late.py", "x + 1", "x + 2", "late.tail", id="import inside the function"),
    pytest.param("deep/inner.py", ") + 1", ") + 2", "deep.inner.bend", id="nested package"),
    pytest.param("nodes.py", "SCALE = 3", "SCALE = 4", "nodes.SCALE", id="constant behind a constant"),
    pytest.param("nodes.py", "[2, 3]", "[2, 4]", "nodes.LIMITS", id="container constant"),
    pytest.param("nodes.py", "table.append(7)", "table.append(8)", "nodes.table", id="change in place"),
    pytest.param("nodes.py", "rate = 4", "rate = 5", "nodes.Config.rate", id="class attribute"),
    pytest.param("nodes.py", "self.rate * 2", "self.rate * 3", "nodes.Config.total", id="method"),
    pytest.param("nodes.py", "self.rate > 2", "self.rate > 3", "nodes.Config.wide", id="property"),
    pytest.param("nodes.py", "**kwargs) + 0", "**kwargs) + 1", "nodes.timed", id="decorator"),
    pytest.param("nodes.py", "factor=0.5", "factor=0.7", "nodes.half", id="partial"),
    pytest.param(
        "nodes.py", "0 if n == 0", "1 if n == 0", "nodes.recursive", id="helpers that call each other"
    ),
    pytest.param("nodes.py", "-value)", "value)", "nodes.everything", id="lambda"),
    pytest.param("tables.py", "return 1", "return 2", "tables.one", id="function in a registry"),
]

CLOSURES = [
    pytest.param("nodes.py", "make(3)", "make(4)", "nodes.make.made.scale", id="closure value"),
    pytest.param("nodes.py", "x + 10", "x + 11", "nodes.make.offset", id="closure function"),
]

PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import mypack.nodes as nodes
from nodegraph.node.code import fingerprint
def parts(name):
    return {part: digest.hex() for part, digest in fingerprint(getattr(nodes, name)).parts.items()}
print(json.dumps({name: parts(name) for name in ("everything", "made", "dynamic")}))
"""


def write_pack(folder: Path, edits: dict[str, str] | None = None) -> Path:
    for name, text in (FILES | (edits or {})).items():
        path = folder / "mypack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def parts_in_new_process(folder: Path, *, hash_seed: str = "0") -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    return parts_in_new_process(write_pack(tmp_path_factory.mktemp("before")))


def edited(file: str, old: str, new: str) -> dict[str, str]:
    assert FILES[file].count(old) == 1
    return {file: FILES[file].replace(old, new)}


def changed(old: dict[str, str], new: dict[str, str]) -> set[str]:
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def test_same_pack_in_another_folder_process_and_hash_seed_has_same_parts(tmp_path, before):
    assert parts_in_new_process(write_pack(tmp_path / "elsewhere"), hash_seed="77") == before


@pytest.mark.parametrize(("file", "old", "new"), SAME)
def test_edit_that_changes_no_behaviour_changes_no_part(tmp_path, before, file, old, new):
    after = parts_in_new_process(write_pack(tmp_path, edited(file, old, new)))
    assert changed(before["everything"], after["everything"]) == set()


@pytest.mark.parametrize(("file", "old", "new", "part"), CHANGED)
def test_edit_changes_the_part_it_was_made_in(tmp_path, before, file, old, new, part):
    after = parts_in_new_process(write_pack(tmp_path, edited(file, old, new)))
    assert changed(before["everything"], after["everything"]) == {f"mypack.{part}"}


@pytest.mark.parametrize(("file", "old", "new", "part"), CLOSURES)
def test_edit_of_a_closure_changes_the_captured_value(tmp_path, before, file, old, new, part):
    after = parts_in_new_process(write_pack(tmp_path, edited(file, old, new)))
    assert changed(before["made"], after["made"]) == {f"mypack.{part}"}
    assert after["everything"] == before["everything"]


def test_function_that_reads_globals_by_name_counts_its_whole_module(tmp_path, before):
    edit = edited("nodes.py", "return function(*", "return 1 + function(*")
    after = parts_in_new_process(write_pack(tmp_path, edit))
    assert changed(before["dynamic"], after["dynamic"]) == {"mypack.nodes.timed"}

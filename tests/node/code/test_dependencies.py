"""Edits of small packages: those that can change what `f` does change its fingerprint, others do not.

A case in `cases/` begins with `=== title`, then the module `main`; `--- name` begins another module. The edit
stands where it is made: `«old|new»`. `PACK` is the name of the package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from nodegraph.node.code import changed_parts, fingerprint

CASES = Path(__file__).parent / "cases"
EDIT = re.compile(r"«(.*?)\|(.*?)»", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """A package in two states."""

    title: str
    modules: dict[str, str]

    def state(self, number: int) -> dict[str, str]:
        """The sources before (1) or after (2) the edit."""
        return {name: EDIT.sub(rf"\g<{number}>", source) for name, source in self.modules.items()}


def read_cases(name: str) -> list[object]:
    found: list[object] = []
    for block in (CASES / f"{name}.txt").read_text().split("=== ")[1:]:
        title, _, text = block.partition("\n")
        main, *others = text.split("\n--- ")
        modules = {"main": main}
        for other in others:
            stem, _, source = f"{other}\n".partition("\n")
            modules[stem] = source
        assert any(EDIT.search(source) for source in modules.values()), f"{title}: nothing is edited"
        found.append(pytest.param(Case(title, modules), id=title))
    return found


def changes(load: Callable[..., ModuleType], before: dict[str, str], after: dict[str, str]) -> list[str]:
    old = fingerprint(load(**before).f).parts
    return changed_parts(old, fingerprint(load(**after).f).parts)


@pytest.mark.parametrize(
    "case", [case for name in ("changes", "imports", "language") for case in read_cases(name)]
)
def test_edit_of_what_a_function_depends_on_changes_its_fingerprint(load, case):
    assert changes(load, case.state(1), case.state(2)) != []


@pytest.mark.parametrize("case", read_cases("same"))
def test_edit_of_what_a_function_does_not_depend_on_changes_nothing(load, case):
    assert changes(load, case.state(1), case.state(2)) == []


BRANCHES = "".join(f"    elif x == {number}:\n        return {number}\n" for number in range(600))


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (f"def f(x):\n    if x < 0:\n        return 0\n{BRANCHES}", "return 599", "return 600"),
        (f"def f(x):\n    return x{' + 1' * 1500}\n", "return x", "return -x"),
        (f"K = 0x{'f' * 6000}\ndef f(x):\n    return K\n", "0xf", "0xe"),
    ],
    ids=["600 branches", "a sum of 1,500", "a number of 24,000 bits"],
)
def test_code_of_any_depth_and_size_is_read_to_its_end(load, source, old, new):
    assert changes(load, {"main": source}, {"main": source.replace(old, new)}) != []


def test_function_under_a_library_decorator_that_hides_it_is_followed(load):
    source = "from reprlib import recursive_repr\n@recursive_repr()\ndef f(self):\n    return '{}'\n"
    assert changes(load, {"main": source.format(1)}, {"main": source.format(2)}) != []


def test_name_of_the_function_that_changed_is_told_also_if_another_module_registered_it(load):
    sources = {
        "main": "from .table import TABLE\nfrom . import fillers\ndef f(x):\n    return TABLE['one'](x)\n",
        "table": "TABLE = {}\ndef add(g):\n    TABLE[g.__name__] = g\n    return g\n",
        "fillers": "from .table import add\n@add\ndef one(x):\n    return 1\n",
    }
    after = sources | {"fillers": sources["fillers"].replace("return 1", "return 2")}
    found = changes(load, sources, after)
    assert [part.partition(".")[2] for part in found] == ["fillers.one"]

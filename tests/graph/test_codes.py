"""The codes of problems are listed, and only they are used."""

from __future__ import annotations

import ast
from pathlib import Path

import nodegraph
from nodegraph.graph.codes import CODES
from nodegraph.graph.nearest import Suggestion, nearest

SOURCES = [
    path
    for part in ("graph", "check", "builder", "sweep")
    for path in (Path(nodegraph.__file__).parent / part).glob("*.py")
]


def used_strings() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in SOURCES if path.name != "codes.py"]
    return {
        entry.value
        for tree in trees
        for entry in ast.walk(tree)
        if isinstance(entry, ast.Constant) and isinstance(entry.value, str)
    }


def called_with() -> set[str]:
    """The codes given to Finding, Problem and the faults, wherever they are written out."""
    found: set[str] = set()
    for path in SOURCES:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                place = {"Finding": 1, "LinkFault": 0, "LevelFault": 1, "Problem": 4}.get(call.func.id)
                if (
                    place is not None
                    and len(call.args) > place
                    and isinstance(call.args[place], ast.Constant)
                ):
                    found.add(call.args[place].value)
    return found


def test_every_code_that_is_listed_is_used() -> None:
    assert set(CODES) - used_strings() == set()


def test_every_code_that_is_used_is_listed() -> None:
    assert called_with() - set(CODES) == set()


def test_codes_are_kebab_case_with_one_sentence_each() -> None:
    for code, meaning in CODES.items():
        assert code == code.lower().replace("_", "-")
        assert meaning.endswith(".")


def test_the_nearest_name_ignores_case_and_is_none_if_nothing_is_like_it() -> None:
    assert nearest("Frames", ["fps", "frames"]) == "frames"
    assert nearest("framez", ["fps", "frames"]) == "frames"
    assert nearest("zzz", ["fps", "frames"]) is None
    assert nearest("n9998x", [f"n{i}" for i in range(10_000)]) == "n9998"


def test_a_hint_lists_the_names_only_if_they_are_few() -> None:
    assert str(Suggestion("x", [], "its outputs")) == "its outputs: none"
    assert str(Suggestion("q", ["a", "b"], "names", "or not")) == "names: a, b or not"
    assert str(Suggestion("q", [f"a{i}" for i in range(13)], "names")) == ""

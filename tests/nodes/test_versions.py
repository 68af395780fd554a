"""Node types with a version: their code does not change behind its back."""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from nodegraph.node.code.guard import CodeRecord, acknowledged, changed_versions, code_record, versioned_types
from nodegraph.node.declare import node_type_of

SCRIPT = runpy.run_path(str(Path(__file__).with_name("acknowledge.py")))

WAYS_OUT = """
{changes}

Results that were stored before would be taken for those of the new code. For each of these node types: if
its results may be others now, raise its version=. Then, or if they surely stay the same, put it on record:
    make acknowledge                      (one alone: make acknowledge TYPES=video.frames)
"""


def test_nodes_with_a_version_have_the_code_on_record():
    changes = changed_versions(
        versioned_types(*SCRIPT["MODULES"]).values(), CodeRecord.read(SCRIPT["RECORD"])
    )
    assert not changes, WAYS_OUT.format(changes="\n".join(map(str, changes)))


PACK = """
from nodegraph import node
from .helpers import lift

@node("guarded.one", version=1)
def one(x: int) -> int:
    '''Lift a number.'''
    y = lift(x)
    return y

@node("guarded.two", version=1)
def two(x: int) -> int:
    '''A number.'''
    return x

@node("guarded.free")
def free(x: int) -> int:
    '''A number, by its code.'''
    return x
"""
HELPERS = "RATE = 2\ndef lift(x):\n    return x * RATE\n"


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[object]]]:
    """Writes and imports a pack, and gives its node types."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(main: str = PACK, helpers: str = HELPERS) -> list[object]:
        folder = tmp_path / "guarded_pack"
        folder.mkdir(exist_ok=True)
        for name, source in {"__init__": "", "main": main, "helpers": helpers}.items():
            (folder / f"{name}.py").write_text(dedent(source))
        forget()
        importlib.invalidate_caches()
        module: ModuleType = importlib.import_module("guarded_pack.main")
        return [node_type_of(module.one), node_type_of(module.two)]

    yield load
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "guarded_pack"]:
        del sys.modules[name]


def test_record_that_was_written_and_read_is_met_by_the_same_code(pack, tmp_path):
    code_record(pack()).write(tmp_path / "versions.json")
    assert changed_versions(pack(), CodeRecord.read(tmp_path / "versions.json")) == []


def test_change_of_a_helper_under_the_same_version_names_node_and_helper(pack):
    recorded = code_record(pack())
    changes = changed_versions(pack(helpers=HELPERS.replace("x * RATE", "x + RATE")), recorded)
    assert list(map(str, changes)) == ["guarded.one: code changed under version 1: guarded_pack.helpers.lift"]
    assert changes[0].is_unnoticed


@pytest.mark.parametrize(("old", "new"), [("y", "z"), ("'''A number.'''", "'''Any.'''"), ("one(", "one( ")])
def test_change_of_words_alone_is_none(pack, old, new):
    recorded = code_record(pack())
    assert changed_versions(pack(PACK.replace(old, new)), recorded) == []


def test_raised_version_is_told_as_such_until_it_is_on_record(pack):
    recorded = code_record(pack())
    raised = PACK.replace('one", version=1', 'one", version=2')
    changes = changed_versions(pack(raised, HELPERS.replace("2", "3")), recorded)
    assert [(str(change), change.is_unnoticed) for change in changes] == [
        ("guarded.one: version 1 → 2", False)
    ]
    types = pack(raised, HELPERS.replace("2", "3"))
    assert changed_versions(types, acknowledged(types, recorded)) == []


def test_change_acknowledged_for_one_type_still_waits_for_the_others(pack):
    main = PACK.replace("return x\n", "return lift(x)\n", 1)
    recorded = code_record(pack(main))
    types = pack(main, HELPERS.replace("2", "3"))
    assert [change.type_id for change in changed_versions(types, recorded)] == ["guarded.one", "guarded.two"]
    left = changed_versions(types, acknowledged(types, recorded, ["guarded.one"]))
    assert [(change.type_id, change.is_unnoticed) for change in left] == [("guarded.two", True)]


def test_types_that_came_and_went_are_told(pack):
    one, two = pack()
    assert list(map(str, changed_versions([one], code_record([two])))) == [
        "guarded.one: new, at version 1",
        "guarded.two: gone, or without a version now",
    ]


def test_types_are_found_by_module_and_only_those_with_a_version(pack):
    pack()
    assert list(versioned_types("guarded_pack")) == ["guarded.one", "guarded.two"]
    assert versioned_types("guarded") == {}

"""Where the source of a fingerprint comes from: files as they were imported, cells, scripts."""

from __future__ import annotations

import functools
import importlib
import itertools
import linecache
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodegraph import DeclarationError, node
from nodegraph.node.code import changed_parts, fingerprint, require_source

_numbers = itertools.count()


def test_source_counts_as_it_was_when_the_module_was_imported(load):
    module = load(
        "from nodegraph import node\nfrom . import helpers\n@node('test.pinned')\ndef f(x: int) -> int:\n"
        "    return helpers.lift(x)\n",
        helpers="def lift(x):\n    return x\n",
    )
    helper = Path(module.helpers.__file__)
    helper.write_text("def lift(x):\n    return x + 1\n")
    pinned = fingerprint(module.f)
    assert fingerprint(module.f) == pinned
    importlib.reload(module.helpers)
    assert changed_parts(pinned.parts, fingerprint(module.f).parts) == [f"{module.helpers.__name__}.lift"]


def test_module_that_is_not_imported_yet_counts_as_it_is_now(load):
    module = load(
        "def f(x):\n    from .late import tail\n    return tail(x)\n", late="def tail(x):\n    return x\n"
    )
    before = fingerprint(module.f)
    Path(module.__file__).with_name("late.py").write_text("def tail(x):\n    return x + 1\n")
    assert fingerprint(module.f) != before


def test_nothing_is_imported_to_find_a_fingerprint(load):
    module = load("def f(x):\n    from .late import tail\n    return tail(x)\n", late="raise RuntimeError\n")
    fingerprint(module.f)
    assert f"{module.__package__}.late" not in sys.modules


def test_function_without_source_is_refused_at_declaration():
    namespace: dict[str, Any] = {}
    exec("def f(x: int) -> int:\n    return x\n", namespace)
    with pytest.raises(DeclarationError, match=r"the source of f is not at hand.*version=1"):
        node("test.no_source")(namespace["f"])
    assert node("test.no_source", version=1)(namespace["f"])(1) == 1


def test_callable_that_is_no_function_is_refused():
    with pytest.raises(DeclarationError, match="no Python function"):
        require_source(functools.partial(len))


def test_notebook_function_is_read_from_its_cell_and_its_globals_by_value():
    def run_cell(number: int, source: str, names: dict[str, Any]) -> None:
        file = f"<cell {next(_numbers)} {number}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), names)

    def session(rate: int, helper: str) -> dict[str, bytes]:
        names: dict[str, Any] = {"__name__": "__main__"}
        run_cell(1, "import math\nfrom nodegraph import node\n", names)
        run_cell(2, f"RATE = {rate}\nclass Kind:\n    def go(self):\n        return 1\n", names)
        run_cell(3, f"def helper(x):\n    return {helper}\n", names)
        run_cell(
            4, "@node('test.cell')\ndef f(x: int) -> int:\n    return helper(x) + RATE + Kind().go()\n", names
        )
        return dict(fingerprint(names["f"]).parts)

    before = session(1, "math.floor(x)")
    assert set(before) == {
        "__main__.f",
        "__main__.helper",
        "__main__.RATE",
        "__main__.Kind",
        "__main__.Kind.go",
    }
    assert before == session(1, "math.floor(x)  # same")
    assert changed_parts(before, session(2, "math.floor(x)")) == ["__main__.RATE"]
    assert changed_parts(before, session(1, "math.ceil(x)")) == ["__main__.helper"]


def test_script_and_pack_made_of_the_same_file_have_the_same_parts(tmp_path):
    (tmp_path / "beside.py").write_text("def lift(x):\n    return x\n")
    script = tmp_path / "my_nodes.py"
    script.write_text(
        "import beside\nfrom nodegraph.node.code import fingerprint\ndef f(x):\n    return beside.lift(x)\n"
        "def show():\n    print(sorted(fingerprint(f).parts), fingerprint(f).digest.hex())\n"
        "if __name__ == '__main__':\n    show()\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout
        for arguments in (["my_nodes.py"], ["-c", "import my_nodes; my_nodes.show()"])
    ]
    assert runs[0] == runs[1]
    assert "['beside.lift', 'my_nodes.f']" in runs[0]

"""What a fingerprint is made of, for functions of all sorts in modules of all sorts."""

from __future__ import annotations

import functools
import importlib
import itertools
import linecache
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from nodegraph import DeclarationError, node
from nodegraph.node.code import changed_parts, fingerprint, require_source

_numbers = itertools.count()


def parts(function: Callable[..., Any]) -> set[str]:
    """The names of the parts, without the name of the package."""
    return {part.partition(".")[2] or part for part in fingerprint(function).parts}


def test_function_without_helpers_is_one_part(load):
    module = load("def f(x):\n    return x + 1\n")
    assert parts(module.f) == {"main.f"}


def test_digest_is_32_bytes_and_follows_from_the_parts(load):
    module = load("def f(x):\n    return x\ndef g(x):\n    return x\n")
    one, other = fingerprint(module.f), fingerprint(module.g)
    assert len(one.digest) == 32
    assert one.digest == fingerprint(module.f).digest
    assert one.digest != other.digest


def test_changed_parts_names_changes_first_then_what_came_then_what_went():
    old = {"a": b"1", "b": b"1", "d": b"1"}
    new = {"a": b"2", "b": b"1", "c": b"1"}
    assert changed_parts(old, new) == ["a", "c", "d"]


def test_standard_library_and_engine_do_not_count_and_distributions_count_by_version(load):
    module = load(
        """
        import json
        from nodegraph import Item

        def f(x):
            import cv2
            import numpy as np
            return json.dumps(np.sum(x)), Item("a", 1), cv2.blur
        """
    )
    assert parts(module.f) == {"main.f", "numpy (distribution)", "cv2 (distribution)"}


def test_optional_module_that_is_not_installed_is_noted(load):
    module = load(
        """
        try:
            import surely_not_installed as fast
        except ImportError:
            fast = None

        def f(x):
            return x if fast is None else fast.run(x)
        """
    )
    assert parts(module.f) == {"main.f", "main.fast", "surely_not_installed (not installed)"}


def test_import_for_type_checking_does_not_count(load):
    module = load(
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            import numpy as np

        def f(x: np.ndarray) -> np.ndarray:
            return x
        """
    )
    assert parts(module.f) == {"main.f"}


def test_methods_of_a_class_named_in_an_annotation_count(load):
    module = load(
        """
        from __future__ import annotations
        from .kinds import Picture

        def f(x: Picture | None) -> "list[Picture]":
            return [x.flipped()]
        """,
        kinds="class Picture:\n    def flipped(self):\n        return self\n",
    )
    assert parts(module.f) == {"main.f", "kinds.Picture", "kinds.Picture.flipped"}


def test_bases_of_a_class_count(load):
    module = load(
        "from .kinds import Base\nclass Child(Base):\n    pass\ndef f():\n    return Child()\n",
        kinds="class Base:\n    rate = 1\n",
    )
    assert parts(module.f) == {"main.f", "main.Child", "kinds.Base", "kinds.Base.rate"}


def test_order_of_the_fields_of_a_class_counts(load):
    text = "class C:\n    {}: int = 1\n    {}: int = 1\ndef f():\n    return C\n"
    before = fingerprint(load(text.format("a", "b")).f).parts
    after = fingerprint(load(text.format("b", "a")).f).parts
    assert [part.partition(".")[2] for part in changed_parts(before, after)] == ["main.C"]


def test_name_re_exported_by_a_package_is_followed_to_its_definition(load):
    module = load(
        "import PACK\ndef f(x):\n    return PACK.lift(x)\n",
        __init__="from .helpers import lift\n",
        helpers="def lift(x):\n    return x\n",
    )
    assert parts(module.f) == {"main.f", "helpers.lift"}


def test_name_from_a_star_import_is_followed_to_its_definition(load):
    module = load(
        "from .helpers import *\ndef f(x):\n    return lift(x)\n",
        helpers="def lift(x):\n    return x\ndef unused(x):\n    return x\n",
    )
    assert parts(module.f) == {"main.f", "helpers.lift"}


def test_module_used_as_an_object_counts_whole(load):
    module = load(
        "from . import helpers\ndef f(name, x):\n    return getattr(helpers, name)(x)\n",
        helpers="RATE = 1\ndef lift(x):\n    return x\n",
    )
    assert parts(module.f) == {"main.f", "helpers.RATE", "helpers.lift"}


def test_module_imported_by_name_counts_whole(load):
    module = load(
        "import importlib\ndef f(x):\n    return importlib.import_module('.helpers', __package__).lift(x)\n",
        helpers="RATE = 1\ndef lift(x):\n    return x\n",
    )
    assert {"main.f", "helpers.RATE", "helpers.lift"} <= parts(module.f)


@pytest.mark.parametrize(
    "body", ["eval('g()')", "globals()['g']()", "exec('g()')", "sys.modules[__name__].g()", "unknown_name"]
)
def test_name_that_cannot_be_resolved_makes_the_whole_module_count(load, body):
    module = load(f"import sys\ndef f():\n    return {body}\ndef g():\n    return 1\nRATE = 2\n")
    assert parts(module.f) == {"main.f", "main.g", "main.RATE"}


def test_variable_that_a_function_rebinds_makes_the_whole_module_count(load):
    module = load(
        """
        count = 0
        def step():
            global count
            count += 1
        def f():
            return count
        """
    )
    assert parts(module.f) == {"main.f", "main.count", "main.step"}


def test_registry_filled_from_another_module_is_followed_to_what_it_holds(load):
    module = load(
        "from .registry import KNOWN\nfrom . import fillers\ndef f(x):\n    return KNOWN['one'](x)\n",
        registry="KNOWN = {}\ndef add(f):\n    KNOWN[f.__name__] = f\n    return f\n",
        fillers="from .registry import add\n@add\ndef one(x):\n    return x\n",
    )
    assert "fillers.one" in parts(module.f)


def test_script_guard_does_not_count(load):
    module = load(
        "RATE = 1\ndef f():\n    return RATE\nif __name__ == '__main__':\n    RATE = 2\n    print(f())\n"
    )
    assert parts(module.f) == {"main.f", "main.RATE"}


def test_call_at_import_that_changes_an_imported_module_counts(load):
    module = load(
        "import logging\nlogging.captureWarnings(False)\ndef f():\n    return logging.getLogger()\n"
    )
    assert parts(module.f) == {"main.f", "main.logging"}


def test_module_of_the_pack_that_is_absent_is_noted_as_not_installed(load):
    module = load("def f():\n    from .absent import x\n    return x\n")
    assert any(part.endswith("absent (not installed)") for part in fingerprint(module.f).parts)


LOCALS = """
    def f(items, limit):
        found = {{}}
        {a} = 0
        for {b} in items:
            with open({b}) as {c}:
                {a} += len([{d} for {d} in {c} if {d}])
        try:
            return (lambda: {a})()
        except ValueError as {e}:
            raise RuntimeError from {e}
        match found:
            case {{"x": {g}, **{h}}}:
                return {g}, {h}
        import os.path as {i}
        return {i}.sep
"""


def test_names_of_local_variables_of_all_sorts_do_not_count(load):
    before = fingerprint(load(LOCALS.format(**dict(zip("abcdeghi", "abcdeghi", strict=True)))).f)
    after = fingerprint(load(LOCALS.format(**dict(zip("abcdeghi", "zyxwvuts", strict=True)))).f)
    assert before == after


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a, b):\n    return a", "def f(a, b):\n    return b"),
        (
            "def f(a, b):\n    x = a\n    y = b\n    return x",
            "def f(a, b):\n    x = a\n    y = b\n    return y",
        ),
        ("def f(a):\n    x = 1\n    return 1", "def f(a):\n    x = 1\n    return x"),
        ("def f(a):\n    return 1", "def f(a):\n    return 1.0"),
        ("def f(a):\n    return 1", "def f(a):\n    return True"),
        ("def f(a):\n    return 'x'", "def f(a):\n    return b'x'"),
        ("def f(a):\n    return 0.0", "def f(a):\n    return -0.0"),
        ("def f(a):\n    return a.x.y", "def f(a):\n    return a.y.x"),
        ("def f(a):\n    return a == 1", "def f(a):\n    return a >= 1"),
        ("def f(a, b):\n    return a", "def f(b, a):\n    return a"),
        ("def f(a, /, b):\n    return a", "def f(a, b):\n    return a"),
        ("def f(a, *, b):\n    return a", "def f(a, b):\n    return a"),
        ("def f(a, b=1, c=2):\n    return a", "def f(a, b=2, c=1):\n    return a"),
        (
            "def f(a):\n    return [x for x in a for y in x]",
            "def f(a):\n    return [y for x in a for y in x]",
        ),
        ("def f(a):\n    return {x: 1 for x in a}", "def f(a):\n    return {1: x for x in a}"),
        (
            "def f(a):\n    x = 1\n    def g():\n        x = 2\n    g()\n    return x",
            "def f(a):\n    x = 1\n    def g():\n        nonlocal x\n        x = 2\n    g()\n    return x",
        ),
        ("def f(a):\n    yield a", "def f(a):\n    return a"),
        ("async def f(a):\n    return a", "def f(a):\n    return a"),
        (
            "def f(a):\n    return a[1:2]",
            "def f(a):\n    return a[1:2:None]  # noqa\n    pass\nX = 1\ndef g(): 0",
        ),
        ("def f(a):\n    return f'{a}'", "def f(a):\n    return f'{a!r}'"),
        (
            "from math import floor as r\ndef f(a):\n    return r(a)",
            "from math import ceil as r\ndef f(a):\n    return r(a)",
        ),
        ("import functools\n@functools.cache\ndef f(a):\n    return a", "def f(a):\n    return a"),
    ],
)
def test_functions_that_differ_in_behaviour_differ_in_digest(load, one, other):
    before = fingerprint(load(f"{one}\n").f).digest
    assert fingerprint(load(f"{other}\n").f).digest != before


def test_local_name_counts_where_the_function_reads_its_names(load):
    before = fingerprint(load("def f(a):\n    x = a\n    return '{x}'.format(**locals())\n").f)
    assert before != fingerprint(load("def f(a):\n    y = a\n    return '{x}'.format(**locals())\n").f)


def test_annotation_counts_under_a_decorator_that_may_read_it(load):
    text = "def validated(g):\n    return g\n@validated\ndef f(a: {}):\n    return a\n"
    assert fingerprint(load(text.format("int")).f) != fingerprint(load(text.format("float")).f)


CLOSURE = """
    import functools, enum
    from dataclasses import dataclass

    class Mode(enum.Enum):
        A = 1
        B = 2

    @dataclass(frozen=True)
    class Options:
        rate: float
        mode: Mode

    def double(x):
        return 2 * x

    def triple(x):
        return 3 * x

    def make(held):
        def f(x):
            return held, x
        return f
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "2"),
        ("1", "True"),
        ("[1, 2]", "[2, 1]"),
        ("(1,)", "[1]"),
        ("{'a': 1}", "{'a': 2}"),
        ("Mode.A", "Mode.B"),
        ("Options(1.0, Mode.A)", "Options(2.0, Mode.A)"),
        ("double", "triple"),
        ("lambda x: 1", "lambda x: 2"),
        ("functools.partial(double, 1)", "functools.partial(double, 2)"),
        ("functools.cache(double)", "functools.cache(triple)"),
        ("Options(1.0, Mode.A).__repr__", "Options(2.0, Mode.A).__repr__"),
        ("{'f': double}", "{'f': triple}"),
        ("len", "max"),
        ("make(1)", "make(2)"),
    ],
)
def test_closures_over_different_values_differ_and_over_equal_values_agree(load, one, other):
    source = dedent(CLOSURE) + f"one = make({one})\nagain = make({one})\nother = make({other})\n"
    module = load(source)
    assert fingerprint(module.one) == fingerprint(module.again)
    assert fingerprint(module.one) != fingerprint(module.other)


def test_set_captured_by_a_closure_counts_by_content_and_not_by_order(load):
    module = load(dedent(CLOSURE) + "one = make({'a', 'b', 'c'})\nother = make({'c', 'b', 'a'})\n")
    assert fingerprint(module.one) == fingerprint(module.other)


def test_array_captured_by_a_closure_counts_by_content(load):
    module = load(
        dedent(CLOSURE)
        + "from numpy import zeros\none, again, other = make(zeros(3)), make(zeros(3)), make(zeros((3, 1)))\n"
    )
    assert fingerprint(module.one) == fingerprint(module.again) != fingerprint(module.other)


def test_closure_over_what_has_no_digest_asks_for_a_version(load):
    module = load(dedent(CLOSURE) + "one = make(object())\n")
    with pytest.raises(DeclarationError, match=r"make\.f\.held, which is of type object.*version=1"):
        fingerprint(module.one)


def test_closure_over_a_list_that_holds_itself_is_refused(load):
    module = load(dedent(CLOSURE) + "loop = []\nloop.append(loop)\none = make(loop)\n")
    with pytest.raises(DeclarationError, match="nested too deeply or holds itself"):
        fingerprint(module.one)


def test_function_that_captures_itself_ends(load):
    module = load("def make():\n    def f(n):\n        return n and f(n - 1)\n    return f\nf = make()\n")
    assert parts(module.f) == {"main.make.f"}


def test_default_of_a_nested_function_counts_by_value(load):
    module = load(
        "def make(s):\n    def f(x, rate=s):\n        return x\n    return f\none, two = make(1), make(2)\n"
    )
    assert changed_parts(fingerprint(module.one).parts, fingerprint(module.two).parts) == [
        f"{module.__name__}.make.f.rate"
    ]


def test_wrapper_made_by_the_standard_library_is_followed_to_the_function(load):
    module = load("import functools\n@functools.lru_cache\ndef f(x):\n    return x + RATE\nRATE = 1\n")
    assert {"main.f", "main.RATE"} <= parts(module.f)


def test_wrapper_made_by_another_decorator_is_followed_to_the_function(load):
    module = load(
        """
        import contextlib
        @contextlib.contextmanager
        def f(x):
            yield x + RATE
        RATE = 1
        """
    )
    assert {"main.f", "main.RATE"} <= parts(module.f)


def test_partial_counts_its_arguments(load):
    module = load(
        "from functools import partial\ndef g(x, y):\n    return x\nf, h = partial(g, 1), partial(g, 2)\n"
    )
    assert fingerprint(module.f) != fingerprint(module.h)


def test_chain_of_helpers_of_any_length_is_followed(load):
    helpers = "".join(f"def h{n}(x):\n    return h{n + 1}(x)\n" for n in range(3000))
    module = load(f"{helpers}def h3000(x):\n    return x\ndef f(x):\n    return h0(x)\n")
    assert len(fingerprint(module.f).parts) == 3002


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

"""What a function holds belongs to its fingerprint: closures, defaults, what wraps it."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from nodegraph import DeclarationError
from nodegraph.node.code import changed_parts, fingerprint


def parts(function: Callable[..., Any]) -> set[str]:
    """The names of the parts, without the name of the package."""
    return {part.partition(".")[2] or part for part in fingerprint(function).parts}


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

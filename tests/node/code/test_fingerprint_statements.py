"""Which changes of a function's statements change its fingerprint, and which do not."""

from __future__ import annotations

import pytest

from nodegraph.node.code import fingerprint

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

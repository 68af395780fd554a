"""What code belongs to a fingerprint: what a function reaches in its module and in others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nodegraph.node.code import changed_parts, fingerprint


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


def test_chain_of_helpers_of_any_length_is_followed(load):
    helpers = "".join(f"def h{n}(x):\n    return h{n + 1}(x)\n" for n in range(3000))
    module = load(f"{helpers}def h3000(x):\n    return x\ndef f(x):\n    return h0(x)\n")
    assert len(fingerprint(module.f).parts) == 3002

"""`@node` and the node types that are known."""

from __future__ import annotations

import importlib
import sys
from typing import Any, cast

import pytest

from nodegraph import DeclarationError, node
from nodegraph.node.declare import node_type_of
from nodegraph.node.registry import find, node_types


@node("test.declare_half", version=1, aliases=["test.declare_old"])
def half(x: float, *, rate: int = 2) -> float:
    """Divide a number.

    At length.
    """
    return x / rate


def test_declared_function_is_an_ordinary_function():
    assert half(3.0) == 1.5
    assert half.__name__ == "half"


def test_node_type_is_found_by_id_by_alias_and_by_function():
    declared = node_type_of(half)
    assert find("test.declare_half") is declared
    assert find("test.declare_old") is declared
    assert node_types()["test.declare_half"] is declared
    assert "test.declare_old" not in node_types()
    assert find("test.declare_unknown") is None


def test_node_type_says_what_its_docstring_and_place_are():
    declared = node_type_of(half)
    assert declared.doc == "Divide a number.\n\nAt length."
    assert declared.summary == "Divide a number."
    assert declared.place.endswith("test_declare.half")
    assert not declared.is_source


def test_options_are_kept():
    @node("test.declare_options", pure=False, concurrent=False, keep=False)
    def f(x: int) -> int:
        return x

    declared = node_type_of(f)
    assert (declared.version, declared.pure, declared.concurrent, declared.keep) == (
        None,
        False,
        False,
        False,
    )


def test_estimate_of_inputs_and_batch_is_kept():
    def estimate(batch: int, rate: int, *, x: float | None = None) -> int:
        return batch * rate

    @node("test.declare_estimate", memory=estimate)
    def f(x: float, *, rate: int = 2) -> float:
        return x / rate

    assert node_type_of(f).memory is estimate


@pytest.mark.parametrize(
    ("estimate", "named"),
    [
        (lambda batch, rat: 1, "'rat'"),
        (lambda **inputs: 1, r"'\*\*inputs'"),
        (lambda *inputs: 1, r"'\*inputs'"),
        (lambda x, /: 1, "'x'"),
    ],
)
def test_estimate_that_takes_what_is_no_input_is_refused_and_the_inputs_are_named(estimate, named):
    message = rf"'test.declare_bad': the function of memory= cannot take {named}: .* \(x, rate\), or batch"
    with pytest.raises(DeclarationError, match=message):
        node("test.declare_bad", version=1, memory=estimate)(half)


def test_estimate_that_is_no_function_is_refused():
    with pytest.raises(DeclarationError, match="memory= takes a function that gives bytes, not 4096"):
        node("test.declare_bad", version=1, memory=cast("Any", 4096))(half)


def test_types_are_listed_in_alphabetical_order():
    assert list(node_types()) == sorted(node_types())


@pytest.mark.parametrize("bad", ["", "Half", "a b", "a.", "a..b", "1a", "a/b", "./a", "a-b"])
def test_malformed_id_is_refused(bad):
    with pytest.raises(DeclarationError, match="must be lower-case identifiers joined by dots, such as"):
        node(bad)


def test_malformed_alias_is_refused():
    with pytest.raises(DeclarationError, match="node type id 'A'"):
        node("test.declare_fine", aliases=["A"])


def test_function_without_declaration_is_refused():
    with pytest.raises(DeclarationError, match=r'is not a node: declare it with @node\("type.id"\)'):
        node_type_of(len)


NODE = (
    "from nodegraph import node\n@node('{id}', version=1{more})\ndef {name}(x: int) -> int:\n    return x\n"
)


def write(folder, module, **fields):
    (folder / f"{module}.py").write_text(NODE.format(**{"name": "f", "more": "", **fields}))


def test_id_of_another_module_is_refused_and_both_are_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, "declare_first", id="test.declare_taken")
    write(tmp_path, "declare_second", id="test.declare_taken")
    importlib.import_module("declare_first")
    with pytest.raises(DeclarationError, match=r"declared by both declare_first\.f and declare_second\.f"):
        importlib.import_module("declare_second")


def test_alias_that_is_the_id_of_another_module_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, "declare_alias", id="test.declare_alias", more=", aliases=['test.declare_half']")
    with pytest.raises(DeclarationError, match=r"'test.declare_half' is declared by both"):
        importlib.import_module("declare_alias")


def test_two_functions_of_one_module_with_one_id_are_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    twice = NODE.format(id="test.declare_twice", name="f", more="")
    (tmp_path / "declare_twice.py").write_text(twice + twice.replace("def f", "def g"))
    with pytest.raises(DeclarationError, match=r"declared by both declare_twice\.f and declare_twice\.g"):
        importlib.import_module("declare_twice")


def test_module_that_is_reloaded_declares_its_nodes_anew(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, "declare_again", id="test.declare_again")
    before = importlib.import_module("declare_again").f
    after = importlib.reload(sys.modules["declare_again"]).f
    declared = find("test.declare_again")
    assert declared is not None
    assert declared.function is after is not before

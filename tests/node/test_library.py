"""What every installed node type must keep to."""

from __future__ import annotations

import pytest

from nodegraph.node.packs import load_packs, pack_of
from nodegraph.node.registry import node_types
from nodegraph.node.signature import NodeType, to_json, validate_literal

load_packs()
INSTALLED = [
    declared
    for declared in node_types().values()
    if (declared.function.__module__ or "").startswith(("nodes.", "nodegraph."))
]


@pytest.mark.parametrize("declared", INSTALLED, ids=lambda declared: declared.id)
def test_defaults_of_an_installed_node_are_literals_that_it_takes(declared: NodeType):
    for port in declared.signature.inputs:
        if not port.required and port.takes_literal:
            assert validate_literal(port, to_json(port, port.default)) == port.default


@pytest.mark.parametrize("declared", INSTALLED, ids=lambda declared: declared.id)
def test_installed_node_has_a_version_a_description_and_a_pack(declared: NodeType):
    assert declared.version is not None
    assert declared.summary.endswith(".")
    assert pack_of(declared).name in {"nodes", "nodegraph"}

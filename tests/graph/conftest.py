"""Node types for building and formatting graphs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

_NAME = "nodegraph_graph_example_nodes"


@pytest.fixture(scope="session")
def nodes() -> Any:
    """The module with the node types."""
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).with_name("example_nodes.py"))
        if spec is None or spec.loader is None:
            raise ImportError(_NAME)
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nodes: Any) -> Path:
    """The working directory of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path

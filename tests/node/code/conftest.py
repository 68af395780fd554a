"""Packages of fresh names, written and imported in the process of the test."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

Load = Callable[..., ModuleType]

_numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Writes a package of a fresh name and imports its module `main`; `PACK` in a source is that name."""
    name = f"fingerprinted{next(_numbers)}"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a source rewritten within a second would be stale

    def write_and_import(main: str, **modules: str) -> ModuleType:
        for stem, source in {"__init__": "", "main": main, **modules}.items():
            path = tmp_path / name / f"{stem}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source).replace("PACK", name))
        forget(name)
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.main")

    yield write_and_import
    forget(name)


def forget(package: str) -> None:
    for known in [known for known in sys.modules if known.partition(".")[0] == package]:
        del sys.modules[known]

"""What is imported when: the engine and the packs are light, heavy libraries wait until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "cv2",
    "av",
    "scipy",
    "supervision",
    "matplotlib",
    "skimage",
    "sklearn",
    "diffusers",
    "transformers",
}


def top_level_modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_the_engine_loads_no_array_or_graph_library():
    loaded = top_level_modules_after("import nodegraph")
    assert "nodegraph" in loaded
    assert loaded & (HEAVY | {"numpy", "networkx", "pydantic", "PIL", "rich", "typer", "sqlite3"}) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "import nodes",
        "import nodes.types",
        "from nodegraph.node.packs import load_packs; assert load_packs()",
    ],
)
def test_loading_all_packs_loads_no_heavy_library(statement):
    loaded = top_level_modules_after(statement)
    assert "nodes" in loaded
    assert loaded & (HEAVY | {"numpy", "networkx", "PIL"}) == set()

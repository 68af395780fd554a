import subprocess
import sys
from pathlib import Path

GRAPH = Path(__file__).parents[3] / "graphs/tiny_models.json"

WITHOUT_TORCH = f"""
import sys
from nodegraph.check import check
from nodegraph.node.packs import load_packs

load_packs()
graph = check({str(GRAPH)!r})
print(*(node.type.id for node in graph.nodes.values() if node.type.id.startswith("tiny.")))
print(*sorted({{"torch", "safetensors", "numpy"}} & set(sys.modules)))
"""


def test_graph_of_two_tiny_models_checks_without_torch(cli_env):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], env=cli_env, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    types, heavy = ended.stdout.splitlines()
    assert sorted(types.split()) == ["tiny.embed"] + ["tiny.model"] * 2 + ["tiny.restyle"] * 2
    assert heavy == ""

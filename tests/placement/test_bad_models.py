"""What is wrong with models and budgets is told in a few lines, with the right exit status."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nodegraph.events import Warned
from tests.conftest import Ended, RunCli
from tests.placement.conftest import Bench, Spec, named

PACK = Path(__file__).with_name("pack.py")
DONE, FAILED, REFUSED = 0, 1, 2

Run = Callable[..., Ended]


@pytest.fixture
def tried(bench: Bench, run_cli: RunCli) -> Run:
    """Runs a graph, or plans it, by the command line."""

    def run(nodes: Mapping[str, Spec], *arguments: str, command: str = "run") -> Ended:
        graph = bench.graph(nodes, {"out": list(nodes)[-1]})
        return run_cli(command, graph, "--nodes", PACK, "--jobs", "1", *arguments)

    return run


def painting(folder: Path, *, kind: str = "placement.pipeline") -> dict[str, Spec]:
    return {
        "pictures": ("placement.pictures", {}, {"seeds": [0, 1]}),
        "model": named(folder, kind),
        "paint": ("placement.paint", {"image": "pictures", "model": "model"}, {}),
    }


def require_clear(ended: Ended, status: int, *told: str) -> None:
    """Told in few lines; nothing of Python's own beside them."""
    assert ended.exit == status, ended.stderr
    text = " ".join(ended.stderr.split())
    for each in told:
        assert each in text
    for alien in ("Traceback", "bug in nodegraph", "Exception ignored", "Warning:"):
        assert alien not in ended.stderr


def test_budget_below_the_leanest_mode_is_refused_before_the_run_with_numbers_and_remedies(
    tried: Run, pipelines: list[Path], tmp_path: Path
) -> None:
    ended = tried(painting(pipelines[0]), "--devices", "cpu=1MiB", "--json")
    require_clear(
        ended,
        REFUSED,
        "one item of paint takes",
        "leanest mode, offload",
        "1.00 MiB",
        "What would help: a budget of at least",
    )
    (error,) = json.loads(ended.stdout)["errors"]
    assert error["error"] == "PlacementError"
    assert not (tmp_path / "out").exists()


def test_unknown_device_is_refused_with_those_there_are(tried: Run, pipelines: list[Path]) -> None:
    ended = tried(painting(pipelines[0]), "--devices", "cuda:7")
    require_clear(ended, REFUSED, "no device 'cuda:7'", "it has cpu", "doctor")


def test_budget_above_what_the_machine_has_is_refused(tried: Run, pipelines: list[Path]) -> None:
    ended = tried(painting(pipelines[0]), "--devices", "cpu=900TiB")
    require_clear(ended, REFUSED, "device 'cpu' has", "900TiB")


class Harmful:
    """An object whose unpickling would make a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return (_touch, (str(self.file),))


def _touch(name: str) -> None:
    Path(name).touch()


def test_models_that_are_broken_or_not_there_fail_the_nodes_that_name_them_with_what_to_do(
    tried: Run, pipelines: list[Path], tmp_path: Path
) -> None:
    truncated, lacking, pickled = (tmp_path / name for name in ("truncated", "lacking", "pickled"))
    for copy in (truncated, lacking):
        shutil.copytree(pipelines[0], copy)
    file = truncated / "denoiser" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    shutil.rmtree(lacking / "decoder")
    pickled.mkdir()
    (pickled / "config.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(Harmful(tmp_path / "executed"), protocol=2))
    nodes: dict[str, Spec] = {
        "nowhere": named(tmp_path / "nowhere", "placement.pipeline"),
        "truncated": named(truncated, "placement.pipeline"),
        "lacking": named(lacking, "placement.pipeline"),
        "pickled": named(pickled, "placement.matrix"),
        "unknown": named(pipelines[0], "video.unheard_of"),
        "hub": ("placement.hub_model", {}, {"source": "nobody/no-such-model"}),
        "good": named(pipelines[0], "placement.pipeline"),
        "pictures": ("placement.pictures", {}, {"seeds": [0, 1]}),
        "paint": ("placement.paint", {"image": "pictures", "model": "good"}, {}),
        "unpainted": ("placement.paint", {"image": "pictures", "model": "truncated"}, {}),
    }
    targets = [text for node in nodes for text in ("--target", node)]
    ended = tried(nodes, "--devices", "cpu=64MiB", "--json", *targets)
    require_clear(ended, FAILED)
    report = json.loads(ended.stdout)
    told = {error["node"]: error["message"] for error in report["errors"]}
    assert told.keys() == {"nowhere", "truncated", "lacking", "pickled", "unknown", "hub"}
    assert "nowhere: there is no such model folder or weight file; correct the path" in told["nowhere"]
    assert str(file) in told["truncated"]
    assert "fetch or copy the file again" in told["truncated"]
    assert "decoder" in told["lacking"]
    assert "fetch or copy the model again" in told["lacking"]
    assert "pytorch_model.bin" in told["pickled"]
    assert "safetensors" in told["pickled"]
    assert not (tmp_path / "executed").exists()
    assert "no pack declares a kind of model 'video.unheard_of'" in told["unknown"]
    assert "tiny.pipeline" in told["unknown"]
    assert "nobody/no-such-model" in told["hub"]
    assert report["nodes"]["paint"]["executed"] == 2
    assert report["nodes"]["unpainted"]["skipped"] == 2


def test_model_that_takes_more_than_its_files_say_is_told_and_kept_to_the_budget(
    bench: Bench, matrices: list[Path]
) -> None:
    """Its 16 MiB turn out as 64 MiB."""
    nodes: dict[str, Spec] = {
        "numbers": ("placement.numbers", {}, {"count": 3}),
        "model": named(matrices[0], "placement.lying"),
        "times": ("placement.multiply", {"number": "numbers", "model": "model"}, {}),
    }
    roomy = bench.run(nodes, devices="cpu=100MiB")
    assert roomy.run.ok, roomy.run.errors
    (warning,) = [each.message for each in roomy.of(Warned)]
    assert "takes 64.0 MiB" in warning
    assert "16.0 MiB" in warning
    tight = bench.run(nodes, devices="cpu=40MiB", store="other")
    assert tight.counts("times") == "3 failed"
    for error in tight.run.errors:
        assert "64." in error.message
        assert "the budget is 40.0 MiB" in error.message

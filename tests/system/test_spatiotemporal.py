"""The first published method as one graph: on tiny checkpoints from the photos to the table, killed, swapped.

Random weights prove plumbing, not quality.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.first_method import (
    CROWD,
    GRAPH,
    ODD,
    OFFLINE,
    ONE_FRAME,
    ROOT,
    TESTED_ON,
    TINY,
    TRAINED_ON,
    VALUES,
    Ended,
    Site,
    make_site,
    overlays,
)

pytestmark = pytest.mark.filterwarnings(
    # diffusers' own, of NumPy 2
    "ignore:__array__ implementation:DeprecationWarning:diffusers"
)

MODELS = ("depth_model", "inpaint_model", "svd", "sam2", "detector")
ROLES = {
    "spatial generator": ("moved", "spatial"),
    "temporal generator": ("temporal",),
    "tracker": ("spatial_views/track", "temporal_views/track"),
    "detector": ("spatial_views/found", "temporal_views/found"),
}

KILLED = """
import os, signal, sys
from pathlib import Path
import nodes
from nodegraph.api import Options, run_graph
from nodegraph.events import CallDone, CallProgress

graph, node, after, done, sets, *values = sys.argv[1:]
ended = []

def hear(event):
    if isinstance(event, CallDone) and event.node == node:
        ended.append(event.item)
    if isinstance(event, CallProgress) and event.node == node:
        if len(ended) >= int(after) and event.done >= float(done):
            os.kill(os.getpid(), signal.SIGKILL)

values = [Path(value) for value in values]
run_graph(Path(graph), Options(values=values, sets=[sets], targets=[node]), on_event=hear)
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Ended]:
    """Four photos through the whole graph."""
    site = make_site(tmp_path_factory.mktemp("first"), *TRAINED_ON, TESTED_ON)
    return site, site.run()


@pytest.fixture
def site(first: tuple[Site, Ended], tmp_path: Path) -> Site:
    """A copy of where that was run."""
    return first[0].copied(tmp_path / "site")


def test_photos_become_a_table_with_real_code_all_the_way(first):
    site, ended = first
    assert ended.exit == 0, ended.stderr
    result = ended.json
    assert result["errors"] == []
    assert {name: node["executed"] for name, node in result["nodes"].items() if name in ("real", "test")} == {
        "real": len(TRAINED_ON),
        "test": 1,
    }
    for node in ("depth", "temporal", "spatial", "spatial_views/track", "temporal_views/found"):
        assert result["nodes"][node]["executed"] == len(TRAINED_ON)
    assert result["nodes"]["score"]["executed"] == 2
    table = json.loads((site.folder / "out/spatiotemporal_detection/table/results.json").read_text())
    assert [(row["arm"], row["score"]["count"]) for row in table["rows"]] == [("none", 1), ("both", 1)]
    both = json.loads(
        (site.folder / "out/spatiotemporal_detection/dataset/both/1/0/annotations.json").read_text()
    )
    names = {image["file_name"].split("/")[0] for image in both["images"]}
    assert len(both["images"]) == 3 * len(TRAINED_ON)
    assert names == {"real", "first", "second"}


def test_second_run_makes_no_call_and_comes_to_the_same(site, first):
    again = site.run()
    assert (again.exit, again.executed) == (0, {})
    assert again.json["outputs"]["report"] == first[1].json["outputs"]["report"]


def test_another_least_quality_calls_no_generator_and_no_tracker(site):
    ended = site.run("--input", "min_quality=0.95", "--target", "mixed")
    assert ended.exit == 0, ended.stderr
    executed = ended.executed
    assert executed["spatial_views/good"] == executed["temporal_views/good"] == len(TRAINED_ON)
    made = {ended.json["nodes"][name]["type"] for name in executed}
    assert not made & {"video.svd", "inpaint.diffusion", "depth.anything", "track.sam2", "label.quality"}


def test_clips_of_one_frame_and_odd_boxes_pass_every_model(site):
    site.take_photos(TESTED_ON)
    site.add_photo("many.jpg", (330, 250), CROWD)
    site.add_photo("odd.jpg", (120, 90), ODD)
    ended = site.run(*ONE_FRAME, "--set", "temporal.num_frames=1", "--target", "mixed")
    assert (ended.exit, ended.failed) == (0, {})
    assert ended.json["nodes"]["spatial_views/labels"]["items"] == 2
    assert ended.json["nodes"]["temporal_views/labels"]["items"] == 2


def test_dataset_without_models_is_exported_without_torch(first, tmp_path):
    site = Site(tmp_path)
    site.take_photos("chelsea.jpg", TESTED_ON)
    script = (
        "import sys; from nodegraph.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in sys.modules if name in ('torch', 'transformers')], file=sys.stderr)"
    )
    ended = subprocess.run(
        [
            *(sys.executable, "-c", script, "run", GRAPH, "--values", OFFLINE, "--input", "root=data"),
            *("--input", "views=1", "--set", "moved.frames=3", "--set", "temporal.frames=3"),
            *("--target", "coco", "--json"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines()[-1] == "[]"
    nodes = json.loads(ended.stdout)["nodes"]
    assert {nodes[name]["type"] for role in ROLES.values() for name in role} == {
        "video.camera_motion",
        "inpaint.fill",
        "video.object_motion",
        "track.flow",
        "detect.people",
    }
    assert len(list((tmp_path / "out").rglob("both/1/0/images/**/*.jpg"))) == 3


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("models", ["real", "tiny"])
def test_one_role_alone_is_swapped_for_a_node_without_a_model(first, tmp_path, role, models):
    free = json.loads(OFFLINE.read_text())["nodes"]
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps({"nodes": {name: free[name] for name in ROLES[role]}}))
    under = [] if models == "real" else [TINY]
    ended = first[0].command("check", GRAPH, *overlays([*under, alone]), "--json")
    assert (ended.exit, ended.json["errors"]) == (0, [])


@pytest.mark.parametrize("role", ROLES)
def test_one_role_alone_keeps_its_model(first, tmp_path, role):
    overlay = json.loads(OFFLINE.read_text())
    for name in ROLES[role]:
        del overlay["nodes"][name]
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps(overlay))
    ended = first[0].command("check", GRAPH, *overlays([alone]), "--json")
    assert (ended.exit, ended.json["errors"]) == (0, [])


def test_doctor_tells_what_to_fetch_how_large_and_under_which_licence(first, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    ended = first[0].command("doctor", GRAPH)
    assert ended.exit == 1
    told = ended.stdout + ended.stderr
    assert "Traceback" not in told
    nodes = json.loads(GRAPH.read_text())["nodes"]
    for name in MODELS:
        hub_id = nodes[name]["params"]["model"]
        (row,) = [line for line in told.splitlines() if line.startswith(f"model {name} ")]
        assert hub_id in row
        assert " to fetch, licence: " in row
        (problem,) = [line for line in told.splitlines() if line.startswith(f"problem: model {name}:")]
        assert f"looked in {tmp_path / 'cache'}" in problem
        (command,) = [line for line in ended.stdout.splitlines() if line.startswith(f"hf download {hub_id} ")]
        assert "--include" in command


def test_doctor_finds_tiny_checkpoints_complete(first):
    site, _ = first
    ended = site.command("doctor", GRAPH, *overlays(VALUES))
    assert ended.exit == 0, ended.stderr
    for name in MODELS:
        (row,) = [line for line in ended.stdout.splitlines() if line.startswith(f"model {name} ")]
        assert ", complete, " in row
    assert "hf download" not in ended.stdout + ended.stderr


def killed(site: Site, node: str, setting: str, *, after: int, done: int) -> None:
    """Run up to a node, and kill the process when, after so many calls of it, one has made so many steps."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(GRAPH), node, str(after), str(done), setting, *map(str, VALUES)],
        cwd=site.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_training_killed_half_way_goes_on_and_scores_the_same(site, first):
    setting = "training.checkpoint_seconds=0"
    killed(site, "training", setting, after=0, done=3)
    ended = site.run("--set", setting)
    assert ended.exit == 0, ended.stderr
    # What the state holds is of the step before the one whose progress was told last.
    assert "training goes on after step 2 of 5" in ended.stderr
    for output in ("score.map", "training.loss"):
        at = (GRAPH, output, "--item", "both/1/0", *overlays(VALUES))
        here = site.command("get", *at, "--set", setting)
        whole = first[0].command("get", *at)
        assert (here.exit, here.stdout) == (whole.exit, whole.stdout) == (0, whole.stdout)


def test_diffusion_killed_half_way_goes_on_with_the_clips_that_lack(site):
    setting = "temporal.num_inference_steps=2"
    # Where it is not known yet what a clip takes, clips are made one by one.
    shutil.rmtree(site.folder / ".nodegraph")
    killed(site, "temporal", setting, after=1, done=1)
    ended = site.run("--set", setting, "--target", "temporal")
    assert ended.exit == 0, ended.stderr
    temporal = ended.json["nodes"]["temporal"]
    assert (temporal["cached"], temporal["executed"]) == (1, 2)

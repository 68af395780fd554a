"""Photos, boxes and clips as they should not be, through the graph of the first published method.

What can be used is used; what cannot is told in plain words, and the rest goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nodes.tiny.detector import make_tiny_detector
from tests.system.first_method import CROWD, ODD, OFFLINE, ONE_FRAME, TESTED_ON, Ended, Site, make_site

FREE = (OFFLINE, "small.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A tiny detector with random weights; no photos yet."""
    site = make_site(tmp_path_factory.mktemp("data"), checkpoints=("detector",))
    site.write(
        "small.json",
        {
            "inputs": {"root": "data", "epochs": 1, "views": 1, "new_per_photo": 2.0},
            "params": {
                "detector": {"model": "tiny/detector"},
                "moved": {"frames": 3},
                "temporal": {"frames": 3},
                "training": {"image_size": 64, "batch_size": 4},
            },
        },
    )
    return site


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A copy with the photo that is tested on."""
    copy = made.copied(tmp_path / "site")
    copy.take_photos(TESTED_ON)
    return copy


def run(site: Site, *more: str | Path) -> Ended:
    """Run the graph without models but for the detector."""
    ended = site.run(*more, values=FREE)
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended


def published(site: Site, arm: str = "both") -> dict[str, Any]:
    """The data set that an arm was trained on, as exported."""
    return json.loads(
        (site.folder / f"out/spatiotemporal_detection/dataset/{arm}/1/0/annotations.json").read_text()
    )


def test_one_bad_photo_fails_alone_and_the_rest_reaches_the_table(site):
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    site.add_entry("bad.jpg", (120, 90), [(20, 20, 50, 40)])
    (site.folder / "data/bad.jpg").write_bytes((site.folder / "data/good.jpg").read_bytes()[:300])
    ended = run(site)
    assert ended.exit == 1
    assert list(ended.failed) == ["photos bad.jpg"]
    assert "bad.jpg" in ended.failed["photos bad.jpg"]
    assert "none" in ended.json["outputs"]["report"]["value"]
    files = [image["file_name"] for image in published(site)["images"]]
    assert len(files) == 3
    assert all("good" in name for name in files)


def test_photos_without_a_single_box_are_told_before_training(site):
    site.add_photo("empty.jpg", (120, 90), [])
    ended = run(site)
    assert ended.exit == 1
    assert set(ended.failed) == {"training none/1/0", "training both/1/0"}
    assert all("has a box to learn from" in message for message in ended.failed.values())
    assert len(published(site)["images"]) == 3


def test_photo_without_boxes_among_others_is_a_picture_of_nothing(site):
    site.add_photo("empty.jpg", (120, 90), [])
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    ended = run(site)
    assert (ended.exit, ended.failed) == (0, {})
    assert len(published(site)["images"]) == 6


def test_300_boxes_a_pixel_and_boxes_outside_the_picture_go_through(site):
    site.add_photo("many.jpg", (330, 250), CROWD)
    site.add_photo("odd.jpg", (120, 90), ODD)
    ended = run(site, "--target", "coco")
    assert (ended.exit, ended.failed) == (0, {})
    document = published(site)
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}
    for entry in document["annotations"]:
        left, top, width, height = entry["bbox"]
        right, bottom = sizes[entry["image_id"]]
        assert left >= 0
        assert top >= 0
        assert left + width <= right + 1e-3
        assert top + height <= bottom + 1e-3
        assert width > 0
        assert height > 0
    counts = [0] * (1 + max(sizes))
    for entry in document["annotations"]:
        counts[entry["image_id"]] += 1
    assert sum(count >= 150 for count in counts) == 3


def test_clips_of_one_frame_pass_the_nodes_without_models(site):
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    ended = run(site, *ONE_FRAME, "--set", "temporal.frames=1")
    assert (ended.exit, ended.failed) == (0, {})
    assert len(published(site)["images"]) == 3


def test_data_of_which_nothing_falls_into_training_is_told(site):
    ended = run(site)
    assert ended.exit == 1
    assert set(ended.failed) == {"training none/1/0", "training both/1/0"}
    assert all("there is no picture" in message for message in ended.failed.values())


def test_data_of_which_nothing_falls_into_the_test_is_told(site):
    site.take_photos("chelsea.jpg")
    ended = run(site)
    assert ended.exit == 1
    assert set(ended.failed) == {"score none/1/0", "score both/1/0"}
    assert all("there is no picture to score on" in message for message in ended.failed.values())


def test_detector_that_knows_no_class_of_the_data_learns_them(site):
    make_tiny_detector(site.folder / "tiny/detector", classes=("zeppelin", "abacus"))
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    ended = run(site)
    assert (ended.exit, ended.failed) == (0, {})


def test_detector_that_knows_no_class_is_told_where_it_is_to_add_labels(site):
    make_tiny_detector(site.folder / "tiny/detector", classes=("zeppelin", "abacus"))
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    overlay = json.loads(OFFLINE.read_text())
    for name in ("spatial_views/found", "temporal_views/found"):
        del overlay["nodes"][name]
    ended = site.run("--target", "coco", values=(site.write("swapped.json", overlay), "small.json"))
    assert ended.exit == 1
    assert "Traceback" not in ended.stderr
    assert set(ended.failed) == {f"{axis}_views/found good.jpg/0000" for axis in ("spatial", "temporal")}
    assert all(
        "the detector knows zeppelin, abacus, the linked boxes person, " in message
        for message in ended.failed.values()
    )


def test_clips_of_which_no_frame_is_left_are_counted_as_dropped(site):
    site.add_photo("good.jpg", (120, 90), [(20, 20, 50, 40)])
    ended = run(site, "--set", "moved.frames=1", "--target", "spatial_views/flat")
    assert ended.exit == 0
    assert ended.json["nodes"]["spatial_views/views"]["dropped"] == 1
    assert ended.json["nodes"]["spatial_views/flat"]["items"] == 0

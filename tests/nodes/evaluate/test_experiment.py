import json
import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nodegraph import Context, Drop, Graph, Stream
from nodes.evaluate.experiment import experiment
from nodes.evaluate.experiment_settings import settings
from nodes.evaluate.experiment_statistics import Run, compare, estimate
from nodes.tiny.detector import make_tiny_detector

GRAPHS = Path(__file__).resolve().parents[3] / "graphs"

# Differences of the augmented arm in the three repetitions: 0.1, 0.2, 0.3.
SCORES = {
    "none/0.5/0": 0.1, "none/0.5/1": 0.2, "none/0.5/2": 0.3,
    "spatial/0.5/0": 0.2, "spatial/0.5/1": 0.4, "spatial/0.5/2": 0.6,
}  # fmt: skip


def compared(tmp_path, scores=SCORES, planned=(), **options):
    keys = [*scores, *planned]
    fields = [key.split("/") for key in keys]
    return experiment(
        Stream.of({key: arm for key, (arm, _, _) in zip(keys, fields, strict=True)}),
        Stream.of({key: float(share) for key, (_, share, _) in zip(keys, fields, strict=True)}),
        Stream.of({key: int(repeat) for key, (_, _, repeat) in zip(keys, fields, strict=True)}),
        Stream.of(scores),
        ctx=Context.for_test(tmp=tmp_path),
        **options,
    )


def test_settings_are_every_arm_with_every_fraction_and_repetition():
    items = list(settings(arms=["none", "both"], fractions=[0.5, 1.0], repeats=2, views=10))
    assert [item.key for item in items] == [
        "none/0.5/0", "none/0.5/1", "both/0.5/0", "both/0.5/1",
        "none/1/0", "none/1/1", "both/1/0", "both/1/1",
    ]  # fmt: skip


def test_every_augmented_arm_has_equally_many_synthetic_pictures():
    values = {item.value.arm: item.value for item in settings(repeats=1, views=10)}
    assert {arm: (value.spatial, value.temporal) for arm, value in values.items()} == {
        "none": (0, 0), "spatial": (10, 0), "temporal": (0, 10), "both": (5, 5),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fractions": [1.5]}, r"fraction 1\.5 is not a share"),
        ({"fractions": [0.0]}, "fraction 0 is not a share"),
        ({"fractions": [0.5, 0.5]}, "fraction occurs twice"),
        ({"arms": ["none", "none"]}, "arm occurs twice"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        list(settings(**options))


def test_interval_is_that_of_students_t():
    """Mean 0.2, s = 0.1, n = 3: half width 4.3027 · 0.1 / √3."""
    found = estimate([0.1, 0.2, 0.3], 0.95)
    assert found.mean == pytest.approx(0.2)
    assert found.high - found.mean == pytest.approx(0.24841, abs=1e-4)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_single_value_has_no_interval():
    assert estimate([0.4], 0.95).low is None


def test_interval_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = estimate(rng.normal(1.0, 2.0, 3).tolist(), 0.9)
        held += found.low <= 1.0 <= found.high
    assert 0.85 <= held / 400 <= 0.95


def test_what_repetitions_do_to_both_arms_alike_drops_out_of_the_difference():
    runs = [Run("none", 1, n, n / 10) for n in range(3)] + [
        Run("both", 1, n, n / 10 + 0.05) for n in range(3)
    ]
    gain = compare(runs, "none", 0.95)[1].gain
    assert gain.mean == pytest.approx(0.05)
    assert gain.high - gain.low == pytest.approx(0, abs=1e-9)


def test_repetition_that_lacks_one_arm_is_in_no_difference():
    runs = [Run("none", 1, 0, 0.1), Run("both", 1, 0, 0.2), Run("both", 1, 1, 0.9)]
    row = compare(runs, "none", 0.95)[1]
    assert (row.score.count, row.gain.count) == (2, 1)
    assert row.gain.mean == pytest.approx(0.1)


def test_report_tells_gain_and_whether_it_is_clear(tmp_path):
    found = compared(tmp_path)
    assert found.gains == {"spatial/0.5": pytest.approx(0.2)}
    assert found.clear == []
    assert (
        "| 50% | spatial | 0.400 | -0.097 to 0.897 | +0.200 | -0.048 to +0.448 (unclear) | 3 |"
        in found.report
    )
    assert compared(tmp_path, confidence=0.8).clear == ["spatial/0.5"]


def test_files_hold_the_same_numbers_and_pictures_open(tmp_path):
    folder = compared(tmp_path, title="A plot").out.folder
    results = json.loads((folder / "results.json").read_text())
    assert results["rows"][1]["gain"]["mean"] == pytest.approx(0.2)
    assert (folder / "runs.csv").read_text().splitlines()[:2] == [
        "arm,fraction,repeat,score",
        "none,0.5,0,0.1",
    ]
    header, *lines = (folder / "summary.csv").read_text().splitlines()
    assert header.startswith("arm,fraction,score_mean")
    assert len(lines) == 2
    with Pillow.open(BytesIO((folder / "plot.png").read_bytes())) as picture:
        assert min(picture.size) > 300
    assert ET.parse(folder / "plot.svg").getroot().tag.endswith("svg")


def test_plot_is_over_shares_where_there_are_several_and_else_over_arms(tmp_path):
    def labels(scores):
        plot = compared(tmp_path, scores=scores).out.folder / "plot.svg"
        return [name in plot.read_text() for name in ("share of the real", "arm, with 50% of the real")]

    assert labels(SCORES) == [False, True]
    assert labels(SCORES | {"none/1/0": 0.5, "spatial/1/0": 0.6}) == [True, False]


def test_same_scores_give_the_same_bytes(tmp_path):
    first, second = (compared(tmp_path).out for _ in range(2))
    for name in ("plot.png", "plot.svg", "results.json"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_settings_without_a_score_are_counted(tmp_path):
    report = compared(tmp_path, planned=["both/0.5/0", "both/0.5/1"]).report
    assert "2 settings have no score" in report


def test_labels_of_both_trackers_stand_side_by_side(tmp_path):
    report = compared(tmp_path, tracked_spatial=0.95, tracked_temporal=0.9, segmented_spatial=0.7).report
    assert "| tracking | 0.950 | 0.900 |" in report
    assert "| segmentation alone | 0.700 | – |" in report
    assert "labels by" not in compared(tmp_path).report


def test_without_any_score_the_item_is_dropped(tmp_path):
    with pytest.raises(Drop, match="no scores"):
        compared(tmp_path, scores={}, planned=["none/1/0"])


def test_baseline_that_is_no_arm_is_refused_and_one_that_failed_is_not(tmp_path):
    with pytest.raises(ValueError, match=r"baseline 'plain' is no arm .* give one of none, spatial;"):
        compared(tmp_path, baseline="plain")
    found = compared(tmp_path, scores={"spatial/0.5/0": 0.5}, planned=["none/0.5/0"])
    assert found.gains == {}


def test_score_that_is_no_number_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"the score of spatial, fraction 0\.5, repetition 1 is nan"):
        compared(tmp_path, scores=SCORES | {"spatial/0.5/1": float("nan")})


def test_whole_experiment_runs_from_photos_to_the_table_and_a_second_run_makes_no_call(tmp_path):
    """Random weights and two steps of training: this shows that it runs, not what it finds."""
    make_tiny_detector(tmp_path / "start", image_size=64, queries=10, layers=1)
    graph = Graph.load(GRAPHS / "detection_experiment.json")
    small = {
        "detector": tmp_path / "start", "pictures": 3, "test_pictures": 2, "clips": 1, "views_a_clip": 1,
        "fractions": [1.0], "repeats": 1, "arms": ["none", "both"], "steps": 2,
    }  # fmt: skip
    first, second = (
        graph.run(store=tmp_path / "store", inputs=small, devices="cpu", jobs=2) for _ in range(2)
    )
    assert first.ok, first.errors
    assert "| 100% | both |" in first.value("report")
    assert "| tracking |" in first.value("report")
    assert second.value("report") == first.value("report")
    assert not {name for name, node in second.nodes.items() if node.executed}

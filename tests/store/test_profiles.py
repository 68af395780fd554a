"""What calls took is kept by setting: the newest weigh most, outliers fade, and processes add up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nodegraph.store import Store
from nodegraph.store.profiles import LoadRate, Measured, Sample, Setting, Subject, merge

MIB = 1 << 20
SUBJECT = Subject("video.svd", ("unet", "vae"))


def setting(batch: int = 1, **changes: str) -> Setting:
    return Setting("1", "cuda", "resident", "f4[64]", batch)._replace(**changes)


def run_with(folder: Path, peak: int, batch: int = 1, calls: int = 1) -> Sample:
    """What is known of a setting after one more run that measured it."""
    with Store.open(folder) as store:
        run = store.begin_run("graph", b"")
        store.record_measured(SUBJECT, setting(batch), Measured(peak, 2.0 * calls, calls))
        store.finish_run(run, True, b"")
        return store.profile(SUBJECT)[setting(batch)]


def test_what_was_measured_is_found_at_once_and_after_the_store_was_closed(folder):
    with Store.open(folder) as store:
        assert store.profile(SUBJECT) == {}
        store.record_measured(SUBJECT, setting(2), Measured(5 * MIB, 3.0, 2))
        found = store.profile(SUBJECT)
    assert found == {setting(2): Sample(5 * MIB, 0, 1.5, 2.0, 0)}
    with Store.open(folder, read_only=True) as store:
        assert store.profile(SUBJECT) == found
        assert store.profile(Subject("video.svd", ("unet",))) == {}


def test_the_order_in_which_models_are_named_does_not_matter(folder):
    with Store.open(folder) as store:
        store.record_measured(SUBJECT, setting(), Measured(MIB, 1.0, 1))
        assert store.profile(Subject("video.svd", ("vae", "unet"))) == store.profile(SUBJECT) != {}


def test_within_a_run_the_highest_peak_counts(folder):
    with Store.open(folder) as store:
        store.begin_run("graph", b"")
        for peak in (3, 9, 4, 4, 4):
            store.record_measured(SUBJECT, setting(), Measured(peak * MIB, 1.0, 1))
            store.flush()
        assert store.profile(SUBJECT)[setting()].peak == 9 * MIB


def test_a_peak_that_is_not_reached_again_fades_within_a_few_runs(folder):
    assert run_with(folder, 900 * MIB).peak == 900 * MIB
    peaks = [run_with(folder, 100 * MIB).peak for _ in range(6)]
    assert peaks[0] == 500 * MIB
    assert peaks == sorted(peaks, reverse=True)
    assert 100 * MIB < peaks[-1] < 115 * MIB
    assert run_with(folder, 300 * MIB).peak == 300 * MIB


def test_the_newest_seconds_weigh_most(folder):
    with Store.open(folder) as store:
        store.record_measured(SUBJECT, setting(), Measured(1, 1000.0, 100))
        assert store.profile(SUBJECT)[setting()].seconds == pytest.approx(10.0)
        store.record_measured(SUBJECT, setting(), Measured(1, 12 * 2.0, 12))
        assert store.profile(SUBJECT)[setting()].seconds == pytest.approx(4.0)


def test_a_call_that_ran_out_gives_a_lower_bound_and_no_seconds(folder):
    with Store.open(folder) as store:
        store.record_measured(SUBJECT, setting(8), Measured(700 * MIB))
        found = store.profile(SUBJECT)[setting(8)]
    assert (found.peak, found.calls, found.seconds) == (700 * MIB, 0, 0.0)


def test_a_lower_bound_fades_where_smaller_batches_take_little_and_stays_where_they_do_not():
    ran_out = merge({}, {setting(8): Measured(800)}, 1)
    little = merge(ran_out, {setting(4): Measured(100, 1.0, 1)}, 2)
    assert little[setting(8)].peak == 500
    much = merge(ran_out, {setting(4): Measured(401, 1.0, 1)}, 2)
    assert much[setting(8)].peak == 800
    same_run = merge(ran_out, {setting(4): Measured(100, 1.0, 1)}, 1)
    assert same_run[setting(8)].peak == 800
    elsewhere = merge(ran_out, {setting(4, device_kind="cpu"): Measured(100, 1.0, 1)}, 2)
    assert elsewhere[setting(8)].peak == 800


def test_a_call_that_gets_through_counts_more_than_one_that_ran_out_before_it(folder):
    with Store.open(folder) as store:
        store.record_measured(SUBJECT, setting(4), Measured(900))
        store.record_measured(SUBJECT, setting(4), Measured(600, 1.0, 1))
        assert store.profile(SUBJECT)[setting(4)].peak == 600
        store.record_measured(SUBJECT, setting(4), Measured(700))
        assert store.profile(SUBJECT)[setting(4)].peak == 700
    ran_out = merge({}, {setting(4): Measured(900)}, 1)
    assert merge(ran_out, {setting(4): Measured(600, 1.0, 1)}, 2)[setting(4)].peak == 600


def test_an_outlier_of_a_batch_that_is_not_tried_again_fades_with_what_smaller_ones_take():
    profile = merge({}, {setting(4): Measured(400, 4.0, 1)}, 1)
    profile = merge(profile, {setting(4): Measured(4000)}, 2)
    peaks = []
    for run in range(3, 9):
        profile = merge(profile, {setting(2): Measured(200, 2.0, 1)}, run)
        peaks.append(profile[setting(4)].peak)
    assert peaks == sorted(peaks, reverse=True)
    assert 400 <= peaks[-1] < 500


def test_of_many_settings_the_ones_measured_last_are_kept():
    profile = merge({}, {setting(batch): Measured(batch, 1.0, 1) for batch in range(1, 129)}, 1)
    profile = merge(profile, {setting(1): Measured(1, 1.0, 1), setting(500): Measured(5, 1.0, 1)}, 2)
    assert len(profile) == 128
    assert {setting(1), setting(500)} <= profile.keys()
    assert setting(2) not in profile


def test_loads_give_bytes_per_second_by_kind_of_device_and_source(folder):
    with Store.open(folder) as store:
        assert store.load_rate("cuda", "disk").bytes_per_second is None
        store.record_load("cuda", "disk", 1000, 2.0)
        store.record_load("cuda", "host", 1000, 0.5)
        store.record_load("cuda", "disk", 3000, 2.0)
        assert store.load_rate("cuda", "disk").bytes_per_second == 1000.0
        assert store.load_rate("cuda", "host").bytes_per_second == 2000.0
        assert store.load_rate("cpu", "disk") == LoadRate()
        store.record_load("cuda", "disk", 8000, 2.0)
        assert store.load_rate("cuda", "disk").bytes_per_second == 2500.0


_MEASURE = """
import sys
from pathlib import Path
from nodegraph.store import Store
from nodegraph.store.profiles import Measured, Setting, Subject
with Store.open(Path(sys.argv[1])) as store:
    for batch in (1, int(sys.argv[2])):
        setting = Setting("1", "cuda", "resident", "f4[64]", batch)
        measured = Measured(int(sys.argv[3]), 1.0, 1)
        store.record_measured(Subject("video.svd", ("unet", "vae")), setting, measured)
"""


def test_what_several_processes_measure_adds_up(folder):
    with Store.open(folder) as store:
        processes = [
            subprocess.Popen([sys.executable, "-c", _MEASURE, str(folder), str(batch), str(peak)])
            for batch, peak in ((2, 300), (4, 500))
        ]
        assert [process.wait() for process in processes] == [0, 0]
        found = store.profile(SUBJECT)
    assert {key.batch: sample.peak for key, sample in found.items()} == {1: 500, 2: 300, 4: 500}
    assert found[setting(1)].calls == 2


def test_profiles_survive_the_loss_of_the_header_of_the_index(folder):
    with Store.open(folder) as store:
        store.record_measured(SUBJECT, setting(2), Measured(5 * MIB, 3.0, 2))
        store.record_load("cuda", "disk", 1000, 2.0)
        found = store.profile(SUBJECT)
    with (folder / "index.db").open("r+b") as index:
        index.write(b"\xff" * 4096)
    with Store.open(folder) as store:
        assert store.profile(SUBJECT) == found
        assert store.load_rate("cuda", "disk").bytes_per_second == 500.0
        assert len(store.warnings) == 1

"""What calls will take: measured before estimated before assumed, and never below what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.place.demand import EstimateError, bind_estimate, cost_of, load_seconds
from nodegraph.place.models import MOST_IN_A_BATCH, most_in_a_batch
from nodegraph.place.problem import Cost
from nodegraph.place.profiles import Circumstances, fit_bytes, fit_line, fit_seconds
from nodegraph.place.shapes import UNKNOWN
from nodegraph.store import Store
from nodegraph.store.profiles import LoadRate, LoadSource, Measured, Profile, Sample, Setting, Subject, merge

MIB = 1 << 20
GIB = 1 << 30
SUBJECT = Subject("video.svd", ("unet",))
HERE = Circumstances("1", "cuda", "resident", "f4[64x64]")


@dataclass
class Kept:
    """Profiles of one subject."""

    settings: Mapping[Setting, Measured] = field(default_factory=dict)
    rates: Mapping[tuple[str, str], LoadRate] = field(default_factory=dict)

    def profile(self, subject: Subject) -> Profile:
        return merge({}, self.settings, 1) if subject == SUBJECT else {}

    def load_rate(self, device_kind: str, source: LoadSource) -> LoadRate:
        return self.rates.get((device_kind, source), LoadRate())


def measured(of: Circumstances, peaks: Mapping[int, int], seconds: float = 1.0) -> dict[Setting, Measured]:
    """Calls with those peaks by batch size, that took so many seconds for each item."""
    return {Setting(*of, batch): Measured(peak, seconds * batch, 1) for batch, peak in peaks.items()}


def cost(settings: Mapping[Setting, Measured], wanted: Circumstances = HERE, **given: object):
    return cost_of(Kept(settings), SUBJECT, wanted, **given)  # pyright: ignore[reportArgumentType]


def test_two_batch_sizes_tell_the_fixed_part_from_the_items():
    found = cost(measured(HERE, {1: 300 * MIB, 4: 600 * MIB}))
    assert (found.fixed_bytes, found.item_bytes) == (200 * MIB, 100 * MIB)
    assert (found.memory_basis, found.time_basis) == ("measured", "measured")
    assert found.seconds(3) == pytest.approx(3.0)


def test_one_batch_size_is_all_put_down_to_the_items():
    found = cost(measured(HERE, {4: 600 * MIB}))
    assert (found.fixed_bytes, found.item_bytes) == (0, 150 * MIB)


PEAKS = st.dictionaries(st.integers(1, 64), st.integers(0, 80 * GIB), min_size=1, max_size=6)


@given(PEAKS)
def test_a_fit_is_never_below_a_measured_peak_and_never_negative(peaks):
    fixed, item = fit_bytes({batch: Sample(peak, calls=1.0) for batch, peak in peaks.items()})
    assert fixed >= 0
    assert item >= 0
    assert all(fixed + item * batch >= peak for batch, peak in peaks.items())


@given(st.integers(0, GIB), st.integers(0, GIB), st.sets(st.integers(1, 64), min_size=2, max_size=6))
def test_peaks_on_a_line_give_that_line(fixed, item, batches):
    found = fit_bytes({batch: Sample(fixed + item * batch, calls=1.0) for batch in batches})
    assert found[0] == pytest.approx(fixed, abs=200)
    assert found[1] == pytest.approx(item, abs=2)


@given(st.dictionaries(st.integers(1, 64), st.floats(0, 1e4), min_size=1, max_size=6))
def test_seconds_are_never_negative(seconds):
    points = {batch: Sample(0, 0, taken, 1.0) for batch, taken in seconds.items()}
    assert min(fit_seconds(points)) >= 0


def test_a_falling_line_is_held_level_and_one_through_negatives_is_taken_through_zero():
    assert fit_line([(1, 30.0), (2, 10.0)]) == (20.0, 0.0)
    assert fit_line([(1, 0.0), (2, 5.0)]) == (0.0, 2.0)


def test_other_shapes_are_scaled_by_their_elements():
    known = measured(HERE._replace(shapes="f4[64x64]"), {2: 200 * MIB})
    found = cost(known, HERE._replace(shapes="f4[128x128]"))
    assert (found.item_bytes, found.seconds(2)) == (400 * MIB, 8.0)
    assert (found.memory_basis, found.time_basis) == ("estimated", "estimated")


@pytest.mark.parametrize(("kind", "share"), [("cuda", 0.3), ("cpu", 0.1)])
def test_with_one_batch_size_a_part_counts_as_fixed_so_that_more_are_tried(kind, share):
    here = HERE._replace(device_kind=kind)
    found = cost(measured(here, {2: 200 * MIB}), here)
    assert found.fixed_seconds == pytest.approx(share * found.seconds(2))


def test_of_other_shapes_the_nearest_in_elements_is_taken():
    known = measured(HERE._replace(shapes="f4[32x32]"), {1: MIB}) | measured(
        HERE._replace(shapes="f4[100x100]"), {1: 10_000}
    )
    assert cost(known, HERE._replace(shapes="f4[100x200]")).item_bytes == 20_000


def test_the_fixed_part_grows_with_the_shapes_but_does_not_shrink_with_them():
    known = measured(HERE, {1: 300, 2: 400})
    assert cost(known, HERE._replace(shapes="f4[32x64]")).fixed_bytes == 200
    assert cost(known, HERE._replace(shapes="f4[128x64]")).fixed_bytes == 400


def test_another_version_of_the_node_is_an_estimate():
    found = cost(measured(HERE, {1: 100}), HERE._replace(version="2"))
    assert (found.item_bytes, found.memory_basis) == (100, "estimated")


def test_where_shapes_are_unknown_the_only_ones_measured_stand_for_them():
    found = cost(measured(HERE, {1: 100}), HERE._replace(shapes=UNKNOWN))
    assert (found.item_bytes, found.memory_basis) == (100, "measured")


def test_where_shapes_are_unknown_and_several_were_measured_the_largest_demand_is_reckoned_with():
    known = measured(HERE, {1: 100}) | measured(HERE._replace(shapes="f4[32x64]"), {1: 170})
    found = cost(known, HERE._replace(shapes=UNKNOWN))
    assert (found.item_bytes, found.memory_basis) == (170, "estimated")


def test_the_estimate_of_the_node_type_goes_before_a_measurement_with_other_shapes():
    known = measured(HERE._replace(shapes="f4[32x64]"), {1: 100})
    assert cost(known, estimate=lambda batch: 7 * batch).item_bytes == 7
    assert cost(known).item_bytes == 200


def test_a_measurement_with_as_many_elements_goes_before_the_estimate_of_the_node_type():
    known = measured(HERE._replace(shapes="f4[128x32]"), {1: 100})
    assert cost(known, estimate=lambda batch: 7 * batch).item_bytes == 100


@pytest.mark.parametrize("change", [{"device_kind": "cpu"}, {"mode": "swap"}])
def test_the_estimate_of_the_node_type_goes_before_measurements_elsewhere(change):
    known = measured(HERE._replace(**change), {1: 100})
    found = cost(known, estimate=lambda batch: 50 + 7 * batch)
    assert (found.fixed_bytes, found.item_bytes, found.memory_basis) == (50, 7, "estimated")
    assert found.time_basis == "estimated"
    assert cost(known).item_bytes == 100


def test_what_was_measured_replaces_the_estimate():
    assert cost(measured(HERE, {1: 100}), estimate=lambda batch: 7 * batch).item_bytes == 100


def test_nothing_known_gives_the_default_and_says_so():
    found = cost({}, weights=4 * GIB)
    assert (found.fixed_bytes, found.item_bytes) == (256 * MIB, 2 * GIB)
    assert (found.memory_basis, found.time_basis) == ("assumed", "assumed")
    on_cpu = cost({}, HERE._replace(device_kind="cpu"), weights=4 * GIB)
    assert (on_cpu.fixed_bytes, on_cpu.item_bytes) == (0, 2 * GIB)
    assert on_cpu.item_seconds > found.item_seconds
    assert cost({}, HERE._replace(shapes="u1[1024x1024x3]")).item_bytes == 96 * MIB


def test_a_measured_device_is_not_held_to_be_slower_than_one_that_was_never_tried():
    known = measured(HERE, {1: GIB}, seconds=30.0)
    on_cpu = cost(known, HERE._replace(device_kind="cpu"), weights=GIB)
    assert on_cpu.item_seconds > 30.0
    assert (on_cpu.item_bytes, on_cpu.time_basis) == (GIB, "estimated")


def test_modes_that_move_weights_are_slower_and_the_leanest_is_the_slowest():
    known = measured(HERE, {1: GIB})
    whole, swap, offload = (
        cost(known, HERE._replace(mode=mode), weights=6 * GIB).seconds(1)
        for mode in ("resident", "swap", "offload")
    )
    assert whole < swap < offload


def test_the_mean_of_the_node_type_goes_before_the_assumed_time():
    found = cost({}, weights=GIB, mean_seconds=3.5)
    assert (found.seconds(1), found.time_basis) == (3.5, "estimated")


def test_what_ran_out_with_some_shapes_does_not_stand_for_shapes_that_are_not_known_yet():
    known = measured(HERE._replace(shapes="f4[32x32]"), {1: MIB})
    out = {Setting(*HERE._replace(shapes="f4[9000x9000]"), 1): Measured(901 * MIB)}
    assert cost(known | out, HERE._replace(shapes=UNKNOWN)).working(1) < 2 * MIB
    assert cost(known | out, HERE._replace(shapes="f4[9000x9000]")).working(1) >= 901 * MIB


def test_a_batch_that_ran_out_is_reckoned_with_from_then_on():
    known = measured(HERE, {1: 110 * MIB, 2: 120 * MIB})
    out = {Setting(*HERE, 8): Measured(901 * MIB)}
    found = cost(known | out)
    assert found.working(8) >= 901 * MIB
    assert found.working(1) < 210 * MIB
    assert found.memory_basis == "measured"


def test_a_first_call_that_ran_out_raises_the_estimate_only_where_it_ran_out():
    out = {Setting(*HERE, 4): Measured(800)}
    assert cost(out, estimate=lambda batch: 10 * batch).working(4) == 800
    elsewhere = cost(out, HERE._replace(mode="swap"), estimate=lambda batch: 10 * batch)
    assert elsewhere.working(4) == 40
    assert cost(out, HERE._replace(shapes=UNKNOWN), estimate=lambda batch: 10 * batch).working(4) == 800


def test_loads_are_as_fast_as_measured_or_as_assumed():
    kept = Kept(rates={("cuda", "disk"): LoadRate(4e9, 2.0)})
    assert load_seconds(kept, 1_000_000_000, "cuda") == pytest.approx(0.5)
    assert load_seconds(kept, 1_000_000_000, "cpu") == pytest.approx(1.0)
    assert load_seconds(kept, 6_000_000_000, "cuda", "host") == pytest.approx(1.0)


def test_a_store_gives_the_costs_of_what_it_was_told(tmp_path):
    with Store.open(tmp_path / "store") as store:
        store.record_measured(SUBJECT, Setting(*HERE, 1), Measured(100, 2.0, 1))
        store.record_load("cuda", "disk", 3000, 1.0)
        assert cost_of(store, SUBJECT, HERE).item_bytes == 100
        assert load_seconds(store, 6000, "cuda") == 2.0


def test_an_estimate_is_given_the_inputs_that_it_names():
    def memory(size: int, batch: int, scale: int = 2) -> int:
        return scale * size * batch

    bound = bind_estimate("t", memory, {"size": 10, "image": object()})
    assert bound is not None
    assert (bound(1), bound(4)) == (20, 80)
    assert bind_estimate("t", memory, {"scale": 3}) is None


def test_an_estimate_without_a_batch_is_for_each_item():
    bound = bind_estimate("t", lambda size: 5 * size, {"size": 10})
    assert bound is not None
    assert (bound(1), bound(4)) == (50, 200)


def test_an_estimate_that_raises_or_gives_no_bytes_is_an_error_that_names_the_node_type():
    def divided(size: int) -> float:
        return 1 / size

    for size, part in ((0, "ZeroDivisionError: division by zero"), (2, "not 0.5")):
        bound = bind_estimate("video.svd", divided, {"size": size})
        assert bound is not None
        with pytest.raises(EstimateError, match=part) as caught:
            cost({}, estimate=bound)
        assert "'video.svd'" in str(caught.value)


def test_an_estimate_may_look_at_the_mode_in_which_models_are_held():
    def memory(size: int, held: str) -> int:
        return size // (4 if held == "chunked" else 1)

    whole, chunked = (bind_estimate("t", memory, {"size": 12}, held) for held in ("resident", "chunked"))
    assert whole is not None
    assert chunked is not None
    assert (whole(1), chunked(1), chunked(2)) == (12, 3, 6)


@pytest.mark.parametrize(
    ("seconds", "most"), [(0.0, MOST_IN_A_BATCH), (0.01, MOST_IN_A_BATCH), (4, 5), (90, 1)]
)
def test_a_batch_of_slow_items_is_short_enough_to_lose(seconds, most):
    assert most_in_a_batch({"cuda": {"resident": Cost(0, 1, 1.0, seconds)}}) == most

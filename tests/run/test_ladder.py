"""After running out of memory: free, halve the batch, a leaner mode, another device, give up with numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nodegraph.place.demand import cost_of
from nodegraph.place.problem import MODES, Mode
from nodegraph.place.profiles import Circumstances
from nodegraph.run.ladder import Attempt, Exhausted, Failure, least_need, next_attempt
from nodegraph.run.memory_errors import release, requested_bytes
from nodegraph.run.meters import PeakMeter
from nodegraph.store import Store
from nodegraph.store.profiles import Measured, Setting, Subject
from tests.run.fake_allocator import GIB, MIB, FakeDevice

Modes = Mapping[str, Sequence[Mode]]


def failed(attempt: Attempt) -> Failure:
    return Failure(attempt, 3 * GIB, 6 * GIB, 8 * GIB)


def climbed(first: Attempt, modes: Modes, devices: Sequence[str], first_batch=None) -> list[Attempt]:
    """Every attempt, if all of them run out of memory; checks that they end by giving up."""
    attempts = [first]
    while True:
        failures = [failed(attempt) for attempt in attempts]
        following = next_attempt(attempts[-1], failures, modes, devices, first_batch)
        if isinstance(following, Exhausted):
            assert following.failures == tuple(failures)
            return attempts
        attempts.append(following)
        assert len(attempts) < 1000


def test_the_steps_are_taken_in_the_designed_order():
    modes: Modes = {"cuda:0": ("resident", "swap"), "cpu": ("resident",)}
    assert climbed(Attempt(4, "resident", "cuda:0"), modes, ["cuda:0", "cpu"]) == [
        Attempt(4, "resident", "cuda:0"),
        Attempt(4, "resident", "cuda:0", freed=True),
        Attempt(2, "resident", "cuda:0", freed=True),
        Attempt(1, "resident", "cuda:0", freed=True),
        Attempt(1, "swap", "cuda:0", freed=True),
        Attempt(4, "resident", "cpu"),
        Attempt(4, "resident", "cpu", freed=True),
        Attempt(2, "resident", "cpu", freed=True),
        Attempt(1, "resident", "cpu", freed=True),
    ]


def test_costs_known_by_then_say_how_many_items_a_leaner_mode_and_another_device_begin_with():
    modes: Modes = {"cuda:0": ("resident", "swap", "offload"), "cuda:1": ("swap",)}
    batches = {("cuda:0", "swap"): 2, ("cuda:0", "offload"): 100, ("cuda:1", "swap"): 0}
    attempts = climbed(
        Attempt(4, "resident", "cuda:0", freed=True),
        modes,
        ["cuda:0", "cuda:1"],
        lambda device, mode: batches[device, mode],
    )
    begun = [(each.device, each.mode, each.batch) for each in attempts]
    assert begun[3:6] == [("cuda:0", "swap", 2), ("cuda:0", "swap", 1), ("cuda:0", "offload", 4)]
    assert begun[-1] == ("cuda:1", "swap", 1)


NAMES = ["cuda:0", "cuda:1", "cuda:2", "cpu"]
MODES_OFFERED = st.sets(st.sampled_from(MODES), min_size=1).map(
    lambda some: tuple(sorted(some, key=MODES.index))
)


@st.composite
def ladders(draw) -> tuple[Attempt, Modes, list[str], Mapping[tuple[str, Mode], int]]:
    devices = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    modes = {device: draw(MODES_OFFERED) for device in devices}
    device = draw(st.sampled_from(devices))
    attempt = Attempt(
        draw(st.integers(1, 100)), draw(st.sampled_from(modes[device])), device, draw(st.booleans())
    )
    batches = {(name, mode): draw(st.integers(0, 200)) for name in devices for mode in MODES}
    return attempt, modes, devices, batches


@given(ladders(), st.booleans())
def test_it_ends_never_repeats_and_keeps_the_order(ladder, informed):
    first, modes, devices, batches = ladder
    attempts = climbed(first, modes, devices, (lambda *at: batches[at]) if informed else None)
    assert len(set(attempts)) == len(attempts)
    for before, after in pairwise(attempts):
        if after.device == before.device:
            steps = (MODES.index(after.mode), -after.batch, after.freed)
            assert (MODES.index(before.mode), -before.batch, before.freed) < steps
            if after.mode != before.mode:
                assert (before.freed, before.batch) == (True, 1)
            elif after.batch != before.batch:
                assert (before.freed, after.batch) == (True, before.batch // 2)
        else:
            assert (before.freed, before.batch, before.mode) == (True, 1, modes[before.device][-1])
            assert (after.freed, after.mode) == (False, modes[after.device][0])
        assert after.mode in modes[after.device]
        assert 1 <= after.batch <= first.batch
    assert {attempt.device for attempt in attempts} == set(devices)


def test_a_call_on_a_lost_device_moves_on_with_the_batch_it_began_with():
    lost = Attempt(2, "swap", "cuda:0", freed=True)
    failures = [failed(Attempt(4, "resident", "cuda:0"))]
    following = next_attempt(lost, failures, {"cuda:0": MODES, "cpu": MODES}, ["cpu"])
    assert following == Attempt(4, "resident", "cpu")


def test_with_no_device_left_it_gives_up_and_names_the_lost_one():
    following = next_attempt(Attempt(1, "resident", "cuda:0"), [], {"cuda:0": MODES}, [])
    assert isinstance(following, Exhausted)
    assert following.message == "device cuda:0 was lost, and there is no other that this call may run on"


def test_a_device_that_can_hold_the_models_in_no_mode_is_passed_over():
    first = Attempt(1, "resident", "cuda:0", freed=True)
    assert climbed(first, {"cuda:0": ("resident",)}, ["cuda:0", "cuda:1"]) == [first]


def test_giving_up_tells_the_numbers_of_the_leanest_attempt_on_each_device_and_what_would_help():
    failures = [
        Failure(Attempt(2, "resident", "cuda:0"), 5 * GIB, 6 * GIB, 8 * GIB),
        Failure(Attempt(1, "swap", "cuda:0", freed=True), 3 * GIB, 7 * GIB, 8 * GIB),
        Failure(Attempt(1, "resident", "cpu", freed=True), 3 * GIB, 6 * GIB, 4 * GIB),
    ]
    following = next_attempt(
        failures[-1].attempt,
        failures,
        {"cuda:0": ("resident", "swap"), "cpu": ("resident",)},
        ["cuda:0", "cpu"],
    )
    assert isinstance(following, Exhausted)
    assert following.message == (
        "out of memory on cuda:0: 1 item in mode swap needed 7.0 GiB for weights and at least 3.0 GiB to "
        "work; the budget is 8.0 GiB\n"
        "out of memory on cpu: 1 item in mode resident needed 6.0 GiB for weights and at least 3.0 GiB to "
        "work; the budget is 4.0 GiB\n"
        "what would help: a budget above 10.0 GiB if the device has it (--devices cuda:0=SIZE), another "
        "device, smaller or fewer inputs to a call (size, frames), or models of a smaller dtype or variant"
    )


def test_the_least_need_is_more_than_was_there_and_no_less_than_was_asked_for():
    assert least_need(peak=100, requested=50, available=120) == 150
    assert least_need(peak=100, requested=None, available=120) == 121
    assert least_need(peak=0, requested=None, available=-5) == 1


def run_down(device: FakeDevice, meter: PeakMeter, attempt: Attempt, item: int) -> Measured:
    """Make a call that takes `item` bytes for each of its items; what was learned of it."""
    available = device.capacity - device.in_use()
    with meter.measuring() as reading:
        try:
            held = [device.allocate(item) for _ in range(attempt.batch)]
            return Measured(len(held) * item, 1.0, 1)
        except RuntimeError as error:
            requested = requested_bytes(error)
            release(error)
    return Measured(least_need(reading.peak, requested, available))


def test_what_one_run_learned_by_running_out_the_next_one_begins_with(tmp_path):
    subject, here = Subject("t", ("m",)), Circumstances("1", "cuda", "resident", "-")
    device = FakeDevice("cuda:0", 100 * MIB)
    weights = device.allocate(20 * MIB)
    meter = PeakMeter(device)
    attempt, failures = Attempt(8, "resident", "cuda:0", freed=True), list[Failure]()
    with Store.open(tmp_path / "store") as store:
        while True:
            took = run_down(device, meter, attempt, 30 * MIB)
            store.record_measured(subject, Setting(*here, attempt.batch), took)
            if took.calls:
                break
            failures.append(Failure(attempt, took.peak, weights.nbytes, device.capacity))
            following = next_attempt(attempt, failures, {"cuda:0": ("resident",)}, ["cuda:0"])
            assert isinstance(following, Attempt)
            attempt = following
        assert [failure.attempt.batch for failure in failures] == [8, 4]
        assert [failure.need for failure in failures] == [90 * MIB, 90 * MIB]
        cost = cost_of(store, subject, here)
    fitting = [batch for batch in range(1, 9) if cost.working(batch) <= 80 * MIB]
    assert max(fitting) == attempt.batch == 2
    assert device.in_use() == weights.nbytes
